/*
 * placement.h: how a new container's init gets into its cgroup. The v2 directory comes first, and init
 * is born in it; the hierarchies of v1 are made meanwhile, and init moves itself when it is told to go
 * on: while it mounts, both work.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"
#include "../linux/cgroup.h"
#include "create.h"

#define PLACEMENT_TASKS_MAX 16

struct placement {
        struct cgroup_request request;
        struct cgroup *cgroup;             /* NULL: the container has none */
        bool finished;                     /* all of it is made */
        bool born_inside;                  /* init is in the v2 directory from its birth */
        int task_fds[PLACEMENT_TASKS_MAX]; /* "tasks" of v1 hierarchies, for init to move itself */
        size_t task_count;
};

/**
 * Finds the container's cgroup and makes what init can be born into.
 * @config: must stay as long as the placement
 * @proc_fd: from procfs_open()
 */
int placement_begin(struct placement *placement, const struct create_options *options,
                    const struct runtime_config *config, int proc_fd, struct error *err);

/** Makes the rest of the cgroup and sets its limits. */
int placement_finish(struct placement *placement, struct error *err);

/** Moves init into the cgroup, or opens what it needs to move itself; gives the cgroup to its user if need be. */
int placement_enter(struct placement *placement, const struct runtime_config *config, pid_t pid, struct error *err);

/** Takes the cgroup of a create that failed away again. */
void placement_undo(struct placement *placement);

void placement_close(struct placement *placement);
