#include "bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "variant.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"
#define UNIT_EXISTS "org.freedesktop.systemd1.UnitExists"

#define USEC_PER_SEC UINT64_C(1000000)
#define JOB_TIMEOUT_SEC 30

DEFINE_CLEANUP(cleanup_bus, sd_bus *, sd_bus_flush_close_unref);
DEFINE_CLEANUP(cleanup_message, sd_bus_message *, sd_bus_message_unref);
DEFINE_CLEANUP(cleanup_slot, sd_bus_slot *, sd_bus_slot_unref);
#define _cleanup_bus_error_ _cleanup_(sd_bus_error_free)

/* The manager's own socket, which is there without a message bus, too. */
static int connect_private(bool user, sd_bus **out) {
        _cleanup_(cleanup_bus) sd_bus *bus = NULL;
        const char *directory = user ? getenv("XDG_RUNTIME_DIR") : "/run";
        _cleanup_free_ char *address = str_format("unix:path=%s/systemd/private", directory ? directory : "/run");
        int r = directory ? sd_bus_new(&bus) : -ENOENT;

        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *out = take_ptr(bus);
        return r;
}

int bus_connect(bool user, sd_bus **out, struct error *err) {
        int r = user ? sd_bus_open_user(out) : sd_bus_open_system(out);

        if (r < 0 && connect_private(user, out) >= 0)
                return 0;
        if (r >= 0)
                return 0;
        error_errno(err, -r, "%s cannot be reached", user ? "the user's systemd" : "systemd");
        return error_hint(err, user ? "a session needs systemd as its manager, and XDG_RUNTIME_DIR or "
                                      "DBUS_SESSION_BUS_ADDRESS; or leave --systemd-cgroup out"
                                    : "it must be process 1 of this machine; without it leave --systemd-cgroup out");
}

/* What systemd says is for people already. */
static int call_failed(struct error *err, int r, const sd_bus_error *failure, const char *unit) {
        if (sd_bus_error_is_set(failure) && failure->message)
                return error_set(err, -r, "%s%s%s", unit ? unit : "systemd", ": ", failure->message);
        return error_errno(err, -r, "%s", unit ? unit : "systemd");
}

int bus_manager(sd_bus *bus, uint64_t *version, char **control_group, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *text = NULL;
        const char *digits;
        int r = sd_bus_get_property_string(bus, SERVICE, MANAGER_PATH, MANAGER, "Version", &failure, &text);

        if (r >= 0 && control_group)
                r = sd_bus_get_property_string(bus, SERVICE, MANAGER_PATH, MANAGER, "ControlGroup", &failure,
                                               control_group);
        if (r < 0)
                return call_failed(err, r, &failure, NULL);
        /* "252.39-1~deb12u2", "v255", "systemd 219" */
        digits = text + strcspn(text, "0123456789");
        *version = strtoull(digits, NULL, 10);
        return 0;
}

/* ---- Jobs: systemd answers at once with a job, and says later how it ended ---- */

struct job {
        char *path;            /* the one waited for; NULL while it is not known */
        char *result;          /* "done", "failed", "timeout", …; NULL while it runs */
        struct str_list ended; /* "path result" of jobs that ended before the answer to our call came */
};

static int job_removed(sd_bus_message *message, void *data, sd_bus_error *failure) {
        struct job *job = data;
        const char *path = NULL, *unit = NULL, *result = NULL;
        uint32_t id;

        (void) failure;
        if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
                return 0;
        if (!job->path) {
                str_list_add(&job->ended, path);
                str_list_add(&job->ended, result);
        } else if (str_equal(job->path, path) && !job->result) {
                job->result = xstrdup(result);
        }
        return 0;
}

static void job_free(struct job *job) {
        free(job->path);
        free(job->result);
        str_list_free(&job->ended);
}

static int watch_jobs(sd_bus *bus, struct job *job, sd_bus_slot **slot, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        int r = sd_bus_match_signal(bus, slot, SERVICE, MANAGER_PATH, MANAGER, "JobRemoved", job_removed, job);

        /* On the manager's own socket there is nothing to subscribe to: all its signals come. */
        if (r >= 0)
                (void) sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "Subscribe", &failure, NULL, NULL);
        return r < 0 ? error_errno(err, -r, "cannot watch systemd's jobs") : 0;
}

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static int wait_for_job(sd_bus *bus, struct job *job, const char *unit, const char *what, struct error *err) {
        uint64_t deadline = now_usec() + JOB_TIMEOUT_SEC * USEC_PER_SEC;

        for (size_t i = 0; !job->result && i + 1 < job->ended.count; i += 2)
                if (str_equal(job->ended.items[i], job->path))
                        job->result = xstrdup(job->ended.items[i + 1]);
        while (!job->result) {
                uint64_t now = now_usec();
                int r = sd_bus_process(bus, NULL);

                if (r > 0)
                        continue;
                if (r == 0 && now < deadline)
                        r = sd_bus_wait(bus, deadline - now);
                else if (r == 0)
                        return error_set(err, ETIMEDOUT, "%s: systemd has not %s it within %d s", unit, what,
                                         JOB_TIMEOUT_SEC);
                if (r < 0 && r != -EINTR)
                        return error_errno(err, -r, "%s: the connection to systemd broke", unit);
        }
        if (str_equal(job->result, "done"))
                return 0;
        error_set(err, EIO, "%s: systemd has not %s it: the job's result is \"%s\"", unit, what, job->result);
        return error_hint(err, "systemctl status %s; journalctl -u %s", unit, unit);
}

