/*
 * devices.h: the container's /dev: the nodes every container has (config-linux.md,
 * Default Devices), those of linux.devices, and the usual links.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/**
 * The nodes of linux.devices for a container whose user namespace may make none, with the mode and owner that are
 * asked for: a detached file system, made in the parent. Returns an fd, or -1 where there are none or this process
 * may not make them either.
 */
int devices_prepare(const struct runtime_linux *config);

/**
 * Makes nodes and links below the mounted rootfs.
 * @bind: the process may not make nodes (user namespace): bind the host's instead
 * @nodes_fd: from devices_prepare(), to bind those of linux.devices from; or -1
 */
int devices_create(int rootfs_fd, const struct runtime_linux *config, bool bind, int nodes_fd, struct error *err);

/** Binds the slave side of the container's terminal on /dev/console. */
int devices_bind_console(int rootfs_fd, int slave_fd, struct error *err);

/**
 * Puts the container's own null device where standard streams are the host's: one that is not in the
 * container's mounts cannot be saved by criu. To be called once the root is the container's.
 */
int devices_reopen_null(struct error *err);
