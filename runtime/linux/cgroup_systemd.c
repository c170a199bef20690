/*
 * The driver behind --systemd-cgroup: systemd makes the cgroup, as a transient
 * scope around the container's init, and is told the limits it has words for.
 * All limits are then written to the control files as well, as without systemd:
 * for what it has no words for, and because it rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/str.h"
#include "cgroup_systemd.h"

/* The driver of the hierarchies that systemd has made the cgroup in. */
static const struct cgroup_driver *base(const struct cgroup *cgroup) {
        return cgroup->total == 1 && cgroup->unified == 0 ? &cgroup_v2_driver : &cgroup_v1_driver;
}

static void begin_request(struct json_writer *writer, const struct cgroup *cgroup, const char *action) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "action", action);
        json_put_bool(writer, "user", cgroup->user_manager);
        json_put_string(writer, "unit", cgroup->unit);
}

static int send_request(struct json_writer *writer, struct arena *arena, const struct json **answer,
                        struct error *err) {
        _cleanup_free_ char *text = NULL;

        json_end_object(writer);
        text = json_writer_take(writer);
        return cgroup_systemd_call(text, arena, answer, err);
}

/* Where systemd's own cgroup is, below which it makes those of units. */
static int find_manager(struct cgroup *cgroup, const char **control_group, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        const struct json *answer = NULL;
        int r;

        begin_request(&writer, cgroup, "probe");
        r = send_request(&writer, cgroup->arena, &answer, err);
        *control_group = "";
        return r < 0 ? r : json_get_string(answer, "controlGroup", control_group, err);
}

/* Whose user namespace is not the host's is not the host's root: user_namespaces(7). */
static bool in_user_namespace(void) {
        _cleanup_free_ char *map = NULL;
        unsigned int inside, outside, count;

        return file_read(AT_FDCWD, "/proc/self/uid_map", 65536, &map, NULL, NULL) == 0 &&
               (sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || count != UINT32_MAX);
}

static int systemd_locate(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        struct cgroup_request located = *request;
        const char *control_group = "";
        struct cgroup_unit unit;
        int r;

        cgroup->user_manager = request->rootless || in_user_namespace();
        located.rootless = cgroup->user_manager;
        r = cgroup_unit_parse(cgroup->arena, &located, &unit, err);
        if (r < 0)
                return r;
        cgroup->unit = unit.name;
        cgroup->slice = unit.slice;
        r = find_manager(cgroup, &control_group, err);
        if (r < 0)
                return r;
        located.cgroups_path = arena_printf(cgroup->arena, "/%s%s", control_group, unit.path);
        return (cgroup_host_unified() ? &cgroup_v2_driver : &cgroup_v1_driver)->locate(cgroup, &located, err);
}

/* systemd makes a scope only around a process: the rest is done in systemd_attach(). */
static int systemd_create(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        struct cgroup_request *pending = arena_alloc(cgroup->arena, 1, sizeof(*pending));
        _cleanup_json_writer_ struct json_writer trial = {0};
        int r = systemd_locate(cgroup, request, err);

        *pending = *request;
        cgroup->pending = pending;
        /* What is wrong with the values is better said before there is a process. */
        if (r == 0 && request->resources)
                r = cgroup_unit_put_resources(&trial, request->resources, cgroup_host_unified(), false, err);
        return r < 0 ? r : cgroup_unit_put_annotations(&trial, request->annotations, err);
}

/* ---- Properties ---- */

static void put_text(struct json_writer *writer, const char *name, const char *value) {
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, name);
        json_put_string(writer, NULL, "s");
        json_put_string(writer, NULL, value);
        json_end_array(writer);
}

static void put_flag(struct json_writer *writer, const char *name, bool value) {
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, name);
        json_put_string(writer, NULL, "b");
        json_put_bool(writer, NULL, value);
        json_end_array(writer);
}

static void put_scope(struct json_writer *writer, const struct cgroup *cgroup, pid_t pid) {
        bool v2 = base(cgroup) == &cgroup_v2_driver;
        _cleanup_free_ char *description = str_format("myrun container %s", cgroup->pending->container_id);

        put_text(writer, "Description", description);
        put_text(writer, "Slice", cgroup->slice);
        put_flag(writer, "Delegate", true);
        put_flag(writer, "DefaultDependencies", false);
        put_flag(writer, "MemoryAccounting", true);
        put_flag(writer, "CPUAccounting", true);
        put_flag(writer, v2 ? "IOAccounting" : "BlockIOAccounting", true);
        put_flag(writer, "TasksAccounting", true);
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, "PIDs");
        json_put_string(writer, NULL, "au");
        json_begin_array(writer, NULL);
        json_put_uint(writer, NULL, (uint64_t) pid);
        json_end_array(writer);
        json_end_array(writer);
}

static int start_unit(const struct cgroup *cgroup, const struct runtime_resources *resources, pid_t pid,
                      struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        const struct json *answer = NULL;
        int r;

        begin_request(&writer, cgroup, "start");
        json_begin_array(&writer, "properties");
        put_scope(&writer, cgroup, pid);
        /* A user's manager may not attach device filters, nor may its containers make device nodes. */
        r = cgroup_unit_put_resources(&writer, resources, base(cgroup) == &cgroup_v2_driver, !cgroup->user_manager,
                                      err);
        if (r == 0)
                r = cgroup_unit_put_annotations(&writer, cgroup->pending->annotations, err);
        json_end_array(&writer);
        return r < 0 ? r : send_request(&writer, arena, &answer, err);
}

