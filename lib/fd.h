/*
 * fd.h: file descriptors: reading and writing whole buffers, passing fds over
 * sockets, closing what must not reach another program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/** close(2) that keeps errno; EINTR means closed on Linux. */
void fd_close(int fd);

/** Closes *fd when it is open and sets it to -1. */
void fd_close_at(int *fd);

/** Writes all `size` bytes, waiting where the fd is non-blocking. Returns 0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t size);

/**
 * Reads until end of file.
 * @max: the most bytes accepted; more gives -EFBIG
 * @size: set to the number of bytes read; may be NULL
 * @out: set to a buffer with a NUL behind the data; the caller frees it
 * Returns 0 or a negative errno.
 */
int fd_read_all(int fd, size_t max, char **out, size_t *size);

/** Sets or clears O_CLOEXEC. Returns 0 or a negative errno. */
int fd_set_cloexec(int fd, bool on);

/** Marks every fd from `first` on close-on-exec (close_range(2)). Returns 0 or a negative errno. */
int fd_cloexec_from(unsigned int first);

/**
 * Closes every fd from `first` on but two.
 * @a, @b: what stays open; -1 for none
 * Returns 0 or a negative errno.
 */
int fd_close_others(unsigned int first, int a, int b);

/**
 * Sends one message with fds attached over a Unix socket (SCM_RIGHTS, unix(7)).
 * @data, @size: the message, at least one byte
 * @fds, @fd_count: what to attach, at most 8; the caller keeps its own copies
 */
int fd_send(int socket, const void *data, size_t size, const int *fds, size_t fd_count, struct error *err);

/**
 * Receives one message and the fds attached to it, close-on-exec.
 * @fds: room for *fd_count fds (at most 8); *fd_count is set to how many came; the caller owns them
 * Returns the number of bytes received (0 at end of stream) or a negative errno.
 */
ssize_t fd_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count, struct error *err);

/**
 * Connects to a Unix socket by its path; "@name" is a name of the abstract namespace (unix(7)).
 * @type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * Returns the fd, close-on-exec, or a negative errno.
 */
int fd_connect_unix(const char *path, int type);

/** Copies bytes from one fd to another until end of file. Returns 0 or a negative errno. */
int fd_copy(int from, int to);
