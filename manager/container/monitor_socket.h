/*
 * monitor_socket.h: the sockets in a container's run directory: one that
 * commands connect to, one over which the runtime sends a terminal.
 */
#pragma once

#include "../../lib/error.h"
#include "record.h"

/* As much as an address of unix(7) holds. */
#define MONITOR_SOCKET_PATH_MAX 108

/**
 * A path by which another process can reach the socket `name`. Where the run
 * directory's own is too long for unix(7), it goes through this process's
 * /proc directory, which must stay open as fd (see monitor_socket_listen()).
 */
void monitor_socket_path(const struct container *container, const char *name, char out[MONITOR_SOCKET_PATH_MAX]);

/** Listens on <run-directory>/<name>. Returns the fd or a negative errno. */
int monitor_socket_listen(const struct container *container, const char *name, int type, struct error *err);

/** Takes one terminal from a console socket. Returns its master or a negative errno. */
int monitor_socket_receive_terminal(int listener, struct error *err);
