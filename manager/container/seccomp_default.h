/*
 * seccomp_default.h: the seccomp policy of a container that asks for none:
 * docker's default. Most system calls are allowed, what reaches beyond the
 * container needs the capability that guards it, the rest gets EPERM.
 */
#pragma once

#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/**
 * Builds the policy for this machine's architecture.
 * @arena: owns what is returned
 * @capabilities: names the container is given ("CAP_SYS_ADMIN"), NULL-terminated; NULL for none
 */
const struct runtime_seccomp *seccomp_default(struct arena *arena, const char *const *capabilities);
