/*
 * mymgr history: how the layers of an image came about, newest first.
 */
#include <stdio.h>
#include <string.h>

#include "../../lib/timestamp.h"
#include "../image/store.h"
#include "cli.h"
#include "columns.h"
#include "commands.h"

struct options {
        bool quiet;
        bool no_trunc;
        const char *format;
};

const struct option_row cli_history_options[] = {
        {"format", 0, NULL, OPTION_STRING, offsetof(struct options, format), "TEMPLATE",
         "Print by a template ({{.ID}}, {{.CreatedBy}}, …), or json"},
        {"no-trunc", 0, NULL, OPTION_FLAG, offsetof(struct options, no_trunc), NULL, "Do not shorten the output"},
        {"quiet", 'q', NULL, OPTION_FLAG, offsetof(struct options, quiet), NULL, "Only show ids"},
        {0},
};

static const struct column columns[] = {
        {"IMAGE", "ID", false},    {"CREATED", "CreatedSince", false}, {"CREATED BY", "CreatedBy", false},
        {"LAYER", "Layer", false}, {"COMMENT", "Comment", false},      {NULL, NULL, false},
};

#define CREATED_BY_SHOWN 45

static void add_row(struct str_list *cells, const struct image *image, size_t i, const char *layer,
                    const struct options *options) {
        const struct image_history *step = &image->config.history[i];
        const char *by = step->created_by ? step->created_by : "";
        int64_t created;
        _cleanup_free_ char *line = xstrdup(by);

        for (char *c = line; *c; c++)
                *c = *c == '\n' || *c == '\t' ? ' ' : *c;
        /* Only the newest step is an image of its own; the layers below know no id. */
        if (i + 1 < image->config.history_count)
                str_list_add(cells, "<missing>");
        else
                str_list_printf(cells, options->no_trunc ? "sha256:%.64s" : "%.12s", image->id);
        str_list_take(cells, human_age(timestamp_parse(step->created, &created) < 0 ? 0 : created / TIMESTAMP_SECOND));
        if (options->no_trunc || strlen(line) <= CREATED_BY_SHOWN)
                str_list_add(cells, line);
        else
                str_list_printf(cells, "%.*s...", CREATED_BY_SHOWN - 3, line);
        str_list_printf(cells, options->no_trunc ? "%.64s" : "%.12s", layer ? layer : "-");
        str_list_add(cells, step->comment ? step->comment : "");
}

/* Steps and layers are listed apart; a step without empty_layer made the next layer. */
static void add_rows(struct str_list *cells, const struct image *image, const struct options *options) {
        size_t layer = image->config.diff_id_count;

        for (size_t i = image->config.history_count; i > 0; i--) {
                bool made_one = !image->config.history[i - 1].empty_layer && layer > 0;

                if (made_one)
                        layer--;
                add_row(cells, image, i - 1, made_one ? image->diff_ids[layer] : NULL, options);
        }
}

int cli_history(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_str_list_ struct str_list cells = {0};
        struct image *image = NULL;
        struct error err = {0};
        struct store *store;
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = cli_store(cli, &store, &err);
        if (r == 0)
                r = image_find(store, argv[0], &image, &err);
        if (r < 0)
                return cli_fail(&err);
        add_rows(&cells, image, &options);
        r = columns_print(columns, &cells, options.quiet ? "{{.ID}}" : options.format, &err);
        image_free(image);
        return r < 0 ? cli_fail(&err) : 0;
}
