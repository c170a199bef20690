/*
 * cli.h: what every command of mymgr gets: the directories, the runtime, the
 * image store, and how it reports failure. A command is one file in this
 * directory with an option table and one function; main.c lists them.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "../../lib/error.h"
#include "../../lib/options.h"
#include "../../lib/str.h"
#include "../manager.h"

struct store;

struct cli {
        const char *program; /* "mymgr", for messages and help */
        struct manager manager;
        struct store *store; /* opened by cli_store() */
};

/** The image store, opened at the first call and kept. */
int cli_store(struct cli *cli, struct store **out, struct error *err);

/** Reports the error on standard error and returns 1, the exit status of a failed command. */
int cli_fail(const struct error *err);

/** As cli_fail(), with the exit status docker gives when it could not start a container: 125. */
int cli_fail_run(const struct error *err);

/**
 * Parses a command's arguments.
 * @parent: NULL, or the command this one belongs to ("network")
 * Returns -1 to go on (argc and argv are moved to the arguments), else the exit status to return.
 */
int cli_parse(const struct command *command, const struct cli *cli, const char *parent, void *options, int *argc,
              char ***argv);

/**
 * Removes the objects of these names and prints each name that is gone.
 * @remove: removes one; -ENOENT: there is none
 * @force: one that is not there is no failure
 * Returns the command's exit status.
 */
int cli_remove(struct cli *cli, int (*remove)(struct cli *cli, const char *name, struct error *err), int count,
               char **names, bool force);

/** Runs a command of a group ("network create"): looks it up by argv[1] and calls it. */
int cli_group(const struct command *group, const struct command *commands, struct cli *cli, int argc, char **argv);
