#include "restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../linux/hooks.h"
#include "../linux/idmap.h"
#include "../linux/namespaces.h"
#include "../linux/procfs.h"
#include "../linux/terminal.h"
#include "bundle.h"
#include "checkpoint.h"
#include "container.h"
#include "external.h"
#include "handover.h"
#include "notify.h"
#include "prepare.h"
#include "restore_root.h"

#define CGROUP_FILE_MAX 65536

/* What a restore has at any moment, and so what a failed one must undo. */
struct restoration {
        const struct create_options *options;
        struct bundle bundle;
        struct state state;
        struct cgroup *cgroup;
        int root_fd;
        int lock_fd; /* the state directory */
        int proc_fd;
        int console_socket;
        int terminal;
        int pidfd;
        pid_t pid;
        bool made_state;
        bool ran_hooks;
        char created[TIMESTAMP_MAX];
};

static void put_cgroup(struct json_writer *writer, const void *data) {
        const struct cgroup *cgroup = data;

        if (cgroup)
                cgroup_write(cgroup, writer, "cgroup");
}

/* --- while criu works ----------------------------------------------------- */

/* Lines of "4:cpu,cpuacct:/path", "1:name=systemd:/path" and "0::/path". */
static int put_cgroups(struct criu *criu, pid_t pid, struct error *err) {
        _cleanup_free_ char *path = str_format("/proc/%d/cgroup", (int) pid);
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r = file_read(AT_FDCWD, path, CGROUP_FILE_MAX, &text, NULL, err);

        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                _cleanup_str_list_ struct str_list controllers = {0};
                char *names = strchr(line, ':');
                char *directory = names ? strchr(names + 1, ':') : NULL;

                if (!directory)
                        continue;
                *directory++ = '\0';
                str_list_split(&controllers, names + 1, ',');
                if (controllers.count == 0)
                        str_list_add(&controllers, "");
                for (size_t i = 0; i < controllers.count; i++)
                        criu_put_cgroup(criu, controllers.items[i], directory);
        }
        return 0;
}

/* criu makes the processes where it is itself. */
static int enter_cgroup(struct criu *criu, void *data, pid_t pid, struct error *err) {
        struct restoration *restoration = data;
        int r;

        if (!restoration->cgroup)
                return 0;
        r = cgroup_attach(restoration->cgroup, pid, err);
        /* Now `delete --force` finds what is there if this process should be killed. */
        if (r < 0 ||
            (r = state_write(restoration->lock_fd, &restoration->state, put_cgroup, restoration->cgroup, err)) < 0)
                return r;
        return put_cgroups(criu, pid, err);
}

static int set_loopback_up(pid_t pid, struct error *err) {
        _cleanup_free_ char *path = str_format("/proc/%d/ns/net", (int) pid);
        _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "%s", path);
        r = namespaces_loopback_up(err);
        if (setns(own, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "cannot go back to the network namespace");
        return r;
}

/* The namespaces are there, and nothing in them yet: as when a container is created. */
static int set_up_namespaces(struct restoration *restoration, pid_t pid, struct error *err) {
        static const enum runtime_hook_point points[] = {HOOK_PRESTART, HOOK_CREATE_RUNTIME};
        const struct runtime_config *config = &restoration->bundle.config;
        const struct runtime_namespace *network = &config->linux_.namespaces[NAMESPACE_NETWORK];
        _cleanup_free_ char *state = container_hook_state(&restoration->state, "creating", pid);
        int r = network->present && !network->path ? set_loopback_up(pid, err) : 0;

        restoration->ran_hooks = true;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(points); i++)
                r = hooks_run(&config->hooks[points[i]], points[i], state, NULL, err);
        return r;
}

