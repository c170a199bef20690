/*
 * call.h: one execution of a plugin: reads CNI_* variables and standard input
 * into a struct plugin_call, checks them as the specification asks, runs the
 * plugin and answers on standard output.
 */
#pragma once

#include "plugin.h"

/**
 * Runs a plugin as the environment says.
 * @type: the plugin's type; NULL: the configuration's `type` decides
 * Returns the exit status.
 */
int call_run(const char *type);
