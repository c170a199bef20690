#include "sysctl.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "namespaces.h"
#include "procfs.h"

/* "net/ipv4/conf/eth0.1/forwarding" and "net.ipv4.ip_forward" are both in use: the first separator decides. */
static char *parameter_path(const char *name) {
        char *path = str_format("sys/%s", name);
        char separator = name[strcspn(name, "./")];

        if (separator == '/')
                return path;
        for (char *c = path + strlen("sys/"); *c; c++) {
                if (*c == '.')
                        *c = '/';
                else if (*c == '/')
                        *c = '.';
        }
        return path;
}

int sysctl_check(const struct runtime_linux *config, struct error *err) {
        for (size_t i = 0; i < config->sysctl.count; i++) {
                const char *name = config->sysctl.items[i].key;
                enum runtime_namespace_type type;
                const char *path;

                if (!runtime_sysctl_namespace(name, &type))
                        continue;
                path = config->namespaces[type].path;
                if (path && namespaces_is_own(type, path))
                        return error_set(err, EINVAL,
                                         "linux.sysctl: %s: would change the host, whose %s namespace %s is", name,
                                         runtime_namespace_type_name(type), path);
        }
        return 0;
}

int sysctl_apply(int proc_fd, const struct runtime_pairs *parameters, struct error *err) {
        for (size_t i = 0; i < parameters->count; i++) {
                _cleanup_free_ char *path = parameter_path(parameters->items[i].key);
                int r = procfs_write(proc_fd, path, parameters->items[i].value, err);

                if (r < 0)
                        return error_wrap(err, "linux.sysctl: %s", parameters->items[i].key);
        }
        return 0;
}
