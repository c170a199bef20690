#include "rlimits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

static const struct {
        const char *name;
        int resource;
} types[] = {
        {"RLIMIT_AS", RLIMIT_AS},
        {"RLIMIT_CORE", RLIMIT_CORE},
        {"RLIMIT_CPU", RLIMIT_CPU},
        {"RLIMIT_DATA", RLIMIT_DATA},
        {"RLIMIT_FSIZE", RLIMIT_FSIZE},
        {"RLIMIT_LOCKS", RLIMIT_LOCKS},
        {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
        {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
        {"RLIMIT_NICE", RLIMIT_NICE},
        {"RLIMIT_NOFILE", RLIMIT_NOFILE},
        {"RLIMIT_NPROC", RLIMIT_NPROC},
        {"RLIMIT_RSS", RLIMIT_RSS},
        {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
        {"RLIMIT_RTTIME", RLIMIT_RTTIME},
        {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
        {"RLIMIT_STACK", RLIMIT_STACK},
};

static int find_type(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (str_equal(types[i].name, name))
                        return types[i].resource;
        return -EINVAL;
}

static int set_limit(const struct runtime_rlimit *limit, struct error *err) {
        int resource = find_type(limit->type);
        struct rlimit value = {.rlim_cur = limit->soft, .rlim_max = limit->hard};
        struct rlimit old = {0};

        if (resource < 0)
                return error_set(err, EINVAL, "unknown limit");
        if (setrlimit((__rlimit_resource_t) resource, &value) == 0)
                return 0;
        if (errno != EPERM || getrlimit((__rlimit_resource_t) resource, &old) < 0)
                return error_errno(err, errno, "hard limit %llu", (unsigned long long) limit->hard);
        error_errno(err, EPERM, "hard limit %llu is above the current %llu", (unsigned long long) limit->hard,
                    (unsigned long long) old.rlim_max);
        return error_hint(err, "raising a hard limit needs CAP_SYS_RESOURCE");
}

int rlimits_apply(const struct runtime_process *process, struct error *err) {
        for (size_t i = 0; i < process->rlimit_count; i++) {
                int r = set_limit(&process->rlimits[i], err);

                if (r < 0)
                        return error_wrap(err, "process.rlimits[%zu] %s", i, process->rlimits[i].type);
        }
        return 0;
}
