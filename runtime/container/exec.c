#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../../lib/str.h"
#include "../linux/capabilities.h"
#include "../linux/idmap.h"
#include "../linux/intel_rdt.h"
#include "../linux/keyring.h"
#include "../linux/labels.h"
#include "../linux/namespaces.h"
#include "../linux/procfs.h"
#include "../linux/scheduling.h"
#include "../linux/self.h"
#include "../linux/task.h"
#include "../linux/terminal.h"
#include "handover.h"
#include "sync.h"

#define HIERARCHIES_MAX 32

struct execution {
        const struct container *container;
        const struct exec_options *options;
        struct capability_sets capabilities;
        struct seccomp_program seccomp;
        uint64_t namespaces; /* CLONE_NEW* to join, but for the pid namespace */
        int task_fds[HIERARCHIES_MAX];
        int cgroup_fd; /* the v2 directory to be born in, or -1 */
        bool admitted; /* into the cgroup by the user's service manager: cgroup_needs_manager() */
        size_t task_count;
        int root_fd; /* the container's root where no mount namespace leads there, else -1 */
        int proc_fd;
        int parent_socket;
        int child_socket;
        int console_socket;
        pid_t pid;
        int terminal;
        int listen_fds; /* of socket activation */
        char *listen_names;
        int preserve_fds; /* with them */
        sigset_t signal_mask;
};

static int check_status(const struct execution *execution, struct error *err) {
        enum container_status status = container_status(execution->container);
        const struct runtime_process *process = execution->options->process;

        if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
                return error_set(err, ESRCH, "cannot exec in a %s container", container_status_name(status));
        if (status == CONTAINER_PAUSED && !execution->options->ignore_paused) {
                error_set(err, EBUSY, "cannot exec in a paused container");
                return error_hint(err, "resume it, or use --ignore-paused");
        }
        if (process->terminal && execution->options->detach && !execution->options->console_socket)
                return error_set(err, EINVAL, "a detached process with a terminal needs --console-socket");
        if (execution->options->console_socket && (!process->terminal || !execution->options->detach))
                return error_set(err, EINVAL, "--console-socket: only for a detached process with a terminal");
        return 0;
}

/* True if one of the controllers before the colon of "cpu,cpuacct:path" is the hierarchy's. */
static bool names_hierarchy(const char *item, const char *hierarchy) {
        _cleanup_str_list_ struct str_list wanted = {0};
        _cleanup_str_list_ struct str_list names = {0};
        _cleanup_free_ char *head = xstrndup(item, strcspn(item, ":"));

        str_list_split(&wanted, head, ',');
        str_list_split(&names, hierarchy, ',');
        for (size_t i = 0; i < wanted.count; i++)
                if (str_list_contains(&names, wanted.items[i]))
                        return true;
        return false;
}

/* The sub-cgroup asked for in a hierarchy: "path" is for all of them, "memory:path" for one. */
static const char *sub_cgroup(const struct execution *execution, const char *hierarchy) {
        const char *all = "";

        for (const char *const *item = execution->options->cgroups; item && *item; item++) {
                const char *colon = strchr(*item, ':');

                if (!colon)
                        all = *item;
                else if (names_hierarchy(*item, hierarchy))
                        return colon + 1;
        }
        return all;
}

/* Callers of runc know these faults by their words. */
static int check_cgroups(const struct execution *execution, const struct cgroup_hierarchy *hierarchies, size_t count,
                         struct error *err) {
        for (const char *const *item = execution->options->cgroups; item && *item; item++) {
                const char *colon = strchr(*item, ':');
                _cleanup_free_ char *path = path_clean(colon ? colon + 1 : *item);
                bool known = !colon;

                for (size_t i = 0; i < count && !known; i++)
                        known = names_hierarchy(*item, hierarchies[i].name);
                if (!known)
                        return error_set(err, EINVAL, "--cgroup: unknown controller %.*s", (int) (colon - *item),
                                         *item);
                if (str_equal(path, "..") || str_starts_with(path, "../"))
                        return error_set(err, EINVAL, "--cgroup: %s is not a sub cgroup path", path);
        }
        return 0;
}

/* An fd of a directory below one of the container's cgroup directories. */
static int open_cgroup(const char *directory, const char *sub, struct error *err) {
        _cleanup_fd_ int top = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd;

        if (top < 0)
                return error_errno(err, errno, "%s", directory);
        fd = path_open(top, sub, PATH_NO_SYMLINKS, O_PATH | O_DIRECTORY, 0, err);
        if (fd == -ENOENT && !str_empty(sub))
                return error_set(err, ENOENT, "--cgroup: adding pid to %s/%s/cgroup.procs: no such file or directory",
                                 directory, sub);
        return fd < 0 ? error_wrap(err, str_empty(sub) ? "cgroup" : "--cgroup") : fd;
}

