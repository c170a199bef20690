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
        const char *bundle;
        const char *config;
        const char *console_socket;
        const char *pid_file;
        const char *pidfd_socket;
        bool detach;
        bool keep;
        bool no_subreaper;
        bool no_pivot;
        bool no_new_keyring;
        int64_t preserve_fds;
};

#define AT(field) offsetof(struct options, field)

const struct option_row run_options_table[] = {
        {"bundle", 'b', NULL, OPTION_STRING, AT(bundle), "DIR", "the bundle (default: the current directory)"},
        {"config", 'f', NULL, OPTION_STRING, AT(config), "FILE", "read this file instead of the bundle's config.json"},
        {"console-socket", 0, NULL, OPTION_STRING, AT(console_socket), "SOCKET",
         "Unix socket that gets the master side of the terminal"},
        {"detach", 'd', NULL, OPTION_FLAG, AT(detach), NULL, "do not wait for the container's end"},
        {"keep", 0, NULL, OPTION_FLAG, AT(keep), NULL, "do not delete the container when it ends"},
        {"pid-file", 0, NULL, OPTION_STRING, AT(pid_file), "FILE", "write the pid of the container's init there"},
        {"pidfd-socket", 0, NULL, OPTION_STRING, AT(pidfd_socket), "SOCKET",
         "Unix socket that gets a pidfd of the process"},
        {"no-subreaper", 0, NULL, OPTION_FLAG, AT(no_subreaper), NULL, "accepted; this program is no subreaper"},
        {"no-pivot", 0, NULL, OPTION_FLAG, AT(no_pivot), NULL, "do not use pivot_root, for a host on an initramfs"},
        {"no-new-keyring", 0, NULL, OPTION_FLAG, AT(no_new_keyring), NULL, "keep the caller's session keyring"},
        {"preserve-fds", 0, NULL, OPTION_INT, AT(preserve_fds), "N", "pass the file descriptors 3 to 2+N on"},
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
        const struct runtime *runtime = context;
        struct options options = {.bundle = "."};
        struct create_options request = {.root = runtime->root};
        struct error err = {0};
        sigset_t mask;
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        if (cmd_rootless(runtime, &request.rootless, &err) < 0 ||
            cmd_check_count("--preserve-fds", options.preserve_fds, &err) < 0)
                return cmd_fail(&err);
        request.id = argv[0];
        request.self_handle = runtime->self_handle;
        request.bundle = options.bundle;
        request.config = options.config;
        request.console_socket = options.console_socket;
        request.pid_file = options.pid_file;
        request.pidfd_socket = options.pidfd_socket;
        request.systemd_cgroup = runtime->systemd_cgroup;
        request.no_cgroup = runtime->no_cgroup;
        request.no_pivot = options.no_pivot;
        request.no_new_keyring = options.no_new_keyring;
        request.preserve_fds = (int) options.preserve_fds;
        request.detach = options.detach;
        if (!options.detach) {
                foreground_block_signals(&mask);
                request.signal_mask = &mask;
        }
        return run(&request, options.keep);
}
