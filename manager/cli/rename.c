#include "../../lib/cleanup.h"
#include "../container/record.h"
#include "cli.h"
#include "commands.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

int cli_rename(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0)
                r = container_rename(&cli->manager, container, argv[1], &err);
        return r < 0 ? cli_fail(&err) : 0;
}
