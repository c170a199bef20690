#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "str.h"

/* From linux/magic.h, which older systems have without it. */
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

#define DEFAULT_OUTPUT_MAX ((size_t) 1024 * 1024)

extern char **environ;

/* Our ends of the child's standard streams; -1 where there is none. */
struct streams {
        int input;
        int output;
        int errors;
};

static void streams_close(struct streams *streams) {
        fd_close_at(&streams->input);
        fd_close_at(&streams->output);
        fd_close_at(&streams->errors);
}

void process_result_free(struct process_result *result) {
        free(result->output);
        free(result->errors);
        *result = (struct process_result){0};
}

static int64_t now_ns(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Milliseconds until `deadline` for poll(2); 0 for no deadline means for ever. */
static int remaining_ms(int64_t deadline) {
        int64_t left;

        if (deadline == 0)
                return -1;
        left = (deadline - now_ns() + 999999) / 1000000;
        if (left < 0)
                return 0;
        return left > INT32_MAX ? INT32_MAX : (int) left;
}

static int spawn(const struct process_options *options, struct streams *ours, pid_t *pid) {
        _cleanup_fd_ int in_read = -1;
        _cleanup_fd_ int out_write = -1;
        _cleanup_fd_ int err_write = -1;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        sigset_t defaults;
        int pair[2];
        int r;

        if (options->input) {
                if (pipe2(pair, O_CLOEXEC) < 0)
                        return -errno;
                in_read = pair[0];
                ours->input = pair[1];
                (void) fcntl(ours->input, F_SETFL, O_NONBLOCK);
        }
        if (options->capture_output) {
                if (pipe2(pair, O_CLOEXEC) < 0)
                        return -errno;
                ours->output = pair[0];
                out_write = pair[1];
        }
        if (options->capture_errors) {
                if (pipe2(pair, O_CLOEXEC) < 0)
                        return -errno;
                ours->errors = pair[0];
                err_write = pair[1];
        }

        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        if (in_read >= 0)
                (void) posix_spawn_file_actions_adddup2(&actions, in_read, STDIN_FILENO);
        else
                (void) posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (out_write >= 0)
                (void) posix_spawn_file_actions_adddup2(&actions, out_write, STDOUT_FILENO);
        if (err_write >= 0)
                (void) posix_spawn_file_actions_adddup2(&actions, err_write, STDERR_FILENO);
        /* The program starts as from a shell: no blocked signal, SIGPIPE as usual. */
        (void) sigemptyset(&none);
        (void) sigemptyset(&defaults);
        (void) sigaddset(&defaults, SIGPIPE);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &defaults);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

        r = posix_spawnp(pid, options->path ? options->path : options->argv[0], &actions, &attributes,
                         (char *const *) options->argv, options->env ? (char *const *) options->env : environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

/* Writes what fits of the input; closes the pipe when all is written or nobody reads. */
static void feed(struct streams *streams, const struct process_options *options, size_t *written) {
        ssize_t n = write(streams->input, options->input + *written, options->input_size - *written);

        if (n > 0)
                *written += (size_t) n;
        if ((n < 0 && errno != EAGAIN && errno != EINTR) || *written == options->input_size)
                fd_close_at(&streams->input);
}

static int drain(int *fd, struct str_buf *into, size_t max) {
        char buffer[8192];
        ssize_t n = read(*fd, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
                return 0;
        if (n <= 0) {
                fd_close_at(fd);
                return 0;
        }
        if ((size_t) n > max - into->size)
                return -EFBIG;
        str_buf_add_bytes(into, buffer, (size_t) n);
        return 0;
}

/*
 * Moves data until the program has ended. The streams are not waited for beyond
 * that: a daemon that the program left behind may hold them open for ever.
 */
static int exchange(const struct process_options *options, struct streams *streams, int pidfd, struct str_buf *output,
                    struct str_buf *errors) {
        int64_t deadline = options->timeout_ns > 0 ? now_ns() + options->timeout_ns : 0;
        size_t max = options->output_max ? options->output_max : DEFAULT_OUTPUT_MAX;
        bool ended = false;
        size_t written = 0;

        for (;;) {
                struct pollfd fds[] = {
                        {.fd = streams->input, .events = POLLOUT},
                        {.fd = streams->output, .events = POLLIN},
                        {.fd = streams->errors, .events = POLLIN},
                        {.fd = ended ? -1 : pidfd, .events = POLLIN},
                };
                int n = poll(fds, ARRAY_SIZE(fds), ended ? 0 : remaining_ms(deadline));
                int r = 0;

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n < 0)
                        continue;
                if (n == 0)
                        return ended ? 0 : -ETIMEDOUT;
                if (fds[0].revents && !ended)
                        feed(streams, options, &written);
                if (fds[1].revents)
                        r = drain(&streams->output, output, max);
                if (fds[2].revents && r == 0)
                        r = drain(&streams->errors, errors, max);
                if (r < 0)
                        return r;
                if (fds[3].revents) {
                        ended = true;
                        fd_close_at(&streams->input);
                }
        }
}

int process_run(const struct process_options *options, struct process_result *result, struct error *err) {
        const char *program = options->path ? options->path : options->argv[0];
        _cleanup_(streams_close) struct streams streams = {-1, -1, -1};
        _cleanup_str_buf_ struct str_buf output = {0};
        _cleanup_str_buf_ struct str_buf errors = {0};
        _cleanup_fd_ int pidfd = -1;
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        struct sigaction saved;
        pid_t pid;
        int r;

        *result = (struct process_result){0};
        r = spawn(options, &streams, &pid);
        if (r < 0)
                return error_errno(err, -r, "%s", program);
        pidfd = process_pidfd(pid);
        if (pidfd < 0) {
                r = pidfd;
        } else {
                /* A program that does not read its input is no reason for us to die. */
                (void) sigaction(SIGPIPE, &ignore, &saved);
                r = exchange(options, &streams, pidfd, &output, &errors);
                (void) sigaction(SIGPIPE, &saved, NULL);
        }
        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, &result->status, 0) < 0 && errno == EINTR)
                ;
        if (r == -EFBIG)
                return error_set(err, EFBIG, "%s: printed too much", program);
        if (r == -ETIMEDOUT)
                return error_set(err, ETIMEDOUT, "%s: did not finish within %.3g s", program,
                                 (double) options->timeout_ns / 1e9);
        if (r < 0)
                return error_errno(err, -r, "%s", program);
        if (options->capture_output)
                result->output = str_buf_take(&output);
        if (options->capture_errors)
                result->errors = str_buf_take(&errors);
        return 0;
}

