#include "../container/attach.h"

#include <errno.h>

#include "../../lib/cleanup.h"
#include "../container/monitor.h"
#include "cli.h"
#include "commands.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

int cli_attach(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct attach_options attach = {.proxy_signals = true};
        _cleanup_fd_ int connection = -1;
        struct error err = {0};
        int exit_code = 0, r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0 && !container_is_running(container))
                r = error_set(&err, EINVAL, "You cannot attach to a stopped container, start it first");
        if (r == 0)
                r = connection = monitor_connect(container, MONITOR_WANT_STREAMS, &err);
        if (r < 0)
                return cli_fail(&err);
        attach.input = container->options.interactive;
        attach.terminal = container->options.tty;
        attach.detach_keys = container->options.detach_keys;
        r = attach_run(connection, &attach, &exit_code, &err);
        if (r < 0)
                return cli_fail(&err);
        return r == ATTACH_DETACHED ? 0 : exit_code;
}
