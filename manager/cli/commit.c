#include <stddef.h>
#include <stdio.h>

#include "../../lib/cleanup.h"
#include "../container/oci.h"
#include "../container/record.h"
#include "../image/store.h"
#include "cli.h"
#include "commands.h"

struct commit_options {
        const char *author;
        const char *message;
        struct str_list change;
        bool pause;
};

#define AT(field) offsetof(struct commit_options, field)

const struct option_row cli_commit_options[] = {
        {"author", 'a', NULL, OPTION_STRING, AT(author), "NAME", "who made it"},
        {"change", 'c', NULL, OPTION_LIST, AT(change), "INSTRUCTION",
         "Dockerfile instruction to apply: CMD, ENV, EXPOSE, …"},
        {"message", 'm', NULL, OPTION_STRING, AT(message), "TEXT", "what changed"},
        {"pause", 'p', NULL, OPTION_FLAG, AT(pause), NULL, "freeze the container meanwhile (true)"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);
DEFINE_CLEANUP(cleanup_image, struct image *, image_free);

/* How containers of the new image run: as this one, changed by --change. */
static int make_config(const struct container *container, const struct image *base, const struct str_list *changes,
                       struct image_run_config *out, struct error *err) {
        *out = base->config.config;
        out->user = container->user;
        out->env = container->env;
        out->cmd = container->cmd;
        out->entrypoint = container->entrypoint;
        out->working_dir = container->working_dir;
        out->exposed_ports = container->exposed_ports;
        out->labels = container->labels;
        out->label_count = container->label_count;
        return dockerfile_changes_apply(base->arena, (const char *const *) changes->items, out, err);
}

static int commit(struct cli *cli, struct container *container, const struct commit_options *options,
                  const char *reference, char id[65], struct error *err) {
        _cleanup_free_ char *upper = str_format("%s/upper", container->directory);
        bool freeze = options->pause && container->state.status == STATUS_RUNNING && container_is_running(container);
        _cleanup_(cleanup_image) struct image *base = NULL;
        struct image_run_config config;
        struct image_commit request = {
                .upper = upper,
                .config = &config,
                .reference = reference,
                .author = options->author,
                .message = options->message,
        };
        struct error ignored = {0};
        struct store *store;
        int r = cli_store(cli, &store, err);

        if (r == 0)
                r = image_find(store, container->image_id, &base, err);
        if (r == 0)
                r = make_config(container, base, &options->change, &config, err);
        if (r < 0)
                return r;
        request.base = base;
        freeze = freeze && oci_pause(&cli->manager, container, true, &ignored) == 0;
        r = image_commit(store, &request, id, err);
        if (freeze)
                (void) oci_pause(&cli->manager, container, false, &ignored);
        return r;
}

int cli_commit(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct commit_options options = {.pause = true};
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct error err = {0};
        char id[65];
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0)
                r = commit(cli, container, &options, argc > 1 ? argv[1] : NULL, id, &err);
        str_list_free(&options.change);
        if (r < 0)
                return cli_fail(&err);
        (void) printf("sha256:%s\n", id);
        return 0;
}
