#include "own_ids.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/str.h"

#define FILE_MAX (1024 * 1024)

struct range {
        uint32_t first;
        uint32_t size;
};

/* Fills in the fields of the first line of a file such as /etc/passwd whose field `key` is `value`. */
static bool find_line(const char *file, size_t key, const char *value, struct str_list *fields) {
        _cleanup_free_ char *text = NULL;
        char *rest = NULL;

        if (file_read(AT_FDCWD, file, FILE_MAX, &text, NULL, NULL) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                str_list_free(fields);
                str_list_split(fields, line, ':');
                if (fields->count > key && str_equal(fields->items[key], value))
                        return true;
        }
        return false;
}

/* The first range that the administrator gave to the caller, by name or by number (subuid(5)). */
static struct range given_range(const char *file, const char *name, const char *number) {
        _cleanup_str_list_ struct str_list fields = {0};
        uint64_t first = 0;
        uint64_t size = 0;

        if (!(name && find_line(file, 0, name, &fields)) && !find_line(file, 0, number, &fields))
                return (struct range){0};
        if (fields.count != 3 || str_to_u64(fields.items[1], UINT32_MAX, &first) < 0 ||
            str_to_u64(fields.items[2], UINT32_MAX - first, &size) < 0)
                return (struct range){0};
        return (struct range){(uint32_t) first, (uint32_t) size};
}

static bool has_program(const char *name) {
        _cleanup_str_list_ struct str_list directories = {0};
        const char *path = getenv("PATH");

        str_list_split(&directories, path ? path : "/usr/bin", ':');
        for (size_t i = 0; i < directories.count; i++) {
                _cleanup_free_ char *program = path_join(directories.items[i], name);

                if (access(program, X_OK) == 0)
                        return true;
        }
        return false;
}

/* `inside` is mapped to `own`, what is below and above it to the range in its order. */
static struct runtime_id_mappings make_map(struct arena *arena, uint32_t inside, uint32_t own, struct range range) {
        struct runtime_id_mapping *items = arena_alloc(arena, 3, sizeof(*items));
        uint32_t below = inside < range.size ? inside : range.size;
        size_t count = 0;

        if (below > 0)
                items[count++] = (struct runtime_id_mapping){.host_id = range.first, .size = below};
        items[count++] = (struct runtime_id_mapping){.container_id = inside, .host_id = own, .size = 1};
        if (range.size > below)
                items[count++] = (struct runtime_id_mapping){
                        .container_id = inside + 1, .host_id = range.first + below, .size = range.size - below};
        return (struct runtime_id_mappings){.items = items, .count = count};
}

bool own_ids_add(struct arena *arena, struct runtime_config *config) {
        const char *number = arena_printf(arena, "%u", geteuid());
        _cleanup_str_list_ struct str_list fields = {0};
        const struct runtime_process *process = config->process;
        struct range users = {0};
        struct range groups = {0};

        if (geteuid() == 0 || config->linux_.namespaces[NAMESPACE_USER].present)
                return false;
        if (has_program("newuidmap") && has_program("newgidmap")) {
                const char *name = find_line("/etc/passwd", 2, number, &fields) ? fields.items[0] : NULL;

                users = given_range("/etc/subuid", name, number);
                groups = given_range("/etc/subgid", name, number);
        }
        config->linux_.namespaces[NAMESPACE_USER] = (struct runtime_namespace){.present = true};
        config->linux_.uid_mappings = make_map(arena, process ? process->user.uid : 0, geteuid(), users);
        config->linux_.gid_mappings = make_map(arena, process ? process->user.gid : 0, getegid(), groups);
        return true;
}
