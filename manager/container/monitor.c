#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../../lib/signal_name.h"
#include "../../lib/timestamp.h"
#include "../network/connect.h"
#include "../volume/populate.h"
#include "bundle.h"
#include "create.h"
#include "hostfiles.h"
#include "monitor_io.h"
#include "monitor_socket.h"
#include "oci.h"
#include "oom.h"
#include "overlay.h"
#include "restart.h"

struct monitor {
        const struct manager *manager;
        struct container *container;
        struct container_state *state;
        struct monitor_io io;
        struct held_ports ports;
        struct restart_policy policy;
        char *oom_file;
        int mount_namespace; /* of whoever started us; the container's root is mounted in one of our own */
};

/* Standard streams to nowhere, but messages to a file; nothing open beside what is ours. */
static void leave_terminal(const struct container *container, int *lock, int *starter) {
        _cleanup_free_ char *path = str_format("%s/monitor.log", container->directory);
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        int errors = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

        (void) setsid();
        (void) prctl(PR_SET_NAME, "mymgr-monitor");
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        /* Out of the way first: either may have any number. */
        *lock = fcntl(*lock, F_DUPFD_CLOEXEC, 100);
        *starter = fcntl(*starter, F_DUPFD_CLOEXEC, 100);
        (void) dup2(nothing, 0);
        (void) dup2(nothing, 1);
        (void) dup2(errors >= 0 ? errors : nothing, 2);
        (void) dup3(*lock, 3, O_CLOEXEC);
        (void) dup3(*starter, 4, O_CLOEXEC);
        (void) close_range(5, ~0U, 0);
        *lock = 3;
        *starter = 4;
        (void) umask(0022);
        if (chdir("/") < 0)
                _exit(1);
}

static int watch_signals(struct monitor_io *io, struct error *err) {
        sigset_t watched, all;

        /* Everything is blocked but what would be a defect of our own: a hangup must not end a monitor. */
        (void) sigfillset(&all);
        (void) sigdelset(&all, SIGSEGV);
        (void) sigdelset(&all, SIGABRT);
        (void) sigdelset(&all, SIGBUS);
        (void) sigdelset(&all, SIGFPE);
        (void) sigdelset(&all, SIGILL);
        (void) sigprocmask(SIG_SETMASK, &all, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&watched);
        (void) sigaddset(&watched, SIGCHLD);
        (void) sigaddset(&watched, SIGTERM);
        io->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
        return io->signals < 0 ? error_errno(err, errno, "signals") : 0;
}

/*
 * The root file system is mounted where only the monitor and the container see
 * it: the kernel takes it down when both are gone, however they end.
 */
