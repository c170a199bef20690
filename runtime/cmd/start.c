#include "cmd.h"

#include "../container/start.h"

int cmd_start(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        struct error err = {0};
        int r = cmd_parse(command, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        return container_start(runtime->root, argv[0], &err) < 0 ? cmd_fail(&err) : 0;
}
