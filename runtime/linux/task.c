#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "rlimits.h"
#include "scheduling.h"

/* The most /etc/passwd may be for its homes to be believed. */
#define PASSWD_MAX ((off_t) 4 * 1024 * 1024)

static const char *env_value(const char *const *env, const char *name) {
        size_t length = strlen(name);
        const char *found = NULL;

        for (; env && *env; env++)
                if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
                        found = *env + length + 1;
        return found;
}

/*
 * Engines choose between the exit statuses 126 and 127 by what these messages say: dockerd looks for
 * "permission denied" and "no such file or directory", in small letters.
 */
static int program_error(const char *path, int errnum, struct error *err) {
        switch (errnum) {
        case ENOENT:
                return error_set(err, ENOENT, "process.args: exec: \"%s\": no such file or directory", path);
        case EACCES:
                return error_set(err, EACCES, "process.args: exec: \"%s\": permission denied", path);
        case EISDIR:
                return error_set(err, EISDIR, "process.args: exec: \"%s\": is a directory: permission denied", path);
        default:
                return error_errno(err, errnum, "process.args: exec: \"%s\"", path);
        }
}

static int check_program(const char *path, struct error *err) {
        struct stat st;

        if (stat(path, &st) < 0)
                return program_error(path, errno, err);
        if (S_ISDIR(st.st_mode))
                return program_error(path, EISDIR, err);
        if (!(st.st_mode & 0111))
                return program_error(path, EACCES, err);
        return 0;
}

int task_find_program(const struct runtime_process *process, char **path, struct error *err) {
        _cleanup_str_list_ struct str_list directories = {0};
        const char *name = process->args[0];
        const char *search = env_value(process->env, "PATH");
        int denied = 0;

        if (str_empty(name))
                return error_set(err, EINVAL, "process.args[0]: empty");
        if (strchr(name, '/')) {
                int r = check_program(name, err);

                if (r == 0)
                        *path = xstrdup(name);
                return r;
        }
        str_list_split(&directories, search ? search : "/bin:/usr/bin", ':');
        for (size_t i = 0; i < directories.count; i++) {
                const char *directory = directories.items[i];
                _cleanup_free_ char *candidate = path_join(str_empty(directory) ? "." : directory, name);
                int r = check_program(candidate, NULL);

                if (r == 0) {
                        *path = take_ptr(candidate);
                        return 0;
                }
                if (r == -EACCES)
                        denied = EACCES;
        }
        return error_set(err, denied ? denied : ENOENT, "process.args: exec: \"%s\": %s", name,
                         denied ? "permission denied" : "executable file not found in $PATH");
}

/* Engines name a group twice when a user is in it and is added to it; the kernel would keep both. */
static gid_t *distinct_groups(const struct runtime_user *user, size_t *count) {
        gid_t *groups = xcalloc(user->additional_gid_count + 1, sizeof(*groups));

        *count = 0;
        for (size_t i = 0; i < user->additional_gid_count; i++) {
                /* The search is quadratic: longer lists are taken as they are. */
                size_t seen = user->additional_gid_count > 1024 ? *count : 0;

                while (seen < *count && groups[seen] != user->additional_gids[i])
                        seen++;
                if (seen == *count)
                        groups[(*count)++] = user->additional_gids[i];
        }
        return groups;
}

bool task_keeps_groups(const struct runtime_pairs *annotations) {
        for (size_t i = 0; i < annotations->count; i++)
                if (str_equal(annotations->items[i].key, "run.oci.keep_original_groups"))
                        return !str_equal(annotations->items[i].value, "0");
        return false;
}

static int set_user(const struct task *task, struct error *err) {
        const struct runtime_user *user = &task->process->user;
        size_t count = 0;
        _cleanup_free_ gid_t *groups = distinct_groups(user, &count);

        if (user->umask.set)
                (void) umask((mode_t) user->umask.value & 0777);
        if (!task->keep_groups && setgroups(count, groups) < 0 &&
            !(errno == EPERM && task->deny_setgroups && count == 0))
                return error_errno(err, errno, "process.user.additionalGids");
        if (setresgid(user->gid, user->gid, user->gid) < 0)
                return error_errno(err, errno, "process.user.gid: %u", user->gid);
        if (setresuid(user->uid, user->uid, user->uid) < 0)
                return error_errno(err, errno, "process.user.uid: %u", user->uid);
        return 0;
}

/*
 * An fd of the host's that leaked in would make a cwd such as /proc/self/fd/7 lead out of
 * the container: the kernel then has no path for it below the root (CVE-2024-21626).
 */
static int check_cwd(const char *cwd, struct error *err) {
        char path[PATH_MAX + 16];
        long n = syscall(SYS_getcwd, path, sizeof(path));

        if (n <= 0 || path[0] != '/')
                return error_set(err, EPERM, "process.cwd: %s: leads out of the container", cwd);
        return 0;
}

static int change_directory(const char *cwd, struct error *err) {
        if (chdir(cwd) < 0)
                return error_errno(err, errno, "process.cwd: %s", cwd);
        return check_cwd(cwd, err);
}

