#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../../lib/str.h"
#include "../../lib/timestamp.h"
#include "../linux/devices.h"
#include "../linux/hooks.h"
#include "../linux/idmap.h"
#include "../linux/intel_rdt.h"
#include "../linux/network_devices.h"
#include "../linux/procfs.h"
#include "../linux/scheduling.h"
#include "../linux/task.h"
#include "../linux/terminal.h"
#include "bundle.h"
#include "handover.h"
#include "launch.h"
#include "notify.h"
#include "placement.h"
#include "prepare.h"
#include "sync.h"

/* What a create has at any moment, and so what a failed one must undo. */
struct creation {
        const struct create_options *options;
        struct bundle bundle;
        struct state state;
        struct launch launch;
        struct placement placement;
        struct network_devices *network_devices;
        int root_fd;
        int rdt_fd; /* resctrl, or -1 */
        bool made_state;
        pid_t pid;
        int pidfd;
        int terminal;
        int notify; /* notify_listen() */
        sigset_t signal_mask;
        char created[TIMESTAMP_MAX];
};

/* Noted before anything is made, so that whoever cleans up after us knows what may be there. */
static int plan_rdt(struct creation *creation, struct error *err) {
        const struct runtime_intel_rdt *rdt = creation->bundle.config.linux_.intel_rdt;
        struct state *state = &creation->state;

        if (!rdt)
                return 0;
        creation->rdt_fd = intel_rdt_open(err);
        if (creation->rdt_fd < 0)
                return creation->rdt_fd;
        state->rdt_group = intel_rdt_group(rdt, creation->options->id);
        state->rdt_made = !intel_rdt_exists(creation->rdt_fd, state->rdt_group);
        return 0;
}

/* `run` listens itself; after `create` it is `start` that will. */
static int prepare_notify(struct creation *creation, struct error *err) {
        const struct create_options *options = creation->options;
        _cleanup_free_ char *path = NULL;
        int r;

        if (!notify_wanted())
                return 0;
        path = path_join(options->root, options->id);
        r = notify_prepare(creation->bundle.arena, &creation->bundle.config, creation->launch.lock_fd, path, err);
        return r < 0 || options->wait_for_start ? r : notify_listen(creation->launch.lock_fd, &creation->notify, err);
}

/* First of all the directory that `delete --force` looks for. */
static int make_state(struct creation *creation, struct error *err) {
        int r;

        creation->root_fd = state_open_root(creation->options->root, true, err);
        if (creation->root_fd < 0)
                return creation->root_fd;
        creation->launch.lock_fd = state_make(creation->root_fd, creation->options->id, err);
        if (creation->launch.lock_fd < 0)
                return creation->launch.lock_fd;
        creation->made_state = true;
        prepare_state(creation->options, &creation->bundle, creation->created, &creation->state);
        r = plan_rdt(creation, err);
        if (r < 0 || (r = prepare_notify(creation, err)) < 0)
                return r;
        return state_write(creation->launch.lock_fd, &creation->state, NULL, NULL, err);
}

static int make_start_socket(struct creation *creation, struct error *err) {
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char directory[PATH_FD_MAX];
        mode_t mask;
        int r;

        /* Through the fd: a state directory's path may be longer than a socket's address. */
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
                        path_of_fd(creation->launch.lock_fd, directory), STATE_SOCKET);
        mask = umask(0077);
        r = fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 1) < 0 ? errno
                                                                                                             : 0;
        (void) umask(mask);
        if (r != 0)
                return error_errno(err, r, "cannot make the socket for start");
        creation->launch.start_socket = take_fd(&fd);
        return 0;
}

static int prepare_root(struct creation *creation, struct error *err) {
        const struct runtime_config *config = &creation->bundle.config;
        struct launch *launch = &creation->launch;
        const struct runtime_namespace *namespaces = config->linux_.namespaces;
        struct mount_request request = {.config = config,
                                        .bundle = creation->bundle.path,
                                        .rootfs = creation->bundle.rootfs,
                                        .proc_fd = launch->proc_fd,
                                        .user_namespace = launch->namespaces.join[NAMESPACE_USER]};
        int r;

        launch->rootfs.readonly = config->root->readonly;
        launch->rootfs.no_pivot = creation->options->no_pivot || namespaces[NAMESPACE_MOUNT].path;
        launch->rootfs.mount = bundle_mounts_root(config);
        launch->rootfs.on_host = !namespaces[NAMESPACE_MOUNT].present;
        r = mount_propagation_parse(config->linux_.rootfs_propagation, &launch->rootfs.propagation,
                                    &launch->rootfs.propagation_recursive, err);
        if (r < 0 || (r = rootfs_prepare(&launch->rootfs, creation->bundle.rootfs, err)) < 0)
                return r;
        if (launch->rootfs.on_host && launch->rootfs.mount &&
            (r = path_mount_id(launch->rootfs.mount_fd, &creation->state.host_mount)) < 0)
                return error_errno(err, -r, "root.path: its mount has no id");
        r = mount_plan_prepare(creation->bundle.arena, &request, &launch->mounts, err);
        if (r == 0 && namespaces[NAMESPACE_MOUNT].present && namespaces[NAMESPACE_USER].present &&
            !launch->mounts.binds_dev)
                launch->device_nodes = devices_prepare(&config->linux_);
        return r;
}

