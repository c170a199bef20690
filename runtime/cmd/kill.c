#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "../../lib/cleanup.h"

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

/* "9", "KILL", "SIGKILL", "kill", "RTMIN+3"; "0" only asks whether there is somebody (kill(2)) */
static int parse_signal(const char *text, struct error *err) {
        int64_t number;

        if (str_to_i64(text, 0, SIGRTMAX, &number) == 0)
                return (int) number;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int signal = 1; signal < NSIG; signal++) {
                const char *name = sigabbrev_np(signal);

                if (name && strcasecmp(name, text) == 0)
                        return signal;
        }
        if (strncasecmp(text, "RTMIN+", 6) == 0 && str_to_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) == 0)
                return SIGRTMIN + (int) number;
        if (strncasecmp(text, "RTMAX-", 6) == 0 && str_to_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) == 0)
                return SIGRTMAX - (int) number;
        return error_set(err, EINVAL, "unknown signal \"%s\"", text);
}

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
        options.signal = parse_signal(argc > 1 ? argv[1] : "TERM", &err);
        if (options.signal < 0)
                return cmd_fail(&err);
        return cmd_each(runtime->root, argv[0], options.regex, kill_container, &options);
}
