/*
 * foreground.h: staying with a program: its signals, its terminal, its end.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "../../lib/error.h"

/**
 * Blocks all signals, to be called before the program is started so that none is lost.
 * @old: set to the mask as it was
 */
void foreground_block_signals(sigset_t *old);

/**
 * Forwards signals to a child process and relays its terminal until it ends; reaps it.
 * @pidfd: of the child
 * @terminal: master side of its terminal, or -1
 * Returns its exit code (128 + signal when killed), or a negative errno.
 */
int foreground_wait(pid_t pid, int pidfd, int terminal, struct error *err);
