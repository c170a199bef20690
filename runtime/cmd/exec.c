#include "cmd.h"

#include <errno.h>
const struct option_row exec_options_table[] = {{0}};

int cmd_exec(const struct command *command, void *context, int argc, char **argv) {
        struct error err = {0};

        (void) context;
        (void) argc;
        (void) argv;
        error_set(&err, ENOTSUP, "%s: not supported in this build", command->name);
        return cmd_fail(&err);
}
