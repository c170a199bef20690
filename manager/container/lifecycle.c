#include "lifecycle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"
#include "../../lib/signal_name.h"
#include "create.h"
#include "monitor.h"
#include "oci.h"

#define DEFAULT_STOP_SECONDS 10
/* How long a killed container may take to be taken down. */
#define KILL_PATIENCE_MS 30000

int container_start(const struct manager *manager, struct container *container, bool attach, int *connection,
                    struct error *err) {
        _cleanup_fd_ int lock = -1, fd = -1;
        int r;

        *connection = -1;
        if (container_is_running(container)) /* also when its monitor was killed: it goes on without logs */
                return 1;
        lock = container_lock(container, err);
        if (lock == -EBUSY && container_is_running(container))
                return 1;
        if (lock < 0)
                return lock;
        /* Its monitor was killed, or an earlier start was. */
        r = monitor_clean_up(manager, container, err);
        if (r < 0)
                return r;
        fd = monitor_start(manager, container, lock, attach, err);
        if (fd < 0)
                return fd;
        r = attach ? 0 : monitor_wait_started(fd, err);
        if (r == 0)
                *connection = take_fd(&fd);
        return r;
}

/* A handle on init that cannot come to mean another process. */
static int open_init(const struct container *container, struct error *err) {
        _cleanup_fd_ int fd = container->state.pid > 0 ? process_pidfd(container->state.pid) : -ESRCH;

        if (fd < 0 || !container_is_running(container))
                return error_set(err, ESRCH, "container %s is not running", container->name);
        return take_fd(&fd);
}

int container_signal(const struct container *container, int signal, struct error *err) {
        _cleanup_fd_ int fd = open_init(container, err);
        int r = fd < 0 ? fd : process_signal(fd, signal);

        return r < 0 && fd >= 0 ? error_errno(err, -r, "signal to container %s", container->name) : r;
}

/* Waits until init has ended, and its monitor has taken everything down. 1: done, 0: time is over. */
static int wait_ended(const struct container *container, int init, int timeout_ms) {
        _cleanup_fd_ int monitor = container_has_monitor(container) ? process_pidfd(container->state.monitor) : -1;
        int r = init >= 0 ? process_wait_pidfd(init, timeout_ms) : 1;

        if (r == 1 && monitor >= 0)
                r = process_wait_pidfd(monitor, KILL_PATIENCE_MS);
        return r;
}

/* Between two runs of its restart policy there is no init, only a monitor that waits. */
static int stop_restarting(struct container *container, struct error *err) {
        _cleanup_fd_ int monitor = process_pidfd(container->state.monitor);

        if (monitor < 0 || !container_has_monitor(container))
                return 0;
        (void) process_signal(monitor, SIGTERM);
        if (process_wait_pidfd(monitor, KILL_PATIENCE_MS) != 1)
                return error_set(err, ETIMEDOUT, "container %s does not stop restarting", container->name);
        return 0;
}

static void kill_everything(const struct manager *manager, const struct container *container, int init) {
        struct error ignored = {0};

        (void) process_signal(init, SIGKILL);
        /* A container that shares its pid namespace has more processes than the kernel kills with init. */
        if (container->options.pid)
                (void) oci_kill_all(manager, container, SIGKILL, &ignored);
}

int container_stop(const struct manager *manager, struct container *container, int64_t timeout, struct error *err) {
        int64_t own = container->options.stop_timeout >= 0 ? container->options.stop_timeout : DEFAULT_STOP_SECONDS;
        int64_t milliseconds = (timeout >= 0 ? timeout : own) * 1000;
        bool paused = container->state.status == STATUS_PAUSED;
        _cleanup_fd_ int init = -1;
        struct error ignored = {0};
        int r;

        container_mark(container, CONTAINER_MARK_STOPPED, true);
        if (!container_is_running(container))
                return container_has_monitor(container) ? stop_restarting(container, err)
                                                        : monitor_clean_up(manager, container, err);
        init = open_init(container, err);
        if (init < 0)
                return 0; /* it ended just now */
        if (paused)
                (void) container_pause(manager, container, false, &ignored);
        (void) process_signal(init, signal_number(container->stop_signal));
        r = wait_ended(container, init, (int) (milliseconds > INT32_MAX ? INT32_MAX : milliseconds));
        if (r == 0) {
                kill_everything(manager, container, init);
                r = wait_ended(container, init, KILL_PATIENCE_MS);
        }
        if (r != 1)
                return error_set(err, ETIMEDOUT, "container %s does not end", container->name);
        if (container_refresh(container, &ignored) == 0 && !container_has_monitor(container))
                return monitor_clean_up(manager, container, err);
        return 0;
}

