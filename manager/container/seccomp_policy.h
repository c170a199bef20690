/*
 * seccomp_policy.h: which system calls a container may make: docker's default
 * policy, or one from a file in docker's format.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/**
 * The default policy for a container that has these capabilities: what is
 * allowed grows with them.
 * @capabilities: names as "CAP_CHOWN", NULL-terminated
 */
const struct runtime_seccomp *seccomp_policy_default(struct arena *arena, const char *const *capabilities);

/** Reads a policy (`--security-opt seccomp=FILE`): docker's format or the "seccomp" section of config.json. */
int seccomp_policy_read(struct arena *arena, const char *path, const char *const *capabilities,
                        const struct runtime_seccomp **out, struct error *err);
