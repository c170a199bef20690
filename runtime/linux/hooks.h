/*
 * hooks.h: the programs a config wants run at points of the container's life
 * (config.md, POSIX-platform hooks): state on standard input, timeouts, and
 * what a failure means.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/**
 * Runs the hooks of one point in order, stopping at the first that fails.
 * @state: the state document for their standard input
 * @env: the environment of hooks that have none of their own; NULL: this process's
 * Returns 0 or a negative errno; the message names the hook by its place in config.json.
 */
int hooks_run(const struct runtime_hooks *hooks, enum runtime_hook_point point, const char *state,
              const char *const *env, struct error *err);

/** Runs every hook of one point; failures are warnings. */
void hooks_run_all(const struct runtime_hooks *hooks, enum runtime_hook_point point, const char *state);
