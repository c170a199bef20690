/*
 * exec.h: another process in a running container.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "../../lib/error.h"
#include "container.h"
#include "create.h"

struct exec_options {
        const struct runtime_config *config;   /* the container's */
        const struct runtime_process *process; /* what to execute */
        const char *console_socket;            /* NULL: none */
        const char *pid_file;                  /* NULL: none */
        const char *pidfd_socket;              /* NULL: none */
        const char *const *cgroups;            /* sub-cgroups, "[controller:]path"; NULL: the container's own */
        int preserve_fds;
        bool detach;
        bool ignore_paused;
        const sigset_t *signal_mask; /* what the program gets; NULL: the calling process's */
};

/**
 * Starts the process. Returns when it runs, with the fds of *out the caller's, or with
 * the error the process itself met.
 */
int container_exec(const struct container *container, const struct exec_options *options, struct created *out,
                   struct error *err);