/* Sends the call, whose answer is the path of a job, and waits for the job. */
static int run_job(sd_bus *bus, sd_bus_message *call, struct job *job, const char *unit, const char *what,
                   sd_bus_error *failure, struct error *err) {
        _cleanup_(cleanup_message) sd_bus_message *answer = NULL;
        const char *path = NULL;
        int r = sd_bus_call(bus, call, JOB_TIMEOUT_SEC * USEC_PER_SEC, failure, &answer);

        if (r >= 0)
                r = sd_bus_message_read(answer, "o", &path);
        if (r < 0)
                return call_failed(err, r, failure, unit);
        job->path = xstrdup(path);
        return wait_for_job(bus, job, unit, what, err);
}

static void forget_failure(sd_bus *bus, const char *unit) {
        (void) sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **out, struct error *err) {
        int r = sd_bus_message_new_method_call(bus, out, SERVICE, MANAGER_PATH, MANAGER, method);

        return r < 0 ? error_errno(err, -r, "cannot make the request") : 0;
}

static int start_once(sd_bus *bus, const char *unit, const struct json *properties, uint64_t version,
                      sd_bus_error *failure, struct error *err) {
        _cleanup_(cleanup_message) sd_bus_message *call = NULL;
        _cleanup_(cleanup_slot) sd_bus_slot *slot = NULL;
        _cleanup_(job_free) struct job job = {0};
        int r = watch_jobs(bus, &job, &slot, err);

        if (r == 0)
                r = new_call(bus, "StartTransientUnit", &call, err);
        if (r == 0 && sd_bus_message_append(call, "ss", unit, "fail") < 0)
                r = error_set(err, EINVAL, "%s: is no name of a unit", unit);
        if (r == 0)
                r = variant_append_properties(call, properties, version, err);
        if (r == 0 && sd_bus_message_append(call, "a(sa(sv))", 0) < 0)
                r = error_set(err, EINVAL, "%s: cannot make the request", unit);
        return r < 0 ? r : run_job(bus, call, &job, unit, "started", failure, err);
}

int bus_start_unit(sd_bus *bus, const char *unit, const struct json *properties, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        uint64_t version = 0;
        int r = bus_manager(bus, &version, NULL, err);

        if (r < 0)
                return r;
        r = start_once(bus, unit, properties, version, &failure, err);
        if (r < 0 && sd_bus_error_has_name(&failure, UNIT_EXISTS)) {
                /* A unit that failed keeps its name until somebody resets it. */
                sd_bus_error_free(&failure);
                forget_failure(bus, unit);
                r = start_once(bus, unit, properties, version, &failure, err);
                if (r < 0 && sd_bus_error_has_name(&failure, UNIT_EXISTS)) {
                        error_set(err, EEXIST, "%s: the unit exists already", unit);
                        return error_hint(err, "choose another linux.cgroupsPath, or: systemctl stop %s", unit);
                }
        }
        if (r < 0)
                forget_failure(bus, unit);
        return r;
}

int bus_set_properties(sd_bus *bus, const char *unit, const struct json *properties, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        _cleanup_(cleanup_message) sd_bus_message *call = NULL;
        uint64_t version = 0;
        int r = bus_manager(bus, &version, NULL, err);

        if (r == 0)
                r = new_call(bus, "SetUnitProperties", &call, err);
        if (r == 0 && sd_bus_message_append(call, "sb", unit, 1) < 0)
                r = error_set(err, EINVAL, "%s: is no name of a unit", unit);
        if (r == 0)
                r = variant_append_properties(call, properties, version, err);
        if (r < 0)
                return r;
        r = sd_bus_call(bus, call, JOB_TIMEOUT_SEC * USEC_PER_SEC, &failure, NULL);
        return r < 0 ? call_failed(err, r, &failure, unit) : 0;
}

int bus_attach_process(sd_bus *bus, const char *unit, const char *below, pid_t pid, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *path = str_empty(below) ? xstrdup("") : str_format("/%s", below);
        int r = sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "AttachProcessesToUnit", &failure, NULL, "ssau",
                                   unit, path, 1, (uint32_t) pid);

        return r < 0 ? call_failed(err, r, &failure, unit) : 0;
}

int bus_stop_unit(sd_bus *bus, const char *unit, struct error *err) {
        _cleanup_bus_error_ sd_bus_error failure = SD_BUS_ERROR_NULL;
        _cleanup_(cleanup_message) sd_bus_message *call = NULL;
        _cleanup_(cleanup_slot) sd_bus_slot *slot = NULL;
        _cleanup_(job_free) struct job job = {0};
        int r = watch_jobs(bus, &job, &slot, err);

        if (r == 0)
                r = new_call(bus, "StopUnit", &call, err);
        if (r == 0 && sd_bus_message_append(call, "ss", unit, "replace") < 0)
                r = error_set(err, EINVAL, "%s: is no name of a unit", unit);
        if (r == 0)
                r = run_job(bus, call, &job, unit, "stopped", &failure, err);
        if (r < 0 && sd_bus_error_has_name(&failure, NO_SUCH_UNIT))
                r = 0;
        forget_failure(bus, unit);
        return r;
}
