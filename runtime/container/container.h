/*
 * container.h: a container that exists: found by id, its status, signals to it,
 * and its end.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"
#include "../linux/cgroup.h"
#include "state.h"

enum container_status {
        CONTAINER_CREATING,
        CONTAINER_CREATED,
        CONTAINER_RUNNING,
        CONTAINER_PAUSED,
        CONTAINER_STOPPED,
};

struct container {
        struct arena *arena;
        int root_fd;
        int dir_fd;
        int pidfd; /* of init; -1 when init has ended (also while it waits to be reaped) */
        struct state state;
        struct cgroup *cgroup; /* NULL when there is none, or none known */
};

/**
 * Opens a container.
 * @root: the value of --root
 * @out: filled; release with container_close() whatever is returned
 * Returns 0 or a negative errno (-ENOENT: "container does not exist").
 */
int container_open(const char *root, const char *id, struct container *out, struct error *err);
void container_close(struct container *container);

/** Reads the state again: what waited for the lock may find another one than it had. */
int container_refresh(struct container *container, struct error *err);

#define _cleanup_container_ _cleanup_(container_close)
#define CONTAINER_INIT                                                                                                 \
        { .root_fd = -1, .dir_fd = -1, .pidfd = -1 }

enum container_status container_status(const struct container *container);

/** "creating", "created", "running", "paused", "stopped". */
const char *container_status_name(enum container_status status);

/** Reads the config the container was created with, into the container's arena. */
int container_config(const struct container *container, struct runtime_config *out, struct error *err);

/** Writes the state document of runtime.md: the members, within an object the caller began. */
void container_put_state(struct json_writer *writer, const struct state *state, const char *status, pid_t pid);

/** The state document hooks get on standard input; the caller frees it. */
char *container_hook_state(const struct state *state, const char *status, pid_t pid);

/** Hands the seccomp listener of process `pid` to linux.seccomp.listenerPath; the fd stays the caller's. */
int container_send_listener(const struct state *state, const struct runtime_seccomp *seccomp, pid_t pid, int listener,
                            struct error *err);

/** Signals init, or every process with `all`. -ESRCH ("container not running") when there is nobody. */
int container_signal(const struct container *container, int signal, bool all, struct error *err);

/** Kills init and waits until it is gone (10 s at most), thawing a frozen container. */
int container_kill(const struct container *container, struct error *err);

/** Runs the poststop hooks of a container that is gone; their failures are warnings. */
void container_poststop(const struct state *state, const struct runtime_config *config);

/**
 * Removes what is left of a container whose init has ended: processes of its
 * cgroup, the cgroup, the state directory; then runs the poststop hooks, whose
 * failures are warnings.
 */
int container_destroy(struct container *container, struct error *err);

/** As above, for who has the config at hand; NULL: it cannot be read, and poststop hooks are not run. */
int container_destroy_with(struct container *container, const struct runtime_config *config, struct error *err);