char *process_status_text(int status) {
        if (WIFSIGNALED(status)) {
                char *text = str_format("was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
                char *name = strchr(text, '(') + 1;

                *name = (char) tolower((unsigned char) *name);
                return text;
        }
        return str_format("exited with status %d", WEXITSTATUS(status));
}

int process_exit_code(int status) {
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_pidfd(pid_t pid) {
        long fd = syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : (int) fd;
}

int process_signal(int pidfd, int signal) {
        return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_wait_pidfd(int pidfd, int timeout_ms) {
        int64_t deadline = timeout_ms < 0 ? 0 : now_ns() + (int64_t) timeout_ms * 1000000;

        for (;;) {
                struct pollfd fds = {.fd = pidfd, .events = POLLIN};
                int n = poll(&fds, 1, remaining_ms(deadline));

                if (n >= 0)
                        return n;
                if (errno != EINTR)
                        return -errno;
        }
}

/* The fields of proc_pid_stat(5) from the third on: the second may hold any character. */
static int read_stat(pid_t pid, char *buffer, size_t size, const char **fields) {
        _cleanup_fd_ int fd = -1;
        char path[32];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read(fd, buffer, size - 1);
        if (n < 0)
                return -errno;
        buffer[n] = '\0';
        *fields = strrchr(buffer, ')');
        if (!*fields || (*fields)[1] != ' ')
                return -EIO;
        *fields += 2;
        return 0;
}

int process_start_time(pid_t pid, uint64_t *out) {
        char buffer[1024];
        const char *field;
        int r = read_stat(pid, buffer, sizeof(buffer), &field);

        if (r < 0)
                return r;
        for (int number = 3; number < 22; number++) {
                field = strchr(field, ' ');
                if (!field)
                        return -EIO;
                field++;
        }
        *out = strtoull(field, NULL, 10);
        return 0;
}

uint64_t process_number(int pidfd) {
        struct statfs fs;
        struct stat st;

        /* Before pidfs all pidfds share one anonymous inode. */
        if (fstatfs(pidfd, &fs) < 0 || fs.f_type != PID_FS_MAGIC || fstat(pidfd, &st) < 0)
                return 0;
        return st.st_ino;
}

int process_state(pid_t pid) {
        char buffer[1024];
        const char *field;
        int r = read_stat(pid, buffer, sizeof(buffer), &field);

        return r < 0 ? r : *field;
}