/* The process moves itself by writing "0", see enter_cgroup() in init.c. */
static int open_members(struct execution *execution, int directory, const char *file, struct error *err) {
        int fd = openat(directory, file, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "the container's cgroup: %s", file);
        execution->task_fds[execution->task_count++] = fd;
        return 0;
}

/* v2 is entered by the clone itself, unless another process in between is cloned, or affinity comes first. */
static int open_cgroups(struct execution *execution, struct error *err) {
        const struct cgroup_hierarchy *hierarchies = NULL;
        size_t count =
                execution->container->cgroup ? cgroup_hierarchies(execution->container->cgroup, &hierarchies) : 0;
        int r = check_cgroups(execution, hierarchies, count, err);

        /* One entry is left for the v2 directory, see clone_into_cgroup(). */
        for (size_t i = 0; r >= 0 && i < count && i < HIERARCHIES_MAX - 1; i++) {
                const char *sub = sub_cgroup(execution, hierarchies[i].name);
                _cleanup_fd_ int directory = open_cgroup(hierarchies[i].directory, sub, err);

                if (directory < 0)
                        return directory;
                if (!hierarchies[i].v2)
                        r = open_members(execution, directory, "tasks", err);
                else if (geteuid() != 0 && cgroup_needs_manager(execution->container->cgroup))
                        execution->admitted = true;
                else if (geteuid() != 0 || execution->options->process->exec_cpu_affinity_initial)
                        r = open_members(execution, directory, "cgroup.procs", err);
                else
                        execution->cgroup_fd = take_fd(&directory);
        }
        return r < 0 ? r : 0;
}

static void plan_namespaces(struct execution *execution) {
        const struct runtime_namespace *namespaces = execution->options->config->linux_.namespaces;

        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                if (namespaces[i].present && i != NAMESPACE_PID)
                        execution->namespaces |= namespaces_flag((enum runtime_namespace_type) i);
}