/* What of /proc this container has us write. */
static enum procfs_use procfs_use(const struct runtime_config *config) {
        const struct runtime_namespace *namespaces = config->linux_.namespaces;

        if (config->linux_.sysctl.count > 0)
                return PROCFS_ALL;
        if (namespaces[NAMESPACE_USER].present || namespaces[NAMESPACE_TIME].present)
                return PROCFS_PROCESSES;
        return procfs_use_of(config->process);
}

/* Nothing is to be done here between init's work and the program's start: then init need not wait. */
static bool starts_at_once(const struct creation *creation) {
        const struct create_options *options = creation->options;

        return !options->wait_for_start && !options->pid_file && !options->pidfd_socket &&
               !creation->bundle.config.process->terminal;
}

/* Everything that can fail for reasons of the config or the host fails here, before there is a process. */
static int prepare(struct creation *creation, struct error *err) {
        const struct runtime_config *config = &creation->bundle.config;
        struct launch *launch = &creation->launch;
        int sockets[2];
        int r;

        launch->config = config;
        launch->state = &creation->state;
        launch->signal_mask = &creation->signal_mask;
        launch->at_once = starts_at_once(creation);
        launch->new_keyring = !creation->options->no_new_keyring;
        launch->made_by_user = geteuid() != 0;
        launch->deny_setgroups = config->linux_.namespaces[NAMESPACE_USER].present;
        if ((launch->proc_fd = procfs_open(procfs_use(config), err)) < 0)
                return launch->proc_fd;
        if ((r = namespaces_prepare(&config->linux_, &launch->namespaces, err)) < 0 ||
            (r = prepare_root(creation, err)) < 0 ||
            (r = capabilities_resolve(config->process, config->linux_.namespaces[NAMESPACE_USER].present,
                                      &launch->capabilities, err)) < 0)
                return r;
        if (config->linux_.seccomp &&
            (r = seccomp_compile(config->linux_.seccomp, creation->root_fd, &launch->seccomp, err)) < 0)
                return r;
        if (creation->options->console_socket &&
            (launch->console_socket = terminal_connect(creation->options->console_socket, err)) < 0)
                return launch->console_socket;
        if (creation->options->wait_for_start && (r = make_start_socket(creation, err)) < 0)
                return r;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_errno(err, errno, "cannot make a socket");
        launch->parent_socket = sockets[0];
        launch->init_socket = sockets[1];
        log_debug("bundle %s: config.json read, mounts and seccomp prepared", creation->bundle.path);
        r = placement_begin(&creation->placement, creation->options, config, launch->proc_fd, err);
        launch->cgroup = creation->placement.cgroup;
        if (r < 0 || creation->rdt_fd < 0)
                return r;
        return intel_rdt_create(creation->rdt_fd, config->linux_.intel_rdt, creation->options->id, err);
}

/* Joins namespaces and makes init as a child of this process's parent, the runtime. */
static void __attribute__((noreturn)) intermediate_main(struct launch *launch) {
        struct error err = {0};
        pid_t pid;

        fd_close_at(&launch->parent_socket);
        if (namespaces_join(&launch->namespaces, &err) < 0) {
                sync_send_error(launch->init_socket, SYNC_ERROR, &err);
                _exit(EXIT_FAILURE);
        }
        pid = namespaces_clone(launch->namespaces.create | CLONE_PARENT, -1, 0);
        if (pid == 0)
                init_main(launch);
        if (pid < 0) {
                error_errno(&err, -pid, "linux.namespaces: cannot be made");
                sync_send_error(launch->init_socket, SYNC_ERROR, &err);
        } else {
                (void) sync_send(launch->init_socket, SYNC_PID, pid, -1, &err);
        }
        _exit(EXIT_SUCCESS);
}

