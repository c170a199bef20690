#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"
#include "../linux/hooks.h"
#include "../linux/intel_rdt.h"
#include "../linux/rootfs.h"
#include "../linux/seccomp.h"

#define KILL_TIMEOUT_MS 10000

/*
 * Opens init by pidfd if the pid still is the process that was started: pids come round again,
 * even within the tick (10 ms) that start times are counted in, so newer kernels' number of the
 * process is compared as well.
 */
static int open_init(const struct state *state) {
        _cleanup_fd_ int pidfd = -1;
        uint64_t start_time;

        if (state->pid <= 0)
                return -1;
        pidfd = process_pidfd(state->pid);
        if (pidfd < 0 || process_wait_pidfd(pidfd, 0) != 0)
                return -1;
        if (process_start_time(state->pid, &start_time) < 0 || start_time != state->start_time)
                return -1;
        if (state->process_number != 0 && process_number(pidfd) != state->process_number)
                return -1;
        return take_fd(&pidfd);
}

int container_open(const char *root, const char *id, struct container *out, struct error *err) {
        int r;

        *out = (struct container) CONTAINER_INIT;
        r = state_check_id(id, err);
        if (r < 0)
                return r;
        out->root_fd = state_open_root(root, false, err);
        if (out->root_fd == -ENOENT)
                return error_set(err, ENOENT, "container does not exist: %s", id);
        if (out->root_fd < 0)
                return out->root_fd;
        out->dir_fd = state_open(out->root_fd, id, err);
        if (out->dir_fd < 0)
                return out->dir_fd;
        out->arena = arena_new();
        r = container_refresh(out, err);
        /* A create that ended after the first look has noted its process by now. */
        if (r == 0 && out->state.pid == 0 && !state_is_locked(out->dir_fd))
                r = container_refresh(out, err);
        return r;
}

int container_refresh(struct container *container, struct error *err) {
        int r = state_read(container->dir_fd, container->arena, &container->state, err);

        if (r < 0)
                return r;
        fd_close_at(&container->pidfd);
        container->pidfd = open_init(&container->state);
        if (container->cgroup)
                cgroup_free(take_ptr(container->cgroup));
        return container->state.cgroup ? cgroup_read(container->state.cgroup, &container->cgroup, err) : 0;
}

void container_close(struct container *container) {
        fd_close_at(&container->pidfd);
        fd_close_at(&container->dir_fd);
        fd_close_at(&container->root_fd);
        if (container->cgroup)
                cgroup_free(container->cgroup);
        container->cgroup = NULL;
        arena_free(container->arena);
        container->arena = NULL;
}

enum container_status container_status(const struct container *container) {
        struct error ignored;

        if (container->state.pid == 0)
                return state_is_locked(container->dir_fd) ? CONTAINER_CREATING : CONTAINER_STOPPED;
        if (container->pidfd < 0)
                return CONTAINER_STOPPED;
        if (container->cgroup && cgroup_frozen(container->cgroup, &ignored) == 1)
                return CONTAINER_PAUSED;
        if (faccessat(container->dir_fd, STATE_SOCKET, F_OK, 0) == 0)
                return CONTAINER_CREATED;
        return CONTAINER_RUNNING;
}

const char *container_status_name(enum container_status status) {
        static const char *const names[] = {
                [CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
                [CONTAINER_PAUSED] = "paused",     [CONTAINER_STOPPED] = "stopped",
        };

        return names[status];
}

int container_config(const struct container *container, struct runtime_config *out, struct error *err) {
        const struct json *root;
        int r = json_parse_file(container->arena, container->dir_fd, STATE_CONFIG_FILE, NULL, &root, err);

        if (r < 0)
                return r;
        return runtime_config_parse(container->arena, root, out, err);
}

void container_put_state(struct json_writer *writer, const struct state *state, const char *status, pid_t pid) {
        json_put_string(writer, "ociVersion", state->oci_version);
        json_put_string(writer, "id", state->id);
        json_put_int(writer, "pid", pid);
        json_put_string(writer, "status", status);
        json_put_string(writer, "bundle", state->bundle);
        json_put_string(writer, "rootfs", state->rootfs);
        json_put_string(writer, "created", state->created);
        if (state->annotations.count > 0) {
                json_begin_object(writer, "annotations");
                for (size_t i = 0; i < state->annotations.count; i++)
                        json_put_string(writer, state->annotations.items[i].key, state->annotations.items[i].value);
                json_end_object(writer);
        }
}

char *container_hook_state(const struct state *state, const char *status, pid_t pid) {
        struct json_writer writer = {0};

        json_begin_object(&writer, NULL);
        container_put_state(&writer, state, status, pid);
        json_end_object(&writer);
        return json_writer_take(&writer);
}

/* containerProcessState of config-linux.md */
int container_send_listener(const struct state *state, const struct runtime_seccomp *seccomp, pid_t pid, int listener,
                            struct error *err) {
        static const char *const fds[] = {"seccompFd", NULL};
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "ociVersion", state->oci_version);
        json_put_strings(&writer, "fds", fds);
        json_put_int(&writer, "pid", pid);
        json_put_string(&writer, "metadata", seccomp->listener_metadata);
        json_begin_object(&writer, "state");
        container_put_state(&writer, state, pid == state->pid ? "creating" : "running", state->pid);
        json_end_object(&writer);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        return seccomp_send_listener(seccomp, listener, text, err);
}

