#include <stddef.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../container/attach.h"
#include "../container/lifecycle.h"
#include "../container/monitor.h"
#include "../container/oci.h"
#include "commands.h"
#include "each.h"

struct start_options {
        bool attach;
        bool interactive;
        const char *detach_keys;
};

const struct option_row cli_start_options[] = {
        {"attach", 'a', NULL, OPTION_FLAG, offsetof(struct start_options, attach), NULL,
         "show its output and wait for its end"},
        {"detach-keys", 0, NULL, OPTION_STRING, offsetof(struct start_options, detach_keys), "KEYS",
         "keys that detach"},
        {"interactive", 'i', NULL, OPTION_FLAG, offsetof(struct start_options, interactive), NULL,
         "give it standard input"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

static int start_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        int connection, r = container_start(&cli->manager, container, false, &connection, err);

        (void) context;
        if (connection >= 0)
                fd_close(connection);
        return r < 0 ? r : 0;
}

static int start_attached(struct cli *cli, const char *name, const struct start_options *options) {
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct attach_options attach = {.proxy_signals = true, .detach_keys = options->detach_keys};
        _cleanup_fd_ int connection = -1;
        struct error err = {0};
        int exit_code = 0, r = container_find(&cli->manager, name, &container, &err);

        if (r == 0)
                r = container_start(&cli->manager, container, true, &connection, &err);
        if (r == 1)
                r = connection = monitor_connect(container, MONITOR_WANT_STREAMS, &err);
        if (r < 0)
                return cli_fail(&err);
        attach.input = options->interactive && container->options.interactive;
        attach.terminal = container->options.tty;
        r = attach_run(connection, &attach, &exit_code, &err);
        if (r < 0) {
                log_error(&err);
                return oci_exit_code(&err);
        }
        return r == ATTACH_DETACHED ? 0 : exit_code;
}

int cli_start(const struct command *command, void *context, int argc, char **argv) {
        struct start_options options = {0};
        int r = cli_parse(command, context, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        if ((options.attach || options.interactive) && argc == 1)
                return start_attached(context, argv[0], &options);
        return cli_each(context, argc, argv, start_one, NULL);
}
