#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../linux/hooks.h"
#include "container.h"
#include "notify.h"
#include "sync.h"

static int connect_to_init(int dir_fd, struct error *err) {
        char directory[PATH_FD_MAX];
        _cleanup_free_ char *path = str_format("%s/%s", path_of_fd(dir_fd, directory), STATE_SOCKET);
        int fd = fd_connect_unix(path, SOCK_SEQPACKET);

        return fd < 0 ? error_errno(err, -fd, "the container's init process cannot be reached") : fd;
}

/*
 * A hook that fails on the way to running ends the container (runtime.md, lifecycle, steps 8 and 9):
 * it is destroyed as delete would, poststop hooks included.
 */
static void destroy(struct container *container) {
        struct error err = {0};

        if (container_kill(container, &err) < 0 || container_destroy(container, &err) < 0)
                log_error(&err);
}

/* The answer is init's end of the connection closing at its execve, or an error. */
static int tell_init(struct container *container, int socket, struct error *err) {
        struct sync_message message = {0};
        struct error reported = {0};
        int r = sync_send(socket, SYNC_START, 0, -1, err);

        if (r < 0) {
                if (sync_receive(socket, &message, NULL, &reported) < 0 && reported.code != 0)
                        *err = reported;
                return -err->code;
        }
        r = sync_receive(socket, &message, NULL, err);
        if (r < 0 && message.kind == SYNC_FATAL)
                destroy(container);
        return r < 0 ? r : 0;
}

static int run_poststart(struct container *container, const struct runtime_config *config, struct error *err) {
        _cleanup_free_ char *state = NULL;
        int r;

        if (config->hooks[HOOK_POSTSTART].count == 0)
                return 0;
        state = container_hook_state(&container->state, "running", container->state.pid);
        r = hooks_run(&config->hooks[HOOK_POSTSTART], HOOK_POSTSTART, state, NULL, err);
        if (r < 0)
                destroy(container);
        return r;
}

int container_start(const char *root, const char *id, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_fd_ int socket = -1;
        _cleanup_fd_ int notify = -1;
        enum container_status status;
        struct runtime_config config;
        int r;

        if ((r = container_open(root, id, &container, err)) < 0 ||
            (r = state_lock(container.dir_fd, STATE_LOCK_TIMEOUT_MS, err)) < 0)
                return r;
        /* It was still being created when it was looked up. */
        if (container.state.pid == 0 && (r = container_refresh(&container, err)) < 0)
                return r;
        status = container_status(&container);
        if (status == CONTAINER_STOPPED)
                return error_set(err, ESRCH, "cannot start a container that has stopped");
        if (status != CONTAINER_CREATED)
                return error_set(err, EINVAL, "cannot start an already %s container", container_status_name(status));
        if ((r = container_config(&container, &config, err)) < 0)
                return r;
        if (!config.process)
                return error_set(err, EINVAL, "process: required, but missing in the container's config");
        socket = connect_to_init(container.dir_fd, err);
        if (socket < 0)
                return socket;
        /* Init accepts one connection only, so from here on nobody else can start it. */
        if (unlinkat(container.dir_fd, STATE_SOCKET, 0) < 0)
                return error_errno(err, errno, "cannot note that the container was started");
        if ((r = notify_listen(container.dir_fd, &notify, err)) < 0 || (r = tell_init(&container, socket, err)) < 0 ||
            (r = run_poststart(&container, &config, err)) < 0)
                return r;
        if (notify >= 0) {
                /* It may take long, and the container may be killed and deleted meanwhile. */
                state_unlock(container.dir_fd);
                notify_forward(notify, container.state.pid, container.pidfd);
        }
        return 0;
}

int container_poststart(const char *root, const char *id, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct runtime_config config;
        int r;

        if ((r = container_open(root, id, &container, err)) < 0 ||
            (r = state_lock(container.dir_fd, STATE_LOCK_TIMEOUT_MS, err)) < 0 ||
            (r = container_config(&container, &config, err)) < 0)
                return r;
        return run_poststart(&container, &config, err);
}