static int systemd_attach(struct cgroup *cgroup, pid_t pid, struct error *err) {
        static const struct runtime_resources none = {0};
        const struct runtime_resources *resources = cgroup->pending->resources ? cgroup->pending->resources : &none;
        bool v2 = base(cgroup) == &cgroup_v2_driver;
        int r = start_unit(cgroup, resources, pid, err);

        if (r < 0)
                return r;
        cgroup->pending = NULL;
        /* systemd knows only some of the controllers: the others are handed down, or made and joined, here. */
        r = v2 ? cgroup_v2_enable(cgroup, err) : cgroup_v1_join(cgroup, pid, err);
        return r < 0 ? r : base(cgroup)->apply(cgroup, resources, true, err);
}

/* How much of two paths is the same, in whole components. */
static size_t common_size(const char *a, const char *b) {
        size_t size = 0;

        for (size_t i = 0;; i++) {
                if ((a[i] == '/' || a[i] == '\0') && (b[i] == '/' || b[i] == '\0'))
                        size = i;
                if (a[i] != b[i] || a[i] == '\0')
                        return size;
        }
}

bool cgroup_needs_manager(const struct cgroup *cgroup) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct cgroup_host host;

        if (!cgroup->unit || !cgroup->user_manager || cgroup->unified < 0 || cgroup_host_read(arena, &host, NULL) < 0)
                return false;
        for (size_t i = 0; i < host.count; i++) {
                const struct cgroup_mount *mount = &host.mounts[i];
                const char *directory = cgroup->hierarchies[cgroup->unified].directory;
                const char *own, *common;

                if (!mount->v2)
                        continue;
                own = arena_printf(arena, "%s%s", mount->mount, mount->own);
                common = arena_printf(arena, "%.*s/cgroup.procs", (int) common_size(own, directory), own);
                return faccessat(AT_FDCWD, common, W_OK, AT_EACCESS) < 0;
        }
        return false;
}

int cgroup_admit(const struct cgroup *cgroup, const char *below, pid_t pid, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        const struct json *answer = NULL;

        begin_request(&writer, cgroup, "attach");
        json_put_string(&writer, "below", below);
        json_put_uint(&writer, "pid", (uint64_t) pid);
        return send_request(&writer, arena, &answer, err);
}

/* ---- Changes ---- */

/* systemd wants quota and period together: what is not given is as it is now. */
static void complete_bandwidth(const struct cgroup *cgroup, struct runtime_resources *resources) {
        bool quota = CGROUP_GIVEN(resources->cpu.quota), period = CGROUP_GIVEN(resources->cpu.period);
        struct cgroup_bandwidth now;

        if (quota == period || cgroup_bandwidth_read(cgroup, &now) < 0)
                return;
        if (!quota)
                resources->cpu.quota = (struct opt_i64){.set = true, .value = now.quota};
        if (!period)
                resources->cpu.period = (struct opt_u64){.set = true, .value = now.period};
}

static int systemd_apply(struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                         struct error *err) {
        bool v2 = base(cgroup) == &cgroup_v2_driver;
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        struct runtime_resources whole = *resources;
        const struct json *answer = NULL;
        size_t empty;
        int r;

        /* A new cgroup gets its limits in systemd_attach(). */
        if (fresh)
                return 0;
        r = v2 ? cgroup_v2_check_usage(cgroup, resources, err) : 0;
        complete_bandwidth(cgroup, &whole);
        if (v2)
                cgroup_v2_complete_memory(cgroup, &whole);
        begin_request(&writer, cgroup, "set");
        json_begin_array(&writer, "properties");
        empty = writer.out.size;
        if (r == 0)
                r = cgroup_unit_put_resources(&writer, &whole, v2, resources->device_count > 0 && !cgroup->user_manager,
                                              err);
        if (r == 0 && writer.out.size > empty) {
                json_end_array(&writer);
                r = send_request(&writer, arena, &answer, err);
        }
        return r < 0 ? r : base(cgroup)->apply(cgroup, resources, false, err);
}

/* ---- The end ---- */

static int systemd_remove(const struct cgroup *cgroup, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        const struct json *answer = NULL;

        begin_request(&writer, cgroup, "stop");
        return send_request(&writer, arena, &answer, err);
}

static int systemd_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        return base(cgroup)->freeze(cgroup, frozen, err);
}

static int systemd_frozen(const struct cgroup *cgroup, struct error *err) {
        return base(cgroup)->frozen(cgroup, err);
}

static int systemd_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err) {
        return base(cgroup)->stats(cgroup, writer, err);
}

const struct cgroup_driver cgroup_systemd_driver = {
        .name = "systemd",
        .locate = systemd_locate,
        .create = systemd_create,
        .attach = systemd_attach,
        .apply = systemd_apply,
        .freeze = systemd_freeze,
        .frozen = systemd_frozen,
        .stats = systemd_stats,
        .remove = systemd_remove,
};
