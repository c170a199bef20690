/*
 * each.h: commands that do one thing to each container they are given, and
 * print the name of each that went well.
 */
#pragma once

#include "../container/record.h"
#include "cli.h"

/** What is done to one container. Returns 0 or a negative errno. */
typedef int (*each_action)(struct cli *cli, struct container *container, void *context, struct error *err);

/** Does it to every name; failures are reported and the rest is done all the same. Returns the exit status. */
int cli_each(struct cli *cli, int count, char **names, each_action action, void *context);