/* The processes that outlive an init without a pid namespace of its own; false: there are none. */
static bool has_others(const struct container *container) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;

        return cgroup_pids(container->cgroup, &pids, &count, NULL) == 0 && count > 0;
}

int container_signal(const struct container *container, int signal, bool all, struct error *err) {
        int r;

        /* As runc since 1.2: what ends init is meant for all, and nothing else would end them. */
        if (signal == SIGKILL && container->state.shares_pids && container->cgroup && has_others(container))
                all = true;
        if (all && container->cgroup)
                return cgroup_signal(container->cgroup, signal, err);
        if (container->pidfd < 0)
                return error_set(err, ESRCH, "container not running");
        r = process_signal(container->pidfd, signal);
        if (r == -ESRCH)
                return error_set(err, ESRCH, "container not running");
        if (r < 0)
                return error_errno(err, -r, "cannot signal the container");
        /* A frozen process dies only once it is thawed (cgroup v1). */
        if (signal == SIGKILL && container->cgroup && cgroup_frozen(container->cgroup, NULL) == 1)
                (void) cgroup_freeze(container->cgroup, false, NULL);
        return 0;
}

static int does_not_die(const struct container *container, struct error *err) {
        int state = process_state(container->state.pid);

        error_set(err, ETIMEDOUT, "the container's init process has not died within %d s of its kill (pid %d%s)",
                  KILL_TIMEOUT_MS / 1000, container->state.pid, state == 'D' ? ", in an uninterruptible sleep" : "");
        return error_hint(err,
                          "it or a child of it waits for a file system, or a cgroup above the container's is frozen: "
                          "once that is over, delete again");
}

int container_kill(const struct container *container, struct error *err) {
        struct error ignored;
        int r;

        if (container->pidfd < 0)
                return 0;
        r = process_signal(container->pidfd, SIGKILL);
        if (r < 0 && r != -ESRCH)
                return error_errno(err, -r, "cannot kill the container");
        /* A frozen process dies only once it is thawed (cgroup v1). */
        if (container->cgroup && process_wait_pidfd(container->pidfd, 20) == 0 &&
            cgroup_frozen(container->cgroup, &ignored) == 1)
                (void) cgroup_freeze(container->cgroup, false, &ignored);
        r = process_wait_pidfd(container->pidfd, KILL_TIMEOUT_MS);
        if (r == 0)
                return does_not_die(container, err);
        return r < 0 ? error_errno(err, -r, "cannot wait for the container's end") : 0;
}

/* A create that was killed before it could note its cgroup, as it does with the pid: the same request finds it. */
static void find_cgroup(struct container *container, const struct runtime_config *config) {
        struct cgroup_request request = {
                .container_id = container->state.id,
                .cgroups_path = container->state.cgroups_path,
                .systemd = container->state.systemd_cgroup,
                .rootless = geteuid() != 0,
                .annotations = config ? &config->annotations : NULL,
        };
        struct error ignored;

        if (!container->cgroup && container->state.pid == 0 && cgroup_find(&request, &container->cgroup, &ignored) < 0)
                container->cgroup = NULL;
}

static int remove_rdt(const struct state *state, struct error *err) {
        _cleanup_fd_ int fd = -1;

        if (!state->rdt_group)
                return 0;
        /* No resctrl any more: no group either. */
        fd = intel_rdt_open(NULL);
        return fd < 0 ? 0 : intel_rdt_remove(fd, state->rdt_group, state->id, state->rdt_made, err);
}

void container_poststop(const struct state *state, const struct runtime_config *config) {
        _cleanup_free_ char *text = NULL;

        if (config->hooks[HOOK_POSTSTOP].count == 0)
                return;
        text = container_hook_state(state, "stopped", 0);
        hooks_run_all(&config->hooks[HOOK_POSTSTOP], HOOK_POSTSTOP, text);
}

int container_destroy(struct container *container, struct error *err) {
        struct runtime_config config = {0};
        struct error ignored = {0};
        bool configured = container_config(container, &config, &ignored) == 0;

        return container_destroy_with(container, configured ? &config : NULL, err);
}

int container_destroy_with(struct container *container, const struct runtime_config *config, struct error *err) {
        int r = 0;

        find_cgroup(container, config);
        if (container->cgroup)
                r = cgroup_remove(container->cgroup, err);
        if (r < 0 || (r = remove_rdt(&container->state, err)) < 0)
                return r;
        if (container->state.host_mount != 0 &&
            (r = rootfs_detach(container->state.rootfs, container->state.host_mount, err)) < 0)
                return r;
        r = state_remove(container->root_fd, container->dir_fd, container->state.id, err);
        if (r < 0)
                return r;
        if (config)
                container_poststop(&container->state, config);
        return 0;
}
