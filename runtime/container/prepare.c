#include "prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "placement.h"

int prepare_check_process(const struct create_options *options, struct runtime_config *config, struct error *err) {
        bool terminal;

        /* config.md: the process is required when the container is started. */
        if (!config->process && !options->wait_for_start)
                return error_set(err, EINVAL, "process: required, but missing");
        if (!config->process)
                config->process = &bundle_no_process;
        terminal = config->process->terminal;
        if (terminal && options->detach && !options->console_socket) {
                error_set(err, EINVAL, "process.terminal: nobody would hold the terminal of a detached container");
                return error_hint(err, "use --console-socket, or set process.terminal to false");
        }
        if (!terminal && options->console_socket)
                return error_set(err, EINVAL, "--console-socket: process.terminal is false");
        if (terminal && !options->detach && options->console_socket)
                return error_set(err, EINVAL, "--console-socket: only for create and for detached containers");
        return 0;
}

void prepare_state(const struct create_options *options, const struct bundle *bundle, char created[TIMESTAMP_MAX],
                   struct state *out) {
        const struct runtime_namespace *pids = &bundle->config.linux_.namespaces[NAMESPACE_PID];

        *out = (struct state){
                .oci_version = bundle->config.oci_version,
                .id = options->id,
                .bundle = bundle->path,
                .rootfs = bundle->rootfs,
                .created = timestamp_format(timestamp_now(), true, created),
                .owner = geteuid(),
                .systemd_cgroup = options->systemd_cgroup,
                .old_keyring = options->no_new_keyring,
                .shares_pids = !pids->present || pids->path,
                .cgroups_path = bundle->config.linux_.cgroups_path,
                .annotations = bundle->config.annotations,
        };
}

int prepare_keep_config(int state_fd, const struct bundle *bundle, struct error *err) {
        _cleanup_fd_ int fd = openat(state_fd, STATE_CONFIG_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : fd_write_all(fd, bundle->text, bundle->size);

        return r < 0 ? error_errno(err, -r, "cannot keep the container's config") : 0;
}

int prepare_cgroup(const struct create_options *options, const struct runtime_config *config, int proc_fd,
                   struct cgroup **out, struct error *err) {
        struct placement placement = {0};
        int r = placement_begin(&placement, options, config, proc_fd, err);

        if (r == 0)
                r = placement_finish(&placement, err);
        if (r < 0)
                placement_undo(&placement);
        else
                *out = take_ptr(placement.cgroup);
        placement_close(&placement);
        return r;
}
