/*
 * lifecycle.h: what is done to containers that exist: start, stop, kill, pause,
 * wait, remove.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "record.h"

/**
 * Starts a container that is not running.
 * @attach: the connection gets its output
 * @connection: set to a connection on which the container has started
 * Returns 0, or 1 when it runs already (no connection then), or a negative errno.
 */
int container_start(const struct manager *manager, struct container *container, bool attach, int *connection,
                    struct error *err);

/** Sends a signal to the container's init. -ESRCH: "container X is not running". */
int container_signal(const struct container *container, int signal, struct error *err);

/**
 * Stops a container: its stop signal, then, when it has not ended in time, SIGKILL.
 * @timeout: seconds; negative: the container's own, or 10
 * One that is not running is no error.
 */
int container_stop(const struct manager *manager, struct container *container, int64_t timeout, struct error *err);

int container_pause(const struct manager *manager, struct container *container, bool pause, struct error *err);

/** Waits until the container has ended. @exit_code: set to how */
int container_wait(const struct manager *manager, struct container *container, int *exit_code, struct error *err);

/**
 * Removes a container with its writable layer.
 * @force: kill it first when it runs
 * @volumes: its anonymous volumes too
 * -EBUSY: it runs.
 */
int container_remove(const struct manager *manager, struct container *container, bool force, bool volumes,
                     struct error *err);
