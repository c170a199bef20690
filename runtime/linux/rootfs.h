/*
 * rootfs.h: the container's root: a mount of its own made from root.path, and
 * the change into it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"

struct rootfs {
        const char *path;
        int path_fd;  /* O_PATH of root.path as the host sees it */
        int mount_fd; /* its detached mount, and after rootfs_attach() the attached one; -1 without a mount namespace */
        bool readonly;
        bool no_pivot;
        uint64_t propagation; /* MS_* for the container's root, 0: slave */
        bool propagation_recursive;
};

/**
 * Opens root.path.
 * @path: absolute, kept; links in it are the caller's
 * @mount: the container has a mount namespace: make the detached mount too
 */
int rootfs_prepare(struct rootfs *rootfs, const char *path, bool mount, struct error *err);

/**
 * In init's new mount namespace: cuts propagation towards the host and attaches the
 * root's mount. Afterwards `mount_fd` is where everything else is mounted below.
 */
int rootfs_attach(struct rootfs *rootfs, struct error *err);

/** Makes the attached mount the root of the process and drops all other mounts. */
int rootfs_enter(const struct rootfs *rootfs, struct error *err);

/** Changes root without a mount namespace of the container's own. */
int rootfs_chroot(const struct rootfs *rootfs, struct error *err);

void rootfs_close(struct rootfs *rootfs);
