#include "cmd.h"

#include <errno.h>

#include "../../lib/cleanup.h"
#include "../../lib/signal_name.h"

struct options {
        bool all;
        bool regex;
        int signal; /* the second argument */
};

#define AT(field) offsetof(struct options, field)

const struct option_row kill_options_table[] = {
        {"all", 'a', NULL, OPTION_FLAG, AT(all), NULL, "signal every process of the container"},
        {"regex", 'r', NULL, OPTION_FLAG, AT(regex), NULL, "CONTAINER is a regular expression of ids"},
        {0},
};

static int kill_container(const char *root, const char *id, const void *data, struct error *err) {
        const struct options *options = data;
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int r = container_open(root, id, &container, err);

        if (r < 0)
                return r;
        r = container_signal(&container, options->signal, options->all, err);
        /* "All" may be none: runc's callers kill what is left of a container that has ended. */
        return r == -ESRCH && options->all ? 0 : r;
}

int cmd_kill(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        struct options options = {0};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        options.signal = signal_number(argc > 1 ? argv[1] : NULL);
        if (options.signal < 0) {
                error_set(&err, EINVAL, "unknown signal \"%s\"", argv[1]);
                return cmd_fail(&err);
        }
        return cmd_each(runtime->root, argv[0], options.regex, kill_container, &options);
}
