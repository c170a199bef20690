#include "../container/lifecycle.h"
#include "commands.h"
#include "each.h"

static int pause_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        return container_pause(&cli->manager, container, *(const bool *) context, err);
}

int cli_pause(const struct command *command, void *context, int argc, char **argv) {
        bool pause = true;
        int r = cli_parse(command, context, NULL, NULL, &argc, &argv);

        return r >= 0 ? r : cli_each(context, argc, argv, pause_one, &pause);
}

int cli_unpause(const struct command *command, void *context, int argc, char **argv) {
        bool pause = false;
        int r = cli_parse(command, context, NULL, NULL, &argc, &argv);

        return r >= 0 ? r : cli_each(context, argc, argv, pause_one, &pause);
}
