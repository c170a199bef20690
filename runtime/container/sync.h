/*
 * sync.h: what the parent and the container's init process say to each other
 * while the container is made: short messages over a SOCK_SEQPACKET pair. An
 * error travels as it is, so that the user sees one precise message.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/error.h"

enum sync_kind {
        SYNC_PID, /* intermediate process: the pid of the init process it made */
        SYNC_GO, /* parent: id maps and cgroup are in place; carries init's pid as the host sees it, files of cgroups */
        SYNC_HOOKS,   /* init: mounts are done, run the hooks of the host's side */
        SYNC_RESUME,  /* parent: hooks are done */
        SYNC_CONSOLE, /* init: carries the master side of the terminal */
        SYNC_SECCOMP, /* init: carries the seccomp listener */
        SYNC_READY,   /* init: all is set up, waiting for SYNC_START */
        SYNC_START,   /* parent or `start`: execute the program */
        SYNC_ERROR,   /* init: failed; carries the error */
        SYNC_FATAL,   /* init: failed in a way that ends the container (config.md, hooks); carries the error */
};

struct sync_message {
        enum sync_kind kind;
        pid_t pid;
        struct error error; /* sent only with SYNC_ERROR and SYNC_FATAL */
};

/** Sends a message without an error; `fd` (or -1) is attached. Returns 0 or a negative errno. */
int sync_send(int socket, enum sync_kind kind, pid_t pid, int fd, struct error *err);

/** As sync_send(), with several fds or none. */
int sync_send_many(int socket, enum sync_kind kind, pid_t pid, const int *fds, size_t count, struct error *err);

/** Sends an error, as SYNC_ERROR or SYNC_FATAL. Nothing more can be done when that fails, so nothing is returned. */
void sync_send_error(int socket, enum sync_kind kind, const struct error *error);

/**
 * Receives the next message.
 * @fd: set to the attached fd or -1; the caller owns it. NULL when none is expected
 * Returns 1, 0 when the other side has closed, or a negative errno. A SYNC_ERROR or SYNC_FATAL
 * is returned as that error, in `err`; message->kind tells which it was.
 */
int sync_receive(int socket, struct sync_message *message, int *fd, struct error *err);

/**
 * As sync_expect(), with fds that become the caller's.
 * @count: how many fit into `fds`; set to how many came
 */
int sync_expect_many(int socket, enum sync_kind kind, struct sync_message *message, int *fds, size_t *count,
                     struct error *err);

/** Receives a message that must be of this kind; the other side's end is an error. */
int sync_expect(int socket, enum sync_kind kind, struct sync_message *message, struct error *err);
