/*
 * cgroup_mount.h: the "cgroup" mount inside a container, in the shape the host
 * has: one tree (v2), or a directory with one entry a hierarchy (v1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "cgroup.h"

/**
 * @cgroup: the container's; NULL shows an empty directory
 * @cgroup_namespace: the calling process has a cgroup namespace of its own
 * @target: O_PATH fd of the destination directory
 * @rootfs_fd, @destination: where the target is, to find it again once something is mounted on it
 * @attributes: MOUNT_ATTR_*
 */
int cgroup_mount(const struct cgroup *cgroup, bool cgroup_namespace, int target, int rootfs_fd, const char *destination,
                 uint64_t attributes, struct error *err);
