/*
 * cgroup_systemd.h: what the driver behind --systemd-cgroup is made of: names of
 * units, linux.resources and annotations as properties of a unit
 * (systemd.resource-control(5)), and the helper program that talks to systemd.
 * Only the files cgroup_systemd*.c and their unit test use it.
 */
#pragma once

#include "cgroup_private.h"

/* A container's unit, from a linux.cgroupsPath "slice:prefix:name". */
struct cgroup_unit {
        const char *name;  /* "docker-web.scope" */
        const char *slice; /* "machine-a.slice" */
        const char
                *path; /* below the service manager's own cgroup: "/machine.slice/machine-a.slice/docker-web.scope" */
};

/** Texts go to the arena. -EINVAL, naming linux.cgroupsPath, when it is not of that form. */
int cgroup_unit_parse(struct arena *arena, const struct cgroup_request *request, struct cgroup_unit *out,
                      struct error *err);

/*
 * Properties are items [name, D-Bus type, value, since] of a JSON array; `since`
 * is the first version of systemd that knows the property, left out when all do.
 */

/**
 * Writes the limits that systemd can express; the control files get all of them afterwards.
 * @v2: the host has a pure v2 tree, else properties of v1 are written
 * @device_rules: write them, too
 */
int cgroup_unit_put_resources(struct json_writer *writer, const struct runtime_resources *resources, bool v2,
                              bool device_rules, struct error *err);

/** DevicePolicy and DeviceAllow: whatever the rules allow, at least; the exact rules are the kernel's. */
void cgroup_unit_put_devices(struct json_writer *writer, const struct runtime_resources *resources);

/** Writes the annotations org.systemd.property.NAME, whose values are GVariant text ("uint64 5", "['a']", "true"). */
int cgroup_unit_put_annotations(struct json_writer *writer, const struct runtime_pairs *annotations, struct error *err);

/** CPUQuotaPerSecUSec for a quota and a period (0: the usual one): rounded up to a hundredth of a processor. */
uint64_t cgroup_quota_per_second(int64_t quota, uint64_t period);

/* The helper program, $(PREFIX)/libexec/myrun/systemd. */

/**
 * Has the helper do one request (see runtime/systemd/main.c).
 * @request: the JSON document
 * @arena, @answer: where the answer's tree goes
 */
int cgroup_systemd_call(const char *request, struct arena *arena, const struct json **answer, struct error *err);
