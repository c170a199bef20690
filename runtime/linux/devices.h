/*
 * devices.h: the container's /dev: the nodes every container has (config-linux.md,
 * Default Devices), those of linux.devices, and the usual links.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/**
 * Makes nodes and links below the mounted rootfs.
 * @bind: the process may not make nodes (user namespace): bind the host's instead
 */
int devices_create(int rootfs_fd, const struct runtime_linux *config, bool bind, struct error *err);

/** Binds the slave side of the container's terminal on /dev/console. */
int devices_bind_console(int rootfs_fd, int slave_fd, struct error *err);
