/*
 * path.h: paths that somebody else may control, opened without being led astray.
 *
 * Everything below a container's rootfs, a layer, a volume or an archive is
 * reached through path_open() with a named policy (openat2(2)) and used by fd.
 * On a kernel without openat2 (before 5.6) these functions fail: there is no
 * silent fallback to a lookup that follows hostile links.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

enum path_policy {
        PATH_IN_ROOT,        /* links resolve as if the directory were "/": a container's view */
        PATH_IN_ROOT_CREATE, /* the same; a link to what does not exist yet leads to where it will be made */
        PATH_BENEATH,        /* links are followed, but one that leads out is an error */
        PATH_NO_SYMLINKS,    /* no link anywhere in the path */
};

/**
 * Opens `path` below the directory `root_fd`.
 * @path: relative to root_fd; leading slashes are ignored, "" and "/" mean root_fd itself
 * @flags: of open(2); O_CLOEXEC is always added
 * @mode: permission bits when O_CREAT is in flags
 * Returns an fd the caller closes, or a negative errno with the path in the message
 * (-EXDEV: leads out, -ELOOP: a link where the policy wants none).
 */
int path_open(int root_fd, const char *path, enum path_policy policy, int flags, mode_t mode, struct error *err);

/**
 * Makes the directory `path` and its parents below root_fd (as mkdir -p), with
 * links resolved as the policy says (PATH_BENEATH acts as PATH_IN_ROOT here). ".." in a
 * part that does not exist yet is refused.
 * @mode: permission bits of directories it makes
 * Returns an O_PATH fd of the directory, or a negative errno.
 */
int path_make_dirs(int root_fd, const char *path, enum path_policy policy, mode_t mode, struct error *err);

/** Makes the empty file `path` and its parents unless something is there. Returns an O_PATH fd or a negative errno. */
int path_make_file(int root_fd, const char *path, enum path_policy policy, mode_t mode, struct error *err);

/**
 * Opens the parent directory of `path` (which must exist) and points *name at its last component.
 * @name: set to a pointer into `path`; never "", "." or ".."
 * Returns an O_PATH fd of the parent, or a negative errno (-EINVAL: there is no usable last component).
 */
int path_open_parent(int root_fd, const char *path, enum path_policy policy, const char **name, struct error *err);

/** Room for "/proc/self/fd/N". */
#define PATH_FD_MAX 32

/**
 * The id of the mount an open file is on. Not the same as its device: a bind mount of a volume has the
 * device of what surrounds it. Returns 0 or a negative errno.
 */
int path_mount_id(int fd, uint64_t *out);

/** Writes "/proc/self/fd/N", for calls that take only a path; only for fds this process opened safely. */
const char *path_of_fd(int fd, char buffer[PATH_FD_MAX]);

/** True if the text is one usable file name: not empty, not "." or "..", no "/", at most 255 bytes. */
bool path_is_name(const char *text);

/** True if the text matches [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255 bytes: ids and names of containers, networks,
 * volumes. */
bool path_is_id(const char *text);

/** Removes "//", "/./" and "/../" by text alone, as Go's path.Clean; the caller frees it. */
char *path_clean(const char *path);

/** True if the path, absolute and clean as the directory is, names the directory or something in it. */
bool path_is_within(const char *path, const char *directory);

/** "a/b" from "a" and "b", with one slash between; the caller frees it. */
char *path_join(const char *directory, const char *name);

/** The absolute form of `path` by the current directory, cleaned, links kept; the caller frees *out. */
int path_absolute(const char *path, char **out, struct error *err);

/** Removes `name` below directory `dir_fd` and all it holds, never following links or leaving the file system. 0 when
 * gone already. */
int path_remove_tree(int dir_fd, const char *name, struct error *err);

/** mkdir -p for a trusted path of the program's own (state, store). Returns 0 or a negative errno. */
int path_make_trusted_dirs(const char *path, mode_t mode, struct error *err);
