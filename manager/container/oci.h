/*
 * oci.h: the OCI runtime as a program: its commands on one container, with the
 * reason of a failure read from the log it writes (--log, --log-format json).
 */
#pragma once

#include <stdbool.h>

#include "record.h"

/* What the container's process gets as 0, 1 and 2; -1: /dev/null. */
struct oci_stdio {
        int input;
        int output;
        int errors;
};

/** `create`: the bundle is <run-directory>/bundle, the pid goes to <run-directory>/pid. console_socket may be NULL. */
int oci_create(const struct manager *manager, const struct container *container, const struct oci_stdio *stdio,
               const char *console_socket, struct error *err);
int oci_start(const struct manager *manager, const struct container *container, struct error *err);
int oci_pause(const struct manager *manager, const struct container *container, bool pause, struct error *err);
/** `kill --all`: a signal to every process of the container. */
int oci_kill_all(const struct manager *manager, const struct container *container, int signal, struct error *err);
/** `delete --force`; succeeds when the runtime no longer knows the container. */
int oci_delete(const struct manager *manager, const struct container *container, struct error *err);

/** The arguments in front of a runtime's command; `log` is the file its errors go to. Adds to the list. */
void oci_arguments(const struct manager *manager, const char *log, struct str_list *argv);

/**
 * Reads the last error of a runtime's log into *err, with ENOENT or EACCES as code where the program to run was not
 * found or may not be run.
 * @status: how the runtime ended, for when it wrote nothing
 */
int oci_error(const char *log, const char *command, int status, struct error *err);

/** docker's exit status for a container that could not start: 127 not found, 126 not executable, else 125. */
int oci_exit_code(const struct error *err);

/** Starts a program with these as 0, 1 and 2, default signals and nothing blocked. Returns its pid or a negative errno.
 */
pid_t oci_spawn(const char *const *argv, const struct oci_stdio *stdio, struct error *err);
