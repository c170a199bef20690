#include "criu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"
#include "../../lib/protobuf.h"

/* More than the longest answer has. */
#define ANSWER_MAX 65536

/* criu is gone without an answer. */
#define LOST 1

/* Fields of criu's rpc.proto. */
enum { REQUEST_TYPE = 1, REQUEST_OPTIONS = 2, REQUEST_NOTIFY_SUCCESS = 3, REQUEST_KEEP_OPEN = 4, REQUEST_FEATURES = 5 };
enum { RESPONSE_TYPE = 1, RESPONSE_SUCCESS = 2, RESPONSE_NOTIFY = 5, RESPONSE_FEATURES = 8, RESPONSE_MESSAGE = 9 };
enum { NOTIFY_SCRIPT = 1, NOTIFY_PID = 2 };
enum { FEATURE_MEMORY_TRACKING = 1, FEATURE_LAZY_PAGES = 2 };
enum { TYPE_NOTIFY = 6, TYPE_FEATURE_CHECK = 9 };

struct answer {
        unsigned int type;
        bool success;
        char step[64]; /* of a notification */
        pid_t pid;
        bool features[FEATURE_LAZY_PAGES + 1];
        char message[512]; /* criu's first error */
        int fd;            /* attached, or -1 */
};

static const char *log_name(const struct criu *criu) {
        return criu->action == CRIU_RESTORE ? "restore.log" : "dump.log";
}

/* --- the process ---------------------------------------------------------- */

/* What reaches criu: its socket, and the files that restored processes are to have. */
static void __attribute__((noreturn)) execute(const struct criu *criu, int socket, int report) {
        const char *program = criu->options->program ? criu->options->program : "criu";
        char number[16];
        sigset_t none;
        int code;

        (void) snprintf(number, sizeof(number), "%d", socket);
        (void) fd_set_cloexec(socket, false);
        for (size_t i = 0; i < criu->inherited_count; i++)
                (void) fd_set_cloexec(criu->inherited[i], false);
        /*
         * An interrupt from the terminal would end it half-way, with its code in the container's processes. A job of
         * a shell gets back the session that it had: that of whoever restores it.
         */
        if (!criu->options->shell_job)
                (void) setsid();
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) execlp(program, program, "swrk", number, (char *) NULL);
        code = errno;
        (void) !write(report, &code, sizeof(code));
        _exit(127);
}

static int no_program(const struct criu *criu, int code, struct error *err) {
        error_errno(err, code, "%s", criu->options->program ? criu->options->program : "criu");
        return code == ENOENT ? error_hint(err, "checkpoint and restore need criu: install it (Debian: package criu)")
                              : -code;
}

/* Returns the pid, or a negative errno when the program cannot be executed. */
static pid_t start(const struct criu *criu, int socket, struct error *err) {
        _cleanup_fd_ int report = -1;
        int ends[2];
        int code = 0;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_errno(err, errno, "cannot make a pipe");
        report = ends[0];
        pid = fork();
        if (pid == 0)
                execute(criu, socket, ends[1]);
        fd_close(ends[1]);
        if (pid < 0)
                return error_errno(err, errno, "cannot make a process for criu");
        if (read(report, &code, sizeof(code)) == (ssize_t) sizeof(code)) {
                (void) waitpid(pid, NULL, 0);
                return no_program(criu, code, err);
        }
        return pid;
}

/* --- messages ------------------------------------------------------------- */

static void copy_text(char *out, size_t size, const struct protobuf_field *field) {
        size_t length = field->size < size ? field->size : size - 1;

        memcpy(out, field->data ? field->data : "", length);
        out[length] = '\0';
}

static int read_nested(const struct protobuf_field *message, unsigned int kind, struct answer *out) {
        struct protobuf_reader reader = {message->data, message->size};
        struct protobuf_field field;
        int r;

        while ((r = protobuf_next(&reader, &field)) > 0) {
                if (kind == RESPONSE_FEATURES && field.is_number && field.number < ARRAY_SIZE(out->features))
                        out->features[field.number] = field.value != 0;
                else if (kind == RESPONSE_NOTIFY && field.is_number && field.number == NOTIFY_PID)
                        out->pid = (pid_t) field.value;
                else if (kind == RESPONSE_NOTIFY && !field.is_number && field.number == NOTIFY_SCRIPT)
                        copy_text(out->step, sizeof(out->step), &field);
        }
        return r;
}

