/*
 * mymgr image: the image commands under docker's newer names.
 */
#include <stddef.h>

#include "../image/store.h"
#include "cli.h"
#include "commands.h"
#include "format.h"
#include "image_inspect.h"

struct options {
        const char *format;
};

static const struct option_row inspect_options[] = {
        {"format", 'f', NULL, OPTION_STRING, offsetof(struct options, format), "TEMPLATE",
         "Print by a template, such as {{.Id}}"},
        {0},
};

static int image_inspect(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_json_writer_ struct json_writer writer = {.indent = 4};
        _cleanup_free_ char *text = NULL;
        struct error err = {0};
        struct store *store;
        int status = 0;
        int r = cli_parse(command, cli, "image", &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = cli_store(cli, &store, &err);
        if (r < 0)
                return cli_fail(&err);
        json_begin_array(&writer, NULL);
        for (int i = 0; i < argc; i++) {
                struct image *image = NULL;

                if (image_find(store, argv[i], &image, &err) < 0) {
                        status = cli_fail(&err);
                        continue;
                }
                image_inspect_write(&writer, NULL, image);
                image_free(image);
        }
        json_end_array(&writer);
        text = json_writer_take(&writer);
        error_clear(&err);
        return format_print(text, options.format, &err) < 0 ? cli_fail(&err) : status;
}

static const struct command commands[] = {
        IMAGE_SHARED_ROWS{"ls", "list", "[OPTIONS] [NAME]", "List images", cli_images_options, 0, 1, true, cli_images},
        {"rm", "remove", "[OPTIONS] IMAGE...", "Remove images", cli_rmi_options, 1, -1, true, cli_rmi},
        {"inspect", NULL, "[OPTIONS] IMAGE...", "Show all about images", inspect_options, 1, -1, true, image_inspect},
        {0},
};

int cli_image(const struct command *command, void *context, int argc, char **argv) {
        return cli_group(command, commands, context, argc, argv);
}
