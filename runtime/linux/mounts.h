/*
 * mounts.h: what config.json mounts into the rootfs. A plan is made in the
 * parent, where sources are reachable and mistakes cost nothing yet; init
 * carries it out. Mounts are made detached, get their attributes, and only then
 * appear in the tree, on a target reached by fd (openat2, in-root), so that no
 * link in the rootfs and no race can move them elsewhere (CVE-2021-30465).
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"
#include "cgroup.h"
#include "idmap.h"
#include "mount_options.h"

struct mount_request {
        const struct runtime_config *config;
        const char *bundle; /* absolute path, where relative sources start */
        const char *rootfs; /* absolute path without links; sources below it are the container's */
        int proc_fd;        /* procfs_open() */
        int user_namespace; /* the one the container joins; -1: none */
};

struct mount_plan_item {
        const struct runtime_mount *mount;
        struct mount_options options;
        bool cgroup;        /* type "cgroup" or "cgroup2" */
        bool peer;          /* bind: what is mounted below it shows on the host, too */
        const char *source; /* bind: the source as an absolute path; NULL */
        const char *inside; /* of a source below the container's root: its path there; else NULL */
        int source_fd;      /* bind: the detached mount; -1: init has to make it */
        int map_fd;         /* the plan's: user namespace by whose map ids appear; -1: as they are */
};

struct mount_map {
        struct idmap map;
        int fd;
};

struct mount_plan {
        struct mount_plan_item *items;
        size_t count;
        struct mount_map *maps;
        size_t map_count;
        const char *label; /* linux.mountLabel; NULL: none */
        bool binds_dev;    /* /dev comes from the host as it is: no device nodes are made there */
};

/* What mounts of type cgroup show. */
struct mount_cgroup {
        const struct cgroup *cgroup; /* NULL: none */
        bool namespace;              /* the container has a cgroup namespace */
        /* Called before such a mount is made: sees to it that the cgroup is there, and this process in it. */
        int (*before)(void *data, struct error *err);
        void *data;
};

/**
 * Reads the options, opens the bind sources, and makes the maps of id-mapped mounts.
 * Returns 0 or a negative errno; the message starts with "mounts[3] /data".
 */
int mount_plan_prepare(struct arena *arena, const struct mount_request *request, struct mount_plan *out,
                       struct error *err);

/** Opens what is to stay a peer of the host's mount, in init's mount namespace before its mounts become slaves. */
int mount_plan_open_peers(struct mount_plan *plan, struct error *err);

/** Carries the plan out in the calling process's mount namespace, below the mounted rootfs. */
int mount_plan_apply(struct mount_plan *plan, int rootfs_fd, const struct mount_cgroup *cgroup, struct error *err);

/** Gives the plan's mounts their own propagation again, after one for the root and all below it. */
int mount_plan_repeat_propagation(const struct mount_plan *plan, int root_fd, struct error *err);

/** Makes the plan's /dev read-only where the config wants it so: after the device nodes are in it. */
int mount_plan_finish(const struct mount_plan *plan, int rootfs_fd, struct error *err);

/** Closes what mount_plan_prepare() opened. */
void mount_plan_close(struct mount_plan *plan);

/** Changes a mount's attributes through its fd; nothing to do is no call. */
int mount_set_attributes(int fd, const struct mount_attributes *attributes, uint64_t propagation, bool recursive,
                         struct error *err);

/** Attaches a detached mount on an O_PATH target; both fds stay the caller's. */
int mount_attach(int mount_fd, int target_fd, struct error *err);

/** A detached copy of what is behind an fd. Returns an fd or a negative errno. */
int mount_clone(int fd, bool recursive, struct error *err);