int container_pause(const struct manager *manager, struct container *container, bool pause, struct error *err) {
        int r;

        if (!container_is_running(container))
                return error_set(err, ESRCH, "container %s is not running", container->name);
        if (pause == container_is_marked(container, CONTAINER_MARK_PAUSED))
                return error_set(err, EINVAL, "container %s is %s paused", container->name, pause ? "already" : "not");
        r = oci_pause(manager, container, pause, err);
        if (r == 0)
                container_mark(container, CONTAINER_MARK_PAUSED, pause);
        return r;
}

/* Reads until the monitor says how the container ended. */
static int wait_exit(int connection, int *exit_code) {
        char packet[MONITOR_PACKET_MAX];
        ssize_t size;

        while ((size = recv(connection, packet, sizeof(packet), 0)) > 0 || (size < 0 && errno == EINTR))
                if (size == 1 + sizeof(*exit_code) && packet[0] == PACKET_EXIT) {
                        memcpy(exit_code, packet + 1, sizeof(*exit_code));
                        return 0;
                }
        return -EPIPE;
}

int container_wait(const struct manager *manager, struct container *container, int *exit_code, struct error *err) {
        struct error ignored = {0};
        _cleanup_fd_ int init = -1, connection = -1;

        (void) manager;
        if (container_has_monitor(container))
                connection = monitor_connect(container, 0, &ignored);
        if (connection >= 0 && wait_exit(connection, exit_code) == 0)
                return 0;
        /* No monitor to ask: it was killed, or is taking the container down just now. */
        init = container_is_running(container) ? open_init(container, &ignored) : -1;
        (void) wait_ended(container, init, -1);
        if (container_refresh(container, err) < 0)
                return -EIO;
        *exit_code = container->state.exit_code;
        return 0;
}

static int kill_for_removal(const struct manager *manager, struct container *container, struct error *err) {
        _cleanup_fd_ int init = -1;
        struct error ignored = {0};

        container_mark(container, CONTAINER_MARK_STOPPED, true);
        if (container->state.status == STATUS_PAUSED)
                (void) container_pause(manager, container, false, &ignored);
        init = container_is_running(container) ? open_init(container, &ignored) : -1;
        if (init < 0 && container_has_monitor(container))
                return stop_restarting(container, err);
        if (init >= 0)
                kill_everything(manager, container, init);
        if (wait_ended(container, init, KILL_PATIENCE_MS) != 1)
                return error_set(err, ETIMEDOUT, "container %s does not end", container->name);
        return 0;
}

int container_remove(const struct manager *manager, struct container *container, bool force, bool volumes,
                     struct error *err) {
        _cleanup_fd_ int lock = -1;
        int r;

        if (container_is_running(container) || container_has_monitor(container)) {
                if (!force) {
                        error_set(err, EBUSY, "cannot remove container \"%s\": container is %s", container->name,
                                  container_status_name(container->state.status));
                        return error_hint(err, "stop the container before removing it, or force with rm -f");
                }
                r = kill_for_removal(manager, container, err);
                if (r < 0)
                        return r;
        }
        lock = container_lock(container, err);
        if (lock == -ENOENT) /* removed meanwhile: by --rm, or by another rm */
                return 0;
        if (lock < 0)
                return lock;
        r = monitor_clean_up(manager, container, err);
        if (r < 0)
                return r;
        if (volumes || container->options.remove)
                container_remove_anonymous_volumes(manager, container);
        return container_remove_files(manager, container, err);
}
