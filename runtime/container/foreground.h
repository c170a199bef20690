/*
 * foreground.h: staying with a program: its signals, its terminal, its end.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "create.h"

/**
 * Blocks all signals, to be called before the program is started so that none is lost.
 * @old: set to the mask as it was
 */
void foreground_block_signals(sigset_t *old);

/**
 * Forwards signals to a child process and relays its terminal until it ends; reaps it.
 * @child: as created; of its fds the notify socket is closed when it has served
 * Returns its exit code (128 + signal when killed), or a negative errno.
 */
int foreground_wait(struct created *child, struct error *err);
