/*
 * mymgr tag: one more name for an image.
 */
#include "../image/store.h"
#include "cli.h"
#include "commands.h"

int cli_tag(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct error err = {0};
        struct store *store;
        int r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        r = cli_store(cli, &store, &err);
        if (r == 0)
                r = image_tag(store, argv[0], argv[1], &err);
        return r < 0 ? cli_fail(&err) : 0;
}
