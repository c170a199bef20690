/*
 * rootfs.h: the container's root: a mount of its own made from root.path, and
 * the change into it. A container without a mount namespace gets that mount in
 * the caller's, on root.path, and everything else below it: one call takes all
 * of them off again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"

struct rootfs {
        const char *path;
        int path_fd;  /* O_PATH of root.path as the host sees it */
        int mount_fd; /* its detached mount, and after rootfs_attach() the attached one; -1: see `mount` */
        bool mount;   /* a mount of its own is wanted; where only init may make it, that is left to rootfs_attach() */
        bool on_host; /* the container has no mount namespace */
        bool readonly;
        bool no_pivot;
        uint64_t propagation; /* MS_* for the container's root, 0: slave */
        bool propagation_recursive;
};

/**
 * Opens root.path, and makes the detached mount if one is wanted.
 * @path: absolute, kept; links in it are the caller's
 */
int rootfs_prepare(struct rootfs *rootfs, const char *path, struct error *err);

/**
 * In init: cuts propagation towards the host and attaches the root's mount.
 * Afterwards rootfs_fd() is where everything else is mounted below.
 */
int rootfs_attach(struct rootfs *rootfs, struct error *err);

/** The directory that becomes the root; the struct's. */
int rootfs_fd(const struct rootfs *rootfs);

/** Makes it the root of the process and, in a mount namespace of the container's, drops all other mounts. */
int rootfs_enter(const struct rootfs *rootfs, struct error *err);

/**
 * Takes the root's mount and all below it off the host again.
 * @path: root.path
 * @mount_id: path_mount_id() of the mount; one that is gone from the path is no error
 * -EBUSY: another mount covers it.
 */
int rootfs_detach(const char *path, uint64_t mount_id, struct error *err);

void rootfs_close(struct rootfs *rootfs);
