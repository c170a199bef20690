/*
 * rlimits.h: process.rlimits (getrlimit(2)).
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** Sets the limits of the calling process. */
int rlimits_apply(const struct runtime_process *process, struct error *err);
