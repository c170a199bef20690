/*
 * mymgr: containers without a daemon. main reads the global flags, finds the
 * command in the table and hands it the rest of the line.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "container/options.h"
#include "image/store.h"

struct global_options {
        const char *root;
        const char *run_root;
        const char *runtime;
        const char *network_dir;
        bool debug;
        bool version;
};

#define AT(field) offsetof(struct global_options, field)

static const struct option_row global_rows[] = {
        {"root", 0, NULL, OPTION_STRING, AT(root), "DIR", "where images, containers, networks and volumes are kept"},
        {"run-root", 0, "runroot", OPTION_STRING, AT(run_root), "DIR", "where the state of what runs is kept"},
        {"runtime", 0, NULL, OPTION_STRING, AT(runtime), "PATH", "OCI runtime to use (myrun beside this program)"},
        {"network-dir", 0, "cni-path", OPTION_STRING, AT(network_dir), "DIR[:DIR…]",
         "where CNI plugins are looked for"},
        {"debug", 'D', NULL, OPTION_FLAG, AT(debug), NULL, "tell what is done on standard error"},
        {"version", 0, NULL, OPTION_FLAG, AT(version), NULL, "print the version"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

#define RUN_ARGUMENTS "[OPTIONS] IMAGE [COMMAND] [ARG...]"
#define CONTAINERS "CONTAINER [CONTAINER...]"

static const struct command commands[] = {
        {"attach", NULL, "CONTAINER", "Join the terminal to a running container", NULL, 1, 1, true, cli_attach},
        {"commit", NULL, "[OPTIONS] CONTAINER [REFERENCE]", "Make an image of a container's changes",
         cli_commit_options, 1, 2, true, cli_commit},
        {"create", NULL, RUN_ARGUMENTS, "Make a container without starting it", container_option_rows, 1, -1, false,
         cli_create},
        {"exec", NULL, "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container", cli_exec_options,
         2, -1, false, cli_exec},
        {"inspect", NULL, "[OPTIONS] NAME [NAME...]", "Show all about containers, images, networks or volumes",
         cli_inspect_options, 1, -1, true, cli_inspect},
        {"kill", NULL, "[OPTIONS] " CONTAINERS, "Send containers a signal", cli_kill_options, 1, -1, true, cli_kill},
        {"logs", NULL, "[OPTIONS] CONTAINER", "Show what a container wrote", cli_logs_options, 1, 1, true, cli_logs},
        {"network", NULL, "COMMAND", "Manage networks", NULL, 0, -1, false, cli_network},
        {"pause", NULL, CONTAINERS, "Freeze the processes of containers", NULL, 1, -1, true, cli_pause},
        {"port", NULL, "CONTAINER [PORT[/PROTOCOL]]", "List a container's published ports", NULL, 1, 2, true, cli_port},
        {"ps", "list", "[OPTIONS]", "List containers", cli_ps_options, 0, 0, true, cli_ps},
        {"rename", NULL, "CONTAINER NAME", "Give a container another name", NULL, 2, 2, true, cli_rename},
        {"restart", NULL, "[OPTIONS] " CONTAINERS, "Stop containers and start them again", cli_restart_options, 1, -1,
         true, cli_restart},
        {"rm", NULL, "[OPTIONS] " CONTAINERS, "Remove containers", cli_rm_options, 1, -1, true, cli_rm},
        {"run", NULL, RUN_ARGUMENTS, "Make a container and start it", container_option_rows, 1, -1, false, cli_run},
        {"start", NULL, "[OPTIONS] " CONTAINERS, "Start containers", cli_start_options, 1, -1, true, cli_start},
        {"stop", NULL, "[OPTIONS] " CONTAINERS, "Stop containers", cli_stop_options, 1, -1, true, cli_stop},
        {"top", NULL, "CONTAINER", "List the processes of a container", NULL, 1, -1, false, cli_top},
        {"unpause", NULL, CONTAINERS, "Thaw the processes of containers", NULL, 1, -1, true, cli_unpause},
        {"volume", NULL, "COMMAND", "Manage volumes", NULL, 0, -1, false, cli_volume},
        {"wait", NULL, CONTAINERS, "Wait until containers end, and print their exit codes", NULL, 1, -1, true,
         cli_wait},
        IMAGE_COMMAND_ROWS{NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

/* The directory this program lies in. */
static char *own_directory(void) {
        char path[PATH_MAX];
        ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (size <= 0)
                return xstrdup(PREFIX "/bin");
        path[size] = '\0';
        slash = strrchr(path, '/');
        *slash = '\0';
        return xstrdup(path[0] ? path : "/");
}

