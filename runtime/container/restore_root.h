/*
 * restore_root.h: the root file system as criu wants it for a restore: a mount
 * of its own, with a place for each of the container's mounts. It is in a mount
 * namespace that only this process and criu see, and that ends with them.
 */
#pragma once

#include "../../lib/error.h"
#include "../linux/criu.h"
#include "bundle.h"

struct restore_root {
        int host;      /* the mount namespace to go back to */
        int directory; /* the working directory there */
        int state_fd;
        char *path;
};

#define RESTORE_ROOT_INIT                                                                                              \
        { .host = -1, .directory = -1, .state_fd = -1 }

/**
 * Enters the new mount namespace and mounts the root there.
 * @root: set to RESTORE_ROOT_INIT before; go back with restore_root_leave() whatever is returned
 * @state_fd: the container's state directory, in which the mount point is made
 */
int restore_root_enter(struct restore_root *root, int state_fd, const struct bundle *bundle, struct error *err);

/** Makes missing mount points, and names the root and the bind mounts to criu. */
int restore_root_put(const struct restore_root *root, const struct bundle *bundle, struct criu *criu,
                     struct error *err);

/** Goes back to the namespace and directory that the process was in. */
void restore_root_leave(struct restore_root *root);
