/*
 * options.h: command lines from tables: one row an option, one row a command;
 * parsing, defaults and --help all come from the row.
 *
 * Spelling is docker's and runc's: --name=v, --name v, -nv, -n v, joined
 * letters (-it), --flag=false, and, as Go programs accept it, a long name
 * after a single dash (-name v).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "str.h"

enum option_type {
        OPTION_FLAG,   /* bool */
        OPTION_STRING, /* const char *, pointing into argv; the last one counts */
        OPTION_LIST,   /* struct str_list, one item each time it is given */
        OPTION_INT,    /* int64_t */
        OPTION_BYTES,  /* int64_t, read by str_to_bytes(); -1 is accepted as "no limit" */
        OPTION_DOUBLE, /* double */
};

/* One option. A table ends with a row whose `name` is NULL. */
struct option_row {
        const char *name;  /* without dashes */
        char letter;       /* short form, or 0 */
        const char *alias; /* another long name that is accepted but not shown, or NULL */
        enum option_type type;
        size_t offset;     /* of the variable within the command's options struct */
        const char *value; /* what --help calls the value; NULL for flags */
        const char *help;
};

/*
 * Parses options up to the first argument that is none, or up to "--".
 * @target: the struct the rows' offsets are in, holding the defaults
 * @argv: argv[0] is skipped; positional arguments are moved behind the options
 * @interspersed: go on after positional arguments, as `docker rm web -f` does
 * Returns the index of the first positional argument, or -EINVAL ("unknown flag: --foo").
 * --help and -h (unless taken by a row) return -ECANCELED: show help and exit 0.
 */
int options_parse(const struct option_row *rows, void *target, int argc, char **argv, bool interspersed,
                  struct error *err);

/* One command. A table ends with a row whose `name` is NULL. */
struct command {
        const char *name;
        const char *alias;                /* another name that is accepted ("ls" for "list"), or NULL */
        const char *arguments;            /* as --help shows them: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
        const char *summary;              /* one line, no full stop */
        const struct option_row *options; /* may be NULL */
        int min_arguments;
        int max_arguments; /* -1: any number */
        bool interspersed; /* options may follow positional arguments */
        /* argv[0] is the command's name. Returns the exit status. `context` is what main hands to every command. */
        int (*run)(const struct command *command, void *context, int argc, char **argv);
};

/** The command with this name or alias, or NULL. */
const struct command *command_find(const struct command *commands, const char *name);

/**
 * Parses a command's arguments by its row and checks their number.
 * @program: what precedes the command's name in messages and help ("mymgr", "mymgr network")
 * @target: as for options_parse()
 * @argc, @argv: moved on to the positional arguments
 * Returns 0, -EINVAL, or -ECANCELED after --help was shown on standard output.
 */
int command_parse(const struct command *command, const char *program, void *target, int *argc, char ***argv,
                  struct error *err);

/** Writes the help of a program: usage line, options, commands with their summaries. */
void command_list_help(FILE *out, const char *usage, const struct option_row *options, const struct command *commands);
