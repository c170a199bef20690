/*
 * mymgr image: the image commands under docker's newer names.
 */
#include <stdio.h>
#include <string.h>

#include "../image/store.h"
#include "cli.h"
#include "commands.h"
#include "image_inspect.h"

static int image_inspect(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        _cleanup_json_writer_ struct json_writer writer = {.indent = 4};
        _cleanup_free_ char *text = NULL;
        struct error err = {0};
        struct store *store;
        int status = 0;
        int r = cli_parse(command, cli, "image", NULL, &argc, &argv);

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
        (void) printf("%s\n", text);
        return status;
}

static const struct command commands[] = {
        IMAGE_SHARED_ROWS
        {"ls", "list", "[OPTIONS] [NAME]", "List images", cli_images_options, 0, 1, true, cli_images},
        {"rm", "remove", "[OPTIONS] IMAGE...", "Remove images", cli_rmi_options, 1, -1, true, cli_rmi},
        {"inspect", NULL, "IMAGE...", "Show all about images", NULL, 1, -1, true, image_inspect},
        {0},
};

int cli_image(const struct command *command, void *context, int argc, char **argv) {
        return cli_group(command, commands, context, argc, argv);
}