static int enter_own_mounts(struct monitor *monitor, struct error *err) {
        monitor->mount_namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (monitor->mount_namespace < 0 || unshare(CLONE_NEWNS) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
                return error_errno(err, errno, "mount namespace");
        return 0;
}

static void leave_own_mounts(struct monitor *monitor) {
        if (monitor->mount_namespace >= 0)
                (void) setns(monitor->mount_namespace, CLONE_NEWNS);
        fd_close_at(&monitor->mount_namespace);
}

/* docker's way: an empty volume takes over what the image has in its place. */
static int fill_volumes(const struct container *container, struct error *err) {
        _cleanup_free_ char *merged = str_format("%s/merged", container->directory);
        _cleanup_fd_ int root = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);

        for (size_t i = 0; i < container->mount_count; i++) {
                const struct container_mount *mount = &container->mounts[i];
                _cleanup_fd_ int from = -1;
                int r;

                if (!str_equal(mount->type, "volume"))
                        continue;
                from = path_open(root, mount->destination, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, NULL);
                r = from < 0 ? 0 : volume_populate(from, mount->source, err); /* else the image has nothing there */
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What lasts over restarts: network, files, root file system, sockets. */
static int set_up(struct monitor *monitor, struct error *err) {
        struct container *container = monitor->container;
        _cleanup_free_ char *log = str_format("%s/container.log", container->directory);
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *connection;
        int r;

        r = path_make_trusted_dirs(container->run_directory, 0700, err);
        if (r == 0)
                r = connect_container(monitor->manager, container, &monitor->ports, err);
        if (r < 0)
                return r;
        connection = connect_read(container, arena);
        r = hostfiles_write(container, connection, err);
        if (r == 0)
                r = enter_own_mounts(monitor, err);
        if (r == 0)
                r = overlay_mount(container->directory, container->layers, err);
        if (r == 0)
                r = fill_volumes(container, err);
        if (r == 0)
                r = bundle_write(monitor->manager, container, connection_netns(connection), err);
        if (r == 0)
                r = logfile_open(log, &monitor->io.log, err);
        if (r == 0)
                r = monitor->io.listener = monitor_socket_listen(container, "attach", SOCK_SEQPACKET, err);
        return r < 0 ? r : 0;
}

int monitor_clean_up(const struct manager *manager, struct container *container, struct error *err) {
        struct stat status;
        int first = 0, r;

        if (stat(container->run_directory, &status) < 0 && errno == ENOENT)
                return 0;
        first = oci_delete(manager, container, err);
        r = disconnect_container(manager, container, first == 0 ? err : NULL);
        first = first < 0 ? first : r;
        r = overlay_unmount(container->directory, first == 0 ? err : NULL);
        first = first < 0 ? first : r;
        if (first == 0) {
                _cleanup_free_ char *runs = str_format("%s/containers", manager->run_root);
                _cleanup_fd_ int fd = open(runs, O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (fd >= 0)
                        (void) path_remove_tree(fd, container->id, NULL);
                container_mark(container, CONTAINER_MARK_PAUSED, false);
        }
        return first;
}

/* Pipes for the container: ours in io, its ends in *stdio. */
static int make_pipes(struct monitor *monitor, struct oci_stdio *stdio, struct error *err) {
        struct monitor_io *io = &monitor->io;
        int in[2] = {-1, -1}, out[2], errs[2];

        if (monitor->container->options.interactive && pipe2(in, O_CLOEXEC) < 0)
                return error_errno(err, errno, "standard input");
        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errs, O_CLOEXEC) < 0)
                return error_errno(err, errno, "standard output");
        *stdio = (struct oci_stdio){in[0], out[1], errs[1]};
        io->input = in[1];
        io->output = out[0];
        io->errors = errs[0];
        /* A container that runs as another user must be able to open /dev/stdout again. */
        if (in[0] >= 0)
                (void) fchmod(in[0], 0666);
        (void) fchmod(out[1], 0666);
        (void) fchmod(errs[1], 0666);
        return 0;
}

static void set_nonblocking(int fd) {
        if (fd >= 0)
                (void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_stdio(struct oci_stdio *stdio) {
        fd_close_at(&stdio->input);
        fd_close_at(&stdio->output);
        fd_close_at(&stdio->errors);
}

/* `create` with a terminal: the runtime sends its master over a socket. */
static int create_with_terminal(struct monitor *monitor, struct error *err) {
        static const struct oci_stdio nothing = {-1, -1, -1};
        struct monitor_io *io = &monitor->io;
        char path[MONITOR_SOCKET_PATH_MAX];
        _cleanup_fd_ int listener = monitor_socket_listen(monitor->container, "console", SOCK_STREAM, err);
        int r;

        if (listener < 0)
                return listener;
        monitor_socket_path(monitor->container, "console", path);
        r = oci_create(monitor->manager, monitor->container, &nothing, path, err);
        if (r < 0)
                return r;
        io->output = monitor_socket_receive_terminal(listener, err);
        if (io->output < 0)
                return io->output;
        io->input = io->output;
        io->terminal = true;
        return 0;
}

static int create(struct monitor *monitor, struct error *err) {
        struct oci_stdio stdio = {-1, -1, -1};
        int r;

        if (monitor->container->options.tty) {
                r = create_with_terminal(monitor, err);
        } else {
                r = make_pipes(monitor, &stdio, err);
                if (r == 0)
                        r = oci_create(monitor->manager, monitor->container, &stdio, NULL, err);
                close_stdio(&stdio);
        }
        set_nonblocking(monitor->io.input);
        set_nonblocking(monitor->io.output);
        set_nonblocking(monitor->io.errors);
        return r;
}

static int read_pid(const struct container *container, pid_t *out, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/pid", container->run_directory), *text = NULL;
        int64_t pid;
        int r = file_read(AT_FDCWD, path, 64, &text, NULL, err);

        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = '\0';
        if (str_to_i64(text, 1, INT32_MAX, &pid) < 0)
                return error_set(err, EINVAL, "%s: not a pid: %s", path, text);
        *out = (pid_t) pid;
        return 0;
}

/* Creates and starts the container once. */
static int start(struct monitor *monitor, struct error *err) {
        struct container_state *state = monitor->state;
        int r = create(monitor, err);

        if (r == 0)
                r = read_pid(monitor->container, &monitor->io.init, err);
        if (r < 0)
                return r;
        state->pid = monitor->io.init;
        (void) process_start_time(state->pid, &state->pid_start);
        monitor->oom_file = oom_file_of(state->pid);
        r = oci_start(monitor->manager, monitor->container, err);
        if (r < 0)
                return r;
        state->status = STATUS_RUNNING;
        state->started_at = timestamp_now();
        state->exit_code = 0;
        state->oom_killed = false;
        state->error = NULL;
        return container_save_state(monitor->container, err);
}

/* Waits for the end of the container's init. Returns its exit code. */
static int wait_for_end(struct monitor *monitor) {
        int status = 0;

        while (monitor_io_run(&monitor->io, -1, &status) != MONITOR_INIT_ENDED)
                (void) kill(monitor->io.init, signal_number(monitor->container->stop_signal));
        monitor_io_drain(&monitor->io);
        monitor->io.init = 0;
        return process_exit_code(status);
}

static void record_end(struct monitor *monitor, int exit_code) {
        struct container_state *state = monitor->state;

        state->pid = 0;
        state->exit_code = exit_code;
        state->finished_at = timestamp_now();
        state->oom_killed = oom_happened(monitor->oom_file);
        free(monitor->oom_file);
        monitor->oom_file = NULL;
}

/* True if the container is to be started once more, after the time for it has come. */
static bool wait_for_restart(struct monitor *monitor, int64_t *delay) {
        struct container_state *state = monitor->state;
        int status;

        if (container_is_marked(monitor->container, CONTAINER_MARK_STOPPED) ||
            !restart_wanted(&monitor->policy, state->exit_code, state->restart_count))
                return false;
        *delay = restart_delay(*delay, state->finished_at - state->started_at);
        state->status = STATUS_RESTARTING;
        (void) container_save_state(monitor->container, NULL);
        while (monitor_io_run(&monitor->io, *delay, &status) != MONITOR_TIMEOUT)
                if (container_is_marked(monitor->container, CONTAINER_MARK_STOPPED))
                        return false;
        state->restart_count++;
        return !container_is_marked(monitor->container, CONTAINER_MARK_STOPPED);
}

/* Runs the container, again and again where its policy says so. Returns 0 with the last exit code. */
static int run(struct monitor *monitor, int *exit_code, struct error *err) {
        int64_t delay = 0;
        bool told = false;

        do {
                struct error ignored = {0};
                int r = start(monitor, err);

                if (r < 0)
                        return r;
                if (!told)
                        monitor_io_tell(&monitor->io, PACKET_STARTED, NULL, 0);
                told = true;
                *exit_code = wait_for_end(monitor);
                record_end(monitor, *exit_code);
                (void) oci_delete(monitor->manager, monitor->container, &ignored);
        } while (wait_for_restart(monitor, &delay));
        return 0;
}

static void take_down(struct monitor *monitor) {
        struct error err = {0};

        fd_close_at(&monitor->io.listener);
        /* Still open only when the container did not start: what is in there are the runtime's own complaints. */
        fd_close_at(&monitor->io.output);
        fd_close_at(&monitor->io.errors);
        logfile_close(monitor->io.log);
        monitor->io.log = NULL;
        leave_own_mounts(monitor);
        if (monitor_clean_up(monitor->manager, monitor->container, &err) < 0)
                log_error(&err);
        connect_release_ports(&monitor->ports);
}

static void end(struct monitor *monitor, int failure, int exit_code, const struct error *err) {
        struct container *container = monitor->container;
        struct container_state *state = monitor->state;
        struct error own = {0};

        state->pid = 0;
        if (failure < 0) {
                state->status = state->started_at ? STATUS_EXITED : STATUS_CREATED;
                state->exit_code = oci_exit_code(err);
                state->error = err->message;
        } else {
                state->status = STATUS_EXITED;
        }
        state->monitor = 0;
        if (container->options.remove) {
                container_remove_anonymous_volumes(monitor->manager, container);
                if (container_remove_files(monitor->manager, container, &own) < 0)
                        log_error(&own);
        } else if (container_save_state(container, &own) < 0) {
                log_error(&own);
        }
        if (failure < 0)
                monitor_io_tell(&monitor->io, PACKET_FAILED, err, sizeof(*err));
        else
                monitor_io_tell(&monitor->io, PACKET_EXIT, &exit_code, sizeof(exit_code));
        monitor_io_close(&monitor->io);
}

static void monitor_main(const struct manager *manager, struct container *container, int lock, int starter,
                         bool attach) {
        struct monitor monitor = {
                .manager = manager,
                .container = container,
                .state = &container->state,
                .io = {.signals = -1, .listener = -1, .input = -1, .output = -1, .errors = -1},
                .mount_namespace = -1,
        };
        int64_t restarts = 0, finished_at = container->state.finished_at;
        struct error err = {0};
        int exit_code = 0, r;

        leave_terminal(container, &lock, &starter);
        container->state =
                (struct container_state){.status = STATUS_CREATED, .monitor = getpid(), .finished_at = finished_at};
        container->state.restart_count = restarts;
        (void) process_start_time(getpid(), &container->state.monitor_start);
        monitor_io_add_client(&monitor.io, starter, attach);
        monitor.io.close_input_with_client = !container->options.detach;
        container_mark(container, CONTAINER_MARK_STOPPED, false);
        r = restart_policy_parse(container->options.restart, &monitor.policy, &err);
        if (r == 0)
                r = watch_signals(&monitor.io, &err);
        if (r == 0)
                r = container_save_state(container, &err);
        if (r == 0)
                r = set_up(&monitor, &err);
        if (r == 0)
                r = run(&monitor, &exit_code, &err);
        take_down(&monitor);
        end(&monitor, r, exit_code, &err);
        fd_close(lock);
}

int monitor_start(const struct manager *manager, struct container *container, int lock, bool attach,
                  struct error *err) {
        int sockets[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_errno(err, errno, "container %s", container->name);
        (void) fflush(NULL);
        pid = fork();
        if (pid < 0) {
                error_errno(err, errno, "container %s", container->name);
                fd_close(sockets[0]);
                fd_close(sockets[1]);
                return -err->code;
        }
        if (pid == 0) {
                fd_close(sockets[0]);
                monitor_main(manager, container, lock, sockets[1], attach);
                _exit(0);
        }
        fd_close(sockets[1]);
        return sockets[0];
}
