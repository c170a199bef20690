#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "str.h"
#include "timestamp.h"

static const char *const level_names[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
};

static struct {
        const char *program;
        int fd;
        enum log_format format;
        enum log_level level;
} destination = {.program = "", .fd = -1, .level = LOG_LEVEL_WARNING};

int log_open(const struct log_options *options, struct error *err) {
        int fd = -1;

        if (options->path) {
                fd = open(options->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
                if (fd < 0)
                        return error_errno(err, errno, "log file %s", options->path);
        }
        fd_close_at(&destination.fd);
        destination.program = options->program;
        destination.fd = fd;
        destination.format = options->format;
        destination.level = options->level;
        return 0;
}

int log_level_parse(const char *text, enum log_level *out) {
        /* runc's names: it also knows these. */
        if (str_equal(text, "warn"))
                text = "warning";
        if (str_equal(text, "trace"))
                text = "debug";
        if (str_equal(text, "fatal") || str_equal(text, "panic"))
                text = "error";
        for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
                if (str_equal(text, level_names[i])) {
                        *out = (enum log_level) i;
                        return 0;
                }
        }
        return -EINVAL;
}

/* One line, one write(2): lines of several processes that share the file do not mix. */
static void write_file(enum log_level level, const char *message) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        char time_text[TIMESTAMP_MAX];

        (void) timestamp_format(timestamp_now(), false, time_text);
        if (destination.format == LOG_FORMAT_JSON) {
                json_begin_object(&writer, NULL);
                json_put_string(&writer, "level", level_names[level]);
                json_put_string(&writer, "msg", message);
                json_put_string(&writer, "time", time_text);
                json_end_object(&writer);
        } else {
                str_buf_printf(&writer.out, "time=\"%s\" level=%s msg=\"%s\"", time_text, level_names[level], message);
        }
        str_buf_add(&writer.out, "\n");
        (void) fd_write_all(destination.fd, writer.out.data, writer.out.size);
}

static void write_message(enum log_level level, const char *message) {
        _cleanup_free_ char *line = NULL;
        const char *kind = level == LOG_LEVEL_ERROR ? "" : level_names[level];

        if (destination.fd >= 0)
                write_file(level, message);
        /* Only what ends the program is told twice, as with runc: a caller that reads the log shows stderr to its user.
         */
        if (destination.fd >= 0 && level > LOG_LEVEL_ERROR)
                return;
        line = str_format("%s: %s%s%s\n", destination.program, kind, *kind ? ": " : "", message);
        (void) fd_write_all(STDERR_FILENO, line, strlen(line));
}

void log_message(enum log_level level, const char *format, ...) {
        char message[2048];
        va_list args;
        int saved = errno;

        if (level > destination.level)
                return;
        va_start(args, format);
        (void) vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        write_message(level, message);
        errno = saved;
}

void log_error(const struct error *err) {
        _cleanup_free_ char *text = error_text(err);

        write_message(LOG_LEVEL_ERROR, text);
}
