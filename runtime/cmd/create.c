#include "cmd.h"

#include "../../lib/cleanup.h"

struct options {
        struct create_options create;
        bool no_subreaper;
};

#define AT(field) offsetof(struct options, field)

const struct option_row create_options_table[] = {
        CREATE_ROWS,
        INIT_ROWS,
        {"no-subreaper", 0, NULL, OPTION_FLAG, AT(no_subreaper), NULL, "accepted; this program is no subreaper"},
        {0},
};

int cmd_create(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.create = CREATE_DEFAULTS};
        struct create_options *request = &options.create;
        struct created created;
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        request->wait_for_start = true;
        request->detach = true;
        if (cmd_create_request(context, argv[0], request, &err) < 0 || container_create(request, &created, &err) < 0)
                return cmd_fail(&err);
        fd_close_at(&created.pidfd);
        fd_close_at(&created.terminal);
        return 0;
}
