/*
 * mount_target.h: what a mount goes on: a file or directory of the rootfs, made if
 * it is missing and reached by fd, and what must not be mounted over.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"

struct mount_target_request {
        const char *destination; /* as the container sees it, absolute */
        const char *type;        /* of the file system; "bind" for binds */
        int source_fd;           /* the detached mount, or -1 when it is made later and is a directory */
        bool existing;           /* remount: nothing is made and nothing refused */
};

/**
 * Opens the target, making it if need be. Links are followed within the rootfs; /proc, /sys and
 * /dev themselves must not be links.
 * Returns an O_PATH fd or a negative errno.
 */
int mount_target_open(int rootfs_fd, const struct mount_target_request *request, struct error *err);

/** True if the destination is this path, however it is written. */
bool mount_target_is(const char *destination, const char *path);
