#include <errno.h>
#include <stddef.h>

#include "../../lib/cleanup.h"
#include "../container/lifecycle.h"
#include "commands.h"
#include "each.h"

struct rm_options {
        bool force;
        bool volumes;
};

const struct option_row cli_rm_options[] = {
        {"force", 'f', NULL, OPTION_FLAG, offsetof(struct rm_options, force), NULL, "kill it first if it runs"},
        {"volumes", 'v', NULL, OPTION_FLAG, offsetof(struct rm_options, volumes), NULL,
         "remove its unnamed volumes too"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int rm_one(struct cli *cli, struct container *container, void *context, struct error *err) {
        const struct rm_options *options = context;

        return container_remove(&cli->manager, container, options->force, options->volumes, err);
}

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

int cli_rm(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct rm_options options = {0};
        int kept = 0, r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        /* With --force a container that is not there is as good as removed: said, but no failure. */
        for (int i = 0; options.force && i < argc; i++) {
                _cleanup_(cleanup_container) struct container *container = NULL;
                struct error err = {0};

                if (container_find(&cli->manager, argv[i], &container, &err) == -ENOENT)
                        (void) cli_fail(&err);
                else
                        argv[kept++] = argv[i];
        }
        return cli_each(cli, options.force ? kept : argc, argv, rm_one, &options);
}
