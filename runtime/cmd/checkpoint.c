#include "cmd.h"

#include <errno.h>
#include <fcntl.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../container/checkpoint.h"

struct options {
        struct criu_options criu;
        struct str_list empty_namespaces;
        int64_t status_fd;
};

#define AT(field) offsetof(struct options, field)

const struct option_row checkpoint_options_table[] = {
        {"image-path", 0, NULL, OPTION_STRING, AT(criu.image_path), "DIR",
         "where to save the container (default: checkpoint, in the current directory)"},
        {"work-path", 0, NULL, OPTION_STRING, AT(criu.work_path), "DIR",
         "where criu writes its log (default: --image-path)"},
        {"parent-path", 0, NULL, OPTION_STRING, AT(criu.parent_path), "DIR",
         "an earlier --pre-dump, relative to --image-path: what has not changed since is not saved again"},
        {"leave-running", 0, NULL, OPTION_FLAG, AT(criu.leave_running), NULL, "let the container go on, and keep it"},
        {"tcp-established", 0, NULL, OPTION_FLAG, AT(criu.tcp_established), NULL, "save open TCP connections"},
        {"tcp-skip-in-flight", 0, NULL, OPTION_FLAG, AT(criu.tcp_skip_in_flight), NULL,
         "leave out TCP connections that are being made"},
        {"tcp-close", 0, NULL, OPTION_FLAG, AT(criu.tcp_close), NULL, "save TCP connections as closed"},
        {"ext-unix-sk", 0, NULL, OPTION_FLAG, AT(criu.ext_unix_sockets), NULL,
         "allow Unix sockets that lead out of the container"},
        {"shell-job", 0, NULL, OPTION_FLAG, AT(criu.shell_job), NULL,
         "allow a session or terminal that is a shell's outside"},
        {"lazy-pages", 0, NULL, OPTION_FLAG, AT(criu.lazy_pages), NULL,
         "stay and serve the memory to a restore elsewhere"},
        {"status-fd", 0, NULL, OPTION_INT, AT(status_fd), "FD",
         "file descriptor that gets a zero byte once the memory can be fetched"},
        {"page-server", 0, NULL, OPTION_STRING, AT(criu.page_server), "ADDRESS:PORT", "of criu's page server"},
        {"file-locks", 0, NULL, OPTION_FLAG, AT(criu.file_locks), NULL, "save file locks"},
        {"pre-dump", 0, NULL, OPTION_FLAG, AT(criu.pre_dump), NULL, "save memory alone, and let the container go on"},
        {"manage-cgroups-mode", 0, NULL, OPTION_STRING, AT(criu.cgroup_mode), "MODE",
         "what to save of cgroups: soft, full, strict or ignore (default: soft)"},
        {"network-lock", 0, NULL, OPTION_STRING, AT(criu.network_lock), "METHOD",
         "how to hold traffic meanwhile: iptables or nftables (default: iptables, if it is there)"},
        {"empty-ns", 0, NULL, OPTION_LIST, AT(empty_namespaces), "NAMESPACE",
         "accepted for network, of which no settings are saved anyway"},
        {"auto-dedup", 0, NULL, OPTION_FLAG, AT(criu.auto_dedup), NULL,
         "remove from --parent-path what is saved again"},
        {"link-remap", 0, NULL, OPTION_FLAG, AT(criu.link_remap), NULL, "allow open files whose name is gone"},
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

static int checkpoint(const struct runtime *runtime, struct options *options, const char *id) {
        struct criu_options *request = &options->criu;
        _cleanup_free_ char *image_path = NULL;
        struct error err = {0};

        if (check_status_fd(options->status_fd, &err) < 0 || path_absolute(request->image_path, &image_path, &err) < 0)
                return cmd_fail(&err);
        request->program = runtime->criu;
        request->image_path = image_path;
        request->status_fd = (int) options->status_fd;
        request->empty_namespaces = (const char *const *) options->empty_namespaces.items;
        /* Nothing the caller left open reaches criu. */
        (void) fd_cloexec_from(3);
        return container_checkpoint(runtime->root, id, request, &err) < 0 ? cmd_fail(&err) : 0;
}

int cmd_checkpoint(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.criu.image_path = "checkpoint", .status_fd = -1};
        int status = cmd_parse(command, &options, &argc, &argv);

        if (status < 0)
                status = checkpoint(context, &options, argv[0]);
        str_list_free(&options.empty_namespaces);
        return status;
}