static int clone_through_intermediate(struct creation *creation, struct error *err) {
        struct launch *launch = &creation->launch;
        struct sync_message message = {0};
        pid_t intermediate = namespaces_clone(0, -1, SIGCHLD);
        int r;

        if (intermediate == 0)
                intermediate_main(launch);
        if (intermediate < 0)
                return error_errno(err, -intermediate, "cannot make a process");
        fd_close_at(&launch->init_socket);
        r = sync_expect(launch->parent_socket, SYNC_PID, &message, err);
        (void) waitpid(intermediate, NULL, 0);
        creation->pid = r < 0 ? 0 : message.pid;
        return r;
}

/* Where a cgroup takes no newborn process, the parent moves it there. */
static pid_t clone_directly(struct creation *creation) {
        struct launch *launch = &creation->launch;
        int cgroup_fd = launch->cgroup ? cgroup_clone_fd(launch->cgroup) : -1;
        pid_t pid;

        /* Else init is in all of its cgroup from the first. */
        launch->cgroup_after_go = launch->cgroup && (cgroup_fd < 0 || !cgroup_host_unified());
        pid = namespaces_clone(launch->namespaces.create, cgroup_fd, SIGCHLD);
        if (cgroup_fd < 0 || !cgroup_refuses_clone(pid)) {
                creation->placement.born_inside = cgroup_fd >= 0;
                return pid;
        }
        launch->cgroup_after_go = true;
        return namespaces_clone(launch->namespaces.create, -1, SIGCHLD);
}

static int clone_init(struct creation *creation, struct error *err) {
        struct launch *launch = &creation->launch;
        int r;

        /* In a pid namespace of its own nobody sees init's files before it has closed this one. */
        if (!(launch->namespaces.create & CLONE_NEWPID))
                fd_close_at(&launch->self_handle);
        if (launch->namespaces.intermediate) {
                launch->cgroup_after_go = launch->cgroup;
                r = clone_through_intermediate(creation, err);
                if (r < 0)
                        return r;
        } else {
                pid_t pid = clone_directly(creation);

                if (pid == 0)
                        init_main(launch);
                if (pid < 0)
                        return error_errno(err, -pid, "linux.namespaces: cannot be made");
                creation->pid = pid;
                /* Init takes it off after SYNC_GO. */
                affinity_part(pid);
                fd_close_at(&launch->init_socket);
        }
        creation->pidfd = process_pidfd(creation->pid);
        return creation->pidfd < 0 ? error_errno(err, -creation->pidfd, "cannot hold the container's process") : 0;
}

static void put_cgroup(struct json_writer *writer, const void *data) {
        const struct cgroup *cgroup = data;

        if (cgroup)
                cgroup_write(cgroup, writer, "cgroup");
}

/* After this init is found by `delete --force`, so it may go on. */
static int release_init(struct creation *creation, struct error *err) {
        const struct runtime_config *config = &creation->bundle.config;
        const struct runtime_namespace *user = &config->linux_.namespaces[NAMESPACE_USER];
        struct launch *launch = &creation->launch;
        const struct opt_i64 *score = &config->process->oom_score_adj;
        int r;

        log_debug("init is process %d", (int) creation->pid);
        creation->state.pid = creation->pid;
        r = process_start_time(creation->pid, &creation->state.start_time);
        if (r < 0)
                return error_errno(err, -r, "the container's init process ended early");
        creation->state.process_number = process_number(creation->pidfd);
        /* For the commands to come; hence while init already works. */
        if ((r = prepare_keep_config(creation->launch.lock_fd, &creation->bundle, err)) < 0 ||
            (r = placement_finish(&creation->placement, err)) < 0)
                return r;
        r = state_write(creation->launch.lock_fd, &creation->state, put_cgroup, launch->cgroup, err);
        if (r < 0)
                return r;
        if (user->present && !user->path && (r = idmap_write(launch->proc_fd, creation->pid, &config->linux_, err)) < 0)
                return r;
        if ((r = placement_enter(&creation->placement, config, creation->pid, err)) < 0)
                return r;
        if (creation->rdt_fd >= 0 && (r = intel_rdt_attach(creation->rdt_fd, creation->state.rdt_group,
                                                           creation->state.id, creation->pid, err)) < 0)
                return r;
        r = network_devices_move(&config->linux_, launch->proc_fd, launch->namespaces.join[NAMESPACE_NETWORK],
                                 creation->pid, &creation->network_devices, err);
        if (r < 0)
                return r;
        if (score->set) {
                char text[24];

                (void) snprintf(text, sizeof(text), "%lld", (long long) score->value);
                r = procfs_write_process(launch->proc_fd, creation->pid, "oom_score_adj", text, err);
                if (r < 0)
                        return error_wrap(err, "process.oomScoreAdj");
        }
        r = sync_send_many(launch->parent_socket, SYNC_GO, creation->pid, creation->placement.task_fds,
                           creation->placement.task_count, err);
        /* The kernel lets us wait for this, now that there is nothing else to do. */
        fd_close_at(&launch->self_handle);
        return r;
}

