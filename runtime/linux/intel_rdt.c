#include "intel_rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/str.h"

/* Where everybody mounts it; the kernel makes the directory for that. */
#define RESCTRL "/sys/fs/resctrl"
#define SCHEMATA "schemata"
#define SCHEMATA_MAX 65536

int intel_rdt_open(struct error *err) {
        _cleanup_fd_ int fd = open(RESCTRL, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs fs;

        if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC)
                return take_fd(&fd);
        error_set(err, ENOTSUP, "linux.intelRdt: resctrl is not mounted on " RESCTRL);
        return error_hint(err, "it needs a processor and a kernel with resource control, and a mount of type resctrl");
}

const char *intel_rdt_group(const struct runtime_intel_rdt *rdt, const char *id) {
        if (str_empty(rdt->clos_id))
                return id;
        /* The class that everything is in by default. */
        return str_equal(rdt->clos_id, "/") ? "." : rdt->clos_id;
}

bool intel_rdt_exists(int root_fd, const char *group) {
        return faccessat(root_fd, group, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The wanted lines of schemata, in the order in which they are to be written. */
static void wanted_lines(const struct runtime_intel_rdt *rdt, struct str_list *lines) {
        _cleanup_str_list_ struct str_list cache = {0};

        str_list_split(&cache, rdt->l3_cache_schema ? rdt->l3_cache_schema : "", '\n');
        for (size_t i = 0; i < cache.count; i++)
                /* Bandwidth is said by memBwSchema alone. */
                if (!str_empty(cache.items[i]) && !str_starts_with(cache.items[i], "MB:"))
                        str_list_add(lines, cache.items[i]);
        if (!str_empty(rdt->mem_bw_schema))
                str_list_add(lines, rdt->mem_bw_schema);
        for (const char *const *line = rdt->schemata; line && *line; line++)
                str_list_add(lines, *line);
}

/* What the kernel has against the last thing that was written. */
static int kernel_error(int root_fd, int code, const char *line, struct error *err) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        error_errno(err, code, "linux.intelRdt: \"%s\"", line);
        if (file_read(root_fd, "info/last_cmd_status", SCHEMATA_MAX, &text, &size, NULL) < 0 || size < 2)
                return -code;
        text[strcspn(text, "\n")] = '\0';
        return str_equal(text, "ok") ? -code : error_hint(err, "the kernel says: %s", text);
}

static int write_lines(int root_fd, const char *group, const struct str_list *lines, struct error *err) {
        _cleanup_free_ char *path = path_join(group, SCHEMATA);

        /* One line a write: the kernel then tells which of them it does not take. */
        for (size_t i = 0; i < lines->count; i++) {
                _cleanup_free_ char *line = str_format("%s\n", lines->items[i]);
                int r = file_write_existing(root_fd, path, line, err);

                if (r < 0)
                        return kernel_error(root_fd, -r, lines->items[i], err);
        }
        return 0;
}

/* "0=7f0" in " 0 = 07F0;1=1f": the value, in a form that can be compared. */
static bool find_value(const char *entries, const char *id, size_t id_size, char *out, size_t out_size) {
        for (const char *entry = entries; *entry;) {
                size_t size = strcspn(entry, ";\n");
                const char *equals = memchr(entry, '=', size);
                const char *first = entry + strspn(entry, " ");

                if (equals && (size_t) (equals - first) >= id_size && strncmp(first, id, id_size) == 0 &&
                    first[id_size + strspn(first + id_size, " ")] == '=') {
                        const char *value = equals + 1 + strspn(equals + 1, " ");

                        value += strspn(value, "0");
                        (void) snprintf(out, out_size, "%.*s", (int) strcspn(value, " ;\n"), value);
                        for (char *c = out; *c; c++)
                                *c |= 0x20;
                        return true;
                }
                entry += size + (entry[size] == ';');
                if (*entry == '\n')
                        break;
        }
        return false;
}

/* The entries of a resource ("L3", "MB") in the text of a schemata file. */
static const char *find_resource(const char *text, const char *name, size_t size) {
        for (const char *line = text; *line;) {
                const char *start = line + strspn(line, " ");

                if (strncmp(start, name, size) == 0 && start[size] == ':')
                        return start + size + 1;
                line += strcspn(line, "\n");
                line += *line == '\n';
        }
        return NULL;
}

static bool line_matches(const char *text, const char *line) {
        size_t size = strcspn(line, ":");
        const char *has = line[size] == ':' ? find_resource(text, line, size) : NULL;

        if (!has)
                return false;
        for (const char *entry = line + size + 1; *entry;) {
                char wanted[64];
                char found[64];
                size_t length;

                entry += strspn(entry, " ");
                length = strcspn(entry, " =");
                if (!find_value(entry, entry, length, wanted, sizeof(wanted)) ||
                    !find_value(has, entry, length, found, sizeof(found)) || !str_equal(wanted, found))
                        return false;
                entry += strcspn(entry, ";");
                entry += *entry == ';';
        }
        return true;
}

/* A group that others have made must have what the container asks for already (config-linux.md). */
static int check_lines(int root_fd, const char *group, const struct str_list *lines, struct error *err) {
        _cleanup_free_ char *path = path_join(group, SCHEMATA);
        _cleanup_free_ char *text = NULL;
        int r = lines->count == 0 ? 0 : file_read(root_fd, path, SCHEMATA_MAX, &text, NULL, err);

        if (r < 0)
                return error_wrap(err, "linux.intelRdt");
        for (size_t i = 0; i < lines->count; i++)
                if (!line_matches(text, lines->items[i]))
                        return error_set(err, EINVAL,
                                         "linux.intelRdt.closID: the group \"%s\" exists, and does not have \"%s\"",
                                         group, lines->items[i]);
        return 0;
}

static char *monitoring_path(const char *group, const char *id) {
        return str_format("%s/mon_groups/%s", group, id);
}

static int make_monitoring(int root_fd, const char *group, const char *id, struct error *err) {
        _cleanup_free_ char *path = monitoring_path(group, id);

        if (mkdirat(root_fd, path, 0755) < 0 && errno != EEXIST)
                return error_errno(err, errno, "linux.intelRdt.enableMonitoring: %s", path);
        return 0;
}

int intel_rdt_create(int root_fd, const struct runtime_intel_rdt *rdt, const char *id, struct error *err) {
        _cleanup_str_list_ struct str_list lines = {0};
        const char *group = intel_rdt_group(rdt, id);
        bool exists = intel_rdt_exists(root_fd, group);
        struct error ignored;
        int r;

        wanted_lines(rdt, &lines);
        if (!exists && !str_empty(rdt->clos_id) && lines.count == 0)
                return error_set(err, ENOENT, "linux.intelRdt.closID: there is no group \"%s\"", rdt->clos_id);
        if (!exists && mkdirat(root_fd, group, 0755) < 0)
                return error_errno(err, errno, "linux.intelRdt: the group \"%s\"", group);
        r = exists && !str_empty(rdt->clos_id) ? check_lines(root_fd, group, &lines, err)
                                               : write_lines(root_fd, group, &lines, err);
        if (r == 0 && rdt->enable_monitoring)
                r = make_monitoring(root_fd, group, id, err);
        if (r < 0 && !exists)
                (void) intel_rdt_remove(root_fd, group, id, true, &ignored);
        return r;
}

static int add_task(int root_fd, const char *directory, pid_t pid, struct error *err) {
        _cleanup_free_ char *path = path_join(directory, "tasks");
        char text[16];
        int r;

        (void) snprintf(text, sizeof(text), "%d", pid);
        r = file_write_existing(root_fd, path, text, err);
        return r < 0 ? error_wrap(err, "linux.intelRdt") : 0;
}

int intel_rdt_attach(int root_fd, const char *group, const char *id, pid_t pid, struct error *err) {
        _cleanup_free_ char *monitoring = monitoring_path(group, id);
        int r = add_task(root_fd, group, pid, err);

        return r < 0 || !intel_rdt_exists(root_fd, monitoring) ? r : add_task(root_fd, monitoring, pid, err);
}

int intel_rdt_update(int root_fd, const struct runtime_intel_rdt *rdt, const char *group, struct error *err) {
        _cleanup_str_list_ struct str_list lines = {0};

        wanted_lines(rdt, &lines);
        return write_lines(root_fd, group, &lines, err);
}

int intel_rdt_remove(int root_fd, const char *group, const char *id, bool whole, struct error *err) {
        _cleanup_free_ char *monitoring = monitoring_path(group, id);

        if ((unlinkat(root_fd, monitoring, AT_REMOVEDIR) < 0 && errno != ENOENT) ||
            (whole && unlinkat(root_fd, group, AT_REMOVEDIR) < 0 && errno != ENOENT))
                return error_errno(err, errno, "linux.intelRdt: the group \"%s\" cannot be removed", group);
        return 0;
}
