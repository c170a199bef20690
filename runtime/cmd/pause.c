#include "cmd.h"

#include <errno.h>

#include "../../lib/cleanup.h"

static int set_frozen(const char *root, const char *id, bool frozen, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        enum container_status status;
        int r = container_open(root, id, &container, err);

        if (r < 0)
                return r;
        status = container_status(&container);
        if (frozen && status != CONTAINER_RUNNING && status != CONTAINER_CREATED)
                return error_set(err, EINVAL, "container not running: %s", container_status_name(status));
        if (!frozen && status != CONTAINER_PAUSED)
                return error_set(err, EINVAL, "container not paused: %s", container_status_name(status));
        if (!container.cgroup)
                return error_set(err, ENOTSUP, "the container has no cgroup to freeze");
        return cgroup_freeze(container.cgroup, frozen, err);
}

static int command_main(const struct command *command, void *context, int argc, char **argv, bool frozen) {
        const struct runtime *runtime = context;
        struct error err = {0};
        int r = cmd_parse(command, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        return set_frozen(runtime->root, argv[0], frozen, &err) < 0 ? cmd_fail(&err) : 0;
}

int cmd_pause(const struct command *command, void *context, int argc, char **argv) {
        return command_main(command, context, argc, argv, true);
}

int cmd_resume(const struct command *command, void *context, int argc, char **argv) {
        return command_main(command, context, argc, argv, false);
}
