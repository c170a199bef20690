/*
 * terminal.h: the pseudoterminal of a process with process.terminal: opened in
 * the container's own devpts, its master side handed to who holds the console.
 */
#pragma once

#include <stdint.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

struct terminal {
        int master;
        int slave;
};

/**
 * Opens a new terminal from /dev/pts below the root, owned by the process's user.
 * @root_fd: the container's root directory
 */
int terminal_open(int root_fd, const struct runtime_process *process, struct terminal *out, struct error *err);

/** Makes the slave side the controlling terminal of the session, and standard input, output and error. */
int terminal_become(const struct terminal *terminal, struct error *err);

/** Connects to the socket of --console-socket. Returns an fd or a negative errno. */
int terminal_connect(const char *path, struct error *err);

/** Hands the master side over, with the terminal's name as the message. */
int terminal_send(int socket, int master, struct error *err);

/** Gives the terminal the size of the one behind `from`; nothing happens when that is none. */
void terminal_copy_size(int from, int master);
