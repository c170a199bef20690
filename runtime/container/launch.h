/*
 * launch.h: what the parent has prepared when it makes a container's init
 * process. Init is a clone of the parent, so it finds all of it in its memory:
 * the config is read once and nothing is passed on as text.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../linux/capabilities.h"
#include "../linux/mounts.h"
#include "../linux/namespaces.h"
#include "../linux/rootfs.h"
#include "../linux/seccomp.h"
#include "container.h"

struct launch {
        const struct runtime_config *config;
        const struct state *state;
        struct namespace_plan namespaces;
        struct rootfs rootfs;
        struct mount_plan mounts;
        int device_nodes; /* devices_prepare(), or -1 */
        struct capability_sets capabilities;
        struct seccomp_program seccomp;
        const struct cgroup *cgroup; /* NULL: none; its v1 directories may be there only after SYNC_GO */
        bool cgroup_after_go;        /* init comes into its cgroup only then */
        /*
         * The state directory with its lock. Init shares the lock until the parent has noted its pid: if the
         * parent is killed before, `delete` waits for init's end, of which nothing else would tell it.
         */
        int lock_fd;
        int self_handle;    /* of self_protect(), or -1; closed by init at once */
        int proc_fd;        /* procfs_open() */
        int parent_socket;  /* of the parent; closed by init */
        int init_socket;    /* of init; closed by the parent */
        int start_socket;   /* create: where init listens for `start`; -1: run */
        int console_socket; /* --console-socket, or -1: the parent relays */
        int preserve_fds;
        int listen_fds;
        const char *listen_names; /* a copy of LISTEN_FDNAMES, or NULL */
        bool at_once;             /* run: init does not wait for SYNC_START */
        bool new_keyring;
        bool deny_setgroups;
        bool made_by_user;       /* the parent is not root */
        const void *signal_mask; /* sigset_t the program gets */
};

/** Everything init does, up to the container's program. Does not return. */
void __attribute__((noreturn)) init_main(struct launch *launch);
