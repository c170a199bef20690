/*
 * network_devices.h: linux.netDevices (config-linux.md, Network Devices): devices
 * of the runtime's network namespace handed to the container's, with their
 * addresses.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/* Devices that were moved. */
struct network_devices;

/** -EINVAL unless the container has a network namespace to move devices to. */
int network_devices_check(const struct runtime_linux *config, struct error *err);

/**
 * Moves the devices, renames them, gives them back the permanent global addresses that they
 * lose by the move, and sets them up. When one cannot be moved, those before it are returned.
 * @proc_fd: from procfs_open()
 * @joined: the network namespace the container joins; -1: it is that of process `pid`
 * @out: set to what network_devices_return() and network_devices_free() take; NULL when there is nothing to move
 */
int network_devices_move(const struct runtime_linux *config, int proc_fd, int joined, pid_t pid,
                         struct network_devices **out, struct error *err);

/** Puts the devices back where they were, as they were, as far as possible. For a create that failed. */
void network_devices_return(struct network_devices *devices);

/** Forgets about the devices; NULL is fine. */
void network_devices_free(struct network_devices *devices);
