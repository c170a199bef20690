/*
 * external.h: what belongs to a container but comes from outside, so that criu
 * does not save it: bind mounts, masked files, device nodes and cgroups bound
 * from the host, namespaces by path, standard streams. At the dump each gets a
 * name, under which the restore puts the present one in its place.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"
#include "../linux/cgroup.h"
#include "../linux/criu.h"
#include "container.h"

/** Names all that is from outside in a running container, and notes its standard streams in the image directory. */
int external_put_dump(struct criu *criu, const struct container *container, const struct runtime_config *config,
                      struct error *err);

/**
 * Gives all but bind mounts (see restore_root.h) for a container that is to be restored.
 * @cgroup: the new one; NULL: none
 */
int external_put_restore(struct criu *criu, const struct runtime_config *config, const struct cgroup *cgroup,
                         struct error *err);

/** True if the mount is a bind mount, and not the change of one. */
bool external_is_bind(const struct runtime_mount *mount, bool *recursive);

/**
 * Where a file really is below a root, as the kernel names it there; the caller frees it, NULL on failure.
 * @root_fd: the root, @fd: the file
 */
char *external_path(int root_fd, int fd);
