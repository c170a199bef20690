#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "../../lib/cleanup.h"
#include "../../lib/json.h"
#include "../../lib/str.h"
#include "seccomp_policy.h"

/* This machine in the two spellings that policies use. */
#if defined(__x86_64__)
#define ARCHITECTURE "SCMP_ARCH_X86_64"
#define ARCHITECTURE_GO "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "SCMP_ARCH_AARCH64"
#define ARCHITECTURE_GO "arm64"
#else
#define ARCHITECTURE ""
#define ARCHITECTURE_GO ""
#endif

static bool list_has(const struct json *array, const char *const *names) {
        if (array)
                json_for_each (item, array) {
                        for (size_t i = 0; names && names[i]; i++)
                                if (item->type == JSON_STRING && str_equal(item->text, names[i]))
                                        return true;
                }
        return false;
}

static bool kernel_at_least(const char *text) {
        unsigned int wanted[2] = {0}, running[2] = {0};
        struct utsname name;

        if (!text || uname(&name) < 0 || sscanf(text, "%u.%u", &wanted[0], &wanted[1]) < 2 ||
            sscanf(name.release, "%u.%u", &running[0], &running[1]) < 2)
                return true;
        return running[0] != wanted[0] ? running[0] > wanted[0] : running[1] >= wanted[1];
}

/* docker's conditions on a rule: "includes" must all hold, none of "excludes" may. */
static bool applies(const struct json *rule, const char *const *capabilities) {
        static const char *const own[] = {ARCHITECTURE, ARCHITECTURE_GO, NULL};
        const struct json *includes = json_get(rule, "includes"), *excludes = json_get(rule, "excludes");
        const struct json *caps = json_get(includes, "caps"), *arches = json_get(includes, "arches");
        const char *kernel = NULL;

        (void) json_get_string(includes, "minKernel", &kernel, NULL);
        if (caps && caps->count > 0 && !list_has(caps, capabilities))
                return false;
        if (arches && arches->count > 0 && !list_has(arches, own))
                return false;
        if (kernel && !kernel_at_least(kernel))
                return false;
        return !list_has(json_get(excludes, "caps"), capabilities) && !list_has(json_get(excludes, "arches"), own);
}

static int read_args(struct arena *arena, const struct json *rule, struct runtime_seccomp_rule *out,
                     struct error *err) {
        const struct json *array = NULL;
        struct runtime_seccomp_arg *args;
        int r = json_get_array(rule, "args", &array, err);

        if (r < 0 || !array)
                return r;
        args = arena_alloc(arena, array->count + 1, sizeof(*args));
        json_for_each (item, array) {
                struct runtime_seccomp_arg *arg = &args[out->arg_count++];

                if ((r = json_get_u32(item, "index", &arg->index, err)) < 0 ||
                    (r = json_get_u64(item, "value", UINT64_MAX, &arg->value, err)) < 0 ||
                    (r = json_get_u64(item, "valueTwo", UINT64_MAX, &arg->value_two, err)) < 0 ||
                    (r = json_get_string(item, "op", &arg->op, err)) < 0)
                        return r;
        }
        out->args = args;
        return 0;
}

static int read_errno(const struct json *object, const char *key, struct opt_u64 *out, struct error *err) {
        out->set = json_get(object, key) != NULL;
        return json_get_u64(object, key, 4095, &out->value, err);
}

static int read_rule(struct arena *arena, const struct json *rule, struct runtime_seccomp_rule *out,
                     struct error *err) {
        const char **names = NULL, *name = NULL;
        int r;

        if ((r = json_get_strings(arena, rule, "names", &names, NULL, err)) < 0 ||
            (r = json_get_string(rule, "name", &name, err)) < 0 ||
            (r = json_get_string(rule, "action", &out->action, err)) < 0 ||
            (r = read_errno(rule, "errnoRet", &out->errno_ret, err)) < 0)
                return r;
        if (!names && name) {
                names = arena_alloc(arena, 2, sizeof(*names));
                names[0] = name;
        }
        if (!names || !out->action)
                return json_error(rule, err, EINVAL, "names and action are required");
        out->names = names;
        return read_args(arena, rule, out, err);
}

/* "architectures", or docker's "archMap": the entry of this machine with its subArchitectures. */
static int read_architectures(struct arena *arena, const struct json *root, struct runtime_seccomp *out,
                              struct error *err) {
        const char **list = NULL;
        const struct json *map = NULL;
        int r = json_get_strings(arena, root, "architectures", &list, NULL, err);

        if (r == 0)
                r = json_get_array(root, "archMap", &map, err);
        if (r < 0)
                return r;
        if (map)
                json_for_each (entry, map) {
                        const char *name = NULL, **more = NULL;
                        size_t count = 0;

                        if ((r = json_get_string(entry, "architecture", &name, err)) < 0 ||
                            (r = json_get_strings(arena, entry, "subArchitectures", &more, &count, err)) < 0)
                                return r;
                        if (!str_equal(name, ARCHITECTURE))
                                continue;
                        list = arena_alloc(arena, count + 2, sizeof(*list));
                        list[0] = name;
                        for (size_t i = 0; i < count; i++)
                                list[i + 1] = more[i];
                }
        out->architectures = list;
        return 0;
}

int seccomp_policy_read(struct arena *arena, const char *path, const char *const *capabilities,
                        const struct runtime_seccomp **out, struct error *err) {
        struct runtime_seccomp *policy = arena_alloc(arena, 1, sizeof(*policy));
        const struct json *root, *rules = NULL;
        struct runtime_seccomp_rule *list;
        const char **flags = NULL;
        int r = json_parse_file(arena, AT_FDCWD, path, NULL, &root, err);

        if (r < 0)
                return error_wrap(err, "seccomp policy");
        if (json_get_string(root, "defaultAction", &policy->default_action, err) < 0 ||
            read_errno(root, "defaultErrnoRet", &policy->default_errno_ret, err) < 0 ||
            json_get_strings(arena, root, "flags", &flags, NULL, err) < 0 ||
            json_get_array(root, "syscalls", &rules, err) < 0 || read_architectures(arena, root, policy, err) < 0)
                return error_wrap(err, "seccomp policy %s", path);
        if (!policy->default_action)
                return error_set(err, EINVAL, "seccomp policy %s: defaultAction: required, but missing", path);
        policy->flags = flags;
        list = arena_alloc(arena, rules ? rules->count + 1 : 1, sizeof(*list));
        if (rules)
                json_for_each (rule, rules) {
                        if (!applies(rule, capabilities))
                                continue;
                        r = read_rule(arena, rule, &list[policy->rule_count++], err);
                        if (r < 0)
                                return error_wrap(err, "seccomp policy %s", path);
                }
        policy->rules = list;
        *out = policy;
        return 0;
}
