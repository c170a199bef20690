/*
 * intel_rdt.h: the container's group in resctrl, the kernel's interface to the
 * allocation of caches and memory bandwidth (config-linux.md, linux.intelRdt).
 *
 * A group is a directory with the files "schemata" (what it may use) and
 * "tasks" (who is in it), and may have a monitoring group below it. Functions
 * take the root of resctrl as an fd, so that they can be tried on a directory.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** Opens the root of the mounted resctrl. -ENOTSUP, naming linux.intelRdt, when there is none. */
int intel_rdt_open(struct error *err);

/** The name of a container's group: closID, or the container's id. */
const char *intel_rdt_group(const struct runtime_intel_rdt *rdt, const char *id);

/** True if the group is there already. */
bool intel_rdt_exists(int root_fd, const char *group);

/**
 * Makes the group with its limits, or checks that the one which is there has them; makes the
 * monitoring group if wanted. What was made is removed again on failure.
 */
int intel_rdt_create(int root_fd, const struct runtime_intel_rdt *rdt, const char *id, struct error *err);

/** Moves a process into the group, and into the container's monitoring group if there is one. */
int intel_rdt_attach(int root_fd, const char *group, const char *id, pid_t pid, struct error *err);

/** Writes the limits that are given into the group's schemata. */
int intel_rdt_update(int root_fd, const struct runtime_intel_rdt *rdt, const char *group, struct error *err);

/** Removes the container's monitoring group, and with `whole` the group. 0 when gone already. */
int intel_rdt_remove(int root_fd, const char *group, const char *id, bool whole, struct error *err);
