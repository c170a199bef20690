#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../linux/devices.h"
#include "../linux/hooks.h"
#include "../linux/idmap.h"
#include "../linux/keyring.h"
#include "../linux/labels.h"
#include "../linux/masked_paths.h"
#include "../linux/scheduling.h"
#include "../linux/self.h"
#include "../linux/sysctl.h"
#include "../linux/task.h"
#include "../linux/terminal.h"
#include "launch.h"
#include "placement.h"
#include "sync.h"

/* What init itself learns on its way. */
struct init {
        struct launch *launch;
        bool may_go;                       /* the parent has noted our pid: from here on we are not lost when it dies */
        bool in_cgroup;                    /* in all of it, and in its namespace */
        pid_t pid;                         /* our own as the host sees it */
        int task_fds[PLACEMENT_TASKS_MAX]; /* came with SYNC_GO */
        size_t task_count;
        int offsets; /* namespaces_open_offsets() */
        struct terminal terminal;
        char *program;
        int report;             /* where errors go */
        enum sync_kind failure; /* how */
};

static bool has_namespace(const struct init *init, enum runtime_namespace_type type) {
        return init->launch->config->linux_.namespaces[type].present;
}

static int wait_for_parent(struct init *init, struct error *err) {
        struct sync_message message;
        int r;

        if (init->may_go)
                return 0;
        init->task_count = ARRAY_SIZE(init->task_fds);
        r = sync_expect_many(init->launch->init_socket, SYNC_GO, &message, init->task_fds, &init->task_count, err);
        if (r < 0)
                return r;
        init->may_go = true;
        init->pid = message.pid;
        fd_close_at(&init->launch->lock_fd);
        return 0;
}

/* In a user namespace the file belongs to somebody else as soon as init has become its root. */
static int open_time_offsets(struct init *init, struct error *err) {
        const struct launch *launch = init->launch;

        return launch->namespaces.new_time
                       ? namespaces_open_offsets(&launch->config->linux_, launch->proc_fd, &init->offsets, err)
                       : 0;
}

static int enter_user_namespace(struct init *init, struct error *err) {
        int r;

        if (!has_namespace(init, NAMESPACE_USER))
                return 0;
        /* The parent writes the id maps, for which an unprivileged one needs this process open. */
        if ((r = wait_for_parent(init, err)) < 0 || (r = self_close_to_others(err)) < 0)
                return r;
        return idmap_become_root(&init->launch->config->linux_, err);
}

/*
 * A thread that moves itself by writing "0" to a v1 "tasks" file needs no lock over all
 * processes of the host; moved by its parent, each hierarchy costs an RCU grace period.
 * The files were opened by the parent, whose rights count.
 */
