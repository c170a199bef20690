/* config.json's "process" object (config.md, "Process" and "POSIX process"). */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "runtime_config_types.h"

#define ROW(member) DOCUMENT_MEMBER(struct runtime_process, member)

static const char *const rlimit_names[] = {"RLIMIT_AS",
                                           "RLIMIT_CORE",
                                           "RLIMIT_CPU",
                                           "RLIMIT_DATA",
                                           "RLIMIT_FSIZE",
                                           "RLIMIT_LOCKS",
                                           "RLIMIT_MEMLOCK",
                                           "RLIMIT_MSGQUEUE",
                                           "RLIMIT_NICE",
                                           "RLIMIT_NOFILE",
                                           "RLIMIT_NPROC",
                                           "RLIMIT_RSS",
                                           "RLIMIT_RTPRIO",
                                           "RLIMIT_RTTIME",
                                           "RLIMIT_SIGPENDING",
                                           "RLIMIT_STACK",
                                           NULL};

static const char *const scheduler_policies[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",       "SCHED_BATCH",
                                                 "SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE", NULL};

static const char *const scheduler_flags[] = {
        "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",        "SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
        "SCHED_FLAG_KEEP_PARAMS",   "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX", NULL};

static const char *const io_priority_classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", NULL};

static const struct document_field user_fields[] = {
        {"uid", DOCUMENT_U32, DOCUMENT_ALWAYS, DOCUMENT_MEMBER(struct runtime_user, uid), .max = RUNTIME_ID_MAX},
        {"gid", DOCUMENT_U32, DOCUMENT_ALWAYS, DOCUMENT_MEMBER(struct runtime_user, gid), .max = RUNTIME_ID_MAX},
        {"umask", DOCUMENT_OPT_U64, 0, DOCUMENT_MEMBER(struct runtime_user, umask), .max = 0777},
        {"additionalGids", DOCUMENT_U32S, 0, DOCUMENT_ITEMS(struct runtime_user, additional_gids, additional_gid_count),
         .max = RUNTIME_ID_MAX},
};

static const struct document_type user_type = {DOCUMENT_ROWS(user_fields), sizeof(struct runtime_user), NULL};

static const struct document_field capabilities_fields[] = {
        {"bounding", DOCUMENT_STRINGS, 0, DOCUMENT_MEMBER(struct runtime_capabilities, bounding)},
        {"effective", DOCUMENT_STRINGS, 0, DOCUMENT_MEMBER(struct runtime_capabilities, effective)},
        {"inheritable", DOCUMENT_STRINGS, 0, DOCUMENT_MEMBER(struct runtime_capabilities, inheritable)},
        {"permitted", DOCUMENT_STRINGS, 0, DOCUMENT_MEMBER(struct runtime_capabilities, permitted)},
        {"ambient", DOCUMENT_STRINGS, 0, DOCUMENT_MEMBER(struct runtime_capabilities, ambient)},
};

static const struct document_type capabilities_type = {DOCUMENT_ROWS(capabilities_fields),
                                                       sizeof(struct runtime_capabilities), NULL};

static int rlimit_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_rlimit *limit = item;

        (void) arena;
        if (limit->soft > limit->hard)
                return json_error(json_get(object, "soft"), err, EINVAL, "must not exceed the hard limit");
        return 0;
}

static const struct document_field rlimit_fields[] = {
        {"type", DOCUMENT_STRING, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_rlimit, type),
         .names = rlimit_names},
        {"soft", DOCUMENT_U64, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_rlimit, soft)},
        {"hard", DOCUMENT_U64, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_rlimit, hard)},
};

static const struct document_type rlimit_type = {DOCUMENT_ROWS(rlimit_fields), sizeof(struct runtime_rlimit),
                                                 rlimit_finish};

static const struct document_field console_size_fields[] = {
        {"height", DOCUMENT_U32, DOCUMENT_ALWAYS, ROW(console_height)},
        {"width", DOCUMENT_U32, DOCUMENT_ALWAYS, ROW(console_width)},
};

static const struct document_type console_size_type = {DOCUMENT_ROWS(console_size_fields),
                                                       sizeof(struct runtime_process), NULL};

#define SCHEDULER_ROW(member) DOCUMENT_MEMBER(struct runtime_scheduler, member)

static const struct document_field scheduler_fields[] = {
        {"policy", DOCUMENT_STRING, DOCUMENT_REQUIRED, SCHEDULER_ROW(policy), .names = scheduler_policies},
        {"nice", DOCUMENT_I32, 0, SCHEDULER_ROW(nice)},
        {"priority", DOCUMENT_I32, 0, SCHEDULER_ROW(priority)},
        {"flags", DOCUMENT_STRINGS, 0, SCHEDULER_ROW(flags), .names = scheduler_flags},
        {"runtime", DOCUMENT_U64, 0, SCHEDULER_ROW(runtime)},
        {"deadline", DOCUMENT_U64, 0, SCHEDULER_ROW(deadline)},
        {"period", DOCUMENT_U64, 0, SCHEDULER_ROW(period)},
};

static int scheduler_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_scheduler *scheduler = item;
        bool deadline = str_equal(scheduler->policy, "SCHED_DEADLINE");
        bool realtime = str_equal(scheduler->policy, "SCHED_FIFO") || str_equal(scheduler->policy, "SCHED_RR");

        (void) arena;
        if (scheduler->nice < -20 || scheduler->nice > 19)
                return json_error(json_get(object, "nice"), err, EINVAL, "must be between -20 and 19");
        if (scheduler->priority != 0 && !realtime)
                return json_error(json_get(object, "priority"), err, EINVAL,
                                  "only SCHED_FIFO and SCHED_RR have a priority");
        if (!deadline && (scheduler->runtime || scheduler->deadline || scheduler->period))
                return json_error(object, err, EINVAL, "only SCHED_DEADLINE has runtime, deadline and period, not %s",
                                  scheduler->policy);
        return 0;
}

