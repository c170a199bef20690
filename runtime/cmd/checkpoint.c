#include "cmd.h"

#include <errno.h>

int cmd_checkpoint(const struct command *command, void *context, int argc, char **argv) {
        struct error err = {0};

        (void) context;
        (void) argc;
        (void) argv;
        error_set(&err, ENOTSUP, "%s: not supported in this build", command->name);
        return cmd_fail(&err);
}
