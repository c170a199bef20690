#include "capabilities.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../spec/capability.h"

#define BIT(number) (UINT64_C(1) << (number))

DEFINE_CLEANUP(cleanup_cap, cap_t, cap_free);

static int own_permitted(uint64_t *out, struct error *err) {
        _cleanup_(cleanup_cap) cap_t own = cap_get_proc();

        if (!own)
                return error_errno(err, errno, "process.capabilities: cannot read this process's own capabilities");
        *out = 0;
        for (unsigned int number = 0; number < capability_count(); number++) {
                cap_flag_value_t value = CAP_CLEAR;

                if (cap_get_flag(own, (cap_value_t) number, CAP_PERMITTED, &value) == 0 && value == CAP_SET)
                        *out |= BIT(number);
        }
        return 0;
}

struct resolution {
        uint64_t held;   /* what this process holds and can hand on */
        uint64_t warned; /* capabilities complained about already */
};

/* A profile names an unknown capability in several sets: one warning is enough for each name. */
static bool seen_before(const char *const *const *sets, size_t upto, const char *const *position) {
        for (size_t i = 0; i <= upto; i++)
                for (const char *const *name = sets[i]; name && *name; name++) {
                        if (name == position)
                                return false;
                        if (strcasecmp(*name, *position) == 0)
                                return true;
                }
        return false;
}

static uint64_t resolve_set(struct resolution *state, const char *const *const *sets, size_t which) {
        uint64_t bits = 0;

        for (const char *const *name = sets[which]; name && *name; name++) {
                int number = capability_number(*name);

                if (number < 0 || (unsigned int) number >= capability_count()) {
                        if (!seen_before(sets, which, name))
                                log_warning("process.capabilities: %s is unknown to %s: left out", *name,
                                            number < 0 ? "this program" : "this kernel");
                        continue;
                }
                if (!(state->held & BIT(number))) {
                        if (!(state->warned & BIT(number)))
                                log_warning("process.capabilities: %s is not held by this process: left out", *name);
                        state->warned |= BIT(number);
                        continue;
                }
                bits |= BIT(number);
        }
        return bits;
}

/* What the kernel would not grant beside the other sets is left out, and said (config.md). */
static void limit_set(uint64_t *set, uint64_t within, const char *name, const char *reason) {
        _cleanup_arena_ struct arena *arena = arena_new();

        for (unsigned int number = 0; number < capability_count(); number++)
                if (*set & ~within & BIT(number))
                        log_warning("process.capabilities.%s: %s is not %s: left out", name,
                                    capability_name(arena, number), reason);
        *set &= within;
}

/* @held: the capabilities that can be handed on */
static void resolve(const struct runtime_process *process, uint64_t held, struct capability_sets *out) {
        const struct runtime_capabilities *names = process->capabilities;
        struct resolution state = {.held = held};
        const char *const *const sets[] = {names->bounding, names->permitted, names->effective, names->inheritable,
                                           names->ambient};
        uint64_t *const results[] = {&out->bounding, &out->permitted, &out->effective, &out->inheritable,
                                     &out->ambient};

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                *results[i] = resolve_set(&state, sets, i);
        limit_set(&out->effective, out->permitted, "effective", "permitted");
        limit_set(&out->inheritable, out->bounding, "inheritable", "in the bounding set");
        /* Root loses nothing without them, and engines ask for what they do not let be inherited (CVE-2022-29162). */
        if (process->user.uid == 0)
                out->ambient &= out->permitted & out->inheritable;
        limit_set(&out->ambient, out->permitted & out->inheritable, "ambient", "both permitted and inheritable");
}

int capabilities_resolve(const struct runtime_process *process, bool in_user_namespace, struct capability_sets *out,
                         struct error *err) {
        uint64_t held = UINT64_MAX;
        int r;

        *out = (struct capability_sets){0};
        if (!process->capabilities)
                return 0;
        if (!in_user_namespace && (r = own_permitted(&held, err)) < 0)
                return r;
        resolve(process, held, out);
        return 0;
}

void capabilities_keep(struct capability_sets *sets, unsigned int number) {
        uint64_t held = 0;

        if (own_permitted(&held, NULL) < 0 || !(held & BIT(number)))
                return;
        sets->permitted |= BIT(number);
        sets->effective |= BIT(number);
}

/* An error about one capability, by its name. */
static int refuse(const char *what, unsigned int number, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        int code = errno;

        return error_errno(err, code, "process.capabilities.%s %s", what, capability_name(arena, number));
}

int capabilities_drop_bounding(const struct capability_sets *sets, struct error *err) {
        for (unsigned int number = 0; number < capability_count(); number++) {
                if ((sets->bounding & BIT(number)) || cap_drop_bound((cap_value_t) number) == 0)
                        continue;
                /* Dropping what is not there takes CAP_SETPCAP too, and is not worth failing for. */
                if (errno == EPERM && cap_get_bound((cap_value_t) number) == 0)
                        continue;
                return refuse("bounding: cannot drop", number, err);
        }
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return error_errno(err, errno, "process.capabilities: cannot keep capabilities over a change of user");
        return 0;
}

/*
 * Ambient comes last: the kernel lets a capability in only when it is permitted
 * and inheritable by then. All are cleared first, so that nothing the runtime's
 * caller had set passes (CVE-2022-29162 was the like with inheritable).
 */
static int apply_ambient(uint64_t ambient, struct error *err) {
        /* Not cap_reset_ambient(3), which asks for each capability first. */
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
                /* Kernels before 4.3 have no ambient set. */
                if (errno == EINVAL && ambient == 0)
                        return 0;
                return error_errno(err, errno, "process.capabilities.ambient: cannot clear the set");
        }
        for (unsigned int number = 0; number < capability_count(); number++)
                if ((ambient & BIT(number)) && cap_set_ambient((cap_value_t) number, CAP_SET) < 0)
                        return refuse("ambient: cannot raise", number, err);
        return 0;
}

static int fill(cap_t caps, cap_flag_t flag, uint64_t bits) {
        for (cap_value_t number = 0; number < (cap_value_t) capability_count(); number++)
                if ((bits & BIT(number)) && cap_set_flag(caps, flag, 1, &number, CAP_SET) < 0)
                        return -1;
        return 0;
}

int capabilities_apply(const struct capability_sets *sets, struct error *err) {
        _cleanup_(cleanup_cap) cap_t caps = cap_init();

        if (!caps || fill(caps, CAP_EFFECTIVE, sets->effective) < 0 || fill(caps, CAP_PERMITTED, sets->permitted) < 0 ||
            fill(caps, CAP_INHERITABLE, sets->inheritable) < 0 || cap_set_proc(caps) < 0)
                return error_errno(err, errno, "process.capabilities: cannot set them");
        return apply_ambient(sets->ambient, err);
}

const char *const *capabilities_known(struct arena *arena) {
        unsigned int count = capability_count();
        const char **known = arena_alloc(arena, count + 1, sizeof(*known));

        for (unsigned int number = 0; number < count; number++)
                known[number] = capability_name(arena, number);
        return known;
}
