/*
 * masked_paths.h: paths the container must not read (linux.maskedPaths) or
 * write (linux.readonlyPaths).
 */
#pragma once

#include "../../lib/error.h"

/**
 * Hides each path: a directory under an empty read-only tmpfs, anything else
 * under /dev/null of the host, which is verified to be the null device
 * (CVE-2025-31133). Paths that do not exist are skipped.
 * @paths: NULL-terminated
 */
int masked_paths_apply(int rootfs_fd, const char *const *paths, struct error *err);

/** Makes each path, with all mounts below it, read-only. Paths that do not exist are skipped. */
int readonly_paths_apply(int rootfs_fd, const char *const *paths, struct error *err);
