#include "cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"

struct options {
        bool stats;
        const char *interval;
};

#define AT(field) offsetof(struct options, field)
#define NANOSECONDS_PER_MS 1000000

const struct option_row events_options_table[] = {
        {"stats", 0, NULL, OPTION_FLAG, AT(stats), NULL, "show the figures once"},
        {"interval", 0, NULL, OPTION_STRING, AT(interval), "SPAN", "time between two reports (default: 5s)"},
        {0},
};

static int show(struct json_writer *writer, struct error *err) {
        json_end_object(writer);
        (void) printf("%s\n", writer->out.data);
        return fflush(stdout) == 0 ? 0 : error_errno(err, errno, "standard output");
}

static void begin(struct json_writer *writer, const struct container *container, const char *type) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "type", type);
        json_put_string(writer, "id", container->state.id);
}

static int report(const struct container *container, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        int r;

        begin(&writer, container, "stats");
        json_begin_object(&writer, "data");
        r = cgroup_stats(container->cgroup, &writer, err);
        if (r < 0)
                return r;
        json_end_object(&writer);
        return show(&writer, err);
}

static int report_oom(const struct container *container, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};

        begin(&writer, container, "oom");
        return show(&writer, err);
}

static int64_t now_ms(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / NANOSECONDS_PER_MS;
}

/* Figures every `interval` ms, and kills for lack of memory when they happen, until the container ends. */
static int follow(const struct container *container, int64_t interval, struct error *err) {
        _cleanup_(cgroup_oom_close) struct cgroup_oom oom = CGROUP_OOM_INIT;
        struct error unwatched = {0};
        int64_t next = now_ms();

        if (cgroup_oom_open(container->cgroup, &oom, &unwatched) < 0) {
                log_debug("events: no word of kills for lack of memory: %s", unwatched.message);
                cgroup_oom_close(&oom);
        }
        for (;;) {
                struct pollfd fds[] = {{.fd = container->pidfd, .events = POLLIN}, {.fd = oom.fd, .events = 0}};
                int r = 0;

                fds[1].events = oom.v2 ? POLLPRI : POLLIN;
                if (now_ms() >= next) {
                        r = report(container, err);
                        next += interval;
                }
                if (r < 0)
                        return r;
                if (poll(fds, ARRAY_SIZE(fds), next > now_ms() ? (int) (next - now_ms()) : 0) < 0 && errno != EINTR)
                        return error_errno(err, errno, "cannot wait for events");
                if (fds[1].revents && cgroup_oom_happened(&oom) && (r = report_oom(container, err)) < 0)
                        return r;
                if (fds[0].revents)
                        return 0;
        }
}

static int events(const struct runtime *runtime, const struct options *options, const char *id, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int64_t interval;
        int r;

        if (str_to_duration(options->interval, &interval) < 0 || interval < NANOSECONDS_PER_MS ||
            interval / NANOSECONDS_PER_MS > INT32_MAX)
                return error_set(err, EINVAL, "--interval: \"%s\" is not a span of time", options->interval);
        r = container_open(runtime->root, id, &container, err);
        if (r < 0)
                return r;
        if (container.pidfd < 0)
                return error_set(err, ESRCH, "container with id %s is not running", id);
        if (!container.cgroup)
                return error_set(err, ENOTSUP, "the container has no cgroup to measure");
        return options->stats ? report(&container, err) : follow(&container, interval / NANOSECONDS_PER_MS, err);
}

int cmd_events(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.interval = "5s"};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        return events(context, &options, argv[0], &err) < 0 ? cmd_fail(&err) : 0;
}
