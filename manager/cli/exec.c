#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"
#include "../container/bundle.h"
#include "../container/oci.h"
#include "cli.h"
#include "commands.h"

struct exec_options {
        bool detach;
        bool interactive;
        bool tty;
        bool privileged;
        struct str_list env;
        const char *user;
        const char *workdir;
        const char *detach_keys;
};

#define AT(field) offsetof(struct exec_options, field)

const struct option_row cli_exec_options[] = {
        {"detach", 'd', NULL, OPTION_FLAG, AT(detach), NULL, "run in the background"},
        {"detach-keys", 0, NULL, OPTION_STRING, AT(detach_keys), "KEYS", "accepted, without effect"},
        {"env", 'e', NULL, OPTION_LIST, AT(env), "NAME=VALUE", "set an environment variable"},
        {"interactive", 'i', NULL, OPTION_FLAG, AT(interactive), NULL, "give it standard input"},
        {"privileged", 0, NULL, OPTION_FLAG, AT(privileged), NULL, "give it all capabilities"},
        {"tty", 't', NULL, OPTION_FLAG, AT(tty), NULL, "give it a terminal"},
        {"user", 'u', NULL, OPTION_STRING, AT(user), "USER", "user it runs as: name|uid[:group|gid]"},
        {"workdir", 'w', NULL, OPTION_STRING, AT(workdir), "PATH", "directory it starts in"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

/* The files of one exec: its process document, and the runtime's log. */
struct exec_files {
        char *process;
        char *log;
};

static void remove_files(struct exec_files *files) {
        if (files->process)
                (void) unlink(files->process);
        if (files->log)
                (void) unlink(files->log);
        free(files->process);
        free(files->log);
}

/* NAME alone takes this process's value. */
static void complete_env(struct str_list *env) {
        for (size_t i = 0; i < env->count; i++) {
                const char *value = strchr(env->items[i], '=') ? NULL : getenv(env->items[i]);
                char *whole;

                if (!value)
                        continue;
                whole = str_format("%s=%s", env->items[i], value);
                free(env->items[i]);
                env->items[i] = whole;
        }
}

static int prepare(struct cli *cli, struct container *container, struct exec_options *options, char **argv,
                   struct exec_files *files, struct error *err) {
        struct bundle_exec exec = {
                .args = (const char *const *) argv,
                .env = &options->env,
                .cwd = options->workdir,
                .user = options->user,
                .tty = options->tty,
                .privileged = options->privileged,
        };

        (void) cli;
        if (container->state.status == STATUS_PAUSED)
                return error_set(err, EINVAL, "Container %s is paused, unpause the container before exec",
                                 container->name);
        if (!container_is_running(container))
                return error_set(err, EINVAL, "container %s is not running", container->name);
        if (options->tty && options->interactive && !options->detach && !isatty(0))
                return error_set(err, ENOTTY, "the input device is not a TTY");
        complete_env(&options->env);
        files->process = str_format("%s/exec.%d.json", container->run_directory, (int) getpid());
        files->log = str_format("%s/exec.%d.log", container->run_directory, (int) getpid());
        return bundle_write_exec(container, &exec, files->process, err);
}

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
static volatile sig_atomic_t child;

static void pass_on(int signal) {
        if (child > 0)
                (void) kill((pid_t) child, signal);
}

/* Waits for the runtime, which waits for the process; signals go on to it. */
static int wait_for(pid_t pid) {
        int status;

        child = pid;
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
                (void) signal(passed_on[i], pass_on);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return status;
}

static int run(const struct cli *cli, const struct container *container, const struct exec_options *options,
               const struct exec_files *files, struct error *err) {
        const struct oci_stdio stdio = {options->interactive && !options->detach ? 0 : -1, options->detach ? -1 : 1,
                                        options->detach ? -1 : 2};
        _cleanup_str_list_ struct str_list argv = {0};
        struct error reason = {0};
        int status;
        pid_t pid;

        oci_arguments(&cli->manager, files->log, &argv);
        str_list_add(&argv, "exec");
        if (options->detach)
                str_list_add(&argv, "--detach");
        str_list_add(&argv, "--process");
        str_list_add(&argv, files->process);
        str_list_add(&argv, container->id);
        pid = oci_spawn((const char *const *) argv.items, &stdio, err);
        if (pid < 0)
                return pid;
        status = wait_for(pid);
        if (status < 0)
                return error_errno(err, -status, "exec");
        /* A process that ran leaves no error in the runtime's log, whatever its exit status. */
        if (status != 0 && oci_error(files->log, "exec", status, &reason) < 0 &&
            !str_starts_with(reason.message, "the runtime's")) {
                if (options->detach) /* else the runtime has said it on standard error already */
                        log_error(&reason);
                return oci_exit_code(&reason) == 125 ? 126 : oci_exit_code(&reason);
        }
        return process_exit_code(status);
}

int cli_exec(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct exec_options options = {0};
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct exec_files files = {0};
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0)
                r = prepare(cli, container, &options, argv + 1, &files, &err);
        if (r == 0)
                r = run(cli, container, &options, &files, &err);
        remove_files(&files);
        str_list_free(&options.env);
        return r < 0 ? cli_fail(&err) : r;
}