/* The processes are complete, and stand still until this returns. */
static int note_init(struct restoration *restoration, pid_t pid, struct error *err) {
        struct state *state = &restoration->state;
        int r;

        restoration->pidfd = process_pidfd(pid);
        if (restoration->pidfd < 0)
                return error_errno(err, -restoration->pidfd, "cannot hold the container's process");
        restoration->pid = state->pid = pid;
        r = process_start_time(pid, &state->start_time);
        if (r < 0)
                return error_errno(err, -r, "the container's init process ended early");
        state->process_number = process_number(restoration->pidfd);
        return state_write(restoration->lock_fd, state, put_cgroup, restoration->cgroup, err);
}

static int hand_over_terminal(struct restoration *restoration, int *fd, struct error *err) {
        if (restoration->console_socket >= 0)
                return terminal_send(restoration->console_socket, *fd, err);
        restoration->terminal = take_fd(fd);
        terminal_copy_size(STDIN_FILENO, restoration->terminal);
        return 0;
}

static int follow_criu(void *data, const char *step, pid_t pid, int *fd, struct error *err) {
        struct restoration *restoration = data;

        if (str_equal(step, "setup-namespaces"))
                return set_up_namespaces(restoration, pid, err);
        if (str_equal(step, "post-restore"))
                return note_init(restoration, pid, err);
        if (str_equal(step, "orphan-pts-master") && *fd >= 0)
                return hand_over_terminal(restoration, fd, err);
        return 0;
}

/* --- before and after ----------------------------------------------------- */

static int make_state(struct restoration *restoration, struct error *err) {
        const struct create_options *options = restoration->options;
        _cleanup_free_ char *path = NULL;
        int r;

        restoration->root_fd = state_open_root(options->root, true, err);
        if (restoration->root_fd < 0)
                return restoration->root_fd;
        restoration->lock_fd = state_make(restoration->root_fd, options->id, err);
        if (restoration->lock_fd < 0)
                return restoration->lock_fd;
        restoration->made_state = true;
        prepare_state(options, &restoration->bundle, restoration->created, &restoration->state);
        r = state_write(restoration->lock_fd, &restoration->state, NULL, NULL, err);
        if (r < 0 || (r = prepare_keep_config(restoration->lock_fd, &restoration->bundle, err)) < 0 || !notify_wanted())
                return r;
        path = path_join(options->root, options->id);
        return notify_prepare(restoration->bundle.arena, &restoration->bundle.config, restoration->lock_fd, path, err);
}

static int prepare(struct restoration *restoration, struct error *err) {
        const struct create_options *options = restoration->options;
        const struct runtime_config *config = &restoration->bundle.config;

        restoration->proc_fd = procfs_open(PROCFS_READ, err);
        if (restoration->proc_fd < 0)
                return restoration->proc_fd;
        if (options->console_socket &&
            (restoration->console_socket = terminal_connect(options->console_socket, err)) < 0)
                return restoration->console_socket;
        if (config->linux_.intel_rdt)
                log_warning("linux.intelRdt: a restored container is in no such group");
        return prepare_cgroup(options, config, restoration->proc_fd, &restoration->cgroup, err);
}

/*
 * In a user namespace the restored processes read the files themselves, and they are no more than their root there:
 * its group gets to read them. Not to write: whoever can decides what is restored, and with which rights.
 */
static int let_root_read(int image_fd, const struct runtime_linux *config, struct error *err) {
        int copy = config->namespaces[NAMESPACE_USER].present ? openat(image_fd, ".", O_RDONLY | O_CLOEXEC) : -1;
        _cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        const struct dirent *entry;
        uint32_t group = 0;

        if (!dir || !idmap_to_host(&config->gid_mappings, 0, 1, &group))
                return 0;
        while ((entry = readdir(dir))) {
                bool self = str_equal(entry->d_name, ".");
                mode_t mode = self ? 0750 : 0640;

                if (!self && entry->d_type != DT_REG)
                        continue;
                if (fchownat(image_fd, entry->d_name, (uid_t) -1, (gid_t) group, AT_SYMLINK_NOFOLLOW) < 0 ||
                    fchmodat(image_fd, entry->d_name, mode, 0) < 0)
                        return error_errno(err, errno, "--image-path: %s: cannot be given to group %u of the container",
                                           entry->d_name, group);
        }
        return 0;
}

