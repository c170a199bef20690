/*
 * capabilities.h: the five capability sets of a process (capabilities(7)).
 */
#pragma once

#include <stdbool.h>
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
 * Turns the names of process.capabilities into sets. Names the kernel or this build does not know, capabilities
 * that this process does not hold itself, and those that the kernel would not take
 * because another set lacks them, are left out with one warning each (log_warning).
 * @in_user_namespace: for a process in a user namespace of the container's: there it
 *         holds whatever the kernel knows, also when this process does not
 */
int capabilities_resolve(const struct runtime_process *process, bool in_user_namespace, struct capability_sets *out,
                         struct error *err);

/** Adds a capability (CAP_*) to those that are permitted and effective, where this process holds it. */
void capabilities_keep(struct capability_sets *sets, unsigned int number);

/**
 * First half, while still privileged: drops the bounding set to the given one and
 * sets PR_SET_KEEPCAPS so that the change of user leaves the permitted set.
 */
int capabilities_drop_bounding(const struct capability_sets *sets, struct error *err);

/** Second half, after setuid: sets effective, permitted, inheritable and ambient. */
int capabilities_apply(const struct capability_sets *sets, struct error *err);

/** The names of all capabilities of this kernel, NULL-terminated, for `features`; owned by the arena. */
const char *const *capabilities_known(struct arena *arena);
