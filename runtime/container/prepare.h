/*
 * prepare.h: what create and restore have in common before there is a process:
 * the checks of their options, the state on disk, the cgroup.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/timestamp.h"
#include "../linux/cgroup.h"
#include "bundle.h"
#include "create.h"
#include "state.h"

/**
 * Sees to it that there is a process where one is needed; refuses a terminal that nobody would hold, and a console
 * socket that nobody would use.
 */
int prepare_check_process(const struct create_options *options, struct runtime_config *config, struct error *err);

/**
 * Fills the state of a container that is made now.
 * @created: room for the time, which the state points to
 */
void prepare_state(const struct create_options *options, const struct bundle *bundle, char created[TIMESTAMP_MAX],
                   struct state *out);

/** Keeps the bundle's config, as it is now, in the container's state directory. */
int prepare_keep_config(int state_fd, const struct bundle *bundle, struct error *err);

/**
 * Makes the container's cgroup, or none where that is allowed.
 * @proc_fd: from procfs_open()
 */
int prepare_cgroup(const struct create_options *options, const struct runtime_config *config, int proc_fd,
                   struct cgroup **out, struct error *err);
