/*
 * commands.h: the functions and option tables behind the rows of main.c's
 * command table, one line a command. A command without options has no table.
 */
#pragma once

#include "../../lib/options.h"

#define DECLARE_COMMAND(name) int cli_##name(const struct command *command, void *context, int argc, char **argv)
#define DECLARE_OPTIONS(name) extern const struct option_row cli_##name##_options[]

/* Containers. */
DECLARE_COMMAND(run);
DECLARE_COMMAND(create);
DECLARE_COMMAND(start);
DECLARE_COMMAND(restart);
DECLARE_COMMAND(ps);
DECLARE_COMMAND(logs);
DECLARE_COMMAND(exec);
DECLARE_COMMAND(attach);
DECLARE_COMMAND(stop);
DECLARE_COMMAND(kill);
DECLARE_COMMAND(pause);
DECLARE_COMMAND(unpause);
DECLARE_COMMAND(rm);
DECLARE_COMMAND(inspect);
DECLARE_COMMAND(wait);
DECLARE_COMMAND(port);
DECLARE_COMMAND(top);
DECLARE_COMMAND(rename);
DECLARE_COMMAND(commit);
DECLARE_OPTIONS(run);
DECLARE_OPTIONS(start);
DECLARE_OPTIONS(restart);
DECLARE_OPTIONS(ps);
DECLARE_OPTIONS(logs);
DECLARE_OPTIONS(exec);
DECLARE_OPTIONS(stop);
DECLARE_OPTIONS(kill);
DECLARE_OPTIONS(rm);
DECLARE_OPTIONS(inspect);
DECLARE_OPTIONS(commit);

/* Networks and volumes: groups with commands of their own. */
DECLARE_COMMAND(network);
DECLARE_COMMAND(volume);

/* Images: prototypes, then the rows main.c puts into its table. */
DECLARE_COMMAND(image);
DECLARE_COMMAND(images);
DECLARE_COMMAND(load);
DECLARE_COMMAND(import);
DECLARE_COMMAND(save);
DECLARE_COMMAND(tag);
DECLARE_COMMAND(rmi);
DECLARE_COMMAND(history);
DECLARE_OPTIONS(images);
DECLARE_OPTIONS(load);
DECLARE_OPTIONS(import);
DECLARE_OPTIONS(rmi);
DECLARE_OPTIONS(save);
DECLARE_OPTIONS(history);

/* The formatter takes table rows in a macro for blocks. */
/* clang-format off */
/* What `image` as a group has under the same names. */
#define IMAGE_SHARED_ROWS                                                                                              \
        {"load", NULL, "[OPTIONS]", "Load images from an archive", cli_load_options, 0, 0, true, cli_load},            \
        {"import", NULL, "[OPTIONS] FILE|- [NAME[:TAG]]", "Make an image of a root file system's tar",                 \
         cli_import_options, 1, 2, true, cli_import},                                                                  \
        {"save", NULL, "[OPTIONS] IMAGE...", "Write images to an archive", cli_save_options, 1, -1, true, cli_save},  \
        {"tag", NULL, "IMAGE NAME[:TAG]", "Give an image one more name", NULL, 2, 2, true, cli_tag},                   \
        {"history", NULL, "[OPTIONS] IMAGE", "Show how an image was made", cli_history_options, 1, 1, true,            \
         cli_history},

#define IMAGE_COMMAND_ROWS                                                                                             \
        {"images", NULL, "[OPTIONS] [NAME]", "List images", cli_images_options, 0, 1, true, cli_images},               \
        {"rmi", NULL, "[OPTIONS] IMAGE...", "Remove images", cli_rmi_options, 1, -1, true, cli_rmi},                   \
        IMAGE_SHARED_ROWS                                                                                              \
        {"image", NULL, "COMMAND", "Image commands under docker's newer names", NULL, 0, -1, false, cli_image},
/* clang-format on */
