/*
 * cgroup_private.h: what the files runtime/linux/cgroup*.c share: the handle,
 * the table of drivers, and control files read and written by directory fd.
 * Everybody else uses cgroup.h.
 */
#pragma once

#include <errno.h>

#include "../../lib/cleanup.h"
#include "../../lib/memory.h"
#include "cgroup.h"

#define CGROUP_HIERARCHY_MAX 16

/* A zero means "not given" to runc's callers, wherever zero is no sensible limit. */
#define CGROUP_GIVEN(option) ((option).set && (option).value != 0)

/* What a process without rights gets where it may make no cgroup. */
static inline bool cgroup_is_denied(int r) {
        return r == -EACCES || r == -EPERM || r == -EROFS;
}

/* What belongs to a hierarchy beside its public description. */
struct cgroup_place {
        int fd;               /* the directory, or -1 while not open */
        bool made;            /* this process made the directory: a failed create removes it */
        bool kept;            /* in the record, but no directory is made before it is needed (cpuset) */
        unsigned int parents; /* how many directories above it were made with it, and go with it when empty */
};

struct cgroup_driver;

struct cgroup {
        struct arena *arena;
        const struct cgroup_driver *driver;
        bool rootless;
        bool found;    /* by its path alone: whose processes are in it is not known */
        bool complete; /* cgroup_finish() has made all of it, or it was read from a record */
        /* Of systemd's driver: the scope, the slice it is in, whose service manager they belong to … */
        const char *unit;
        const char *slice;
        bool user_manager;
        const struct cgroup_request *pending; /* … and what is to be made once there is a process */
        /* The hierarchies in use come first, those kept for later behind them. */
        struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHY_MAX];
        struct cgroup_place places[CGROUP_HIERARCHY_MAX];
        size_t count; /* in use */
        size_t total; /* with the kept ones */
        int unified;  /* index of the v2 hierarchy, or -1 */
};

struct cgroup_driver {
        const char *name; /* in state.json */
        /* Adds the hierarchies that create would use, and makes none of them. */
        int (*locate)(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err);
        int (*create)(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err);
        /* Makes what create has left out because no process is born into it. NULL: it leaves nothing out. */
        int (*finish)(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err);
        /* Makes, limits and enters a cgroup that cannot be without a process. NULL: create has made it. */
        int (*attach)(struct cgroup *cgroup, pid_t pid, struct error *err);
        /* Sets limits. `fresh`: the cgroup is new, so nothing needs to be undone first. */
        int (*apply)(struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh, struct error *err);
        int (*freeze)(const struct cgroup *cgroup, bool frozen, struct error *err);
        int (*frozen)(const struct cgroup *cgroup, struct error *err);
        int (*stats)(const struct cgroup *cgroup, struct json_writer *writer, struct error *err);
        /* Ends what stands for the cgroup beside its directories. May be NULL. */
        int (*remove)(const struct cgroup *cgroup, struct error *err);
};

extern const struct cgroup_driver cgroup_v1_driver; /* legacy and hybrid hosts */
extern const struct cgroup_driver cgroup_v2_driver;
extern const struct cgroup_driver cgroup_systemd_driver;

/** A handle without hierarchies, for cgroup_free(). */
struct cgroup *cgroup_new(const struct cgroup_driver *driver);

DEFINE_CLEANUP(cgroup_free_at, struct cgroup *, cgroup_free);

/** cgroup_end.c: takes back what a create that failed has made. */
void cgroup_undo(const struct cgroup *cgroup);

/* cgroup_host.c: what the host mounts, and where a container's cgroup goes. */

struct cgroup_mount {
        const char *name;  /* "memory", "cpu,cpuacct", "systemd"; "" for v2 */
        const char *mount; /* absolute path */
        const char *own;   /* this process's own cgroup, below `mount`: "/" or "/a/b" */
        bool v2;
};

struct cgroup_host {
        struct cgroup_mount mounts[CGROUP_HIERARCHY_MAX];
        size_t count;
};

/** Finds the hierarchies that are mounted and that this process is in; texts go to the arena. */
int cgroup_host_read(struct arena *arena, struct cgroup_host *out, struct error *err);

/**
 * The cgroup's path below a hierarchy's mount, as runc 1.1 chooses it: an absolute
 * cgroups path starts at the root of the hierarchy, a relative one (or the id) at
 * this process's own cgroup; on v2, at the parent of it, because a cgroup with
 * processes may not hand controllers down.
 */
const char *cgroup_host_path(struct arena *arena, const struct cgroup_mount *mount,
                             const struct cgroup_request *request);

/** Adds a hierarchy to the handle. The texts must live as long as it. */
int cgroup_add_hierarchy(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy, bool kept, struct error *err);

/** Takes a hierarchy out of the handle again; those behind it move up. */
void cgroup_drop_hierarchy(struct cgroup *cgroup, size_t index);

/** Makes the directory of hierarchy `index` with its parents. 0, or a negative errno (-EBUSY: others live in it). */
int cgroup_make_directory(struct cgroup *cgroup, size_t index, struct error *err);

/**
 * mkdir -p below the hierarchy's mount.
 * @parents: counts the directories made above the last one
 * Returns 1 when the last directory is new, 0 when it was there, or a negative errno.
 */
int cgroup_make_path(const struct cgroup_hierarchy *hierarchy, unsigned int *parents);

/** Puts a process (0: the calling one) into the v1 hierarchy `index`. 0 or a negative errno. */
int cgroup_attach_v1(const struct cgroup *cgroup, size_t index, pid_t pid);

/** An fd of the hierarchy's directory, opened when needed; it belongs to the cgroup. */
int cgroup_directory(const struct cgroup *cgroup, size_t index);