static const struct document_type scheduler_type = {DOCUMENT_ROWS(scheduler_fields), sizeof(struct runtime_scheduler),
                                                    scheduler_finish};

static const struct document_field io_priority_fields[] = {
        {"class", DOCUMENT_STRING, DOCUMENT_REQUIRED, ROW(io_priority_class), .names = io_priority_classes},
        {"priority", DOCUMENT_I32, 0, ROW(io_priority)},
};

static int io_priority_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_process *process = item;

        (void) arena;
        if (process->io_priority < 0 || process->io_priority > 7)
                return json_error(json_get(object, "priority"), err, EINVAL, "must be between 0 and 7");
        return 0;
}

static const struct document_type io_priority_type = {DOCUMENT_ROWS(io_priority_fields), sizeof(struct runtime_process),
                                                      io_priority_finish};

static const struct document_field affinity_fields[] = {
        {"initial", DOCUMENT_STRING, 0, ROW(exec_cpu_affinity_initial)},
        {"final", DOCUMENT_STRING, 0, ROW(exec_cpu_affinity_final)},
};

static int affinity_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_process *process = item;
        const char *lists[] = {process->exec_cpu_affinity_initial, process->exec_cpu_affinity_final};

        (void) arena;
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                if (lists[i] && str_to_bits(lists[i], RUNTIME_CPUS_MAX, NULL) < 0)
                        return json_error(json_get(object, affinity_fields[i].name), err, EINVAL,
                                          "\"%s\" is not a list of processors such as \"0-3,7\"", lists[i]);
        return 0;
}

static const struct document_type affinity_type = {DOCUMENT_ROWS(affinity_fields), sizeof(struct runtime_process),
                                                   affinity_finish};

static const struct document_field process_fields[] = {
        {"terminal", DOCUMENT_BOOL, 0, ROW(terminal)},
        {"consoleSize", DOCUMENT_GROUP, 0, .offset = 0, .type = &console_size_type},
        {"user", DOCUMENT_GROUP, DOCUMENT_ALWAYS, ROW(user), .type = &user_type},
        {"args", DOCUMENT_STRINGS, 0, ROW(args)},
        {"env", DOCUMENT_STRINGS, 0, ROW(env)},
        {"cwd", DOCUMENT_STRING, DOCUMENT_REQUIRED | DOCUMENT_ABSOLUTE, ROW(cwd)},
        {"capabilities", DOCUMENT_POINTER, 0, ROW(capabilities), .type = &capabilities_type},
        {"rlimits", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_process, rlimits, rlimit_count),
         .type = &rlimit_type},
        {"noNewPrivileges", DOCUMENT_BOOL, 0, ROW(no_new_privileges)},
        {"apparmorProfile", DOCUMENT_STRING, 0, ROW(apparmor_profile)},
        {"selinuxLabel", DOCUMENT_STRING, 0, ROW(selinux_label)},
        {"oomScoreAdj", DOCUMENT_OPT_I64, 0, ROW(oom_score_adj)},
        {"scheduler", DOCUMENT_GROUP, 0, ROW(scheduler), .type = &scheduler_type},
        {"ioPriority", DOCUMENT_GROUP, 0, .offset = 0, .type = &io_priority_type},
        {"execCPUAffinity", DOCUMENT_GROUP, 0, .offset = 0, .type = &affinity_type},
};

static int check_env(const struct json *object, struct error *err) {
        const struct json *env = json_get(object, "env");

        if (!env)
                return 0;
        json_for_each (entry, env) {
                const char *equals = strchr(entry->text, '=');

                if (!equals || equals == entry->text)
                        return json_error(entry, err, EINVAL, "\"%s\" is not of the form NAME=VALUE", entry->text);
        }
        return 0;
}

/* config.md, rlimits: two entries of one type are an error. */
static int check_rlimits(const struct json *object, const struct runtime_process *process, struct error *err) {
        for (size_t i = 0; i < process->rlimit_count; i++)
                for (size_t j = 0; j < i; j++)
                        if (str_equal(process->rlimits[i].type, process->rlimits[j].type))
                                return json_error(json_get(object, "rlimits"), err, EINVAL, "%s is given twice",
                                                  process->rlimits[i].type);
        return 0;
}

static int process_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_process *process = item;
        int r;

        (void) arena;
        if (process->args && !process->args[0])
                return json_error(json_get(object, "args"), err, EINVAL, "must have at least one item");
        if (process->args && process->args[0][0] == '\0')
                return json_error(json_get(object, "args")->first, err, EINVAL, "must not be empty");
        if (process->oom_score_adj.set && (process->oom_score_adj.value < -1000 || process->oom_score_adj.value > 1000))
                return json_error(json_get(object, "oomScoreAdj"), err, EINVAL, "must be between -1000 and 1000");

        r = check_env(object, err);
        if (r < 0)
                return r;
        if (!process->env)
                process->env = runtime_no_strings;
        return check_rlimits(object, process, err);
}

const struct document_type runtime_process_type = {DOCUMENT_ROWS(process_fields), sizeof(struct runtime_process),
                                                   process_finish};

int runtime_process_parse(struct arena *arena, const struct json *object, struct runtime_process *out,
                          struct error *err) {
        *out = (struct runtime_process){0};
        return document_parse(arena, object, &runtime_process_type, out, err);
}

void runtime_process_write(struct json_writer *writer, const char *key, const struct runtime_process *process) {
        document_write(writer, key, &runtime_process_type, process);
}
