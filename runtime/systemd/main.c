/*
 * The helper program of `myrun --systemd-cgroup`: reads one request as JSON from
 * standard input, has systemd do it, and writes one answer as JSON to standard
 * output:
 *
 *   {"action": "probe", "user": false}
 *   {"action": "start", "user": false, "unit": "x.scope", "properties": [["Slice", "s", "system.slice"]]}
 *   {"action": "set", …}      {"action": "stop", "user": false, "unit": "x.scope"}
 *   {"action": "attach", "user": true, "unit": "x.scope", "below": "", "pid": 1234}
 *
 * The answer is {"version": 252, "controlGroup": "/"} after a probe, else {}, or
 * {"error": "…", "hint": "…", "code": 17} with exit status 1.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/fd.h"
#include "bus.h"

#define REQUEST_MAX ((size_t) 4 * 1024 * 1024)

DEFINE_CLEANUP(cleanup_bus, sd_bus *, sd_bus_flush_close_unref);

struct request {
        const char *unit;
        const struct json *properties;
        const char *below;
        int pid;
};

static int probe(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err) {
        _cleanup_free_ char *control_group = NULL;
        uint64_t version = 0;
        int r = bus_manager(bus, &version, &control_group, err);

        (void) request;
        if (r < 0)
                return r;
        json_put_uint(answer, "version", version);
        json_put_string(answer, "controlGroup", control_group);
        return 0;
}

static int start(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err) {
        (void) answer;
        return bus_start_unit(bus, request->unit, request->properties, err);
}

static int set(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err) {
        (void) answer;
        return bus_set_properties(bus, request->unit, request->properties, err);
}

static int stop(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err) {
        (void) answer;
        return bus_stop_unit(bus, request->unit, err);
}

static int attach(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err) {
        (void) answer;
        return bus_attach_process(bus, request->unit, request->below ? request->below : "", request->pid, err);
}

static const struct {
        const char *name;
        bool needs_unit;
        int (*run)(sd_bus *bus, const struct request *request, struct json_writer *answer, struct error *err);
} actions[] = {
        {"probe", false, probe}, {"start", true, start},   {"set", true, set},
        {"stop", true, stop},    {"attach", true, attach},
};

static int serve(struct arena *arena, struct json_writer *answer, struct error *err) {
        _cleanup_(cleanup_bus) sd_bus *bus = NULL;
        _cleanup_free_ char *text = NULL;
        struct request request = {0};
        const struct json *root = NULL;
        const char *action = "";
        bool user = false;
        size_t size = 0, i = 0;
        int r = fd_read_all(STDIN_FILENO, REQUEST_MAX, &text, &size);

        if (r < 0)
                return error_errno(err, -r, "standard input");
        if ((r = json_parse(arena, text, size, NULL, &root, err)) < 0 ||
            (r = json_expect(root, JSON_OBJECT, err)) < 0 || (r = json_get_string(root, "action", &action, err)) < 0 ||
            (r = json_get_bool(root, "user", &user, err)) < 0 ||
            (r = json_get_string(root, "unit", &request.unit, err)) < 0 ||
            (r = json_get_array(root, "properties", &request.properties, err)) < 0 ||
            (r = json_get_string(root, "below", &request.below, err)) < 0 ||
            (r = json_get_int(root, "pid", &request.pid, err)) < 0)
                return r;
        while (i < ARRAY_SIZE(actions) && !str_equal(actions[i].name, action))
                i++;
        if (i == ARRAY_SIZE(actions) || (actions[i].needs_unit && !request.unit))
                return error_set(err, EINVAL, "unknown or incomplete request \"%s\"", action);
        r = bus_connect(user, &bus, err);
        return r < 0 ? r : actions[i].run(bus, &request, answer, err);
}

int main(void) {
        _cleanup_json_writer_ struct json_writer answer = {0}, refusal = {0};
        _cleanup_arena_ struct arena *arena = arena_new();
        struct json_writer *out = &answer;
        struct error err = {0};
        int r;

        json_begin_object(&answer, NULL);
        r = serve(arena, &answer, &err);
        if (r < 0) {
                out = &refusal;
                json_begin_object(out, NULL);
                json_put_string(out, "error", err.message);
                if (err.hint[0])
                        json_put_string(out, "hint", err.hint);
                json_put_int(out, "code", err.code);
        }
        json_end_object(out);
        (void) printf("%s\n", out->out.data);
        return fflush(stdout) == 0 && r >= 0 ? 0 : 1;
}
