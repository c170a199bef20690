#include "cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"

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

static int report(const struct container *container, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        int r;

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "type", "stats");
        json_put_string(&writer, "id", container->state.id);
        json_begin_object(&writer, "data");
        r = cgroup_stats(container->cgroup, &writer, err);
        if (r < 0)
                return r;
        json_end_object(&writer);
        json_end_object(&writer);
        (void) printf("%s\n", writer.out.data);
        return fflush(stdout) == 0 ? 0 : error_errno(err, errno, "standard output");
}

static int events(const struct runtime *runtime, const struct options *options, const char *id, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int64_t interval;
        int r;

        if (str_to_duration(options->interval, &interval) < 0 || interval <= 0)
                return error_set(err, EINVAL, "--interval: \"%s\" is not a span of time", options->interval);
        r = container_open(runtime->root, id, &container, err);
        if (r < 0)
                return r;
        if (container.pidfd < 0)
                return error_set(err, ESRCH, "container with id %s is not running", id);
        if (!container.cgroup)
                return error_set(err, ENOTSUP, "the container has no cgroup to measure");
        do {
                r = report(&container, err);
        } while (r >= 0 && !options->stats &&
                 process_wait_pidfd(container.pidfd, (int) (interval / NANOSECONDS_PER_MS)) == 0);
        return r;
}

int cmd_events(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.interval = "5s"};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        return events(context, &options, argv[0], &err) < 0 ? cmd_fail(&err) : 0;
}
