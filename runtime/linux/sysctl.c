#include "sysctl.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "procfs.h"

/* Parameters by the namespace they belong to; a name that ends in "." stands for all below it. */
static const struct {
        const char *name;
        enum runtime_namespace_type type;
} owners[] = {
        {"net.", NAMESPACE_NETWORK},
        {"fs.mqueue.", NAMESPACE_IPC},
        {"kernel.msgmax", NAMESPACE_IPC},
        {"kernel.msgmnb", NAMESPACE_IPC},
        {"kernel.msgmni", NAMESPACE_IPC},
        {"kernel.sem", NAMESPACE_IPC},
        {"kernel.shmall", NAMESPACE_IPC},
        {"kernel.shmmax", NAMESPACE_IPC},
        {"kernel.shmmni", NAMESPACE_IPC},
        {"kernel.shm_rmid_forced", NAMESPACE_IPC},
        {"kernel.msg_next_id", NAMESPACE_IPC},
        {"kernel.sem_next_id", NAMESPACE_IPC},
        {"kernel.shm_next_id", NAMESPACE_IPC},
        {"kernel.domainname", NAMESPACE_UTS},
        {"user.", NAMESPACE_USER},
};

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

static char *dotted(const char *name) {
        char *path = parameter_path(name);
        char *result = xstrdup(path + strlen("sys/"));

        free(path);
        for (char *c = result; *c; c++)
                if (*c == '/')
                        *c = '.';
        return result;
}

static int check_one(const struct runtime_linux *config, const char *name, struct error *err) {
        _cleanup_free_ char *plain = dotted(name);

        /* Two places for one thing; runc and crun refuse it, too. */
        if (str_equal(plain, "kernel.hostname"))
                return error_set(err, EINVAL, "linux.sysctl: %s: the name is given by \"hostname\"", name);
        for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
                const char *owner = owners[i].name;
                const char *type = runtime_namespace_type_name(owners[i].type);

                if (!(str_ends_with(owner, ".") ? str_starts_with(plain, owner) : str_equal(plain, owner)))
                        continue;
                if (config->namespaces[owners[i].type].present)
                        return 0;
                error_set(err, EINVAL, "linux.sysctl: %s: would change the host", name);
                return error_hint(err, "give the container a %s namespace", type);
        }
        return error_set(err, EINVAL, "linux.sysctl: %s: not a parameter of any namespace", name);
}

int sysctl_check(const struct runtime_linux *config, struct error *err) {
        for (size_t i = 0; i < config->sysctl.count; i++) {
                int r = check_one(config, config->sysctl.items[i].key, err);

                if (r < 0)
                        return r;
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
