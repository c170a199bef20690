#include "idmap.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "procfs.h"

static char *map_text(const struct runtime_id_mappings *mappings) {
        struct str_buf text = {0};

        for (size_t i = 0; i < mappings->count; i++)
                str_buf_printf(&text, "%u %u %u\n", mappings->items[i].container_id, mappings->items[i].host_id,
                               mappings->items[i].size);
        return str_buf_take(&text);
}

static int write_map(int proc_fd, pid_t pid, const char *file, const struct runtime_id_mappings *mappings,
                     const char *field, struct error *err) {
        _cleanup_free_ char *text = map_text(mappings);
        int r;

        if (mappings->count == 0)
                return error_set(err, EINVAL, "%s: required in a new user namespace", field);
        r = procfs_write_process(proc_fd, pid, file, text, err);
        if (r == -EPERM)
                return error_set(err, EPERM, "%s: the ids may not be mapped by this user", field);
        return r < 0 ? error_wrap(err, "%s", field) : 0;
}

int idmap_write(int proc_fd, pid_t pid, const struct runtime_linux *config, struct error *err) {
        int r;

        /* Who may not change groups outside may not drop them inside: the kernel wants that settled first. */
        if (geteuid() != 0 && (r = procfs_write_process(proc_fd, pid, "setgroups", "deny", err)) < 0)
                return r;
        r = write_map(proc_fd, pid, "uid_map", &config->uid_mappings, "linux.uidMappings", err);
        if (r < 0)
                return r;
        return write_map(proc_fd, pid, "gid_map", &config->gid_mappings, "linux.gidMappings", err);
}

bool idmap_has_root(const struct runtime_id_mappings *mappings) {
        for (size_t i = 0; i < mappings->count; i++)
                if (mappings->items[i].container_id == 0 && mappings->items[i].size > 0)
                        return true;
        return false;
}

int idmap_become_root(const struct runtime_linux *config, struct error *err) {
        bool joined = config->namespaces[NAMESPACE_USER].path != NULL;

        if (joined || idmap_has_root(&config->gid_mappings)) {
                /* EPERM: setgroups is denied in this namespace, then nothing can be dropped. */
                if (setgroups(0, NULL) < 0 && errno != EPERM)
                        return error_errno(err, errno, "supplementary groups");
                if (setresgid(0, 0, 0) < 0 && !joined)
                        return error_errno(err, errno, "linux.gidMappings: group 0 of the container");
        }
        if ((joined || idmap_has_root(&config->uid_mappings)) && setresuid(0, 0, 0) < 0 && !joined)
                return error_errno(err, errno, "linux.uidMappings: user 0 of the container");
        return 0;
}
