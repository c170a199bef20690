#include <stddef.h>

#include "../../lib/fd.h"

#include "../container/lifecycle.h"
#include "commands.h"
#include "each.h"

struct stop_options {
        int64_t time;
};

const struct option_row cli_stop_options[] = {
        {"time", 't', "timeout", OPTION_INT, offsetof(struct stop_options, time), "SECONDS", "time until it is killed"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

const struct option_row cli_restart_options[] = {
        {"time", 't', "timeout", OPTION_INT, offsetof(struct stop_options, time), "SECONDS", "time until it is killed"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int stop_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        const struct stop_options *options = context;

        return container_stop(&cli->manager, container, options->time, err);
}

int cli_stop(const struct command *command, void *context, int argc, char **argv) {
        struct stop_options options = {.time = -1};
        int r = cli_parse(command, context, NULL, &options, &argc, &argv);

        return r >= 0 ? r : cli_each(context, argc, argv, stop_one, &options);
}

static int restart_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        int connection = -1, r = stop_one(cli, container, context, err);

        if (r == 0)
                r = container_refresh(container, err);
        if (r == 0)
                r = container_start(&cli->manager, container, false, &connection, err);
        if (connection >= 0)
                fd_close(connection);
        return r < 0 ? r : 0;
}

int cli_restart(const struct command *command, void *context, int argc, char **argv) {
        struct stop_options options = {.time = -1};
        int r = cli_parse(command, context, NULL, &options, &argc, &argv);

        return r >= 0 ? r : cli_each(context, argc, argv, restart_one, &options);
}
