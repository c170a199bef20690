/*
 * cgroup.h: the container's control group, whatever the host mounts: v2
 * (unified), v1 (legacy), v1 with a v2 tree beside it (hybrid), or systemd.
 *
 * Each is a driver behind one table; callers see one `struct cgroup`. A cgroup
 * is found again from what cgroup_write() put in state.json.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../spec/runtime_config.h"

struct cgroup;

struct cgroup_request {
        const char *container_id;
        const char *cgroups_path;                  /* linux.cgroupsPath, or NULL for a default made from the id */
        bool systemd;                              /* --systemd-cgroup: cgroups_path is "slice:prefix:name" */
        bool rootless;                             /* a cgroup that may not be made is left out, not an error, */
        bool insists;                              /* unless the caller insists on cgroups_path */
        const struct runtime_resources *resources; /* may be NULL */
        const struct runtime_pairs *annotations;   /* for org.systemd.property.* */
        /* The container mounts cgroups: hierarchies that cost much and limit nothing yet (cpuset) are made too. */
        bool complete;
};

/**
 * The first half of making a cgroup: finds where it goes and makes the part that a process
 * can be born into, the v2 directory. On a v1 host that is the smaller part: cgroup_finish()
 * makes the rest, while the new process does what needs no cgroup.
 * systemd makes a cgroup only around a process: then all happens in cgroup_attach(), until
 * which the request and what it points to must stay.
 * On failure everything made so far is removed again.
 * @out: the cgroup; release the handle with cgroup_free()
 */
int cgroup_begin(const struct cgroup_request *request, struct cgroup **out, struct error *err);

/**
 * The second half, with the same request: makes what is missing and sets the limits. After a
 * failure cgroup_remove() takes away what was made, or it may be tried again with other rights.
 */
int cgroup_finish(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err);

/**
 * The cgroup that cgroup_begin() would make or has made for the request, found
 * by its path alone: for removing what an interrupted create left behind. Its
 * directories need not exist.
 */
int cgroup_find(const struct cgroup_request *request, struct cgroup **out, struct error *err);

/**
 * An fd of the v2 directory for clone3(CLONE_INTO_CGROUP), or -1 when the process
 * must be moved with cgroup_attach(). The fd belongs to the cgroup.
 */
int cgroup_clone_fd(const struct cgroup *cgroup);

/** True if a negative errno of clone3() is about the cgroup: then the process is made outside and moved. */
bool cgroup_refuses_clone(int r);

/**
 * Moves a process into the cgroup, in every hierarchy.
 * @pid: 0 means the calling, single-threaded process itself: for the kernel much the cheaper
 * way, but the process must still be allowed to write to the cgroup's files
 */
int cgroup_attach(struct cgroup *cgroup, pid_t pid, struct error *err);

/**
 * True if this process may not move others into the cgroup, but the user's service manager, whose cgroup it is, has
 * it done: from a session's own cgroup nobody but root leaves (cgroups(7), "Delegation containment").
 */
bool cgroup_needs_manager(const struct cgroup *cgroup);

/**
 * Has the service manager put a process of the calling user's into the cgroup.
 * @below: a cgroup in it, "" for itself
 */
int cgroup_admit(const struct cgroup *cgroup, const char *below, pid_t pid, struct error *err);

/**
 * The v2 directory that a process is in: init may have left the container's own for one below,
 * as systemd in a container does, and then no process fits into that any more (EBUSY).
 * @proc_fd: from procfs_open()
 * Returns an fd the caller closes, or a negative errno.
 */
int cgroup_open_of_process(const struct cgroup *cgroup, int proc_fd, pid_t pid, struct error *err);

/**
 * Gives the v2 cgroup to a user, who may then make cgroups in it (config-linux.md, "Cgroup ownership").
 * @uid: of the host
 */
int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, struct error *err);

/** Changes limits of a running container: only what is set in `resources` changes. */
int cgroup_update(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err);

/** Freezes or thaws all processes, waiting until the kernel says so (at most 5 s: -ETIMEDOUT). */
int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct error *err);

/** 1 if frozen, 0 if not, or a negative errno. */
int cgroup_frozen(const struct cgroup *cgroup, struct error *err);

/** The directory whose freezer cgroup_freeze() uses, or NULL when there is none. */
const char *cgroup_freezer_directory(const struct cgroup *cgroup);

/** All processes of the cgroup and the cgroups below it; the caller frees *pids. Gone: zero processes. */
int cgroup_pids(const struct cgroup *cgroup, pid_t **pids, size_t *count, struct error *err);

/** Signals every process; SIGKILL uses cgroup.kill where the kernel has it. */
int cgroup_signal(const struct cgroup *cgroup, int signal, struct error *err);

/**
 * Removes the cgroup with all below it, killing what still runs there. 0 when gone already. Of one that
 * was not finished, only what this process has made goes: the rest may be somebody else's.
 */
int cgroup_remove(const struct cgroup *cgroup, struct error *err);

/**
 * Writes usage figures as the "data" of `runc events --stats` has them: the members cpu,
 * memory, pids, blkio and hugetlb of the object that the caller has begun and will end.
 */
int cgroup_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err);

/* Watching for kills for lack of memory. */
struct cgroup_oom {
        int fd;         /* to be polled: POLLIN (v1) and POLLPRI (v2) say that cgroup_oom_happened() may be true */
        int control_fd; /* v1: what the events are about */
        int dir_fd;     /* belongs to the cgroup */
        bool v2;
        uint64_t count;
};

#define CGROUP_OOM_INIT                                                                                                \
        { .fd = -1, .control_fd = -1, .dir_fd = -1 }

/** Begins to watch; the cgroup must outlive it. Release with cgroup_oom_close() whatever is returned. */
int cgroup_oom_open(const struct cgroup *cgroup, struct cgroup_oom *out, struct error *err);
void cgroup_oom_close(struct cgroup_oom *oom);

/** True if a process was killed since the last call. When it cannot happen any more, `fd` is -1. */
bool cgroup_oom_happened(struct cgroup_oom *oom);

/** For state.json: writes / reads the member `key` that names the cgroup's directories. */
void cgroup_write(const struct cgroup *cgroup, struct json_writer *writer, const char *key);
int cgroup_read(const struct json *value, struct cgroup **out, struct error *err);

/**
 * What a "cgroup" mount inside the container must show: for each hierarchy the
 * host directory of this container's cgroup and the name below /sys/fs/cgroup.
 */
struct cgroup_hierarchy {
        const char *name;      /* "memory", "cpu,cpuacct", "systemd"; "" for v2 */
        const char *directory; /* absolute host path of this container's cgroup, e.g. /sys/fs/cgroup/memory/x */
        const char *mount;     /* absolute host path of the hierarchy's mount */
        bool v2;
};

/** The hierarchies, which belong to the cgroup. Returns their number. */
size_t cgroup_hierarchies(const struct cgroup *cgroup, const struct cgroup_hierarchy **out);

/** True if the helper program that systemd's driver needs is there. */
bool cgroup_systemd_available(void);

/** True if the host has a pure v2 tree at /sys/fs/cgroup. */
bool cgroup_host_unified(void);

void cgroup_free(struct cgroup *cgroup);
