/*
 * procfs.h: a procfs that no container can cover: opened once and then used by
 * fd, so that a write to a process's files cannot be made to land somewhere else
 * (CVE-2019-16884, CVE-2025-52881).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/* Room for "PID/NAME" of a process's files. */
#define PROCFS_PATH_MAX 64

enum procfs_use {
        PROCFS_READ,      /* nothing is written: the host's /proc serves */
        PROCFS_PROCESSES, /* files of processes are written */
        PROCFS_ALL,       /* so are kernel parameters */
};

/**
 * Opens a procfs of the caller's pid namespace. What is written to gets a mount of its own that no
 * path leads to, so that nothing can be mounted over its files, with no more in it than needed. Who may not make
 * one gets /proc, made sure to be the root of a procfs.
 * Returns an O_PATH fd or a negative errno.
 */
int procfs_open(enum procfs_use use, struct error *err);

/** What is written to /proc to make a process this one. */
enum procfs_use procfs_use_of(const struct runtime_process *process);

/** True if what is behind the fd is on procfs. @root: and is its root directory */
bool procfs_is(int fd, bool root);

/**
 * Opens a file below an fd from procfs_open(), without following links or crossing mounts.
 * @path: relative, "sys/kernel/shmmax"
 * @flags: of open(2)
 * Returns an fd or a negative errno; the message names /proc/PATH.
 */
int procfs_open_file(int proc_fd, const char *path, int flags, struct error *err);

/** Writes the text in one write(2) to a file below an fd from procfs_open(). */
int procfs_write(int proc_fd, const char *path, const char *text, struct error *err);

/** procfs_write() to /proc/PID/NAME. */
int procfs_write_process(int proc_fd, pid_t pid, const char *name, const char *text, struct error *err);

/** procfs_open_file() of /proc/PID/NAME of the calling process. */
int procfs_open_self(int proc_fd, const char *name, int flags, struct error *err);

/**
 * procfs_write() to /proc/PID/NAME of the calling process, whatever its pid is in the pid namespace of this procfs.
 * -ENOENT when there is no such file.
 */
int procfs_write_self(int proc_fd, const char *name, const char *text, struct error *err);
