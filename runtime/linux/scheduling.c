#include "scheduling.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"

/* Newer than the headers of Debian 12's kernel (Linux 6.9). */
#define POLICY_WEIGHTED_INTERLEAVE 6

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

/* The specification has no flags so far; these are the names of personality(2). */
static const struct name_value personality_flags[] = {
        {"UNAME26", UNAME26},
        {"ADDR_NO_RANDOMIZE", ADDR_NO_RANDOMIZE},
        {"FDPIC_FUNCPTRS", FDPIC_FUNCPTRS},
        {"MMAP_PAGE_ZERO", MMAP_PAGE_ZERO},
        {"ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT},
        {"READ_IMPLIES_EXEC", READ_IMPLIES_EXEC},
        {"ADDR_LIMIT_32BIT", ADDR_LIMIT_32BIT},
        {"SHORT_INODE", SHORT_INODE},
        {"WHOLE_SECONDS", WHOLE_SECONDS},
        {"STICKY_TIMEOUTS", STICKY_TIMEOUTS},
        {"ADDR_LIMIT_3GB", ADDR_LIMIT_3GB},
        {NULL, 0},
};

int personality_apply(const struct runtime_linux *config, struct error *err) {
        static const struct name_value domains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {NULL, 0}};
        uint64_t persona;
        uint64_t value;

        if (!config->personality_domain)
                return 0;
        if (find_value(domains, config->personality_domain, &persona) < 0)
                return error_set(err, EINVAL, "linux.personality.domain: unknown domain \"%s\"",
                                 config->personality_domain);
        for (const char *const *flag = config->personality_flags; flag && *flag; flag++) {
                if (find_value(personality_flags, *flag, &value) < 0)
                        return error_set(err, EINVAL, "linux.personality.flags: unknown flag \"%s\"", *flag);
                persona |= value;
        }
        if (personality((unsigned long) persona) < 0)
                return error_errno(err, errno, "linux.personality");
        return 0;
}

static const struct name_value memory_modes[] = {
        {"MPOL_DEFAULT", MPOL_DEFAULT},
        {"MPOL_PREFERRED", MPOL_PREFERRED},
        {"MPOL_BIND", MPOL_BIND},
        {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
        {"MPOL_LOCAL", MPOL_LOCAL},
        {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
        {"MPOL_WEIGHTED_INTERLEAVE", POLICY_WEIGHTED_INTERLEAVE},
        {NULL, 0},
};

static const struct name_value memory_flags[] = {
        {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
        {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
        {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
        {NULL, 0},
};

int memory_policy_apply(const struct runtime_linux *config, struct error *err) {
        const struct runtime_memory_policy *policy = config->memory_policy;
        unsigned long nodes[STR_BITS_WORDS(RUNTIME_NODES_MAX)];
        uint64_t mode;
        uint64_t value;

        if (!policy || !policy->mode)
                return 0;
        if (find_value(memory_modes, policy->mode, &mode) < 0)
                return error_set(err, EINVAL, "linux.memoryPolicy: invalid memory policy mode \"%s\"", policy->mode);
        for (const char *const *flag = policy->flags; flag && *flag; flag++) {
                if (find_value(memory_flags, *flag, &value) < 0)
                        return error_set(err, EINVAL, "linux.memoryPolicy: invalid memory policy flag \"%s\"", *flag);
                mode |= value;
        }
        if (policy->nodes && str_to_bits(policy->nodes, RUNTIME_NODES_MAX, nodes) < 0)
                return error_set(err, EINVAL, "linux.memoryPolicy: invalid memory policy nodes \"%s\"", policy->nodes);
        /* The kernel takes one bit less than it is told. */
        if (syscall(SYS_set_mempolicy, (int) mode, policy->nodes ? nodes : NULL,
                    policy->nodes ? RUNTIME_NODES_MAX + 1 : 0) == 0)
                return 0;
        error_errno(err, errno, "linux.memoryPolicy: %s on the nodes \"%s\"", policy->mode,
                    policy->nodes ? policy->nodes : "");
        return errno == EINVAL ? error_hint(err, "the nodes must exist and be allowed to the container, "
                                                 "and the mode must fit its flags and this kernel")
                               : -err->code;
}

/* In the words of runc's debug log, as a mask. */
static void log_affinity(const char *field, const unsigned long *cpus) {
        _cleanup_str_buf_ struct str_buf mask = {0};

        for (size_t i = STR_BITS_WORDS(RUNTIME_CPUS_MAX); i-- > 0;)
                if (mask.size > 0 || cpus[i] != 0)
                        str_buf_printf(&mask, "%0*lx", mask.size > 0 ? (int) sizeof(cpus[i]) * 2 : 1, cpus[i]);
        log_debug("process.execCPUAffinity.%s: affinity: 0x%s", field, mask.size > 0 ? mask.data : "0");
}

static int set_affinity(const char *field, const char *list, struct error *err) {
        unsigned long cpus[STR_BITS_WORDS(RUNTIME_CPUS_MAX)];

        if (str_to_bits(list, RUNTIME_CPUS_MAX, cpus) < 0)
                return error_set(err, EINVAL, "process.execCPUAffinity.%s: \"%s\" is not a list of processors", field,
                                 list);
        if (syscall(SYS_sched_setaffinity, 0, sizeof(cpus), cpus) < 0)
                return error_errno(err, errno, "process.execCPUAffinity.%s: \"%s\"", field, list);
        log_affinity(field, cpus);
        return 0;
}

int affinity_apply_initial(const struct runtime_process *process, struct error *err) {
        return str_empty(process->exec_cpu_affinity_initial)
                       ? 0
                       : set_affinity("initial", process->exec_cpu_affinity_initial, err);
}

int affinity_apply_final(const struct runtime_process *process, struct error *err) {
        if (!str_empty(process->exec_cpu_affinity_final))
                return set_affinity("final", process->exec_cpu_affinity_final, err);
        affinity_reset();
        return 0;
}

void affinity_reset(void) {
        unsigned long all[STR_BITS_WORDS(RUNTIME_CPUS_MAX)];

        memset(all, 0xff, sizeof(all));
        /* The kernel takes those of the cpuset out of them; where it will not, the caller's binding stays. */
        if (syscall(SYS_sched_setaffinity, 0, sizeof(all), all) < 0)
                log_debug("the processors of the caller stay those of the container: %s", strerror(errno));
}

void affinity_part(pid_t pid) {
        unsigned long allowed[STR_BITS_WORDS(RUNTIME_CPUS_MAX)] = {0};
        const size_t bits = sizeof(allowed[0]) * CHAR_BIT;
        int here = sched_getcpu();

        if (here < 0 || here >= RUNTIME_CPUS_MAX || syscall(SYS_sched_getaffinity, 0, sizeof(allowed), allowed) < 0)
                return;
        allowed[(size_t) here / bits] &= ~(1UL << ((size_t) here % bits));
        /* Refused where there is no other. */
        (void) syscall(SYS_sched_setaffinity, pid, sizeof(allowed), allowed);
}
