/*
 * self.h: keeps the host's copy of this program out of a container's reach.
 *
 * A process of ours inside a container has this program behind /proc/PID/exe,
 * and a container may execute /proc/self/exe. Both lead to a file that the
 * container could then open for writing (CVE-2019-5736). So the program first
 * executes itself again through a handle that can never be written to.
 */
#pragma once

#include "../../lib/error.h"

/* No fd of the handle is lower. */
#define SELF_HANDLE_MIN 40

/**
 * Returns 0 when this process runs from a read-only handle; otherwise executes
 * the program again from one, with the same arguments, and does not return.
 * Afterwards, when run by root, no unprivileged process can look into this one.
 * @handle: the fd of the handle if it is still open, or -1. Closing the last one takes the kernel a
 * grace period, so it is worth a choice of when; no other process may get at it.
 */
int self_protect(char **argv, int *handle, struct error *err);

/**
 * Overwrites the environment of this process: a copy of the runtime that waits inside a container would
 * show what its caller was given in /proc/PID/environ to whoever may trace it there.
 */
void self_forget_environment(void);

/** Closes this process to others (PR_SET_DUMPABLE): what is in its memory, its fds and its program file. */
int self_close_to_others(struct error *err);

/**
 * Opens it again to who has its ids: a user who is not root may enter the namespaces of a process that waits for
 * `start` only then. Nothing of the host may be open any more.
 */
int self_open_to_owner(struct error *err);
