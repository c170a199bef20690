/*
 * mymgr image: the image commands under docker's newer names.
 */
#include <stddef.h>

#include "cli.h"
#include "commands.h"
#include "inspect.h"

struct options {
        const char *format;
};

static const struct option_row inspect_options[] = {
        {"format", 'f', NULL, OPTION_STRING, offsetof(struct options, format), "TEMPLATE",
         "Print by a template, such as {{.Id}}"},
        {0},
};

static int image_inspect(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int r = cli_parse(command, context, "image", &options, &argc, &argv);

        return r >= 0 ? r : inspect_print(context, inspect_image, argc, argv, options.format);
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
