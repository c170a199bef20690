#include "cmd.h"

#include <errno.h>
#include <fcntl.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../container/checkpoint.h"

struct options {
        const char *image_path;
        const char *work_path;
        const char *parent_path;
        const char *page_server;
        const char *cgroup_mode;
        const char *network_lock;
        struct str_list empty_namespaces;
        int64_t status_fd;
        bool leave_running;
        bool tcp_established;
        bool tcp_skip_in_flight;
        bool tcp_close;
        bool ext_unix_sockets;
        bool shell_job;
        bool lazy_pages;
        bool file_locks;
        bool pre_dump;
        bool auto_dedup;
        bool link_remap;
};

#define AT(field) offsetof(struct options, field)

const struct option_row checkpoint_options_table[] = {
        {"image-path", 0, NULL, OPTION_STRING, AT(image_path), "DIR",
         "where to save the container (default: checkpoint, in the current directory)"},
        {"work-path", 0, NULL, OPTION_STRING, AT(work_path), "DIR",
         "where criu writes its log (default: --image-path)"},
        {"parent-path", 0, NULL, OPTION_STRING, AT(parent_path), "DIR",
         "an earlier --pre-dump, relative to --image-path: what has not changed since is not saved again"},
        {"leave-running", 0, NULL, OPTION_FLAG, AT(leave_running), NULL, "let the container go on, and keep it"},
        {"tcp-established", 0, NULL, OPTION_FLAG, AT(tcp_established), NULL, "save open TCP connections"},
        {"tcp-skip-in-flight", 0, NULL, OPTION_FLAG, AT(tcp_skip_in_flight), NULL,
         "leave out TCP connections that are being made"},
        {"tcp-close", 0, NULL, OPTION_FLAG, AT(tcp_close), NULL, "save TCP connections as closed"},
        {"ext-unix-sk", 0, NULL, OPTION_FLAG, AT(ext_unix_sockets), NULL,
         "allow Unix sockets that lead out of the container"},
        {"shell-job", 0, NULL, OPTION_FLAG, AT(shell_job), NULL,
         "allow a session or terminal that is a shell's outside"},
        {"lazy-pages", 0, NULL, OPTION_FLAG, AT(lazy_pages), NULL, "stay and serve the memory to a restore elsewhere"},
        {"status-fd", 0, NULL, OPTION_INT, AT(status_fd), "FD",
         "file descriptor that gets a zero byte once the memory can be fetched"},
        {"page-server", 0, NULL, OPTION_STRING, AT(page_server), "ADDRESS:PORT", "of criu's page server"},
        {"file-locks", 0, NULL, OPTION_FLAG, AT(file_locks), NULL, "save file locks"},
        {"pre-dump", 0, NULL, OPTION_FLAG, AT(pre_dump), NULL, "save memory alone, and let the container go on"},
        {"manage-cgroups-mode", 0, NULL, OPTION_STRING, AT(cgroup_mode), "MODE",
         "what to save of cgroups: soft, full, strict or ignore (default: soft)"},
        {"network-lock", 0, NULL, OPTION_STRING, AT(network_lock), "METHOD",
         "how to hold traffic meanwhile: iptables or nftables (default: iptables, if it is there)"},
        {"empty-ns", 0, NULL, OPTION_LIST, AT(empty_namespaces), "NAMESPACE",
         "accepted for network, of which no settings are saved anyway"},
        {"auto-dedup", 0, NULL, OPTION_FLAG, AT(auto_dedup), NULL, "remove from --parent-path what is saved again"},
        {"link-remap", 0, NULL, OPTION_FLAG, AT(link_remap), NULL, "allow open files whose name is gone"},
        {0},
};

static int check_status_fd(int64_t number, struct error *err) {
        int flags = number < 0 || number > INT32_MAX ? -1 : fcntl((int) number, F_GETFL);

        if (number == -1)
                return 0;
        if (flags < 0)
                return error_set(err, EBADF, "--status-fd: %lld is not open", (long long) number);
        if ((flags & O_ACCMODE) == O_RDONLY)
                return error_set(err, EBADF, "--status-fd: %lld is not open for writing", (long long) number);
        return 0;
}

static int checkpoint(const struct runtime *runtime, const struct options *options, const char *id) {
        _cleanup_free_ char *image_path = NULL;
        struct criu_options request = {
                .program = runtime->criu,
                .work_path = options->work_path,
                .parent_path = options->parent_path,
                .page_server = options->page_server,
                .cgroup_mode = options->cgroup_mode,
                .network_lock = options->network_lock,
                .empty_namespaces = (const char *const *) options->empty_namespaces.items,
                .status_fd = (int) options->status_fd,
                .leave_running = options->leave_running,
                .tcp_established = options->tcp_established,
                .tcp_skip_in_flight = options->tcp_skip_in_flight,
                .tcp_close = options->tcp_close,
                .ext_unix_sockets = options->ext_unix_sockets,
                .shell_job = options->shell_job,
                .lazy_pages = options->lazy_pages,
                .file_locks = options->file_locks,
                .pre_dump = options->pre_dump,
                .auto_dedup = options->auto_dedup,
                .link_remap = options->link_remap,
        };
        struct error err = {0};

        if (check_status_fd(options->status_fd, &err) < 0 || path_absolute(options->image_path, &image_path, &err) < 0)
                return cmd_fail(&err);
        request.image_path = image_path;
        /* Nothing the caller left open reaches criu. */
        (void) fd_cloexec_from(3);
        return container_checkpoint(runtime->root, id, &request, &err) < 0 ? cmd_fail(&err) : 0;
}

int cmd_checkpoint(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.image_path = "checkpoint", .status_fd = -1};
        int status = cmd_parse(command, &options, &argc, &argv);

        if (status < 0)
                status = checkpoint(context, &options, argv[0]);
        str_list_free(&options.empty_namespaces);
        return status;
}
