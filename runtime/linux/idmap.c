#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/process.h"
#include "../../lib/str.h"
#include "namespaces.h"
#include "procfs.h"

/* What differs between the maps of users and of groups. */
struct kind {
        const char *file;
        const char *property;
        const char *helper; /* the program that may write the map for a user */
        const char *ranges; /* the file it goes by */
};

static const struct kind users = {"uid_map", "uidMappings", "newuidmap", "/etc/subuid"};
static const struct kind groups = {"gid_map", "gidMappings", "newgidmap", "/etc/subgid"};

static int write_directly(int proc_fd, pid_t pid, const struct kind *kind, const struct runtime_id_mappings *mappings,
                          struct error *err) {
        _cleanup_str_buf_ struct str_buf text = {0};
        int r;

        for (size_t i = 0; i < mappings->count; i++)
                str_buf_printf(&text, "%u %u %u\n", mappings->items[i].container_id, mappings->items[i].host_id,
                               mappings->items[i].size);
        r = procfs_write_process(proc_fd, pid, kind->file, text.data, err);
        return r == -EPERM ? error_set(err, EPERM, "the ids may not be mapped by this user") : r;
}

/* newuidmap(1): setuid programs that let a user map the ids that the administrator gave to them. */
static int write_by_helper(pid_t pid, const struct kind *kind, const struct runtime_id_mappings *mappings,
                           struct error *err) {
        _cleanup_str_list_ struct str_list argv = {0};
        _cleanup_process_result_ struct process_result result = {0};
        struct process_options options = {.capture_output = true, .capture_errors = true};
        int r;

        str_list_add(&argv, kind->helper);
        str_list_printf(&argv, "%d", pid);
        for (size_t i = 0; i < mappings->count; i++) {
                str_list_printf(&argv, "%u", mappings->items[i].container_id);
                str_list_printf(&argv, "%u", mappings->items[i].host_id);
                str_list_printf(&argv, "%u", mappings->items[i].size);
        }
        options.argv = (const char *const *) argv.items;
        r = process_run(&options, &result, err);
        if (r == -ENOENT) {
                error_set(err, ENOENT, "more than the user's own id needs the program %s", kind->helper);
                return error_hint(err, "install the package uidmap");
        }
        if (r < 0 || result.status == 0)
                return r;
        error_set(err, EPERM, "%.*s", (int) strcspn(result.errors, "\n"), result.errors);
        return error_hint(err, "%s lists the ids a user may map", kind->ranges);
}

/* True for what the kernel lets a user map without any help. */
static bool is_own_id(const struct runtime_id_mappings *mappings, uint32_t id) {
        return mappings->count == 1 && mappings->items[0].size == 1 && mappings->items[0].host_id == id;
}

/* @section: what goes before the property's name in messages: "linux." */
static int write_map(int proc_fd, pid_t pid, const struct kind *kind, const struct runtime_id_mappings *mappings,
                     const char *section, struct error *err) {
        uint32_t own = kind == &users ? geteuid() : getegid();
        int r;

        if (mappings->count == 0)
                return error_set(err, EINVAL, "%s%s: required in a new user namespace", section, kind->property);
        if (geteuid() == 0 || is_own_id(mappings, own))
                r = write_directly(proc_fd, pid, kind, mappings, err);
        else
                r = write_by_helper(pid, kind, mappings, err);
        return r < 0 ? error_wrap(err, "%s%s", section, kind->property) : 0;
}

static int write_maps(int proc_fd, pid_t pid, const struct idmap *map, const char *section, struct error *err) {
        int r = write_map(proc_fd, pid, &users, &map->uids, section, err);

        if (r < 0)
                return r;
        /* Who may not change groups outside may not drop them inside: the kernel wants that settled first. */
        if (geteuid() != 0 && is_own_id(&map->gids, getegid()) &&
            (r = procfs_write_process(proc_fd, pid, "setgroups", "deny", err)) < 0)
                return r;
        return write_map(proc_fd, pid, &groups, &map->gids, section, err);
}

bool idmap_is_inside(int proc_fd) {
        _cleanup_free_ char *text = NULL;
        unsigned int inside = 0;
        unsigned int outside = 0;
        unsigned int size = 0;

        if (file_read(proc_fd, "self/uid_map", 4096, &text, NULL, NULL) < 0)
                return false;
        /* The host's own map is of all ids. */
        return sscanf(text, "%u %u %u", &inside, &outside, &size) != 3 || size != UINT32_MAX;
}

int idmap_write(int proc_fd, pid_t pid, const struct runtime_linux *config, struct error *err) {
        struct idmap map = idmap_of(config);

        return write_maps(proc_fd, pid, &map, "linux.", err);
}

