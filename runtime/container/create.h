/*
 * create.h: makes a container from a bundle: state on disk, cgroup, init. What
 * was made is undone when a later step fails; a create that is killed leaves a
 * state directory from which `delete --force` finds the rest.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"
#include "container.h"

struct create_options {
        const char *root; /* --root */
        const char *id;
        const char *bundle;
        const char *config;         /* instead of the bundle's config.json; NULL: that */
        const char *console_socket; /* NULL: none */
        const char *pid_file;       /* NULL: none */
        const char *pidfd_socket;   /* NULL: none */
        int64_t preserve_fds;
        struct opt_bool
                rootless; /* cgroups that may not be made are done without; not set: where that is to be expected */
        bool systemd_cgroup;
        bool no_cgroup; /* the container stays in the cgroup of its caller, without limits */
        bool no_pivot;
        bool no_new_keyring;
        int self_handle;             /* of self_protect(): will be closed; or -1 */
        bool wait_for_start;         /* create: init waits until `start`; run: it executes at once */
        bool detach;                 /* the caller does not stay for a terminal */
        const sigset_t *signal_mask; /* what the program gets; NULL: the calling process's */
};

struct created {
        pid_t pid;
        int pidfd;
        int terminal;       /* master side when the caller relays it, else -1 */
        int notify;         /* of notify.h, for the caller to serve, else -1 */
        bool has_poststart; /* the caller has to run container_poststart() */
        /*
         * For who stays until the container's end, what it takes to destroy it, read and open: else
         * CONTAINER_INIT and NULL. The config is in the container's arena.
         */
        struct container container;
        const struct runtime_config *config;
        int state_version; /* of state_version() */
};

/**
 * Makes the container and, unless options->wait_for_start, starts it.
 * The caller owns the fds of *out.
 */
int container_create(const struct create_options *options, struct created *out, struct error *err);