static int run_host_hooks(struct creation *creation, struct error *err) {
        static const enum runtime_hook_point points[] = {HOOK_PRESTART, HOOK_CREATE_RUNTIME};
        const struct runtime_hooks *hooks = creation->bundle.config.hooks;
        _cleanup_free_ char *state = container_hook_state(&creation->state, "creating", creation->pid);

        for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
                int r = hooks_run(&hooks[points[i]], points[i], state, NULL, err);

                if (r < 0)
                        return r;
        }
        return sync_send(creation->launch.parent_socket, SYNC_RESUME, 0, -1, err);
}

static int send_listener(struct creation *creation, int listener, struct error *err) {
        int r = container_send_listener(&creation->state, creation->bundle.config.linux_.seccomp, creation->pid,
                                        listener, err);

        return r < 0 ? r : sync_send(creation->launch.parent_socket, SYNC_RESUME, 0, -1, err);
}

static int handle_message(struct creation *creation, enum sync_kind kind, int *fd, struct error *err) {
        switch (kind) {
        case SYNC_HOOKS:
                return run_host_hooks(creation, err);
        case SYNC_CONSOLE:
                creation->terminal = take_fd(fd);
                /* Before the program can ask for it. */
                terminal_copy_size(STDIN_FILENO, creation->terminal);
                return 0;
        case SYNC_SECCOMP:
                return send_listener(creation, *fd, err);
        default:
                return error_set(err, EPROTO, "unexpected message %d during the start", (int) kind);
        }
}

/* Serves init until it is ready. */
static int follow_init(struct creation *creation, struct error *err) {
        for (;;) {
                struct sync_message message;
                _cleanup_fd_ int fd = -1;
                int r = sync_receive(creation->launch.parent_socket, &message, &fd, err);

                if (r < 0)
                        return r;
                if (r == 0)
                        return error_set(err, EIO, "the container's init process died while it was set up");
                if (message.kind == SYNC_READY) {
                        log_debug("init is set up, and waits for the start");
                        return 0;
                }
                r = handle_message(creation, message.kind, &fd, err);
                if (r < 0)
                        return r;
        }
}

/* run: the other end closes when the program has been executed. */
static int start_now(struct creation *creation, struct error *err) {
        struct sync_message message;
        int r = 0;

        if (!creation->launch.at_once && (r = sync_send(creation->launch.parent_socket, SYNC_START, 0, -1, err)) < 0)
                return r;
        r = sync_receive(creation->launch.parent_socket, &message, NULL, err);
        return r < 0 ? r : 0;
}

static int create_init(struct creation *creation, struct error *err) {
        int r;

        if ((r = clone_init(creation, err)) < 0 || (r = release_init(creation, err)) < 0 ||
            (r = follow_init(creation, err)) < 0 ||
            (r = pid_file_write(creation->options->pid_file, creation->pid, err)) < 0 ||
            (r = pidfd_socket_send(creation->options->pidfd_socket, creation->pidfd, err)) < 0)
                return r;
        return creation->options->wait_for_start ? 0 : start_now(creation, err);
}

/*
 * A failure that init reported explains more than the parent's broken socket: look
 * whether it left a message.
 */
static void prefer_report(struct creation *creation, struct error *err) {
        struct sync_message message;
        struct error reported = {0};

        if (creation->launch.parent_socket < 0 || creation->pid <= 0 ||
            (err->code != EPIPE && err->code != ECONNRESET && err->code != ESRCH))
                return;
        if (sync_receive(creation->launch.parent_socket, &message, NULL, &reported) < 0 && reported.code != 0)
                *err = reported;
}

static void undo(struct creation *creation) {
        struct error ignored;

        /* Before the namespace goes, and virtual devices with it. */
        network_devices_return(creation->network_devices);
        if (creation->pid > 0) {
                if (creation->pidfd >= 0)
                        (void) process_signal(creation->pidfd, SIGKILL);
                else
                        (void) kill(creation->pid, SIGKILL);
                (void) waitpid(creation->pid, NULL, 0);
        }
        placement_undo(&creation->placement);
        if (creation->state.host_mount != 0)
                (void) rootfs_detach(creation->state.rootfs, creation->state.host_mount, &ignored);
        if (creation->rdt_fd >= 0)
                (void) intel_rdt_remove(creation->rdt_fd, creation->state.rdt_group, creation->state.id,
                                        creation->state.rdt_made, &ignored);
        if (creation->made_state)
                (void) state_remove(creation->root_fd, creation->launch.lock_fd, creation->options->id, &ignored);
        /* Hooks may have run, and what they did is for poststop to undo (runtime.md, lifecycle). */
        if (creation->pid > 0)
                container_poststop(&creation->state, &creation->bundle.config);
}

