#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../spec/capability.h"
#include "bundle.h"
#include "seccomp_policy.h"

/* docker's fourteen. */
static const char *const default_capabilities[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
        "CAP_KILL",    "CAP_AUDIT_WRITE",
};

static const char *const masked_paths[] = {
        "/proc/asound",
        "/proc/acpi",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/sys/firmware",
        "/sys/devices/virtual/powercap",
        NULL,
};

static const char *const readonly_paths[] = {"/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
                                             "/proc/sysrq-trigger", NULL};

static const char *const no_paths[] = {NULL};

#define CAPABILITY_MAX 64

/* The number of "NET_ADMIN", "cap_net_admin", …; -1 for none that this kernel has. */
static int find_capability(const char *text) {
        _cleanup_free_ char *name = str_format("%s%s", strncasecmp(text, "CAP_", 4) == 0 ? "" : "CAP_", text);
        int number = capability_number(name);

        return number < (int) capability_count() ? number : -1;
}

static int apply(const struct str_list *names, bool value, bool set[CAPABILITY_MAX], struct error *err) {
        for (size_t i = 0; i < names->count; i++) {
                int number = find_capability(names->items[i]);

                if (strcasecmp(names->items[i], "ALL") == 0) {
                        for (size_t j = 0; j < capability_count(); j++)
                                set[j] = value;
                        continue;
                }
                if (number < 0)
                        return error_set(err, EINVAL, "invalid capability %s: no such capability", names->items[i]);
                set[number] = value;
        }
        return 0;
}

static bool drops_all(const struct str_list *names) {
        for (size_t i = 0; i < names->count; i++)
                if (strcasecmp(names->items[i], "ALL") == 0)
                        return true;
        return false;
}

int bundle_capability_names(struct arena *arena, const struct container_options *options, bool privileged,
                            const char *const **out, struct error *err) {
        bool set[CAPABILITY_MAX] = {false};
        const char **names = arena_alloc(arena, CAPABILITY_MAX + 1, sizeof(*names));
        size_t count = 0;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(default_capabilities); i++) {
                int number = find_capability(default_capabilities[i]);

                if (number >= 0)
                        set[number] = true;
        }
        for (size_t i = 0; privileged && i < capability_count(); i++)
                set[i] = true;
        /* "--cap-drop ALL --cap-add X" leaves X; "--cap-add ALL --cap-drop X" leaves all but X. */
        if (drops_all(&options->cap_drop)) {
                r = apply(&options->cap_drop, false, set, err);
                r = r < 0 ? r : apply(&options->cap_add, true, set, err);
        } else {
                r = apply(&options->cap_add, true, set, err);
                r = r < 0 ? r : apply(&options->cap_drop, false, set, err);
        }
        if (r < 0)
                return r;
        for (unsigned int i = 0; i < capability_count(); i++)
                if (set[i])
                        names[count++] = capability_name(arena, i);
        *out = names;
        return 0;
}

int bundle_capabilities(struct arena *arena, const struct container_options *options, bool privileged,
                        const struct runtime_user *user, const struct runtime_capabilities **out, struct error *err) {
        static const char *const none[] = {NULL};
        struct runtime_capabilities *sets = arena_alloc(arena, 1, sizeof(*sets));
        const char *const *names;
        int r = bundle_capability_names(arena, options, privileged, &names, err);

        if (r < 0)
                return r;
        sets->bounding = names;
        /* Another user than root gains what is in the bounding set only through files' capabilities. */
        sets->effective = user->uid == 0 ? names : none;
        sets->permitted = user->uid == 0 ? names : none;
        *out = sets;
        return 0;
}

static int set_security_options(struct bundle *bundle, const char *const *names, struct error *err) {
        const struct container_options *options = &bundle->container->options;
        const char *policy = options->privileged ? "unconfined" : NULL;

        for (size_t i = 0; i < options->security_opt.count; i++) {
                const char *text = options->security_opt.items[i];

                if (str_equal(text, "no-new-privileges") || str_equal(text, "no-new-privileges=true") ||
                    str_equal(text, "no-new-privileges:true"))
                        bundle->process->no_new_privileges = true;
                else if (str_starts_with(text, "seccomp=") || str_starts_with(text, "seccomp:"))
                        policy = text + strlen("seccomp=");
                else if (str_equal(text, "no-new-privileges=false") || str_equal(text, "no-new-privileges:false") ||
                         str_equal(text, "apparmor=unconfined") || str_equal(text, "label=disable"))
                        continue;
                else
                        return error_set(err, EINVAL, "--security-opt %s: not supported in this build", text);
        }
        if (str_equal(policy, "unconfined"))
                return 0;
        if (policy && !str_equal(policy, "builtin"))
                return seccomp_policy_read(bundle->arena, policy, names, &bundle->config->linux_.seccomp, err);
        bundle->config->linux_.seccomp = seccomp_policy_default(bundle->arena, names);
        return 0;
}

static int set_sysctl(struct bundle *bundle, struct error *err) {
        const struct str_list *given = &bundle->container->options.sysctl;
        struct string_pair *pairs = arena_alloc(bundle->arena, given->count + 3, sizeof(*pairs));
        size_t count = 0;

        if (bundle->netns) { /* any user may use low ports and ping: the namespace is the container's own */
                pairs[count++] = (struct string_pair){"net.ipv4.ip_unprivileged_port_start", "0"};
                pairs[count++] = (struct string_pair){"net.ipv4.ping_group_range", "0 2147483647"};
        }
        for (size_t i = 0; i < given->count; i++) {
                const char *equals = strchr(given->items[i], '=');
                struct string_pair pair;
                size_t j;

                if (!equals || equals == given->items[i])
                        return error_set(err, EINVAL, "invalid sysctl %s: expected NAME=VALUE", given->items[i]);
                pair.key = arena_strndup(bundle->arena, given->items[i], (size_t) (equals - given->items[i]));
                pair.value = arena_strdup(bundle->arena, equals + 1);
                for (j = 0; j < count && !str_equal(pairs[j].key, pair.key); j++)
                        ;
                pairs[j] = pair;
                count += j == count;
        }
        bundle->config->linux_.sysctl = (struct runtime_pairs){pairs, count};
        return 0;
}

int bundle_set_rights(struct bundle *bundle, struct error *err) {
        const struct container_options *options = &bundle->container->options;
        struct runtime_linux *linux_part = &bundle->config->linux_;
        const char *const *names;
        int r = bundle_capability_names(bundle->arena, options, options->privileged, &names, err);

        if (r == 0)
                r = bundle_capabilities(bundle->arena, options, options->privileged, &bundle->process->user,
                                        &bundle->process->capabilities, err);
        if (r == 0)
                r = set_security_options(bundle, names, err);
        if (r == 0)
                r = set_sysctl(bundle, err);
        linux_part->masked_paths = options->privileged ? no_paths : masked_paths;
        linux_part->readonly_paths = options->privileged ? no_paths : readonly_paths;
        return r;
}