/* The filter is made for the program, not for us, and is loaded last; but a listener is handed over by `create`. */
static bool loads_early(const struct task *task) {
        return task->seccomp && task->seccomp->notify;
}

/*
 * Without no_new_privs a filter takes CAP_SYS_ADMIN to load, so that is kept till then. The program does not get it:
 * execve(2) works out its capabilities from the inheritable, bounding and ambient sets alone.
 */
static struct capability_sets sets_until_filter(const struct task *task) {
        static const struct capability_sets none = {0};
        struct capability_sets sets = task->capabilities ? *task->capabilities : none;

        if (task->seccomp && !task->process->no_new_privileges)
                capabilities_keep(&sets, CAP_SYS_ADMIN);
        return sets;
}

static int load_filter(const struct task *task, int *listener, struct error *err) {
        int r = fd_cloexec_from(3 + (unsigned int) task->preserve_fds);

        if (r < 0)
                return error_errno(err, -r, "the runtime's own files cannot be kept from the container");
        r = task->seccomp ? seccomp_program_load(task->seccomp, err) : 0;
        if (r >= 0 && listener)
                *listener = r;
        return r < 0 ? r : 0;
}

int task_confine(const struct task *task, int *listener, struct error *err) {
        const struct runtime_process *process = task->process;
        const struct capability_sets sets = sets_until_filter(task);
        int early;
        int r;

        *listener = -1;
        if ((r = rlimits_apply(process, err)) < 0 || (r = scheduling_apply(process, err)) < 0)
                return r;
        if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_errno(err, errno, "process.noNewPrivileges");
        /* Root may enter a directory that the user may not, and the other way round (NFS): try both, as runc does. */
        early = chdir(process->cwd);
        if ((r = capabilities_drop_bounding(&sets, err)) < 0 || (r = set_user(task, err)) < 0 ||
            (r = capabilities_apply(&sets, err)) < 0 ||
            (r = early < 0 ? change_directory(process->cwd, err) : check_cwd(process->cwd, err)) < 0)
                return r;
        return loads_early(task) ? load_filter(task, listener, err) : 0;
}

/*
 * The home directory of a user by the container's /etc/passwd, "/" when it is not known. The
 * file is the image's: anything but a regular file of moderate size is not waited for.
 */
static char *home_of(uid_t uid) {
        _cleanup_fd_ int fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        _cleanup_file_ FILE *file = NULL;
        const struct passwd *entry;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PASSWD_MAX)
                return xstrdup("/");
        file = fdopen(fd, "r");
        if (!file)
                return xstrdup("/");
        (void) take_fd(&fd);
        while ((entry = fgetpwent(file)))
                if (entry->pw_uid == uid && !str_empty(entry->pw_dir))
                        return xstrdup(entry->pw_dir);
        return xstrdup("/");
}

int task_listen_fds(void) {
        const char *pid = getenv("LISTEN_PID");
        int64_t owner = getpid();
        int64_t count = 0;

        if (!str_empty(pid) && (str_to_i64(pid, 1, INT32_MAX, &owner) < 0 || owner != getpid()))
                return 0;
        return str_to_i64(getenv("LISTEN_FDS"), 0, 1024, &count) == 0 ? (int) count : 0;
}

/* A variable given twice has its last value, as with runc and crun; getenv(3) would see the first. */
static bool set_again(const char *const *entry) {
        size_t length = strcspn(*entry, "=") + 1;

        for (const char *const *later = entry + 1; *later; later++)
                if (strncmp(*later, *entry, length) == 0)
                        return true;
        return false;
}

/* The environment with HOME, as runc sets it, and with LISTEN_FDS for the container's pid 1, in the way of
 * sd_listen_fds(3). */
static const char **environment(const struct task *task) {
        const char *const *env = task->process->env;
        size_t count = 0;
        const char **all;

        while (env && env[count])
                count++;
        all = xcalloc(count + 6, sizeof(*all));
        count = 0;
        for (size_t i = 0; env && env[i]; i++)
                if (!set_again(env + i))
                        all[count++] = env[i];
        if (str_empty(env_value(env, "HOME"))) {
                _cleanup_free_ char *home = home_of(task->process->user.uid);

                all[count++] = str_format("HOME=%s", home);
        }
        if (task->listen_fds > 0) {
                all[count++] = str_format("LISTEN_FDS=%d", task->listen_fds);
                all[count++] = str_format("LISTEN_PID=%d", (int) getpid());
                if (task->listen_names)
                        all[count++] = str_format("LISTEN_FDNAMES=%s", task->listen_names);
        }
        return all;
}

int task_load_filter(struct task *task, struct error *err) {
        int r = loads_early(task) ? 0 : load_filter(task, NULL, err);

        task->filter_loaded = r == 0;
        return r;
}

int task_execute(struct task *task, const char *path, struct error *err) {
        const struct runtime_process *process = task->process;
        const char **env = environment(task);
        int r;

        if (!task->filter_loaded && (r = task_load_filter(task, err)) < 0)
                return r;
        (void) execve(path, (char *const *) process->args, (char *const *) env);
        r = errno;
        if (r == ENOENT)
                return error_set(err, r, "process.args: exec: \"%s\": its interpreter: no such file or directory",
                                 path);
        return program_error(path, r, err);
}
