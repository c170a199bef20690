/*
 * process.h: running other programs, and processes held by pidfd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct process_options {
        const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it has a slash */
        const char *path;        /* the program to run when it is not argv[0]; may be NULL */
        const char *const *env;  /* NULL: this process's environment */
        const char *input;       /* standard input; NULL: /dev/null */
        size_t input_size;
        bool capture_output; /* standard output into the result, else it is inherited */
        bool capture_errors; /* standard error into the result, else it is inherited */
        size_t output_max;   /* the most bytes kept of each; 0: 1 MiB. More is an error */
        int64_t timeout_ns;  /* 0: none; past it the program is killed and -ETIMEDOUT returned */
};

struct process_result {
        int status;   /* as waitpid(2) gives it */
        char *output; /* captured, NUL-terminated, or NULL; see process_result_free() */
        char *errors;
};

/**
 * Runs a program to its end. Fds other than 0, 1 and 2 that are not O_CLOEXEC are inherited.
 * @result: filled when the program ran, whatever its exit status; the caller frees it
 * Returns 0 if the program ran, else a negative errno (-ENOENT: no such program).
 */
int process_run(const struct process_options *options, struct process_result *result, struct error *err);

void process_result_free(struct process_result *result);

#define _cleanup_process_result_ _cleanup_(process_result_free)

/** "exited with status 2", "was killed by signal 9 (killed)"; the caller frees it. */
char *process_status_text(int status);

/** The exit code a shell would report: 0..255, or 128 + signal. */
int process_exit_code(int status);

/** pidfd_open(2): a handle that never comes to mean another process. Returns an fd or a negative errno. */
int process_pidfd(pid_t pid);

/** pidfd_send_signal(2). Returns 0 or a negative errno. */
int process_signal(int pidfd, int signal);

/**
 * Waits until the process behind the pidfd has ended.
 * @timeout_ms: -1 waits for ever
 * Returns 1 when it ended, 0 at the timeout, or a negative errno.
 */
int process_wait_pidfd(int pidfd, int timeout_ms);

/**
 * When the process started, in clock ticks since boot (field 22 of proc_pid_stat(5)):
 * with the pid it names one process for ever. Returns 0 or a negative errno (-ESRCH).
 */
int process_start_time(pid_t pid, uint64_t *out);

/**
 * The number that the kernel gives a process and never again to another until it is booted anew: the
 * inode of its pidfd from Linux 6.9 on. 0 on kernels before.
 */
uint64_t process_number(int pidfd);

/** The state letter of proc_pid_stat(5) ('R', 'S', 'Z', …), or a negative errno. */
int process_state(pid_t pid);
