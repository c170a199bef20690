/*
 * attach.h: this command's terminal or pipes joined to a container's.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"

struct attach_options {
        bool input;              /* send standard input */
        bool terminal;           /* the container has a terminal: raw mode, window size, detach keys */
        bool proxy_signals;      /* pass signals on */
        const char *detach_keys; /* "ctrl-p,ctrl-q" when NULL */
};

enum attach_end { ATTACH_EXITED, ATTACH_DETACHED };

/**
 * Carries input and output until the container has ended and is taken down, or the user detaches.
 * @connection: from monitor_start() or monitor_connect()
 * @exit_code: set when the container ended
 * Returns an enum attach_end, or a negative errno when the monitor broke off.
 */
int attach_run(int connection, const struct attach_options *options, int *exit_code, struct error *err);