static int enter_cgroup(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        int r;

        if (init->in_cgroup)
                return 0;
        if (launch->cgroup_after_go && (r = wait_for_parent(init, err)) < 0)
                return r;
        while (init->task_count > 0) {
                int fd = init->task_fds[--init->task_count];

                if (write(fd, "0", 1) < 0)
                        return error_errno(err, errno, "cannot enter the container's cgroup");
                fd_close(fd);
        }
        init->in_cgroup = true;
        if (launch->namespaces.new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
                return error_errno(err, errno, "linux.namespaces: cgroup");
        return 0;
}

static int set_names(const struct runtime_config *config, struct error *err) {
        if (config->hostname && sethostname(config->hostname, strlen(config->hostname)) < 0)
                return error_errno(err, errno, "hostname");
        if (config->domainname && setdomainname(config->domainname, strlen(config->domainname)) < 0)
                return error_errno(err, errno, "domainname");
        return 0;
}

static int set_up_namespaces(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        const struct runtime_config *config = launch->config;
        int r;

        if (launch->new_keyring && ((r = labels_apply_keyring(config->process, launch->proc_fd, err)) < 0 ||
                                    (r = keyring_join(launch->state->id, err)) < 0))
                return r;
        if (launch->namespaces.new_time &&
            (r = namespaces_new_time(&config->linux_, init->offsets, launch->proc_fd, err)) < 0)
                return r;
        fd_close_at(&init->offsets);
        if ((launch->namespaces.create & CLONE_NEWNET) && (r = namespaces_loopback_up(err)) < 0)
                return r;
        if ((r = set_names(config, err)) < 0 || (r = sysctl_apply(launch->proc_fd, &config->linux_.sysctl, err)) < 0)
                return r;
        if ((r = personality_apply(&config->linux_, err)) < 0)
                return r;
        return memory_policy_apply(&config->linux_, err);
}

static int open_terminal(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        int r;

        if (!launch->config->process->terminal)
                return 0;
        /* Who gets the terminal is not to get one of a container that cannot be. */
        if ((r = enter_cgroup(init, err)) < 0)
                return r;
        r = terminal_open(launch->rootfs.mount_fd, launch->config->process, &init->terminal, err);
        if (r < 0)
                return r;
        r = devices_bind_console(launch->rootfs.mount_fd, init->terminal.slave, err);
        if (r < 0)
                return r;
        if (launch->console_socket >= 0)
                r = terminal_send(launch->console_socket, init->terminal.master, err);
        else
                r = sync_send(launch->init_socket, SYNC_CONSOLE, 0, init->terminal.master, err);
        fd_close_at(&init->terminal.master);
        return r < 0 ? r : terminal_become(&init->terminal, err);
}

/* The parent is done with its part: from here on init is found by `delete`, and in its cgroup. */
static int join_parent(struct init *init, struct error *err) {
        int r;

        if ((r = wait_for_parent(init, err)) < 0 || (r = enter_cgroup(init, err)) < 0)
                return r;
        affinity_reset();
        return 0;
}

static int run_hooks(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        const struct runtime_hooks *hooks = launch->config->hooks;
        bool of_host = hooks[HOOK_PRESTART].count > 0 || hooks[HOOK_CREATE_RUNTIME].count > 0;
        struct sync_message message;
        _cleanup_free_ char *state = NULL;
        int r;

        /* Without hooks there is more to do meanwhile. */
        if (!of_host && hooks[HOOK_CREATE_CONTAINER].count == 0)
                return 0;
        r = join_parent(init, err);
        if (r < 0)
                return r;
        if (of_host && ((r = sync_send(launch->init_socket, SYNC_HOOKS, 0, -1, err)) < 0 ||
                        (r = sync_expect(launch->init_socket, SYNC_RESUME, &message, err)) < 0))
                return r;
        if (hooks[HOOK_CREATE_CONTAINER].count == 0)
                return 0;
        /* As with runc and crun, such hooks find the container's files below their working directory. */
        if (fchdir(rootfs_fd(&launch->rootfs)) < 0)
                return error_errno(err, errno, "root.path");
        state = container_hook_state(launch->state, "creating", init->pid);
        return hooks_run(&hooks[HOOK_CREATE_CONTAINER], HOOK_CREATE_CONTAINER, state, NULL, err);
}

static int before_cgroup_mount(void *init, struct error *err) {
        return enter_cgroup(init, err);
}

static int build_root(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        const struct runtime_linux *config = &launch->config->linux_;
        const struct mount_cgroup cgroup = {.cgroup = launch->cgroup,
                                            .namespace = has_namespace(init, NAMESPACE_CGROUP),
                                            .before = before_cgroup_mount,
                                            .data = init};
        bool in_user_namespace = has_namespace(init, NAMESPACE_USER);
        int root = -1;
        int r;

        if ((r = mount_plan_open_peers(&launch->mounts, err)) < 0 || (r = rootfs_attach(&launch->rootfs, err)) < 0)
                return r;
        root = rootfs_fd(&launch->rootfs);
        r = mount_plan_apply(&launch->mounts, root, &cgroup, err);
        if (r < 0)
                return r;
        if (!launch->mounts.binds_dev && !(in_user_namespace && launch->rootfs.on_host) &&
            (r = devices_create(root, config, in_user_namespace, launch->device_nodes, err)) < 0)
                return r;
        return open_terminal(init, err);
}

/* A working directory that the image lacks is made; where it cannot be, process.cwd fails when it is entered. */
static void make_working_directory(const struct launch *launch) {
        const char *cwd = launch->config->process->cwd;

        if (!str_equal(cwd, "/"))
                fd_close(path_make_dirs(rootfs_fd(&launch->rootfs), cwd, PATH_IN_ROOT, 0755, NULL));
}

static int enter_root(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        const struct runtime_linux *config = &launch->config->linux_;
        int root = rootfs_fd(&launch->rootfs);
        int r;

        make_working_directory(launch);
        if ((r = mount_plan_finish(&launch->mounts, root, err)) < 0 ||
            (r = readonly_paths_apply(root, config->readonly_paths, err)) < 0 ||
            (r = masked_paths_apply(root, config->masked_paths, err)) < 0)
                return r;
        r = rootfs_enter(&launch->rootfs, err);
        if (r >= 0 && launch->rootfs.propagation_recursive)
                r = mount_plan_repeat_propagation(&launch->mounts, root, err);
        rootfs_close(&launch->rootfs);
        return r < 0 ? r : devices_reopen_null(err);
}

static int set_up(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        bool early;
        int r;

        if (!launch->namespaces.intermediate && (r = namespaces_join(&launch->namespaces, err)) < 0)
                return r;
        if ((r = open_time_offsets(init, err)) < 0 || (r = enter_user_namespace(init, err)) < 0)
                return r;
        (void) setsid();
        /*
         * Otherwise as late as may be, for the parent makes the cgroup meanwhile: before hooks, before the
         * terminal leaves us, and before what depends on it.
         */
        early = init->may_go || !launch->cgroup_after_go || launch->config->linux_.memory_policy;
        if ((early && (r = enter_cgroup(init, err)) < 0) || (r = set_up_namespaces(init, err)) < 0)
                return r;
        (void) umask(0);
        /* What is mounted on the host has to be noted first, for whoever has to take it off. */
        if (launch->rootfs.on_host && launch->rootfs.mount && (r = wait_for_parent(init, err)) < 0)
                return r;
        if ((r = build_root(init, err)) < 0 || (r = run_hooks(init, err)) < 0 || (r = enter_root(init, err)) < 0)
                return r;
        (void) umask(0022);
        return 0;
}

static int hand_over_listener(struct init *init, int listener, struct error *err) {
        struct sync_message message;
        int r;

        if (listener < 0)
                return 0;
        r = sync_send(init->launch->init_socket, SYNC_SECCOMP, 0, listener, err);
        fd_close(listener);
        return r < 0 ? r : sync_expect(init->launch->init_socket, SYNC_RESUME, &message, err);
}

/* create: the parent goes away, and `start` comes through the socket in the state directory. */
static int wait_for_start(struct init *init, struct error *err) {
        struct launch *launch = init->launch;
        struct sync_message message;
        int connection;
        int r = sync_send(launch->init_socket, SYNC_READY, 0, -1, err);

        if (r < 0 || launch->at_once)
                return r;
        if (launch->start_socket < 0)
                return sync_expect(launch->init_socket, SYNC_START, &message, err);
        /* From here on nobody reads our errors until `start` comes. */
        fd_close_at(&launch->init_socket);
        /* Meanwhile `exec` may want to enter the namespaces. */
        if (launch->made_by_user && (r = self_open_to_owner(err)) < 0)
                return r;
        do
                connection = accept4(launch->start_socket, NULL, NULL, SOCK_CLOEXEC);
        while (connection < 0 && errno == EINTR);
        if (connection < 0)
                return error_errno(err, errno, "cannot wait for start");
        fd_close_at(&launch->start_socket);
        init->report = connection;
        if (launch->made_by_user && (r = self_close_to_others(err)) < 0)
                return r;
        return sync_expect(connection, SYNC_START, &message, err);
}

/*
 * While it waits for `start`, init is in the container's pid namespace, and so maybe in that of another
 * container that may trace it: no directory of the host is left open to be reached through /proc/PID/fd
 * (CVE-2016-9962).
 */
static int close_host_files(const struct launch *launch, struct error *err) {
        int r = fd_close_others(3 + (unsigned int) launch->preserve_fds, launch->init_socket, launch->start_socket);

        return r < 0 ? error_errno(err, -r, "the runtime's own files cannot be kept from the container") : 0;
}

static int run(struct init *init, struct error *err) {
        static const char *const no_env[] = {NULL};
        struct launch *launch = init->launch;
        const struct runtime_hooks *hooks = &launch->config->hooks[HOOK_START_CONTAINER];
        struct task task = {
                .process = launch->config->process,
                .capabilities = &launch->capabilities,
                .seccomp = launch->config->linux_.seccomp ? &launch->seccomp : NULL,
                .preserve_fds = launch->preserve_fds,
                .listen_fds = launch->listen_fds,
                .listen_names = launch->listen_names,
                .deny_setgroups = launch->deny_setgroups,
                .keep_groups = task_keeps_groups(&launch->config->annotations),
        };
        int listener;
        int r;

        if ((r = set_up(init, err)) < 0 || (r = join_parent(init, err)) < 0)
                return r;
        if (task.process->args && chdir(task.process->cwd) == 0 &&
            (r = task_find_program(task.process, &init->program, err)) < 0)
                return r;
        log_debug("init: namespaces and root are set up");
        if ((r = labels_apply(task.process, launch->proc_fd, err)) < 0 || (r = close_host_files(launch, err)) < 0 ||
            (r = task_confine(&task, &listener, err)) < 0 || (r = hand_over_listener(init, listener, err)) < 0)
                return r;
        /* The working directory was closed to root: the user may enter it. */
        if (task.process->args && !init->program && (r = task_find_program(task.process, &init->program, err)) < 0)
                return r;
        if ((r = wait_for_start(init, err)) < 0)
                return r;
        if (hooks->count > 0) {
                _cleanup_free_ char *state = container_hook_state(launch->state, "created", init->pid);

                init->failure = SYNC_FATAL;
                /* Programs of the image: they get the container's filter, and nothing of the host's environment. */
                if ((r = task_load_filter(&task, err)) < 0 ||
                    (r = hooks_run(hooks, HOOK_START_CONTAINER, state, task.process->env ? task.process->env : no_env,
                                   err)) < 0)
                        return r;
                init->failure = SYNC_ERROR;
        }
        (void) sigprocmask(SIG_SETMASK, launch->signal_mask, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        return task_execute(&task, init->program, err);
}

void init_main(struct launch *launch) {
        struct init init = {.launch = launch,
                            .offsets = -1,
                            .terminal = {.master = -1, .slave = -1},
                            .report = launch->init_socket,
                            .failure = SYNC_ERROR};
        struct error err = {0};

        fd_close_at(&launch->self_handle);
        fd_close_at(&launch->parent_socket);
        self_forget_environment();
        (void) run(&init, &err);
        sync_send_error(init.report, init.failure, &err);
        _exit(EXIT_FAILURE);
}
