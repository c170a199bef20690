/*
 * scheduling.h: how the kernel treats the process beside others: scheduler
 * policy, io priority, execution domain.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** Applies process.scheduler and process.ioPriority to the calling process. */
int scheduling_apply(const struct runtime_process *process, struct error *err);

/** Applies linux.personality to the calling process. */
int personality_apply(const struct runtime_linux *config, struct error *err);
