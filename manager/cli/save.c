/*
 * mymgr save: images as an archive for load, docker, podman and skopeo.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "../image/store.h"
#include "cli.h"
#include "commands.h"

struct options {
        const char *output;
        const char *format;
};

const struct option_row cli_save_options[] = {
        {"output", 'o', NULL, OPTION_STRING, offsetof(struct options, output), "FILE",
         "Write to a file instead of standard output"},
        {"format", 0, NULL, OPTION_STRING, offsetof(struct options, format), "FORMAT",
         "Accepted for podman's sake: the archive is docker-archive and oci-archive in one"},
        {0},
};

static int check_format(const char *format, struct error *err) {
        if (!format || str_equal(format, "docker-archive") || str_equal(format, "oci-archive"))
                return 0;
        return error_set(err, ENOTSUP, "save --format %s: not supported in this build", format);
}

static int save_to_stdout(struct store *store, const char *const *names, size_t count, struct error *err) {
        if (isatty(STDOUT_FILENO)) {
                (void) error_set(err, EINVAL, "standard output is a terminal");
                return error_hint(err, "give a file with -o FILE, or > FILE");
        }
        return image_save(store, names, count, STDOUT_FILENO, err);
}

/* Half an archive never stands under the name asked for. */
static int save_to_file(struct store *store, const char *const *names, size_t count, const char *path,
                        struct error *err) {
        _cleanup_free_ char *staged = str_format("%s.%d.tmp", path, (int) getpid());
        _cleanup_fd_ int fd = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        r = image_save(store, names, count, fd, err);
        if (r == 0 && (fsync(fd) < 0 || rename(staged, path) < 0))
                r = error_errno(err, errno, "%s", path);
        if (r < 0)
                (void) unlink(staged);
        return r;
}

int cli_save(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        struct error err = {0};
        struct store *store;
        const char *const *names;
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        names = (const char *const *) argv;
        r = check_format(options.format, &err);
        if (r == 0)
                r = cli_store(cli, &store, &err);
        if (r == 0 && options.output)
                r = save_to_file(store, names, (size_t) argc, options.output, &err);
        else if (r == 0)
                r = save_to_stdout(store, names, (size_t) argc, &err);
        return r < 0 ? cli_fail(&err) : 0;
}
