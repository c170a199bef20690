#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"
#include "../../lib/timestamp.h"
#include "../container/logfile.h"
#include "../container/record.h"
#include "cli.h"
#include "commands.h"

struct logs_options {
        bool follow;
        bool timestamps;
        bool details;
        const char *tail;
        const char *since;
        const char *until;
};

#define AT(field) offsetof(struct logs_options, field)

const struct option_row cli_logs_options[] = {
        {"details", 0, NULL, OPTION_FLAG, AT(details), NULL, "accepted; there are no details"},
        {"follow", 'f', NULL, OPTION_FLAG, AT(follow), NULL, "go on with what is written, until the container ends"},
        {"since", 0, NULL, OPTION_STRING, AT(since), "TIME", "only from this time on: RFC 3339, seconds, or 10m ago"},
        {"tail", 'n', NULL, OPTION_STRING, AT(tail), "N", "only the last N lines (all)"},
        {"timestamps", 't', NULL, OPTION_FLAG, AT(timestamps), NULL, "show when each line was written"},
        {"until", 0, NULL, OPTION_STRING, AT(until), "TIME", "only up to this time"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

struct reader {
        const struct logs_options *options;
        int fd;
        int64_t since;
        int64_t until;          /* 0: no end */
        struct str_buf pending; /* the start of a line that is not whole yet */
        struct str_buf line;
};

static int read_seconds(const char *text, int64_t *out) {
        int r = str_to_i64(text, 0, INT64_MAX / TIMESTAMP_SECOND, out);

        *out *= r < 0 ? 0 : TIMESTAMP_SECOND;
        return r;
}

static int parse_time(const char *text, int64_t *out, struct error *err) {
        int64_t span;

        *out = 0;
        if (!text)
                return 0;
        if (strpbrk(text, "smh") && !strchr(text, 'T') && str_to_duration(text, &span) == 0) {
                *out = timestamp_now() - span;
                return 0;
        }
        if (timestamp_parse(text, out) < 0 && read_seconds(text, out) < 0)
                return error_set(err, EINVAL,
                                 "invalid time %s: expected RFC 3339, seconds since 1970, or a span such as 10m", text);
        return 0;
}

static void show(struct reader *reader, const char *text, size_t size) {
        struct log_line line;
        FILE *out;

        if (logfile_parse(text, size, &reader->line, &line) < 0 || line.time < reader->since ||
            (reader->until && line.time > reader->until))
                return;
        out = line.stream == LOG_STDERR ? stderr : stdout;
        if (reader->options->timestamps)
                (void) fprintf(out, "%s ", line.time_text);
        (void) fwrite(line.text, 1, line.size, out);
}

/* Shows all whole lines that are there by now. */
static int show_new(struct reader *reader) {
        char data[65536];
        ssize_t size;

        while ((size = read(reader->fd, data, sizeof(data))) > 0) {
                const char *at = data, *end = data + size, *newline;

                while ((newline = memchr(at, '\n', (size_t) (end - at)))) {
                        if (reader->pending.size > 0) {
                                str_buf_add_bytes(&reader->pending, at, (size_t) (newline - at));
                                show(reader, reader->pending.data, reader->pending.size);
                                reader->pending.size = 0;
                        } else {
                                show(reader, at, (size_t) (newline - at));
                        }
                        at = newline + 1;
                }
                str_buf_add_bytes(&reader->pending, at, (size_t) (end - at));
        }
        (void) fflush(stdout);
        return size < 0 ? -errno : 0;
}

/* Moves the file to the start of its last `lines` lines. */
static int seek_tail(int fd, int64_t lines) {
        off_t at = lseek(fd, 0, SEEK_END), end = at;
        char data[65536];

        while (at > 0) {
                size_t part = at > (off_t) sizeof(data) ? sizeof(data) : (size_t) at;
                ssize_t size = pread(fd, data, part, at - (off_t) part);

                if (size <= 0)
                        return -EIO;
                for (ssize_t i = size; i-- > 0;) {
                        /* The newline that ends the last line starts no other. */
                        if (data[i] == '\n' && at - (off_t) part + i + 1 != end && lines-- == 1)
                                return lseek(fd, at - (off_t) part + i + 1, SEEK_SET) < 0 ? -errno : 0;
                }
                at -= (off_t) part;
        }
        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* Goes on until the monitor is gone and nothing is left to read. */
static int follow(struct reader *reader, const struct container *container, const char *path, struct error *err) {
        _cleanup_fd_ int monitor = container_has_monitor(container) ? process_pidfd(container->state.monitor) : -1;
        _cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0)
                return error_errno(err, errno, "log %s", path);
        while (monitor >= 0) {
                struct pollfd fds[] = {{.fd = watch, .events = POLLIN}, {.fd = monitor, .events = POLLIN}};
                char events[4096];
                int r = show_new(reader);

                if (r < 0)
                        return error_errno(err, -r, "log %s", path);
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        continue;
                if (fds[0].revents)
                        while (read(watch, events, sizeof(events)) > 0)
                                ;
                if (fds[1].revents)
                        break;
        }
        return show_new(reader);
}

static int show_log(struct reader *reader, const struct container *container, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/container.log", container->directory);
        const char *tail = reader->options->tail;
        int64_t lines;
        int r = 0;

        reader->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (reader->fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "log %s", path);
        if (tail && !str_equal(tail, "all")) {
                if (str_to_i64(tail, 0, INT64_MAX, &lines) < 0)
                        return error_set(err, EINVAL, "invalid value for \"--tail\": %s", tail);
                r = lines == 0 ? (lseek(reader->fd, 0, SEEK_END) < 0 ? -errno : 0) : seek_tail(reader->fd, lines);
        }
        if (r == 0)
                r = reader->options->follow ? follow(reader, container, path, err) : show_new(reader);
        return r < 0 && err->code == 0 ? error_errno(err, -r, "log %s", path) : r;
}

int cli_logs(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct logs_options options = {0};
        _cleanup_(cleanup_container) struct container *container = NULL;
        struct reader reader = {.options = &options, .fd = -1};
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = parse_time(options.since, &reader.since, &err);
        if (r == 0)
                r = parse_time(options.until, &reader.until, &err);
        if (r == 0)
                r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0)
                r = show_log(&reader, container, &err);
        if (reader.fd >= 0)
                fd_close(reader.fd);
        str_buf_free(&reader.pending);
        str_buf_free(&reader.line);
        return r < 0 ? cli_fail(&err) : 0;
}
