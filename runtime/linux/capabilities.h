/*
 * capabilities.h: the five capability sets of a process (capabilities(7)).
 */
#pragma once

#include <stdint.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/* One bit a capability number. */
struct capability_sets {
        uint64_t bounding;
        uint64_t effective;
        uint64_t inheritable;
        uint64_t permitted;
        uint64_t ambient;
};

/**
 * Turns names into sets. Names the kernel or this build does not know, and
 * capabilities that this process does not hold itself, are left out with one
 * warning each (log_warning), as runc does. NULL gives empty sets.
 */
int capabilities_resolve(const struct runtime_capabilities *names, struct capability_sets *out, struct error *err);

/**
 * As capabilities_resolve(), for a process that will be in a user namespace of the
 * container's: there it holds whatever the kernel knows, also when this process does not.
 */
int capabilities_resolve_in_user_namespace(const struct runtime_capabilities *names, struct capability_sets *out,
                                           struct error *err);

/**
 * First half, while still privileged: drops the bounding set to the given one and
 * sets PR_SET_KEEPCAPS so that the change of user leaves the permitted set.
 */
int capabilities_drop_bounding(const struct capability_sets *sets, struct error *err);

/** Second half, after setuid: sets effective, permitted, inheritable and ambient. */
int capabilities_apply(const struct capability_sets *sets, struct error *err);

/** The names of all capabilities of this kernel, NULL-terminated, for `features`; owned by the arena. */
const char *const *capabilities_known(struct arena *arena);
