#include <stdio.h>

#include "../../lib/cleanup.h"
#include "../container/lifecycle.h"
#include "cli.h"
#include "commands.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

int cli_wait(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        int status = 0, r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        for (int i = 0; i < argc; i++) {
                _cleanup_(cleanup_container) struct container *container = NULL;
                struct error err = {0};
                int exit_code = 0;

                r = container_find(&cli->manager, argv[i], &container, &err);
                if (r == 0)
                        r = container_wait(&cli->manager, container, &exit_code, &err);
                if (r < 0)
                        status = cli_fail(&err);
                else
                        (void) printf("%d\n", exit_code);
                (void) fflush(stdout);
        }
        return status;
}