static int parse_answer(const char *data, size_t size, struct answer *out) {
        struct protobuf_reader reader = {data, size};
        struct protobuf_field field;
        int r;

        while ((r = protobuf_next(&reader, &field)) > 0) {
                if (field.is_number && field.number == RESPONSE_TYPE)
                        out->type = (unsigned int) field.value;
                else if (field.is_number && field.number == RESPONSE_SUCCESS)
                        out->success = field.value != 0;
                else if (!field.is_number && field.number == RESPONSE_MESSAGE)
                        copy_text(out->message, sizeof(out->message), &field);
                else if (!field.is_number && (field.number == RESPONSE_NOTIFY || field.number == RESPONSE_FEATURES) &&
                         (r = read_nested(&field, field.number, out)) < 0)
                        return r;
        }
        return r;
}

/* Returns 1, 0 when criu is gone, or a negative errno. */
static int receive(int socket, struct answer *out, struct error *err) {
        _cleanup_free_ char *buffer = xcalloc(1, ANSWER_MAX);
        size_t count = 1;
        ssize_t n;

        *out = (struct answer){.fd = -1};
        n = fd_receive(socket, buffer, ANSWER_MAX, &out->fd, &count, err);
        /* That it ended without reading all is told once and first; what it had sent comes after that. */
        if (n == -ECONNRESET) {
                count = 1;
                n = fd_receive(socket, buffer, ANSWER_MAX, &out->fd, &count, err);
        }
        if (n == 0 || n == -ECONNRESET)
                return 0;
        if (n < 0)
                return (int) n;
        if (parse_answer(buffer, (size_t) n, out) < 0)
                return error_set(err, EBADMSG, "criu: answered with %zd bytes of nonsense", n);
        return 1;
}

/* Returns 0, LOST or a negative errno. */
static int send_request(int socket, const struct str_buf *request, struct error *err) {
        int r = fd_send(socket, request->data, request->size, NULL, 0, err);

        return r == -EPIPE || r == -ECONNRESET ? LOST : r;
}

/* --- the conversation ----------------------------------------------------- */

/* Errors that are none: that a helper program failed says another line, and what the kernel lacks may not be needed. */
static bool is_harmless(const char *text) {
        static const char *const words[] = {"exited, status=", "Unable to create tun", "Can't check tun support"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strstr(text, words[i]))
                        return true;
        return false;
}

/* What went wrong first; later lines only say what failed because of it. */
static char *cause_in_log(const struct criu *criu) {
        _cleanup_fd_ int fd = openat(criu->work_fd, log_name(criu), O_RDONLY | O_CLOEXEC);
        _cleanup_file_ FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return NULL;
        (void) take_fd(&fd);
        while (getline(&line, &size, file) > 0) {
                const char *error = strstr(line, "Error (");
                const char *text = error ? strstr(error, "): ") : NULL;

                /* "(00.123456) Error (criu/file.c:12): what" */
                if (!text || is_harmless(text))
                        continue;
                line[strcspn(line, "\n")] = '\0';
                return xstrdup(text + 3);
        }
        return NULL;
}

/* Of what criu says where it does not know the kernel, or where the kernel lacks something. */
static bool is_about_kernel(const char *cause) {
        static const char *const words[] = {"vdso", "kerndat", "kernel", "rseq", "not supported", "Not supported"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strstr(cause, words[i]))
                        return true;
        return false;
}

static int failure(const struct criu *criu, const char *message, struct error *err) {
        const struct criu_options *options = criu->options;
        _cleanup_free_ char *cause = cause_in_log(criu);
        const char *text = cause ? cause : str_empty(message) ? "it gives no reason" : message;

        error_set(err, EIO, "criu cannot %s the container: %s", criu->action == CRIU_RESTORE ? "restore" : "save",
                  text);
        return error_hint(err, "%s%s/%s has all that criu says", is_about_kernel(text) ? "see \"criu check\"; " : "",
                          options->work_path ? options->work_path : options->image_path, log_name(criu));
}

