#include "cmd.h"

#include "../../lib/cleanup.h"
#include "../container/create.h"

struct options {
        const char *bundle;
        const char *config;
        const char *console_socket;
        const char *pid_file;
        const char *pidfd_socket;
        bool no_subreaper;
        bool no_pivot;
        bool no_new_keyring;
        int64_t preserve_fds;
};

#define AT(field) offsetof(struct options, field)

const struct option_row create_options_table[] = {
        {"bundle", 'b', NULL, OPTION_STRING, AT(bundle), "DIR", "the bundle (default: the current directory)"},
        {"config", 'f', NULL, OPTION_STRING, AT(config), "FILE", "read this file instead of the bundle's config.json"},
        {"console-socket", 0, NULL, OPTION_STRING, AT(console_socket), "SOCKET",
         "Unix socket that gets the master side of the terminal"},
        {"pid-file", 0, NULL, OPTION_STRING, AT(pid_file), "FILE", "write the pid of the container's init there"},
        {"pidfd-socket", 0, NULL, OPTION_STRING, AT(pidfd_socket), "SOCKET",
         "Unix socket that gets a pidfd of the process"},
        {"no-subreaper", 0, NULL, OPTION_FLAG, AT(no_subreaper), NULL, "accepted; this program is no subreaper"},
        {"no-pivot", 0, NULL, OPTION_FLAG, AT(no_pivot), NULL, "do not use pivot_root, for a host on an initramfs"},
        {"no-new-keyring", 0, NULL, OPTION_FLAG, AT(no_new_keyring), NULL, "keep the caller's session keyring"},
        {"preserve-fds", 0, NULL, OPTION_INT, AT(preserve_fds), "N", "pass the file descriptors 3 to 2+N on"},
        {0},
};

int cmd_create(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        struct options options = {.bundle = "."};
        struct create_options request = {.root = runtime->root, .wait_for_start = true, .detach = true};
        struct created created;
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
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
        if (cmd_rootless(runtime, &request.rootless, &err) < 0 ||
            cmd_check_count("--preserve-fds", options.preserve_fds, &err) < 0 ||
            container_create(&request, &created, &err) < 0)
                return cmd_fail(&err);
        fd_close_at(&created.pidfd);
        fd_close_at(&created.terminal);
        return 0;
}
