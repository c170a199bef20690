/*
 * rlimits.h: process.rlimits (getrlimit(2)).
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** -EINVAL for an unknown or repeated type. */
int rlimits_check(const struct runtime_process *process, struct error *err);

/** Sets the limits of the calling process. */
int rlimits_apply(const struct runtime_process *process, struct error *err);
