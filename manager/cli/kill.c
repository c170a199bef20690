#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "../../lib/signal_name.h"
#include "../container/lifecycle.h"
#include "commands.h"
#include "each.h"

struct kill_options {
        const char *signal;
};

const struct option_row cli_kill_options[] = {
        {"signal", 's', NULL, OPTION_STRING, offsetof(struct kill_options, signal), "SIGNAL", "signal to send (KILL)"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int kill_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        const struct kill_options *options = context;
        int signal = signal_number(options->signal);

        (void) cli;
        if (signal < 0)
                return error_set(err, EINVAL, "invalid signal: %s", options->signal);
        if (signal == SIGKILL) /* by hand: the restart policy must not undo it */
                container_mark(container, CONTAINER_MARK_STOPPED, true);
        return container_signal(container, signal, err);
}

int cli_kill(const struct command *command, void *context, int argc, char **argv) {
        struct kill_options options = {.signal = "KILL"};
        int r = cli_parse(command, context, NULL, &options, &argc, &argv);

        return r >= 0 ? r : cli_each(context, argc, argv, kill_one, &options);
}
