/*
 * notify.h: sd_notify(3) from inside a container. When the caller's NOTIFY_SOCKET
 * is set, the container gets a socket of its own at /run/notify/notify.sock; that
 * the program is ready is passed on to the caller's socket, with the pid that is
 * to be watched. The container never sees the caller's socket itself.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/** True if the caller of this program waits for the container to be ready. */
bool notify_wanted(void);

/**
 * Makes the directory of the socket, and adds its mount and the variable to the config.
 * @state_fd: the container's state directory, as is the path @state_path
 */
int notify_prepare(struct arena *arena, struct runtime_config *config, int state_fd, const char *state_path,
                   struct error *err);

/** Where the container has the directory of the socket; NULL: it has none. */
const char *notify_mount_point(int state_fd);

/** Opens the socket that the container will send to: *out, which is -1 if there is to be none. */
int notify_listen(int state_fd, int *out, struct error *err);

/**
 * Takes one message of the container, if there is one; when it says READY, that is passed on.
 * @main_pid: what the caller is to watch: the container's init, or this process while it stays
 * Returns true when the container is ready and the socket has served.
 */
bool notify_handle(int fd, pid_t main_pid);

/**
 * Waits until the container is ready or has ended, passes that on, and waits until the caller has
 * taken it in (30 s at most), so that this process may end.
 */
void notify_forward(int fd, pid_t main_pid, int pidfd);