static int run_criu(struct restoration *restoration, const struct criu_options *options, struct error *err) {
        _cleanup_(restore_root_leave) struct restore_root root = RESTORE_ROOT_INIT;
        const struct bundle *bundle = &restoration->bundle;
        struct criu_options all = *options;
        _cleanup_criu_ struct criu criu = CRIU_INIT;
        int r;

        all.config_file = checkpoint_criu_config(&bundle->config.annotations);
        if (!restoration->cgroup)
                all.cgroup_mode = "ignore";
        criu.started = enter_cgroup;
        criu.notify = follow_criu;
        criu.data = restoration;
        if ((r = restore_root_enter(&root, restoration->lock_fd, bundle, err)) < 0 ||
            (r = criu_begin(&criu, CRIU_RESTORE, &all, err)) < 0 ||
            (r = let_root_read(criu.image_fd, &bundle->config.linux_, err)) < 0 ||
            (r = restore_root_put(&root, bundle, &criu, err)) < 0 ||
            (r = external_put_restore(&criu, &bundle->config, restoration->cgroup, err)) < 0)
                return r;
        r = criu_run(&criu, err);
        if (r >= 0 && restoration->pid == 0)
                return error_set(err, EPROTO, "criu did not say which process it restored");
        return r;
}

static void undo(struct restoration *restoration) {
        struct error ignored;

        if (restoration->pidfd >= 0) {
                (void) process_signal(restoration->pidfd, SIGKILL);
                (void) waitpid(restoration->pid, NULL, 0);
        }
        if (restoration->cgroup)
                (void) cgroup_remove(restoration->cgroup, &ignored);
        if (restoration->made_state)
                (void) state_remove(restoration->root_fd, restoration->lock_fd, restoration->options->id, &ignored);
        if (restoration->ran_hooks)
                container_poststop(&restoration->state, &restoration->bundle.config);
}

static void release(struct restoration *restoration) {
        if (restoration->cgroup)
                cgroup_free(restoration->cgroup);
        fd_close_at(&restoration->proc_fd);
        fd_close_at(&restoration->console_socket);
        fd_close_at(&restoration->lock_fd);
        fd_close_at(&restoration->root_fd);
        fd_close_at(&restoration->terminal);
        fd_close_at(&restoration->pidfd);
        bundle_close(&restoration->bundle);
}

int container_restore(const struct create_options *options, const struct criu_options *criu_options,
                      struct created *out, struct error *err) {
        struct restoration restoration = {.options = options,
                                          .bundle = {.fd = -1},
                                          .root_fd = -1,
                                          .lock_fd = -1,
                                          .proc_fd = -1,
                                          .console_socket = -1,
                                          .terminal = -1,
                                          .pidfd = -1};
        int r;

        /* Nothing the caller left open reaches a hook or the container. */
        (void) fd_cloexec_from(3);
        if ((r = state_check_id(options->id, err)) >= 0 &&
            (r = bundle_open(options->bundle, options->config, &restoration.bundle, err)) >= 0 &&
            (r = prepare_check_process(options, &restoration.bundle.config, err)) >= 0 &&
            (r = make_state(&restoration, err)) >= 0 && (r = prepare(&restoration, err)) >= 0 &&
            (r = run_criu(&restoration, criu_options, err)) >= 0 &&
            (r = pid_file_write(options->pid_file, restoration.pid, err)) >= 0)
                r = pidfd_socket_send(options->pidfd_socket, restoration.pidfd, err);
        if (r < 0)
                undo(&restoration);
        else
                *out = (struct created){.pid = restoration.pid,
                                        .pidfd = take_fd(&restoration.pidfd),
                                        .terminal = take_fd(&restoration.terminal),
                                        .notify = -1};
        release(&restoration);
        return r;
}