static char *find_runtime(const char *given, const char *directory) {
        _cleanup_free_ char *beside = str_format("%s/myrun", directory), *absolute = NULL;

        if (given && strchr(given, '/') && path_absolute(given, &absolute, NULL) == 0)
                return take_ptr(absolute);
        if (given)
                return xstrdup(given);
        return access(beside, X_OK) == 0 ? take_ptr(beside) : xstrdup("myrun");
}

static void find_plugins(const char *given, const char *directory, struct str_list *out) {
        _cleanup_free_ char *beside = str_format("%s/../libexec/netplug", directory);

        if (given)
                str_list_split(out, given, ':');
        str_list_take(out, path_clean(beside));
        str_list_add(out, "/usr/lib/cni");
        str_list_add(out, "/opt/cni/bin");
}

static int fill(struct cli *cli, const struct global_options *options, struct error *err) {
        _cleanup_free_ char *directory = own_directory();
        char *root, *run_root;
        int r = path_absolute(options->root, &root, err);

        if (r < 0)
                return r;
        r = path_absolute(options->run_root, &run_root, err);
        if (r < 0) {
                free(root);
                return r;
        }
        cli->manager.root = root;
        cli->manager.run_root = run_root;
        cli->manager.runtime = find_runtime(options->runtime, directory);
        cli->manager.debug = options->debug;
        find_plugins(options->network_dir, directory, &cli->manager.plugin_dirs);
        return 0;
}

static void release(struct cli *cli) {
        store_free(cli->store);
        str_list_free(&cli->manager.plugin_dirs);
        free((char *) cli->manager.root);
        free((char *) cli->manager.run_root);
        free((char *) cli->manager.runtime);
}

static int run(struct cli *cli, const struct global_options *options, int argc, char **argv) {
        const struct command *command = command_find(commands, argv[0]);
        struct error err = {0};
        int status;

        if (!command) {
                error_set(&err, EINVAL, "'%s' is not a %s command", argv[0], cli->program);
                error_hint(&err, "%s --help lists them", cli->program);
                log_error(&err);
                return 125;
        }
        if (fill(cli, options, &err) < 0)
                return cli_fail_run(&err);
        status = command->run(command, cli, argc, argv);
        if (fflush(stdout) != 0 && status == 0)
                status = 1;
        release(cli);
        return status;
}

int main(int argc, char **argv) {
        struct global_options options = {.root = "/var/lib/mymgr", .run_root = "/run/mymgr"};
        struct cli cli = {.program = "mymgr"};
        struct error err = {0};
        int first;

        (void) signal(SIGPIPE, SIG_DFL);
        (void) log_open(&(struct log_options){.program = cli.program, .level = LOG_LEVEL_WARNING}, &err);
        first = options_parse(global_rows, &options, argc, argv, false, &err);
        if (first == -ECANCELED || (first >= 0 && first >= argc && !options.version)) {
                command_list_help(first < 0 ? stdout : stderr, "mymgr [OPTIONS] COMMAND", global_rows, commands);
                return first < 0 ? 0 : 125;
        }
        if (first < 0)
                return cli_fail_run(&err);
        if (options.version) {
                (void) printf("mymgr version %s\n", VERSION);
                return 0;
        }
        if (options.debug)
                (void) log_open(&(struct log_options){.program = cli.program, .level = LOG_LEVEL_DEBUG}, &err);
        return run(&cli, &options, argc - first, argv + first);
}
