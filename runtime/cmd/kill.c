#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "../../lib/cleanup.h"

struct options {
        bool all;
};

const struct option_row kill_options_table[] = {
        {"all", 'a', NULL, OPTION_FLAG, offsetof(struct options, all), NULL, "signal every process of the container"},
        {0},
};

/* "9", "KILL", "SIGKILL", "kill", "RTMIN+3" */
static int parse_signal(const char *text, struct error *err) {
        int64_t number;

        if (str_to_i64(text, 1, SIGRTMAX, &number) == 0)
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

int cmd_kill(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct options options = {0};
        struct error err = {0};
        int signal;
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        signal = parse_signal(argc > 1 ? argv[1] : "TERM", &err);
        if (signal < 0 || container_open(runtime->root, argv[0], &container, &err) < 0 ||
            container_signal(&container, signal, options.all, &err) < 0)
                return cmd_fail(&err);
        return 0;
}
