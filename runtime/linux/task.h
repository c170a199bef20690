/*
 * task.h: what a process becomes on its way to execve: user, groups, working
 * directory, program. The last steps of init and of exec alike.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"
#include "capabilities.h"
#include "seccomp.h"

struct task {
        const struct runtime_process *process;
        const struct capability_sets *capabilities; /* NULL: all are dropped */
        const struct seccomp_program *seccomp;      /* NULL: no filter */
        int preserve_fds;                           /* fds 3 .. 2 + n go on to the program */
        int listen_fds;                             /* of them: systemd's LISTEN_FDS; 0: none */
        const char *listen_names;                   /* systemd's LISTEN_FDNAMES; NULL: none */
        bool deny_setgroups;                        /* a user namespace, which may not allow setgroups(2) */
        bool keep_groups;                           /* the caller's supplementary groups stay */
        bool filter_loaded;                         /* by task_load_filter() */
};

/**
 * How many sockets of systemd's socket activation (sd_listen_fds(3)) this process was given to
 * hand on: LISTEN_FDS, unless LISTEN_PID says that they are another's.
 */
int task_listen_fds(void);

/**
 * Looks args[0] up in the PATH of process.env, seen from process.cwd.
 * Returns 0 with *path set (the caller frees it), or -ENOENT/-EACCES.
 */
int task_find_program(const struct runtime_process *process, char **path, struct error *err);

/**
 * Gives up what the program may not have: limits, user, groups, capabilities (but what loading the filter takes);
 * changes to the working directory; loads a filter that has a listener.
 * @listener: set to the seccomp listener fd or -1
 */
int task_confine(const struct task *task, int *listener, struct error *err);

/** True if the annotations ask for the caller's groups, with crun's name for it: podman's --group-add keep-groups. */
bool task_keeps_groups(const struct runtime_pairs *annotations);

/** Loads the filter if task_confine() did not: before hooks that must run under it. */
int task_load_filter(struct task *task, struct error *err);

/** Loads the filter if that is still to be done, and executes the program. Returns only on failure. */
int task_execute(struct task *task, const char *path, struct error *err);
