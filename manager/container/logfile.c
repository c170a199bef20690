#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"

#define LINE_MAX_SIZE ((size_t) 16 * 1024)

static const char *const stream_names[] = {[LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr"};

struct logfile {
        int fd;
        struct str_buf waiting[LOG_STREAM_COUNT];
        struct str_buf out; /* one write for all lines that came together */
};

int logfile_open(const char *path, struct logfile **out, struct error *err) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
        struct logfile *log;

        if (fd < 0)
                return error_errno(err, errno, "log %s", path);
        log = xcalloc(1, sizeof(*log));
        log->fd = fd;
        *out = log;
        return 0;
}

/* The number of bytes of the UTF-8 character at `data`, or 0 when it is none. */
static size_t utf8_size(const unsigned char *data, size_t size) {
        size_t want = data[0] < 0x80                               ? 1
                      : data[0] >= 0xc2 && data[0] < 0xe0          ? 2
                      : (data[0] & 0xf0) == 0xe0                   ? 3
                      : (data[0] & 0xf8) == 0xf0 && data[0] < 0xf5 ? 4
                                                                   : 0;

        if (want == 0 || want > size)
                return 0;
        for (size_t i = 1; i < want; i++)
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
        if ((want == 3 && data[0] == 0xe0 && data[1] < 0xa0) || (want == 3 && data[0] == 0xed && data[1] > 0x9f) ||
            (want == 4 && data[0] == 0xf0 && data[1] < 0x90) || (want == 4 && data[0] == 0xf4 && data[1] > 0x8f))
                return 0;
        return want;
}

static bool is_plain(unsigned char c) {
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape(struct str_buf *out, const unsigned char *data, size_t size) {
        for (size_t i = 0; i < size;) {
                size_t plain = 0, character;

                while (i + plain < size && is_plain(data[i + plain]))
                        plain++;
                if (plain > 0) {
                        str_buf_add_bytes(out, data + i, plain);
                        i += plain;
                        continue;
                }
                character = utf8_size(data + i, size - i);
                if (data[i] == '\n')
                        str_buf_add(out, "\\n");
                else if (data[i] == '\t')
                        str_buf_add(out, "\\t");
                else if (data[i] == '\r')
                        str_buf_add(out, "\\r");
                else if (data[i] == '"' || data[i] == '\\')
                        str_buf_printf(out, "\\%c", data[i]);
                else if (data[i] < 0x20 || data[i] == 0x7f)
                        str_buf_printf(out, "\\u%04x", data[i]);
                else if (character == 0)
                        str_buf_add(out, "\\ufffd");
                else
                        str_buf_add_bytes(out, data + i, character);
                i += character > 0 ? character : 1;
        }
}

static void add_line(struct logfile *log, enum log_stream stream, const char *text, size_t size, const char *when) {
        str_buf_add(&log->out, "{\"log\":\"");
        escape(&log->out, (const unsigned char *) text, size);
        str_buf_printf(&log->out, "\",\"stream\":\"%s\",\"time\":\"%s\"}\n", stream_names[stream], when);
}

static void flush(struct logfile *log) {
        /* A full disk loses log lines, never the container. */
        if (log->out.size > 0)
                (void) fd_write_all(log->fd, log->out.data, log->out.size);
        log->out.size = 0;
}

void logfile_add(struct logfile *log, enum log_stream stream, const char *data, size_t size) {
        struct str_buf *waiting = &log->waiting[stream];
        char when[TIMESTAMP_MAX];

        (void) timestamp_format(timestamp_now(), true, when);
        while (size > 0) {
                const char *newline = memchr(data, '\n', size);
                size_t take = newline ? (size_t) (newline - data) + 1 : size;

                if (waiting->size == 0 && newline && take <= LINE_MAX_SIZE) {
                        add_line(log, stream, data, take, when);
                } else {
                        if (take > LINE_MAX_SIZE - waiting->size)
                                take = LINE_MAX_SIZE - waiting->size;
                        str_buf_add_bytes(waiting, data, take);
                        if (waiting->size == LINE_MAX_SIZE || waiting->data[waiting->size - 1] == '\n') {
                                add_line(log, stream, waiting->data, waiting->size, when);
                                waiting->size = 0;
                        }
                }
                data += take;
                size -= take;
        }
        flush(log);
}

void logfile_close(struct logfile *log) {
        char when[TIMESTAMP_MAX];

        if (!log)
                return;
        (void) timestamp_format(timestamp_now(), true, when);
        for (int i = 0; i < LOG_STREAM_COUNT; i++) {
                if (log->waiting[i].size > 0)
                        add_line(log, (enum log_stream) i, log->waiting[i].data, log->waiting[i].size, when);
                str_buf_free(&log->waiting[i]);
        }
        flush(log);
        str_buf_free(&log->out);
        fd_close(log->fd);
        free(log);
}

static void add_utf8(struct str_buf *out, unsigned int code) {
        char bytes[3];

        if (code < 0x80) {
                bytes[0] = (char) code;
                str_buf_add_bytes(out, bytes, 1);
        } else if (code < 0x800) {
                bytes[0] = (char) (0xc0 | code >> 6);
                bytes[1] = (char) (0x80 | (code & 0x3f));
                str_buf_add_bytes(out, bytes, 2);
        } else {
                bytes[0] = (char) (0xe0 | code >> 12);
                bytes[1] = (char) (0x80 | (code >> 6 & 0x3f));
                bytes[2] = (char) (0x80 | (code & 0x3f));
                str_buf_add_bytes(out, bytes, 3);
        }
}

/* Reads the string that starts behind a quote; returns the position behind its closing quote, or NULL. */
static const char *unescape(const char *text, const char *end, struct str_buf *out) {
        static const char from[] = "nrtbf\"\\/", to[] = "\n\r\t\b\f\"\\/";

        while (text < end && *text != '"') {
                const char *plain = text, *found;
                char digits[5] = "";

                while (text < end && *text != '"' && *text != '\\')
                        text++;
                str_buf_add_bytes(out, plain, (size_t) (text - plain));
                if (text >= end || *text == '"')
                        continue;
                if (++text >= end)
                        return NULL;
                found = strchr(from, *text);
                if (*text == 'u' && end - text > 4) {
                        memcpy(digits, text + 1, 4);
                        add_utf8(out, (unsigned int) strtoul(digits, NULL, 16));
                        text += 5;
                } else if (found && *found) {
                        str_buf_add_bytes(out, &to[found - from], 1);
                        text++;
                } else {
                        return NULL;
                }
        }
        return text < end ? text + 1 : NULL;
}

int logfile_parse(const char *line, size_t size, struct str_buf *buffer, struct log_line *out) {
        static const char head[] = "{\"log\":\"", middle[] = ",\"stream\":\"", tail[] = ",\"time\":\"";
        const char *end = line + size, *at = line;
        size_t text_size, stream_at, time_at;

        buffer->size = 0;
        if (size < sizeof(head) || memcmp(at, head, sizeof(head) - 1) != 0)
                return -EINVAL;
        at = unescape(at + sizeof(head) - 1, end, buffer);
        text_size = buffer->size;
        if (!at || (size_t) (end - at) < sizeof(middle) || memcmp(at, middle, sizeof(middle) - 1) != 0)
                return -EINVAL;
        str_buf_add_bytes(buffer, "", 1);
        stream_at = buffer->size;
        at = unescape(at + sizeof(middle) - 1, end, buffer);
        if (!at || (size_t) (end - at) < sizeof(tail) || memcmp(at, tail, sizeof(tail) - 1) != 0)
                return -EINVAL;
        str_buf_add_bytes(buffer, "", 1);
        time_at = buffer->size;
        at = unescape(at + sizeof(tail) - 1, end, buffer);
        if (!at)
                return -EINVAL;
        str_buf_add_bytes(buffer, "", 1);
        *out = (struct log_line){
                .stream = str_equal(buffer->data + stream_at, "stderr") ? LOG_STDERR : LOG_STDOUT,
                .text = buffer->data,
                .size = text_size,
                .time_text = buffer->data + time_at,
        };
        return timestamp_parse(out->time_text, &out->time);
}
