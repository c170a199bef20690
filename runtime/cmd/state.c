#include "cmd.h"

#include <stdio.h>

#include "../../lib/cleanup.h"

int cmd_state(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_json_writer_ struct json_writer writer = {.indent = 2};
        _cleanup_free_ char *text = NULL;
        enum container_status status;
        struct error err = {0};
        int r = cmd_parse(command, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        if (container_open(runtime->root, argv[0], &container, &err) < 0)
                return cmd_fail(&err);
        status = container_status(&container);
        json_begin_object(&writer, NULL);
        container_put_state(&writer, &container.state, container_status_name(status),
                            status == CONTAINER_STOPPED ? 0 : container.state.pid);
        json_put_string(&writer, "owner", "");
        json_end_object(&writer);
        text = json_writer_take(&writer);
        (void) printf("%s\n", text);
        return 0;
}
