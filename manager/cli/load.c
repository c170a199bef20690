/*
 * mymgr load: images from an archive made by docker, podman, skopeo, buildah or umoci.
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
        const char *input;
        bool quiet;
};

const struct option_row cli_load_options[] = {
        {"input", 'i', NULL, OPTION_STRING, offsetof(struct options, input), "FILE",
         "Read from a file instead of standard input"},
        {"quiet", 'q', NULL, OPTION_FLAG, offsetof(struct options, quiet), NULL, "Accepted; there is no progress bar"},
        {0},
};

static int open_input(const char *path, struct error *err) {
        int fd;

        if (!path || str_equal(path, "-")) {
                if (isatty(STDIN_FILENO)) {
                        (void) error_set(err, EINVAL, "standard input is a terminal");
                        return error_hint(err, "give a file with -i FILE, or < FILE");
                }
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
                return fd < 0 ? error_errno(err, errno, "standard input") : fd;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? error_errno(err, errno, "%s", path) : fd;
}

/* docker names an image without a reference by its id, with other words. */
static void print_loaded(const struct str_list *loaded) {
        for (size_t i = 0; i < loaded->count; i++)
                (void) printf("Loaded image%s: %s\n", str_starts_with(loaded->items[i], "sha256:") ? " ID" : "",
                              loaded->items[i]);
}

int cli_load(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_str_list_ struct str_list loaded = {0};
        _cleanup_fd_ int fd = -1;
        struct error err = {0};
        struct store *store;
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = fd = open_input(options.input, &err);
        if (r >= 0)
                r = cli_store(cli, &store, &err);
        if (r == 0 && image_load(store, fd, &loaded, &err) < 0)
                r = error_wrap(&err, "load %s", options.input ? options.input : "from standard input");
        if (r < 0)
                return cli_fail(&err);
        print_loaded(&loaded);
        return 0;
}
