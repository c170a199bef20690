/*
 * The driver behind --systemd-cgroup. systemd is asked over D-Bus, which a
 * static program cannot do with libsystemd: that needs a helper executable.
 */
#include <errno.h>

#include "cgroup_private.h"

static int unsupported(struct error *err) {
        error_set(err, EOPNOTSUPP, "systemd cgroup driver: not supported in this build");
        return error_hint(err, "leave --systemd-cgroup out: the cgroup driver cgroupfs works with and without systemd");
}

static int systemd_create(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        (void) cgroup;
        (void) request;
        return unsupported(err);
}

static int systemd_apply(struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                         struct error *err) {
        (void) cgroup;
        (void) resources;
        (void) fresh;
        return unsupported(err);
}

static int systemd_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        (void) cgroup;
        (void) frozen;
        return unsupported(err);
}

static int systemd_frozen(const struct cgroup *cgroup, struct error *err) {
        (void) cgroup;
        return unsupported(err);
}

static int systemd_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err) {
        (void) cgroup;
        (void) writer;
        return unsupported(err);
}

const struct cgroup_driver cgroup_systemd_driver = {
        .name = "systemd",
        .locate = systemd_create,
        .create = systemd_create,
        .apply = systemd_apply,
        .freeze = systemd_freeze,
        .frozen = systemd_frozen,
        .stats = systemd_stats,
};
