/*
 * mymgr rmi: takes names from images, and removes those that have none left.
 */
#include <stdio.h>
#include <string.h>

#include "../container/record.h"
#include "../image/store.h"
#include "cli.h"
#include "commands.h"

struct options {
        bool force;
};

const struct option_row cli_rmi_options[] = {
        {"force", 'f', NULL, OPTION_FLAG, offsetof(struct options, force), NULL,
         "Take all names, also of an image in use"},
        {0},
};

struct containers {
        struct container **items;
        size_t count;
};

static bool in_use(const char *id, void *context) {
        const struct containers *containers = context;

        for (size_t i = 0; i < containers->count; i++)
                if (str_equal(containers->items[i]->image_id, id))
                        return true;
        return false;
}

/* One image. What was done before a failure is told, too. */
static int remove_one(struct store *store, const char *name, bool force, struct containers *containers) {
        _cleanup_str_list_ struct str_list removed = {0};
        struct error err = {0};
        int r = image_remove(store, name, force, in_use, containers, &removed, &err);

        for (size_t i = 0; i < removed.count; i++)
                (void) printf("%s\n", removed.items[i]);
        return r < 0 ? cli_fail(&err) : 0;
}

int cli_rmi(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        struct containers containers = {0};
        struct error err = {0};
        struct store *store;
        int status = 0;
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = cli_store(cli, &store, &err);
        if (r == 0)
                r = container_list(&cli->manager, &containers.items, &containers.count, &err);
        for (int i = 0; r == 0 && i < argc; i++)
                if (remove_one(store, argv[i], options.force, &containers) != 0)
                        status = 1;
        container_list_free(containers.items, containers.count);
        return r < 0 ? cli_fail(&err) : status;
}
