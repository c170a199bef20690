/*
 * handover.h: what the caller of create, run and exec gives and gets beside the
 * container: the pid in a file, a pidfd over a socket, file descriptors to pass on.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/error.h"

/** Sends a pidfd of the process over the Unix socket of --pidfd-socket. NULL: nothing. */
int pidfd_socket_send(const char *path, int pidfd, struct error *err);

/** Writes the pid as text; the file appears with its whole content. NULL: does nothing. */
int pid_file_write(const char *path, pid_t pid, struct error *err);

/** Warns when not all of the file descriptors 3 .. 2 + count are open; what this program opens later is not passed on.
 */
void warn_of_preserved_fds(int count);
