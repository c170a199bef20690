#include "prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../linux/idmap.h"

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
        *out = (struct state){
                .oci_version = bundle->config.oci_version,
                .id = options->id,
                .bundle = bundle->path,
                .rootfs = bundle->rootfs,
                .created = timestamp_format(timestamp_now(), true, created),
                .owner = geteuid(),
                .systemd_cgroup = options->systemd_cgroup,
                .old_keyring = options->no_new_keyring,
                .cgroups_path = bundle->config.linux_.cgroups_path,
                .annotations = bundle->config.annotations,
        };
}

int prepare_keep_config(int state_fd, const struct bundle *bundle, struct error *err) {
        _cleanup_fd_ int fd = openat(state_fd, STATE_CONFIG_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : fd_write_all(fd, bundle->text, bundle->size);

        return r < 0 ? error_errno(err, -r, "cannot keep the container's config") : 0;
}

static bool mounts_cgroups(const struct runtime_config *config) {
        for (size_t i = 0; i < config->mount_count; i++)
                if (str_equal(config->mounts[i].type, "cgroup"))
                        return true;
        return false;
}

int prepare_cgroup(const struct create_options *options, const struct runtime_config *config, int proc_fd,
                   struct cgroup **out, struct error *err) {
        struct cgroup_request request = {
                .container_id = options->id,
                .cgroups_path = config->linux_.cgroups_path,
                .systemd = options->systemd_cgroup,
                .rootless = options->rootless.set ? options->rootless.value : geteuid() != 0,
                .insists = !options->rootless.set && geteuid() != 0 && config->linux_.cgroups_path,
                .resources = config->linux_.resources,
                .annotations = &config->annotations,
                .complete = mounts_cgroups(config),
        };
        int r;

        if (options->no_cgroup)
                return 0;
        r = cgroup_create(&request, out, err);

        /* Root of a user namespace only looks like root. */
        if ((r == -EACCES || r == -EPERM || r == -EROFS) && !request.rootless && !options->rootless.set &&
            idmap_is_inside(proc_fd)) {
                request.rootless = true;
                r = cgroup_create(&request, out, err);
        }
        return r;
}
