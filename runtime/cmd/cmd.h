/*
 * cmd.h: what every command of myrun gets, and the table of commands. A command
 * is one file in this directory with an option table and one function.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/options.h"
#include "../container/container.h"
#include "../container/create.h"

#define PROGRAM "myrun"
#define DEFAULT_ROOT "/run/myrun"
/* The newest version of the runtime specification that is known here. */
#define SPEC_VERSION "1.3.0"

/* The global options. */
struct runtime {
        const char *root;
        const char *log;
        const char *log_format;
        const char *log_level;
        const char *rootless;
        const char *criu;
        const char *cgroup_manager;
        bool debug;
        bool systemd_cgroup;
        bool no_cgroup; /* --cgroup-manager=disabled */
        bool version;
        int self_handle; /* of self_protect(), or -1 */
};

/**
 * Parses a command's arguments.
 * Returns -1 to go on (argc and argv are moved to the arguments), else the exit status to return.
 */
int cmd_parse(const struct command *command, void *options, int *argc, char ***argv);

/** Reports the error; returns 1, the exit status of a failed command. */
int cmd_fail(const struct error *err);

/** The value of --rootless: true, false, or, not set, what the caller's rights say. -EINVAL for another word. */
int cmd_rootless(const struct runtime *runtime, struct opt_bool *out, struct error *err);

/* A row of an option table, for a `struct options` with the member `struct create_options create`. */
#define CREATE_ROW(name, letter, type, field, argument, help)                                                          \
        { name, letter, NULL, type, offsetof(struct options, create.field), argument, help }

/* Options of create, run and restore. */
#define CREATE_ROWS                                                                                                    \
        CREATE_ROW("bundle", 'b', OPTION_STRING, bundle, "DIR", "the bundle (default: the current directory)"),        \
                CREATE_ROW("config", 'f', OPTION_STRING, config, "FILE",                                               \
                           "read this file instead of the bundle's config.json"),                                      \
                CREATE_ROW("console-socket", 0, OPTION_STRING, console_socket, "SOCKET",                               \
                           "Unix socket that gets the master side of the terminal"),                                   \
                CREATE_ROW("pid-file", 0, OPTION_STRING, pid_file, "FILE",                                             \
                           "write the pid of the container's init there"),                                             \
                CREATE_ROW("pidfd-socket", 0, OPTION_STRING, pidfd_socket, "SOCKET",                                   \
                           "Unix socket that gets a pidfd of the process")

/* Those of create and run alone. */
#define INIT_ROWS                                                                                                      \
        CREATE_ROW("no-pivot", 0, OPTION_FLAG, no_pivot, NULL, "do not use pivot_root, for a host on an initramfs"),   \
                CREATE_ROW("no-new-keyring", 0, OPTION_FLAG, no_new_keyring, NULL,                                     \
                           "keep the caller's session keyring"),                                                       \
                CREATE_ROW("preserve-fds", 0, OPTION_INT, preserve_fds, "N", "pass the file descriptors 3 to 2+N on")

/* What these rows begin with. */
#define CREATE_DEFAULTS                                                                                                \
        { .bundle = ".", .self_handle = -1 }

/** Adds to a request what the global options and the container's id say, and checks it. */
int cmd_create_request(const struct runtime *runtime, const char *id, struct create_options *request,
                       struct error *err);

/** A number option that must be at least 0 (--preserve-fds). */
int cmd_check_count(const char *option, int64_t value, struct error *err);

/* What a command does to one container. */
typedef int (*cmd_action)(const char *root, const char *id, const void *data, struct error *err);

/**
 * Does it to the container `id`, or with `regex` to all whose ids the extended regular expression `id` matches.
 * Goes on after a failure; returns the exit status.
 */
int cmd_each(const char *root, const char *id, bool regex, cmd_action action, const void *data);

/**
 * Stays with a container that is this process's child until it ends, and deletes it then.
 * @keep: or leaves it as it is
 * Returns the exit status: the container's, or 1 after a message.
 */
int cmd_stay(const struct create_options *request, struct created *created, bool keep);

#define COMMAND(name) int cmd_##name(const struct command *command, void *context, int argc, char **argv)

COMMAND(checkpoint);
COMMAND(create);
COMMAND(delete);
COMMAND(events);
COMMAND(exec);
COMMAND(features);
COMMAND(kill);
COMMAND(list);
COMMAND(pause);
COMMAND(ps);
COMMAND(restore);
COMMAND(resume);
COMMAND(run);
COMMAND(spec);
COMMAND(start);
COMMAND(state);
COMMAND(update);

extern const struct option_row checkpoint_options_table[];
extern const struct option_row create_options_table[];
extern const struct option_row delete_options_table[];
extern const struct option_row events_options_table[];
extern const struct option_row exec_options_table[];
extern const struct option_row kill_options_table[];
extern const struct option_row list_options_table[];
extern const struct option_row ps_options_table[];
extern const struct option_row restore_options_table[];
extern const struct option_row run_options_table[];
extern const struct option_row spec_options_table[];
extern const struct option_row update_options_table[];
