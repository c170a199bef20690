/*
 * namespaces.h: which namespaces a process gets: made by clone3(2), joined by
 * path or by pidfd, and what a new one needs before it is of use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

struct namespace_plan {
        uint64_t create;                /* CLONE_NEW* for clone3() */
        int join[NAMESPACE_TYPE_COUNT]; /* fds of namespaces to join; -1: none */
        bool intermediate;              /* a process in between must join before init can be made */
        bool new_cgroup;                /* made by init itself, once it is in its cgroup */
        bool new_time;                  /* made by init itself: offsets must be set before anybody is in it */
};

/** Opens the namespaces to join, making sure each is of its type. Release with namespaces_close(). */
int namespaces_prepare(const struct runtime_linux *config, struct namespace_plan *out, struct error *err);
void namespaces_close(struct namespace_plan *plan);

/** True if the path is that of the namespace which this process is in. */
bool namespaces_is_own(enum runtime_namespace_type type, const char *path);

/**
 * Joins all namespaces of the plan that the calling process can join now. To be
 * called by the intermediate process, or by init when there is none.
 */
int namespaces_join(struct namespace_plan *plan, struct error *err);

/**
 * clone3(2) without sharing memory.
 * @cgroup_fd: cgroup v2 directory to start in, or -1
 * Returns like fork(2), or a negative errno.
 */
pid_t namespaces_clone(uint64_t flags, int cgroup_fd, int exit_signal);

/**
 * Opens the file of the calling process that takes a new time namespace's offsets: while it may, that is before
 * self_close_to_others(). *out is left alone when there are no offsets.
 */
int namespaces_open_offsets(const struct runtime_linux *config, int proc_fd, int *out, struct error *err);

/**
 * Makes and enters the new time namespace.
 * @offsets_fd: from namespaces_open_offsets()
 */
int namespaces_new_time(const struct runtime_linux *config, int offsets_fd, int proc_fd, struct error *err);

/** Sets the loopback interface of the calling process's network namespace up. */
int namespaces_loopback_up(struct error *err);

/** The CLONE_NEW* flag of a type. */
uint64_t namespaces_flag(enum runtime_namespace_type type);
