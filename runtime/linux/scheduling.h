/*
 * scheduling.h: how the kernel treats the process beside others: scheduler
 * policy, io priority, processors and memory nodes, execution domain.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** Applies process.scheduler and process.ioPriority to the calling process. */
int scheduling_apply(const struct runtime_process *process, struct error *err);

/** Applies linux.personality to the calling process. */
int personality_apply(const struct runtime_linux *config, struct error *err);

/** Applies linux.memoryPolicy to the calling process, once it is in the cgroup whose cpuset bounds the nodes. */
int memory_policy_apply(const struct runtime_linux *config, struct error *err);

/** process.execCPUAffinity.initial: where a process of exec runs before it enters the container's cgroup. */
int affinity_apply_initial(const struct runtime_process *process, struct error *err);

/** process.execCPUAffinity.final, once the process is in the container's cgroup; without it, affinity_reset(). */
int affinity_apply_final(const struct runtime_process *process, struct error *err);

/**
 * Lets the process run wherever its cgroup does: kernels since 6.2 keep what the runtime's caller was bound to,
 * which is not the container's business.
 */
void affinity_reset(void);

/**
 * Has a process, until its affinity_reset(), work on other processors than the caller, if there are any. A kernel may
 * leave a new process where its parent is (to wake another processor costs a virtual machine some time), and each then
 * waits for the other.
 */
void affinity_part(pid_t pid);