static int check_features(const struct criu *criu, int socket, struct error *err) {
        const struct criu_options *options = criu->options;
        _cleanup_str_buf_ struct str_buf features = {0};
        _cleanup_str_buf_ struct str_buf request = {0};
        struct answer answer;
        int r;

        if (!options->pre_dump && !options->lazy_pages)
                return 0;
        protobuf_put_number(&features, FEATURE_MEMORY_TRACKING, 1);
        protobuf_put_number(&features, FEATURE_LAZY_PAGES, 1);
        protobuf_put_number(&request, REQUEST_TYPE, TYPE_FEATURE_CHECK);
        protobuf_put_number(&request, REQUEST_KEEP_OPEN, 1);
        protobuf_put_message(&request, REQUEST_FEATURES, &features);
        if ((r = send_request(socket, &request, err)) != 0 || (r = receive(socket, &answer, err)) < 0)
                return r;
        fd_close_at(&answer.fd);
        if (r == 0 || !answer.success) {
                error_set(err, EIO, "criu cannot tell what it can do on this kernel");
                return error_hint(err, "see \"criu check\"");
        }
        if (options->pre_dump && !answer.features[FEATURE_MEMORY_TRACKING])
                return error_set(err, ENOTSUP, "--pre-dump: criu cannot track changes of memory on this kernel");
        if (options->lazy_pages && !answer.features[FEATURE_LAZY_PAGES])
                return error_set(err, ENOTSUP, "--lazy-pages: criu cannot load pages on demand on this kernel");
        return 0;
}

static void tell_ready(const struct criu *criu) {
        int fd = criu->options->status_fd;

        if (fd < 0)
                return;
        if (write(fd, "", 1) < 0)
                log_warning("--status-fd: %s", strerror(errno));
        /* Whoever reads it learns that no more comes. */
        fd_close(fd);
}

static int answer_notification(const struct criu *criu, int socket, struct answer *answer, struct error *err) {
        _cleanup_str_buf_ struct str_buf request = {0};
        struct error ignored;
        int r = 0;

        log_debug("criu: %s", answer->step);
        if (str_equal(answer->step, "status-ready"))
                tell_ready(criu);
        else if (criu->notify)
                r = criu->notify(criu->data, answer->step, answer->pid, &answer->fd, err);
        protobuf_put_number(&request, REQUEST_TYPE, TYPE_NOTIFY);
        protobuf_put_number(&request, REQUEST_NOTIFY_SUCCESS, r >= 0);
        (void) send_request(socket, &request, &ignored);
        return r;
}

/* Until criu has done, or taken back, what it was asked for. */
static int converse(const struct criu *criu, int socket, struct error *err) {
        struct error refused = {0};
        struct answer answer;
        int r;

        while ((r = receive(socket, &answer, err)) > 0 && answer.type == TYPE_NOTIFY && answer.success) {
                if (refused.code == 0)
                        (void) answer_notification(criu, socket, &answer, &refused);
                fd_close_at(&answer.fd);
        }
        fd_close_at(&answer.fd);
        if (r < 0)
                return r;
        if (refused.code != 0) {
                *err = refused;
                return -refused.code;
        }
        if (r == 0)
                return LOST;
        return answer.success ? 0 : failure(criu, answer.message, err);
}

static int ask(struct criu *criu, int socket, pid_t process, struct error *err) {
        _cleanup_str_buf_ struct str_buf request = {0};
        int r;

        if (criu->started && (r = criu->started(criu, criu->data, process, err)) < 0)
                return r;
        /* Of the log that is read for a cause none may be left from before. */
        (void) unlinkat(criu->work_fd, log_name(criu), 0);
        if ((r = check_features(criu, socket, err)) != 0)
                return r;
        protobuf_put_number(&request, REQUEST_TYPE, criu->action);
        protobuf_put_message(&request, REQUEST_OPTIONS, &criu->message);
        r = send_request(socket, &request, err);
        /* What is gone may have left a word. */
        return r < 0 ? r : converse(criu, socket, err);
}

int criu_run(struct criu *criu, struct error *err) {
        _cleanup_fd_ int ours = -1;
        _cleanup_free_ char *text = NULL;
        int sockets[2];
        int status = 0;
        pid_t process;
        int r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_errno(err, errno, "cannot make a socket for criu");
        ours = sockets[0];
        process = start(criu, sockets[1], err);
        fd_close(sockets[1]);
        if (process < 0)
                return process;
        r = ask(criu, ours, process, err);
        /* After a pre-dump it would wait for the next one. */
        fd_close_at(&ours);
        while (waitpid(process, &status, 0) < 0 && errno == EINTR)
                ;
        if (r != LOST)
                return r;
        text = process_status_text(status);
        failure(criu, NULL, err);
        return error_wrap(err, "criu %s", text);
}
