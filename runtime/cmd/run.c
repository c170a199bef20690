#include "cmd.h"

#include <errno.h>
#include <signal.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../container/create.h"
#include "../container/foreground.h"
#include "../container/notify.h"
#include "../container/start.h"

struct options {
        struct create_options create;
        bool keep;
        bool no_subreaper;
};

#define AT(field) offsetof(struct options, field)

const struct option_row run_options_table[] = {
        CREATE_ROWS,
        INIT_ROWS,
        {"detach", 'd', NULL, OPTION_FLAG, AT(create.detach), NULL, "do not wait for the container's end"},
        {"keep", 0, NULL, OPTION_FLAG, AT(keep), NULL, "do not delete the container when it ends"},
        {"no-subreaper", 0, NULL, OPTION_FLAG, AT(no_subreaper), NULL, "accepted; this program is no subreaper"},
        {0},
};

static int run(const struct create_options *request, bool keep) {
        struct created created = {
                .pidfd = -1, .terminal = -1, .notify = -1, .container = CONTAINER_INIT, .state_version = -1};
        struct error err = {0};
        int status = 0;

        if (container_create(request, &created, &err) < 0)
                return cmd_fail(&err);
        if (created.has_poststart && container_poststart(request->root, request->id, &err) < 0)
                /* The container is gone with it; its init is reaped by who comes after us. */
                status = cmd_fail(&err);
        else if (!request->detach)
                status = cmd_stay(request, &created, keep);
        else if (created.notify >= 0)
                notify_forward(created.notify, created.pid, created.pidfd);
        fd_close_at(&created.pidfd);
        fd_close_at(&created.terminal);
        fd_close_at(&created.notify);
        fd_close_at(&created.state_version);
        container_close(&created.container);
        return status;
}

int cmd_run(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.create = CREATE_DEFAULTS};
        struct error err = {0};
        sigset_t mask;
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        if (cmd_create_request(context, argv[0], &options.create, &err) < 0)
                return cmd_fail(&err);
        if (!options.create.detach) {
                foreground_block_signals(&mask);
                options.create.signal_mask = &mask;
        }
        return run(&options.create, options.keep);
}