static void release(struct creation *creation) {
        struct launch *launch = &creation->launch;

        namespaces_close(&launch->namespaces);
        rootfs_close(&launch->rootfs);
        mount_plan_close(&launch->mounts);
        fd_close_at(&launch->device_nodes);
        seccomp_program_free(&launch->seccomp);
        placement_close(&creation->placement);
        network_devices_free(creation->network_devices);
        fd_close_at(&launch->self_handle);
        fd_close_at(&launch->proc_fd);
        fd_close_at(&launch->parent_socket);
        fd_close_at(&launch->init_socket);
        fd_close_at(&launch->start_socket);
        fd_close_at(&launch->console_socket);
        fd_close_at(&creation->launch.lock_fd);
        fd_close_at(&creation->root_fd);
        fd_close_at(&creation->rdt_fd);
        fd_close_at(&creation->pidfd);
        fd_close_at(&creation->terminal);
        fd_close_at(&creation->notify);
        free((char *) launch->listen_names);
        bundle_close(&creation->bundle);
}

static void initialise(struct creation *creation, const struct create_options *options) {
        struct launch *launch = &creation->launch;

        *creation = (struct creation){
                .options = options, .root_fd = -1, .rdt_fd = -1, .notify = -1, .pidfd = -1, .terminal = -1};
        creation->bundle.fd = -1;
        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                launch->namespaces.join[i] = -1;
        launch->rootfs.path_fd = launch->rootfs.mount_fd = launch->device_nodes = -1;
        launch->lock_fd = launch->proc_fd = launch->parent_socket = launch->init_socket = -1;
        launch->start_socket = launch->console_socket = -1;
        launch->self_handle = options->self_handle;
        launch->listen_fds = task_listen_fds();
        launch->listen_names = xstrdup(getenv("LISTEN_FDNAMES"));
        launch->preserve_fds = options->preserve_fds + launch->listen_fds;
        if (options->signal_mask)
                creation->signal_mask = *options->signal_mask;
        else
                (void) sigprocmask(SIG_SETMASK, NULL, &creation->signal_mask);
        /* Nothing the caller left open reaches a hook or the container unasked. */
        (void) fd_cloexec_from(3 + (unsigned int) launch->preserve_fds);
}

/* The creator that stays keeps what it knows, and need not read it again at the end. */
static void keep_container(struct creation *creation, struct created *out) {
        struct arena *arena = take_ptr(creation->bundle.arena);
        struct runtime_config *config = arena_alloc(arena, 1, sizeof(*config));

        *config = creation->bundle.config;
        out->config = config;
        out->state_version = state_version(creation->launch.lock_fd);
        out->container.arena = arena;
        out->container.root_fd = take_fd(&creation->root_fd);
        out->container.dir_fd = take_fd(&creation->launch.lock_fd);
        out->container.state = creation->state;
        out->container.cgroup = take_ptr(creation->placement.cgroup);
        out->container.state.created = arena_strdup(arena, creation->created);
        state_unlock(out->container.dir_fd);
}

int container_create(const struct create_options *options, struct created *out, struct error *err) {
        struct creation creation;
        int r;

        initialise(&creation, options);
        warn_of_preserved_fds(options->preserve_fds);
        if ((r = state_check_id(options->id, err)) >= 0 &&
            (r = bundle_open(options->bundle, options->config, &creation.bundle, err)) >= 0 &&
            (r = prepare_check_process(options, &creation.bundle.config, err)) >= 0 &&
            (r = make_state(&creation, err)) >= 0 && (r = prepare(&creation, err)) >= 0)
                r = create_init(&creation, err);
        if (r < 0) {
                prefer_report(&creation, err);
                undo(&creation);
        } else {
                *out = (struct created){
                        .pid = creation.pid,
                        .pidfd = take_fd(&creation.pidfd),
                        .terminal = take_fd(&creation.terminal),
                        .notify = take_fd(&creation.notify),
                        .has_poststart = creation.bundle.config.hooks[HOOK_POSTSTART].count > 0,
                        .container = CONTAINER_INIT,
                        .state_version = -1,
                };
                if (!options->wait_for_start && !options->detach)
                        keep_container(&creation, out);
        }
        release(&creation);
        return r;
}
