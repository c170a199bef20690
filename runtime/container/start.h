/*
 * start.h: from created to running.
 */
#pragma once

#include "../../lib/error.h"

/**
 * Tells a created container's init to execute its program, and runs the poststart
 * hooks. Returns when the program runs, or with init's own error when it could not
 * be executed. A hook that fails ends the container: it is killed and destroyed.
 */
int container_start(const char *root, const char *id, struct error *err);

/** Runs the poststart hooks of a container; if one fails the container is killed and destroyed. */
int container_poststart(const char *root, const char *id, struct error *err);