/** The index of the v1 hierarchy that has the controller (kept ones too), or -1. */
int cgroup_find_controller(const struct cgroup *cgroup, const char *controller);

/* cgroup_files.c: control files. */

/** Writes a value in one write(2). Returns 0 or a negative errno, without a message. */
int cgroup_file_put(int dir_fd, const char *file, const char *value);

/**
 * As above, with a message that starts with the property of config.json
 * ("linux.resources.memory.limit: ...") and says when the host has no such file.
 */
int cgroup_file_set(int dir_fd, const char *file, const char *value, const char *property, struct error *err);

/** The message of cgroup_file_set() for an errno seen elsewhere. Returns -code. */
int cgroup_file_error(struct error *err, int code, const char *property, const char *file, const char *value);

/** Reads a control file, at most `size` - 1 bytes. Returns the length or a negative errno. */
int cgroup_file_get(int dir_fd, const char *file, char *buffer, size_t size);

/** Reads a file that holds one number; "max" gives UINT64_MAX. Returns 0 or a negative errno. */
int cgroup_file_get_number(int dir_fd, const char *file, uint64_t *out);

/** The number behind `key` in a "key value" file's text. Returns false when it is not there. */
bool cgroup_text_number(const char *text, const char *key, uint64_t *out);

/** A list such as "0-3,7" as a set of bits, lowest byte first, in `set`. Returns the bytes used or -EINVAL. */
int cgroup_cpu_set(const char *list, unsigned char *set, size_t size);

/* One value to be written together with others that the kernel checks it against. */
struct cgroup_value {
        const char *file;
        const char *property;
        char text[32];
        bool optional; /* not written, and no error, when the host has no such file */
        bool done;
};

/**
 * Writes values whose order depends on what is there already (limit and memsw,
 * quota and period and burst): one that the kernel refuses as inconsistent is
 * tried again after the others.
 */
int cgroup_values_set(int dir_fd, struct cgroup_value *values, size_t count, struct error *err);

/* cgroup_freezer.c: both kinds of freezer. */
int cgroup_v2_freeze(const struct cgroup *cgroup, bool frozen, struct error *err);
int cgroup_v2_frozen(const struct cgroup *cgroup, struct error *err);
int cgroup_v1_freeze(const struct cgroup *cgroup, bool frozen, struct error *err);
int cgroup_v1_frozen(const struct cgroup *cgroup, struct error *err);

/* cgroup_tree.c */

/** The processes of directory `path` below dir_fd and of the cgroups in it, appended to the list. */
int cgroup_tree_pids(int dir_fd, pid_t **pids, size_t *count);
/** Removes the cgroups below dir_fd (not dir_fd itself). 0 or a negative errno, -EBUSY with processes inside. */
int cgroup_tree_remove_children(int dir_fd);

/* cgroup_devices.c: the rules every container gets beside its own, oldest first. */
extern const struct runtime_device_rule cgroup_default_device_rules[];
extern const size_t cgroup_default_device_rule_count;

/** A rule for every device and every access. */
bool cgroup_device_rule_names_all(const struct runtime_device_rule *rule);

/* cgroup_devices.c, cgroup_devices_bpf.c: device rules by driver. */
int cgroup_v1_apply_devices(const struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                            struct error *err);
int cgroup_v2_apply_devices(int dir_fd, const struct runtime_resources *resources, struct error *err);

/* cgroup_v1.c */

/** For a cgroup that somebody else made: makes it in the hierarchies where it is not, and puts the process there. */
int cgroup_v1_join(struct cgroup *cgroup, pid_t pid, struct error *err);

/* The CPU time of a period, in microseconds; a quota of -1 is none. */
struct cgroup_bandwidth {
        int64_t quota;
        uint64_t period;
};

/** The bandwidth the cgroup has now, by cpu.max or cpu.cfs_*. 0 or a negative errno. */
int cgroup_bandwidth_read(const struct cgroup *cgroup, struct cgroup_bandwidth *out);

/** -EBUSY, naming the property, when checkBeforeUpdate is asked for and more memory is in use than the new limit. */
int cgroup_v2_check_usage(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err);

/**
 * For an update with one of memory.limit and memory.swap: what the other one is now, so that the
 * two together stay as they were.
 */
void cgroup_v2_complete_memory(const struct cgroup *cgroup, struct runtime_resources *resources);

/* cgroup_v2_limits.c; also for the v2 half of a hybrid host. */

/** Sets every limit but device rules in the v2 directory. */
int cgroup_v2_apply_limits(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err);
/** The line of rdma.max for a device; the caller frees it. */
char *cgroup_rdma_text(const struct runtime_rdma *rdma);
/** Hands all controllers down to the cgroup, as far as its parents allow. 0 or a negative errno. */
int cgroup_v2_enable(const struct cgroup *cgroup, struct error *err);
/* Values of v1 in terms of v2, by the formulas of runc, which users' limits were chosen by. */
uint64_t cgroup_weight_of_shares(uint64_t shares);
uint64_t cgroup_io_weight_of_blkio(uint64_t weight);
/** What memory.swap.max gets: 0 and *out ("" for nothing to set), or -EINVAL with a message. */
int cgroup_swap_text(struct opt_i64 limit, struct opt_i64 swap, char *out, size_t size, struct error *err);
int cgroup_v2_apply_hugepages(const struct cgroup *cgroup, const struct runtime_resources *resources,
                              struct error *err);
int cgroup_v2_apply_unified(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err);

/* cgroup_stats.c */
int cgroup_v1_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err);
int cgroup_v2_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err);
