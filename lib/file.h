/*
 * file.h: small files as a whole: read bounded, written by stage and rename, locked.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/**
 * Reads a whole file.
 * @dir_fd: where `path` starts; AT_FDCWD for the current directory
 * @max: the most bytes accepted; a larger file is an error (-EFBIG)
 * @out: set to the content with a NUL behind it; the caller frees it
 * @size: set to the content's size; may be NULL
 * Returns 0 or a negative errno; the message names the path.
 */
int file_read(int dir_fd, const char *path, size_t max, char **out, size_t *size, struct error *err);

/** The longest name of a file that is written here: ".PID.tmp" is appended to it for a while. */
#define FILE_NAME_LONGEST (NAME_MAX - 12)

/**
 * Replaces a file at once: written to a temporary name with O_EXCL, fsynced, renamed.
 * A reader sees the old content or the new, also after a crash.
 */
int file_write_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err);

/** As file_write_atomic(), but without waiting for the disk: for what a reboot makes worthless anyway. */
int file_write_volatile(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err);

/**
 * Makes a file that appears with all its content at once, and of which nothing is left when the writer is
 * killed on the way, not even a temporary name. What had the name goes first: unlike with the two above,
 * a reader may find no file for a moment. Where a file system cannot make files without a name, it acts as
 * file_write_volatile().
 */
int file_write_new(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err);

/** Writes to a file that exists already, in one write(2): /proc, /sys and cgroup files. */
int file_write_existing(int dir_fd, const char *path, const char *data, struct error *err);

enum file_lock { FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE };

/**
 * Opens (making it if need be) and locks a file with flock(2), waiting for the lock.
 * Returns the fd that holds the lock; closing it releases the lock. Or a negative errno.
 */
int file_lock(int dir_fd, const char *path, enum file_lock kind, struct error *err);
