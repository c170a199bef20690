/*
 * bus.h: what the helper program of `myrun --systemd-cgroup` asks of systemd over
 * D-Bus: a unit started, changed and stopped, each waited for to its end
 * (org.freedesktop.systemd1(5)).
 *
 * The helper is a program of its own because myrun is static, which libsystemd
 * cannot be linked into. It knows nothing of containers: units, properties and
 * values come from its caller (runtime/linux/cgroup_systemd*.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "../../lib/error.h"
#include "../../lib/json.h"

/**
 * Connects to the service manager.
 * @user: the manager of the calling user's session instead of the system's
 * @out: released by sd_bus_flush_close_unref()
 */
int bus_connect(bool user, sd_bus **out, struct error *err);

/** The manager's major version ("252.39-1" is 252) and the cgroup that its units are below (caller frees). */
int bus_manager(sd_bus *bus, uint64_t *version, char **control_group, struct error *err);

/**
 * Starts a transient unit and waits for it. A failed unit of the name is forgotten first.
 * @properties: array of [name, type, value, since]; those newer than this systemd are left out
 */
int bus_start_unit(sd_bus *bus, const char *unit, const struct json *properties, struct error *err);

/** Changes properties of a unit until the next boot. */
int bus_set_properties(sd_bus *bus, const char *unit, const struct json *properties, struct error *err);

/**
 * Puts a process into a unit's cgroup, or into that of the path `below` it.
 * The process must belong to the calling user.
 */
int bus_attach_process(sd_bus *bus, const char *unit, const char *below, pid_t pid, struct error *err);

/** Stops a unit, waits for it, and forgets that it failed. 0 when there is no such unit. */
int bus_stop_unit(sd_bus *bus, const char *unit, struct error *err);
