/*
 * commands.h: the functions and option tables behind the rows of main.c's
 * command table, one line a command. A command without options has no table.
 */
#pragma once

#include "../../lib/options.h"

#define DECLARE_COMMAND(name) int cli_##name(const struct command *command, void *context, int argc, char **argv)
#define DECLARE_OPTIONS(name) extern const struct option_row cli_##name##_options[]

/* Containers. */
DECLARE_COMMAND(run);
DECLARE_COMMAND(create);
DECLARE_COMMAND(start);
DECLARE_COMMAND(restart);
DECLARE_COMMAND(ps);
DECLARE_COMMAND(logs);
DECLARE_COMMAND(exec);
DECLARE_COMMAND(attach);
DECLARE_COMMAND(stop);
DECLARE_COMMAND(kill);
DECLARE_COMMAND(pause);
DECLARE_COMMAND(unpause);
DECLARE_COMMAND(rm);
DECLARE_COMMAND(inspect);
DECLARE_COMMAND(wait);
DECLARE_COMMAND(port);
DECLARE_COMMAND(top);
DECLARE_COMMAND(rename);
DECLARE_COMMAND(commit);
DECLARE_OPTIONS(run);
DECLARE_OPTIONS(start);
DECLARE_OPTIONS(restart);
DECLARE_OPTIONS(ps);
DECLARE_OPTIONS(logs);
DECLARE_OPTIONS(exec);
DECLARE_OPTIONS(stop);
DECLARE_OPTIONS(kill);
DECLARE_OPTIONS(rm);
DECLARE_OPTIONS(inspect);
DECLARE_OPTIONS(commit);

/* Networks and volumes: groups with commands of their own. */
DECLARE_COMMAND(network);
DECLARE_COMMAND(volume);

/* Images: prototypes, then the rows main.c puts into its table. */
#define IMAGE_COMMAND_ROWS