static bool mappings_equal(const struct runtime_id_mappings *a, const struct runtime_id_mappings *b) {
        return a->count == b->count &&
               (a->items == b->items || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

bool idmap_equal(const struct idmap *a, const struct idmap *b) {
        return mappings_equal(&a->uids, &b->uids) && mappings_equal(&a->gids, &b->gids);
}

/* A process in a new user namespace that waits until the other end of the pipe is closed, also by our end. */
static pid_t hold_namespace(int *hold) {
        int ends[2];
        pid_t pid;
        char byte;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        pid = namespaces_clone(CLONE_NEWUSER, -1, SIGCHLD);
        if (pid == 0) {
                fd_close(ends[1]);
                (void) !read(ends[0], &byte, 1);
                _exit(EXIT_SUCCESS);
        }
        fd_close(ends[0]);
        *hold = ends[1];
        return pid;
}

int idmap_namespace(int proc_fd, const struct idmap *map, struct error *err) {
        _cleanup_fd_ int fd = -1;
        char path[PROCFS_PATH_MAX];
        int hold = -1;
        pid_t pid = hold_namespace(&hold);
        int r;

        if (pid < 0) {
                fd_close_at(&hold);
                return error_errno(err, -pid, "a user namespace for the id map cannot be made");
        }
        r = write_maps(proc_fd, pid, map, "", err);
        if (r >= 0) {
                (void) snprintf(path, sizeof(path), "%d/ns/user", pid);
                fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
                r = fd < 0 ? error_errno(err, errno, "a user namespace for the id map cannot be opened") : 0;
        }
        fd_close_at(&hold);
        (void) waitpid(pid, NULL, 0);
        return r < 0 ? r : take_fd(&fd);
}

/* The host's id of a range of the container's; false when no single range of the map has all of it. */
bool idmap_to_host(const struct runtime_id_mappings *mappings, uint32_t first, uint32_t size, uint32_t *host) {
        for (size_t i = 0; i < mappings->count; i++) {
                const struct runtime_id_mapping *item = &mappings->items[i];
                uint64_t skipped = (uint64_t) first - item->container_id;

                if (first >= item->container_id && skipped + size <= item->size) {
                        *host = item->host_id + (uint32_t) skipped;
                        return true;
                }
        }
        return false;
}

static int parse_range(const char *text, const struct runtime_id_mappings *container, struct runtime_id_mapping *out,
                       struct error *err) {
        bool relative = text[0] == '@';
        _cleanup_str_list_ struct str_list parts = {0};
        uint64_t numbers[3];

        str_list_split(&parts, relative ? text + 1 : text, '-');
        if (parts.count != ARRAY_SIZE(numbers))
                return error_set(err, EINVAL, "\"%s\" is not FIRST-HOST-SIZE", text);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (str_to_u64(parts.items[i], UINT32_MAX, &numbers[i]) < 0)
                        return error_set(err, EINVAL, "\"%s\" is not FIRST-HOST-SIZE", text);
        *out = (struct runtime_id_mapping){
                .container_id = (uint32_t) numbers[0], .host_id = (uint32_t) numbers[1], .size = (uint32_t) numbers[2]};
        if (relative && !idmap_to_host(container, out->host_id, out->size, &out->host_id))
                return error_set(err, EINVAL, "\"%s\": the container's user namespace does not map these ids", text);
        return 0;
}

static int parse_ranges(struct arena *arena, const char *text, const struct runtime_id_mappings *container,
                        struct runtime_id_mappings *out, struct error *err) {
        _cleanup_str_list_ struct str_list ranges = {0};
        struct runtime_id_mapping *items;

        str_list_split(&ranges, text, '#');
        items = arena_alloc(arena, ranges.count, sizeof(*items));
        for (size_t i = 0; i < ranges.count; i++) {
                int r = parse_range(ranges.items[i], container, &items[i], err);

                if (r < 0)
                        return r;
        }
        *out = (struct runtime_id_mappings){.items = items, .count = ranges.count};
        return 0;
}

int idmap_parse(struct arena *arena, const char *text, const struct idmap *container, struct idmap *out,
                struct error *err) {
        _cleanup_str_list_ struct str_list parts = {0};

        *out = (struct idmap){0};
        str_list_split(&parts, text, ';');
        for (size_t i = 0; i < parts.count; i++) {
                const char *part = parts.items[i];
                int r;

                if (str_starts_with(part, "uids="))
                        r = parse_ranges(arena, part + strlen("uids="), &container->uids, &out->uids, err);
                else if (str_starts_with(part, "gids="))
                        r = parse_ranges(arena, part + strlen("gids="), &container->gids, &out->gids, err);
                else
                        r = error_set(err, EINVAL, "\"%s\" is neither uids= nor gids=", part);
                if (r < 0)
                        return r;
        }
        if (out->uids.count == 0 || out->gids.count == 0)
                return error_set(err, EINVAL, "uids= and gids= must be given together");
        return 0;
}

/* The lowest id of the container. */
static uint32_t first_id(const struct runtime_id_mappings *mappings) {
        uint32_t first = mappings->count > 0 ? mappings->items[0].container_id : 0;

        for (size_t i = 1; i < mappings->count; i++)
                if (mappings->items[i].container_id < first)
                        first = mappings->items[i].container_id;
        return first;
}

int idmap_become_root(const struct runtime_linux *config, struct error *err) {
        /* What a namespace maps that is joined is not known. */
        bool joined = config->namespaces[NAMESPACE_USER].path != NULL;
        gid_t gid = first_id(&config->gid_mappings);
        uid_t uid = first_id(&config->uid_mappings);

        /* EPERM: setgroups is denied in this namespace, then nothing can be dropped. */
        if (setgroups(0, NULL) < 0 && errno != EPERM)
                return error_errno(err, errno, "supplementary groups");
        if (setresgid(gid, gid, gid) < 0 && !joined)
                return error_errno(err, errno, "linux.gidMappings: group %u of the container", gid);
        if (setresuid(uid, uid, uid) < 0 && !joined)
                return error_errno(err, errno, "linux.uidMappings: user %u of the container", uid);
        return 0;
}
