/* config.json's "linux.seccomp" object (config-linux.md, "Seccomp"). */
#include <errno.h>

#include "../lib/cleanup.h"
#include "runtime_config_types.h"

static const char *const action_names[] = {
        "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",   "SCMP_ACT_ERRNO",
        "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",        "SCMP_ACT_LOG",         "SCMP_ACT_NOTIFY", NULL};

static const char *const operator_names[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
                                             "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};

#define ARG_ROW(member) DOCUMENT_MEMBER(struct runtime_seccomp_arg, member)

static const struct document_field arg_fields[] = {
        {"index", DOCUMENT_U32, DOCUMENT_REQUIRED, ARG_ROW(index)},
        {"value", DOCUMENT_U64, DOCUMENT_REQUIRED, ARG_ROW(value)},
        {"valueTwo", DOCUMENT_U64, 0, ARG_ROW(value_two)},
        {"op", DOCUMENT_STRING, DOCUMENT_REQUIRED, ARG_ROW(op), .names = operator_names},
};

static int arg_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_seccomp_arg *arg = item;

        (void) arena;
        if (arg->index > 5)
                return json_error(json_get(object, "index"), err, ERANGE, "a system call has the arguments 0 to 5");
        return 0;
}

static const struct document_type arg_type = {DOCUMENT_ROWS(arg_fields), sizeof(struct runtime_seccomp_arg),
                                              arg_finish};

#define RULE_ROW(member) DOCUMENT_MEMBER(struct runtime_seccomp_rule, member)

static const struct document_field rule_fields[] = {
        {"names", DOCUMENT_STRINGS, DOCUMENT_REQUIRED, RULE_ROW(names)},
        {"action", DOCUMENT_STRING, DOCUMENT_REQUIRED, RULE_ROW(action), .names = action_names},
        {"errnoRet", DOCUMENT_OPT_U64, 0, RULE_ROW(errno_ret), .max = UINT32_MAX},
        {"args", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_seccomp_rule, args, arg_count), .type = &arg_type},
};

/* config-linux.md: an action that returns no errno must not be given one. */
static int check_errno(const struct json *object, const char *key, const char *action, struct error *err) {
        const struct json *value = json_get(object, key);

        if (!value || str_equal(action, "SCMP_ACT_ERRNO") || str_equal(action, "SCMP_ACT_TRACE"))
                return 0;
        return json_error(value, err, EINVAL, "the action %s returns no errno", action);
}

static int rule_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_seccomp_rule *rule = item;

        (void) arena;
        if (!rule->names[0])
                return json_error(json_get(object, "names"), err, EINVAL, "must have at least one item");
        return check_errno(object, "errnoRet", rule->action, err);
}

static const struct document_type rule_type = {DOCUMENT_ROWS(rule_fields), sizeof(struct runtime_seccomp_rule),
                                               rule_finish};

#define ROW(member) DOCUMENT_MEMBER(struct runtime_seccomp, member)

static const struct document_field seccomp_fields[] = {
        {"defaultAction", DOCUMENT_STRING, DOCUMENT_REQUIRED, ROW(default_action), .names = action_names},
        {"defaultErrnoRet", DOCUMENT_OPT_U64, 0, ROW(default_errno_ret), .max = UINT32_MAX},
        {"architectures", DOCUMENT_STRINGS, 0, ROW(architectures)},
        {"flags", DOCUMENT_STRINGS, 0, ROW(flags)},
        {"listenerPath", DOCUMENT_STRING, DOCUMENT_ABSOLUTE, ROW(listener_path)},
        {"listenerMetadata", DOCUMENT_STRING, 0, ROW(listener_metadata)},
        {"syscalls", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_seccomp, rules, rule_count), .type = &rule_type},
};

/* The listener is sent by the system calls that a notified filter would stop. */
static int check_notify(const struct json *object, const struct runtime_seccomp *seccomp, struct error *err) {
        bool notify = false;

        if (str_equal(seccomp->default_action, "SCMP_ACT_NOTIFY"))
                return json_error(json_get(object, "defaultAction"), err, EINVAL,
                                  "SCMP_ACT_NOTIFY cannot be the default action");
        for (size_t i = 0; i < seccomp->rule_count; i++) {
                if (!str_equal(seccomp->rules[i].action, "SCMP_ACT_NOTIFY"))
                        continue;
                notify = true;
                for (const char *const *name = seccomp->rules[i].names; *name; name++)
                        if (str_equal(*name, "write"))
                                return json_error(json_get(object, "syscalls"), err, EINVAL,
                                                  "SCMP_ACT_NOTIFY cannot be used for the write syscall");
        }
        if (notify && !seccomp->listener_path)
                return json_error(object, err, EINVAL, "SCMP_ACT_NOTIFY needs a listenerPath");
        if (seccomp->listener_metadata && !seccomp->listener_path)
                return json_error(json_get(object, "listenerMetadata"), err, EINVAL, "needs a listenerPath");
        return 0;
}

static int seccomp_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_seccomp *seccomp = item;
        int r = check_errno(object, "defaultErrnoRet", seccomp->default_action, err);

        (void) arena;
        if (r < 0)
                return r;
        return check_notify(object, seccomp, err);
}

const struct document_type runtime_seccomp_type = {DOCUMENT_ROWS(seccomp_fields), sizeof(struct runtime_seccomp),
                                                   seccomp_finish};
