#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../container/attach.h"
#include "../container/create.h"
#include "../container/lifecycle.h"
#include "../container/monitor.h"
#include "../container/oci.h"
#include "cli.h"
#include "commands.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

static int check(const struct container_options *options, struct error *err) {
        if (options->detach && options->remove == false && options->attach.count > 0)
                return error_set(err, EINVAL, "conflicting options: -a and -d");
        if (options->tty && options->interactive && !options->detach && !isatty(0)) {
                error_set(err, ENOTTY, "the input device is not a TTY");
                return error_hint(err, "leave out -t, or give it a terminal");
        }
        return 0;
}

/* Runs in the foreground. Returns the exit status of the command. */
static int run_attached(struct cli *cli, struct container *container, int lock) {
        const struct container_options *options = &container->options;
        const struct attach_options attach = {
                .input = options->interactive,
                .terminal = options->tty,
                .proxy_signals = !options->no_proxy,
                .detach_keys = options->detach_keys,
        };
        struct error err = {0};
        int exit_code = 0, r;
        _cleanup_fd_ int connection = monitor_start(&cli->manager, container, lock, true, &err);

        fd_close(lock);
        r = connection < 0 ? connection : attach_run(connection, &attach, &exit_code, &err);
        if (r < 0) {
                log_error(&err);
                return oci_exit_code(&err);
        }
        return r == ATTACH_DETACHED ? 0 : exit_code;
}

static int run_detached(struct cli *cli, struct container *container, int lock) {
        struct error err = {0};
        _cleanup_fd_ int connection = monitor_start(&cli->manager, container, lock, false, &err);
        int r = connection < 0 ? connection : monitor_wait_started(connection, &err);

        fd_close(lock);
        if (r < 0) {
                log_error(&err);
                return oci_exit_code(&err);
        }
        (void) printf("%s\n", container->id);
        return 0;
}

static int make(struct cli *cli, struct container_options *options, char **argv, struct container **out,
                struct error *err) {
        struct store *store;
        int r = cli_store(cli, &store, err);

        return r < 0 ? r : container_create(&cli->manager, store, options, argv[0], argv + 1, out, err);
}

int cli_run(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct container_options options = CONTAINER_OPTIONS_DEFAULT;
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct error err = {0};
        int lock, r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = check(&options, &err);
        if (r == 0)
                r = make(cli, &options, argv, &container, &err);
        container_options_free(&options);
        if (r < 0)
                return cli_fail_run(&err);
        lock = container_lock(container, &err);
        if (lock < 0)
                return cli_fail_run(&err);
        return container->options.detach ? run_detached(cli, container, lock) : run_attached(cli, container, lock);
}

int cli_create(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct container_options options = CONTAINER_OPTIONS_DEFAULT;
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = make(cli, &options, argv, &container, &err);
        container_options_free(&options);
        if (r < 0)
                return cli_fail(&err);
        (void) printf("%s\n", container->id);
        return 0;
}
