#include "scheduling.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_WHO_PROCESS 1

struct name_value {
        const char *name;
        uint64_t value;
};

/* The structure of sched_setattr(2), which the C library does not declare. */
struct scheduler_attributes {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime;
        uint64_t deadline;
        uint64_t period;
};

static const struct name_value policies[] = {
        {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},       {"SCHED_BATCH", 3},
        {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}, {NULL, 0},
};

static const struct name_value flags[] = {
        {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
        {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
        {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
        {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}, {NULL, 0},
};

static const struct name_value io_classes[] = {
        {"IOPRIO_CLASS_RT", 1},
        {"IOPRIO_CLASS_BE", 2},
        {"IOPRIO_CLASS_IDLE", 3},
        {NULL, 0},
};

static int find_value(const struct name_value *rows, const char *name, uint64_t *out) {
        for (; rows->name; rows++) {
                if (str_equal(rows->name, name)) {
                        *out = rows->value;
                        return 0;
                }
        }
        return -EINVAL;
}

static int apply_scheduler(const struct runtime_scheduler *scheduler, struct error *err) {
        struct scheduler_attributes attributes = {
                .size = sizeof(attributes),
                .nice = scheduler->nice,
                .priority = (uint32_t) scheduler->priority,
                .runtime = scheduler->runtime,
                .deadline = scheduler->deadline,
                .period = scheduler->period,
        };
        uint64_t value = 0;

        if (find_value(policies, scheduler->policy, &value) < 0)
                return error_set(err, EINVAL, "process.scheduler.policy: unknown policy \"%s\"", scheduler->policy);
        attributes.policy = (uint32_t) value;
        for (const char *const *flag = scheduler->flags; flag && *flag; flag++) {
                if (find_value(flags, *flag, &value) < 0)
                        return error_set(err, EINVAL, "process.scheduler.flags: unknown flag \"%s\"", *flag);
                attributes.flags |= value;
        }
        if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
                return error_errno(err, errno, "process.scheduler: %s", scheduler->policy);
        return 0;
}

int scheduling_apply(const struct runtime_process *process, struct error *err) {
        uint64_t class;
        int r;

        if (process->scheduler.policy && (r = apply_scheduler(&process->scheduler, err)) < 0)
                return r;
        if (!process->io_priority_class)
                return 0;
        if (find_value(io_classes, process->io_priority_class, &class) < 0)
                return error_set(err, EINVAL, "process.ioPriority.class: unknown class \"%s\"",
                                 process->io_priority_class);
        if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int) (class << IOPRIO_CLASS_SHIFT) | process->io_priority) <
            0)
                return error_errno(err, errno, "process.ioPriority");
        return 0;
}

int personality_apply(const struct runtime_linux *config, struct error *err) {
        static const struct name_value domains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {NULL, 0}};
        uint64_t domain;

        if (!config->personality_domain)
                return 0;
        if (find_value(domains, config->personality_domain, &domain) < 0)
                return error_set(err, EINVAL, "linux.personality.domain: unknown domain \"%s\"",
                                 config->personality_domain);
        if (config->personality_flags && config->personality_flags[0])
                return error_set(err, ENOTSUP, "linux.personality.flags: not supported in this build");
        if (personality((unsigned long) domain) < 0)
                return error_errno(err, errno, "linux.personality");
        return 0;
}
