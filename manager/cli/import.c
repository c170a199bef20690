/*
 * mymgr import: an image from the tar of a root file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../image/store.h"
#include "cli.h"
#include "commands.h"

struct options {
        struct str_list changes;
        const char *message;
};

const struct option_row cli_import_options[] = {
        {"change", 'c', NULL, OPTION_LIST, offsetof(struct options, changes), "INSTRUCTION",
         "Apply a Dockerfile instruction to the image (CMD, ENV, WORKDIR, …)"},
        {"message", 'm', NULL, OPTION_STRING, offsetof(struct options, message), "TEXT",
         "Set the comment in the image's history"},
        {0},
};

static int open_source(const char *path, struct error *err) {
        int fd;

        if (str_starts_with(path, "http://") || str_starts_with(path, "https://"))
                return error_set(err, ENOTSUP, "import from a URL: not supported in this build");
        if (!str_equal(path, "-"))
                fd = open(path, O_RDONLY | O_CLOEXEC);
        else
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? error_errno(err, errno, "%s", path) : fd;
}

int cli_import(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_fd_ int fd = -1;
        struct error err = {0};
        struct store *store;
        char id[65];
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = fd = open_source(argv[0], &err);
        if (r >= 0)
                r = cli_store(cli, &store, &err);
        if (r == 0)
                r = image_import(store, fd, argc > 1 ? argv[1] : NULL, (const char *const *) options.changes.items,
                                 options.message, id, &err);
        str_list_free(&options.changes);
        if (r < 0)
                return cli_fail(&err);
        (void) printf("sha256:%s\n", id);
        return 0;
}
