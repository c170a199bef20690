/*
 * state.h: what is kept on disk about a container: one directory below --root,
 * named by the container's id, with
 *
 *   state.json   replaced at once (rename), so a reader needs no lock
 *   config.json  the bundle's config as it was at create
 *   start.sock   where init waits for `start`; gone once the container was started
 *
 * The directory itself is the lock (flock) of those who change the container.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/str.h"
#include "../../spec/runtime_config.h"

#define STATE_FILE "state.json"
#define STATE_CONFIG_FILE "config.json"
#define STATE_SOCKET "start.sock"

/* The most a config may be; read from bundles that others write. */
#define STATE_CONFIG_MAX ((size_t) 16 * 1024 * 1024)

/* How long another command may take with the container before one that must change it gives up. */
#define STATE_LOCK_TIMEOUT_MS 10000

/* state.json. Strings belong to the arena it was read into, or to who fills it. */
struct state {
        const char *oci_version;
        const char *id;
        const char *bundle;      /* absolute */
        const char *rootfs;      /* absolute */
        const char *created;     /* RFC 3339 with nanoseconds */
        uint32_t owner;          /* uid that made the container */
        pid_t pid;               /* of init as the host sees it; 0 while there is none */
        uint64_t start_time;     /* of that pid, see process_start_time() */
        uint64_t process_number; /* of that pid, see process_number(); 0 on a kernel without */
        bool systemd_cgroup;
        bool old_keyring;          /* --no-new-keyring, which exec follows, too */
        bool shares_pids;          /* the pid namespace is not its own: the end of init does not end the others */
        const char *rdt_group;     /* of linux.intelRdt; NULL: none */
        bool rdt_made;             /* the group was made for this container, and goes with it */
        uint64_t host_mount;       /* id of the root's mount where that is the host's, see rootfs_detach(); 0: none */
        const char *cgroups_path;  /* linux.cgroupsPath as written; to find the cgroup of an interrupted create */
        const struct json *cgroup; /* as cgroup_read() takes it; NULL before the cgroup is known */
        struct runtime_pairs annotations;
};

/** Opens the directory of all containers, making it if `make`. Returns an fd or a negative errno. */
int state_open_root(const char *path, bool make, struct error *err);

/** -EINVAL unless the id may name a container. */
int state_check_id(const char *id, struct error *err);

/** Adds the ids of all containers to the list, sorted. No such directory: none. */
int state_list(const char *root, struct str_list *ids, struct error *err);

/** Makes the directory of a new container and locks it. Returns an fd that holds the lock, or -EEXIST. */
int state_make(int root_fd, const char *id, struct error *err);

/** Opens a container's directory. Returns an fd, or -ENOENT ("container does not exist"). */
int state_open(int root_fd, const char *id, struct error *err);

/**
 * Locks an open directory.
 * @timeout_ms: how long to wait for another holder
 * Returns 0, -ETIMEDOUT, or -ENOENT when the container was deleted meanwhile.
 */
int state_lock(int dir_fd, int timeout_ms, struct error *err);

/** Lets others change the container again. */
void state_unlock(int dir_fd);

/** True if some process is changing the container right now. */
bool state_is_locked(int dir_fd);

/** Reads state.json. */
int state_read(int dir_fd, struct arena *arena, struct state *out, struct error *err);

/**
 * Replaces state.json.
 * @put_cgroup: writes the member "cgroup" (see cgroup_write()); NULL writes state->cgroup
 */
int state_write(int dir_fd, const struct state *state, void (*put_cgroup)(struct json_writer *writer, const void *data),
                const void *data, struct error *err);

/** An fd by which state_is_current() tells whether state.json has been replaced since, or -1. */
int state_version(int dir_fd);
bool state_is_current(int version);

/** Removes the directory with all files; the fd stays the caller's. 0 when gone already. */
int state_remove(int root_fd, int dir_fd, const char *id, struct error *err);