static int open_root(struct execution *execution, struct error *err) {
        const struct runtime_namespace *mount = &execution->options->config->linux_.namespaces[NAMESPACE_MOUNT];
        char path[32];

        if (mount->present && !mount->path)
                return 0;
        (void) snprintf(path, sizeof(path), "%d/root", execution->container->state.pid);
        execution->root_fd = openat(execution->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return execution->root_fd < 0 ? error_errno(err, errno, "the container's root") : 0;
}

static int prepare(struct execution *execution, struct error *err) {
        const struct exec_options *options = execution->options;
        const struct runtime_seccomp *seccomp = options->config->linux_.seccomp;
        int sockets[2];
        int r;

        if ((r = check_status(execution, err)) < 0)
                return r;
        if ((execution->proc_fd = procfs_open(procfs_use_of(options->process), err)) < 0)
                return execution->proc_fd;
        plan_namespaces(execution);
        if ((r = open_root(execution, err)) < 0 || (r = open_cgroups(execution, err)) < 0 ||
            (r = capabilities_resolve(options->process, options->config->linux_.namespaces[NAMESPACE_USER].present,
                                      &execution->capabilities, err)) < 0)
                return r;
        if (seccomp && (r = seccomp_compile(seccomp, execution->container->root_fd, &execution->seccomp, err)) < 0)
                return r;
        if (options->console_socket && (execution->console_socket = terminal_connect(options->console_socket, err)) < 0)
                return execution->console_socket;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_errno(err, errno, "cannot make a socket");
        execution->parent_socket = sockets[0];
        execution->child_socket = sockets[1];
        return 0;
}

/* --- in the new process ------------------------------------------------- */

static int join_container(struct execution *execution, struct error *err) {
        const struct runtime_linux *config = &execution->options->config->linux_;
        const struct runtime_process *process = execution->options->process;
        int r;

        if ((r = affinity_apply_initial(process, err)) < 0)
                return r;
        for (size_t i = 0; i < execution->task_count; i++)
                if (write(execution->task_fds[i], "0", 1) < 0)
                        return error_errno(err, errno, "cannot enter the container's cgroup");
        if ((r = affinity_apply_final(process, err)) < 0)
                return r;
        if (execution->namespaces && setns(execution->container->pidfd, (int) execution->namespaces) < 0)
                return error_errno(err, errno, "cannot enter the container's namespaces");
        if (execution->root_fd >= 0 && (fchdir(execution->root_fd) < 0 || chroot(".") < 0))
                return error_errno(err, errno, "cannot enter the container's root");
        if (chdir("/") < 0)
                return error_errno(err, errno, "cannot enter the container's root");
        if (config->namespaces[NAMESPACE_USER].present && (r = idmap_become_root(config, err)) < 0)
                return r;
        (void) setsid();
        if ((r = personality_apply(config, err)) < 0 || (r = memory_policy_apply(config, err)) < 0 ||
            (r = labels_apply_keyring(process, execution->proc_fd, err)) < 0 ||
            (!execution->container->state.old_keyring && (r = keyring_join(execution->container->state.id, err)) < 0))
                return r;
        return labels_apply(process, execution->proc_fd, err);
}

static int open_terminal(struct execution *execution, struct error *err) {
        struct terminal terminal;
        _cleanup_fd_ int root = -1;
        int r;

        if (!execution->options->process->terminal)
                return 0;
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = terminal_open(root, execution->options->process, &terminal, err);
        if (r < 0)
                return r;
        if (execution->console_socket >= 0)
                r = terminal_send(execution->console_socket, terminal.master, err);
        else
                r = sync_send(execution->child_socket, SYNC_CONSOLE, 0, terminal.master, err);
        fd_close(terminal.master);
        return r < 0 ? r : terminal_become(&terminal, err);
}

/* From here on nothing of the host is open that the container could reach through /proc/PID/fd (CVE-2016-9962). */
static int close_host_files(const struct execution *execution, struct error *err) {
        int r = fd_close_others(3 + (unsigned int) execution->preserve_fds, execution->child_socket, -1);

        return r < 0 ? error_errno(err, -r, "the runtime's own files cannot be kept from the container") : 0;
}

static int become_program(struct execution *execution, struct error *err) {
        struct sync_message message;
        _cleanup_free_ char *program = NULL;
        struct task task = {
                .process = execution->options->process,
                .capabilities = &execution->capabilities,
                .seccomp = execution->options->config->linux_.seccomp ? &execution->seccomp : NULL,
                .preserve_fds = execution->preserve_fds,
                .listen_fds = execution->listen_fds,
                .listen_names = execution->listen_names,
                .deny_setgroups = execution->options->config->linux_.namespaces[NAMESPACE_USER].present,
                .keep_groups = task_keeps_groups(&execution->options->config->annotations),
        };
        int listener = -1;
        int r;

        if ((r = join_container(execution, err)) < 0 || (r = open_terminal(execution, err)) < 0 ||
            (r = close_host_files(execution, err)) < 0 || (r = task_confine(&task, &listener, err)) < 0)
                return r;
        /* The parent has sent this early, so it comes before the answer about the listener. */
        if ((r = sync_expect(execution->child_socket, SYNC_START, &message, err)) < 0)
                return r;
        if (listener >= 0 && ((r = sync_send(execution->child_socket, SYNC_SECCOMP, 0, listener, err)) < 0 ||
                              (r = sync_expect(execution->child_socket, SYNC_RESUME, &message, err)) < 0))
                return r;
        if ((r = task_find_program(task.process, &program, err)) < 0)
                return r;
        log_debug("exec: executing %s", program);
        (void) sigprocmask(SIG_SETMASK, &execution->signal_mask, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        return task_execute(&task, program, err);
}

static void __attribute__((noreturn)) child_main(struct execution *execution) {
        struct error err = {0};

        fd_close_at(&execution->parent_socket);
        self_forget_environment();
        if (self_close_to_others(&err) == 0)
                (void) become_program(execution, &err);
        sync_send_error(execution->child_socket, SYNC_ERROR, &err);
        _exit(EXIT_FAILURE);
}

/* --- in the caller ------------------------------------------------------ */

/*
 * Who is not root outside may enter the pid namespace only as root of the user namespace,
 * and a process that enters a user namespace cannot come back: one in between does both.
 */
static void __attribute__((noreturn)) intermediate_main(struct execution *execution) {
        struct error err = {0};
        struct sync_message message;
        pid_t pid;

        fd_close_at(&execution->parent_socket);
        if (execution->admitted && sync_expect(execution->child_socket, SYNC_GO, &message, &err) < 0)
                _exit(EXIT_FAILURE);
        (void) self_close_to_others(&err);
        if (setns(execution->container->pidfd, CLONE_NEWUSER) < 0 ||
            setns(execution->container->pidfd, CLONE_NEWPID) < 0) {
                error_errno(&err, errno, "cannot enter the container's namespaces");
                sync_send_error(execution->child_socket, SYNC_ERROR, &err);
                _exit(EXIT_FAILURE);
        }
        execution->namespaces &= ~(uint64_t) CLONE_NEWUSER;
        pid = namespaces_clone(CLONE_PARENT, -1, 0);
        if (pid == 0)
                child_main(execution);
        if (pid < 0) {
                error_errno(&err, -pid, "cannot make a process in the container");
                sync_send_error(execution->child_socket, SYNC_ERROR, &err);
        } else {
                (void) sync_send(execution->child_socket, SYNC_PID, pid, -1, &err);
        }
        _exit(EXIT_SUCCESS);
}

/* Before it becomes somebody else in the user namespace, whom the manager does not know. */
static int admit(struct execution *execution, pid_t intermediate, struct error *err) {
        int r = cgroup_admit(execution->container->cgroup, sub_cgroup(execution, ""), intermediate, err);

        return r < 0 ? r : sync_send(execution->parent_socket, SYNC_GO, intermediate, -1, err);
}

static int clone_through_intermediate(struct execution *execution, struct error *err) {
        struct sync_message message = {0};
        pid_t intermediate = namespaces_clone(0, -1, SIGCHLD);
        int r;

        if (intermediate == 0)
                intermediate_main(execution);
        if (intermediate < 0)
                return error_errno(err, -intermediate, "cannot make a process");
        fd_close_at(&execution->child_socket);
        r = execution->admitted ? admit(execution, intermediate, err) : 0;
        if (r >= 0)
                r = sync_expect(execution->parent_socket, SYNC_PID, &message, err);
        else
                (void) kill(intermediate, SIGKILL);
        (void) waitpid(intermediate, NULL, 0);
        execution->pid = r < 0 ? 0 : message.pid;
        return r;
}

/* Kernels before 5.7, and cgroups that take no newborn process. */
static pid_t clone_into_cgroup(struct execution *execution, struct error *err) {
        const struct container *container = execution->container;
        pid_t pid = namespaces_clone(0, execution->cgroup_fd, SIGCHLD);

        if (execution->cgroup_fd < 0 || pid >= 0)
                return pid;
        /* The container has divided its cgroup: its own processes moved below, and init is in a place for processes. */
        if (pid == -EBUSY && !execution->options->cgroups) {
                fd_close_at(&execution->cgroup_fd);
                execution->cgroup_fd =
                        cgroup_open_of_process(container->cgroup, execution->proc_fd, container->state.pid, err);
                pid = execution->cgroup_fd < 0 ? execution->cgroup_fd
                                               : namespaces_clone(0, execution->cgroup_fd, SIGCHLD);
        }
        if (pid >= 0 || execution->cgroup_fd < 0)
                return pid;
        return open_members(execution, execution->cgroup_fd, "cgroup.procs", err) < 0
                       ? pid
                       : namespaces_clone(0, -1, SIGCHLD);
}

static int clone_process(struct execution *execution, struct error *err) {
        const struct runtime_namespace *namespaces = execution->options->config->linux_.namespaces;
        pid_t pid;

        if (geteuid() != 0 && (namespaces[NAMESPACE_PID].present || execution->admitted) &&
            (execution->namespaces & CLONE_NEWUSER))
                return clone_through_intermediate(execution, err);
        /* Only children are affected, and this process makes no other. */
        if (namespaces[NAMESPACE_PID].present && setns(execution->container->pidfd, CLONE_NEWPID) < 0)
                return error_errno(err, errno, "cannot enter the container's pid namespace");
        pid = clone_into_cgroup(execution, err);
        if (pid == 0)
                child_main(execution);
        if (pid < 0)
                return error_errno(err, -pid, "cannot make a process in the container");
        execution->pid = pid;
        fd_close_at(&execution->child_socket);
        return 0;
}

static int join_rdt(const struct execution *execution, struct error *err) {
        const struct state *state = &execution->container->state;
        _cleanup_fd_ int fd = -1;

        if (!state->rdt_group)
                return 0;
        fd = intel_rdt_open(err);
        return fd < 0 ? fd : intel_rdt_attach(fd, state->rdt_group, state->id, execution->pid, err);
}

static int release_process(struct execution *execution, struct error *err) {
        const struct opt_i64 *score = &execution->options->process->oom_score_adj;
        char text[24];
        int r;

        if (score->set) {
                (void) snprintf(text, sizeof(text), "%lld", (long long) score->value);
                r = procfs_write_process(execution->proc_fd, execution->pid, "oom_score_adj", text, err);
                if (r < 0)
                        return error_wrap(err, "process.oomScoreAdj");
        }
        if ((r = join_rdt(execution, err)) < 0)
                return r;
        /* A terminal that we relay gets its size first. */
        if (execution->options->process->terminal && execution->console_socket < 0)
                return 0;
        return sync_send(execution->parent_socket, SYNC_START, 0, -1, err);
}

/* Until the program is executed, which closes the other end. */
static int follow(struct execution *execution, struct error *err) {
        for (;;) {
                struct sync_message message;
                _cleanup_fd_ int fd = -1;
                int r = sync_receive(execution->parent_socket, &message, &fd, err);

                if (r <= 0)
                        return r;
                if (message.kind == SYNC_CONSOLE) {
                        execution->terminal = take_fd(&fd);
                        terminal_copy_size(STDIN_FILENO, execution->terminal);
                        r = sync_send(execution->parent_socket, SYNC_START, 0, -1, err);
                        if (r < 0)
                                return r;
                } else if (message.kind == SYNC_SECCOMP) {
                        r = container_send_listener(&execution->container->state,
                                                    execution->options->config->linux_.seccomp, execution->pid, fd,
                                                    err);
                        if (r < 0 || (r = sync_send(execution->parent_socket, SYNC_RESUME, 0, -1, err)) < 0)
                                return r;
                } else {
                        return error_set(err, EPROTO, "unexpected message %d during exec", (int) message.kind);
                }
        }
}

/* The process's own report explains more than our broken socket. */
static void prefer_report(const struct execution *execution, struct error *err) {
        struct sync_message message;
        struct error reported = {0};

        if (execution->pid > 0 && (err->code == EPIPE || err->code == ESRCH) &&
            sync_receive(execution->parent_socket, &message, NULL, &reported) < 0 && reported.code != 0)
                *err = reported;
}

static int start(struct execution *execution, struct created *out, struct error *err) {
        _cleanup_fd_ int pidfd = -1;
        int r;

        if ((r = clone_process(execution, err)) < 0)
                return r;
        log_debug("process %d enters container %s", (int) execution->pid, execution->container->state.id);
        pidfd = process_pidfd(execution->pid);
        if ((r = release_process(execution, err)) < 0 || (r = follow(execution, err)) < 0 ||
            (r = pid_file_write(execution->options->pid_file, execution->pid, err)) < 0 ||
            (r = pidfd_socket_send(execution->options->pidfd_socket, pidfd, err)) < 0)
                return r;
        *out = (struct created){.pid = execution->pid,
                                .pidfd = take_fd(&pidfd),
                                .terminal = take_fd(&execution->terminal),
                                .notify = -1};
        return 0;
}

static void release(struct execution *execution) {
        for (size_t i = 0; i < execution->task_count; i++)
                fd_close(execution->task_fds[i]);
        fd_close_at(&execution->cgroup_fd);
        seccomp_program_free(&execution->seccomp);
        free(execution->listen_names);
        fd_close_at(&execution->root_fd);
        fd_close_at(&execution->proc_fd);
        fd_close_at(&execution->parent_socket);
        fd_close_at(&execution->child_socket);
        fd_close_at(&execution->console_socket);
        fd_close_at(&execution->terminal);
}

int container_exec(const struct container *container, const struct exec_options *options, struct created *out,
                   struct error *err) {
        struct execution execution = {
                .container = container, .options = options, .root_fd = -1, .proc_fd = -1, .cgroup_fd = -1};
        int r;

        execution.parent_socket = execution.child_socket = execution.console_socket = execution.terminal = -1;
        if (options->signal_mask)
                execution.signal_mask = *options->signal_mask;
        else
                (void) sigprocmask(SIG_SETMASK, NULL, &execution.signal_mask);
        execution.listen_fds = task_listen_fds();
        execution.listen_names = xstrdup(getenv("LISTEN_FDNAMES"));
        execution.preserve_fds = options->preserve_fds + execution.listen_fds;
        (void) fd_cloexec_from(3 + (unsigned int) execution.preserve_fds);
        warn_of_preserved_fds(options->preserve_fds);
        r = prepare(&execution, err);
        if (r >= 0)
                r = start(&execution, out, err);
        if (r < 0 && execution.pid > 0) {
                prefer_report(&execution, err);
                (void) kill(execution.pid, SIGKILL);
                (void) waitpid(execution.pid, NULL, 0);
        }
        release(&execution);
        return r;
}
