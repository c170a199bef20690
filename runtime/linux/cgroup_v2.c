/* The driver of unified hosts: one directory, controllers handed down along its path. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

#define LIST_MAX 512

/* Writes "+a +b" at once, and one by one where the kernel refuses one of them. */
static void enable_in(int dir_fd, const char *controllers) {
        char text[LIST_MAX * 2] = "";
        size_t used = 0;
        _cleanup_str_list_ struct str_list names = {0};

        str_list_split(&names, controllers, ' ');
        for (size_t i = 0; i < names.count && used < sizeof(text); i++)
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s+%s", i ? " " : "", names.items[i]);
        if (used == 0 || cgroup_file_put(dir_fd, "cgroup.subtree_control", text) == 0)
                return;
        for (size_t i = 0; i < names.count; i++) {
                _cleanup_free_ char *one = str_format("+%s", names.items[i]);

                (void) cgroup_file_put(dir_fd, "cgroup.subtree_control", one);
        }
}

static int read_list(int dir_fd, const char *file, char list[LIST_MAX]) {
        int n = cgroup_file_get(dir_fd, file, list, LIST_MAX);

        while (n > 0 && (list[n - 1] == '\n' || list[n - 1] == ' '))
                list[--n] = '\0';
        return n < 0 ? n : 0;
}

int cgroup_v2_enable(const struct cgroup *cgroup, struct error *err) {
        const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[cgroup->unified];
        _cleanup_free_ char *path = xstrdup(hierarchy->directory);
        _cleanup_fd_ int root = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int leaf = cgroup_directory(cgroup, (size_t) cgroup->unified);
        char all[LIST_MAX], own[LIST_MAX];
        int r = root < 0 ? -errno : leaf < 0 ? leaf : read_list(root, "cgroup.controllers", all);

        if (r == 0)
                r = read_list(leaf, "cgroup.controllers", own);
        if (r < 0)
                return error_errno(err, -r, "%s: cannot read the controllers", hierarchy->directory);
        /* The usual case after the first container: every parent hands all of them down already. */
        if (str_equal(all, own))
                return 0;

        enable_in(root, all);
        for (char *slash = path + strlen(hierarchy->mount); (slash = strchr(slash + 1, '/'));) {
                _cleanup_fd_ int parent = -1;

                *slash = '\0';
                parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (parent >= 0)
                        enable_in(parent, all);
                *slash = '/';
        }
        return 0;
}

/* Controllers that cannot tell threads of a process apart: cgroups(7), "Thread mode". */
static bool needs_domain(const struct runtime_resources *resources) {
        return resources && (CGROUP_GIVEN(resources->memory.limit) || CGROUP_GIVEN(resources->memory.reservation) ||
                             CGROUP_GIVEN(resources->memory.swap) || CGROUP_GIVEN(resources->block_io.weight) ||
                             resources->block_io.weight_device_count + resources->block_io.throttle_read_bps.count +
                                             resources->block_io.throttle_write_bps.count +
                                             resources->block_io.throttle_read_iops.count +
                                             resources->block_io.throttle_write_iops.count +
                                             resources->hugepage_limit_count + resources->rdma_count >
                                     0);
}

/* Below a threaded cgroup a new one is "domain invalid" and takes no process until it is threaded as well. */
static int fix_type(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        const char *directory = cgroup->hierarchies[cgroup->unified].directory;
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        char type[64];
        int r = dir_fd < 0 ? dir_fd : cgroup_file_get(dir_fd, "cgroup.type", type, sizeof(type));

        /* The root has no type. */
        if (r == -ENOENT || (r >= 0 && !str_starts_with(type, "domain invalid")))
                return 0;
        if (r < 0)
                return error_errno(err, -r, "%s", directory);
        if (needs_domain(resources)) {
                error_set(err, EOPNOTSUPP,
                          "linux.resources: %s: a parent of this cgroup is threaded, so there are no limits of memory, "
                          "block devices, huge pages and rdma",
                          directory);
                return error_hint(err, "choose a linux.cgroupsPath below a cgroup of type domain");
        }
        r = cgroup_file_put(dir_fd, "cgroup.type", "threaded");
        return r < 0 ? error_errno(err, -r, "%s: cannot be made threaded as its parent is", directory) : 0;
}

static int v2_locate(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        struct cgroup_hierarchy hierarchy = {.name = "", .v2 = true};
        struct cgroup_host host;
        int r = cgroup_host_read(cgroup->arena, &host, err);

        if (r < 0)
                return r;
        hierarchy.mount = host.mounts[0].mount;
        hierarchy.directory = arena_printf(cgroup->arena, "%s%s", hierarchy.mount,
                                           cgroup_host_path(cgroup->arena, &host.mounts[0], request));
        return cgroup_add_hierarchy(cgroup, &hierarchy, false, err);
}

static int v2_create(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        struct error failure = {0};
        int r = v2_locate(cgroup, request, err);

        if (r < 0)
                return r;
        r = cgroup_make_directory(cgroup, 0, &failure);
        if (r == 0)
                r = cgroup_v2_enable(cgroup, &failure);
        if (r == 0)
                r = fix_type(cgroup, request->resources, &failure);
        if (r == 0)
                return 0;
        if (cgroup->rootless && cgroup_is_denied(r) && !request->insists) {
                log_debug("cgroups: going without: %s", failure.message);
                cgroup_drop_hierarchy(cgroup, 0);
                return 0;
        }
        *err = failure;
        return r;
}

static bool wants_limits(const struct runtime_resources *resources) {
        return needs_domain(resources) || CGROUP_GIVEN(resources->cpu.shares) || CGROUP_GIVEN(resources->cpu.quota) ||
               CGROUP_GIVEN(resources->cpu.period) || CGROUP_GIVEN(resources->pids_limit) || resources->cpu.cpus ||
               resources->cpu.mems || resources->unified.count > 0;
}

static int v2_apply(struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh, struct error *err) {
        struct runtime_resources whole = *resources;
        int dir_fd, r;

        /* Callers of runc know this fault by its words. */
        if (cgroup->unified < 0 && wants_limits(resources))
                return error_set(err, EACCES,
                                 "linux.resources: rootless needs no limits + no cgrouppath when no "
                                 "permission is granted for cgroups");
        if (cgroup->unified < 0)
                return 0;
        dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        if (dir_fd < 0)
                return error_errno(err, -dir_fd, "%s", cgroup->hierarchies[cgroup->unified].directory);
        if (fresh || resources->device_count > 0) {
                struct error failure = {0};

                r = cgroup_v2_apply_devices(dir_fd, resources, &failure);
                /* A process without rights makes no device nodes either. */
                if (r < 0 && !(cgroup->rootless && r == -EPERM)) {
                        *err = failure;
                        return r;
                }
        }
        if (!fresh)
                cgroup_v2_complete_memory(cgroup, &whole);
        return cgroup_v2_apply_limits(cgroup, &whole, err);
}

static int v2_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        if (cgroup->unified < 0)
                return error_set(err, EOPNOTSUPP, "the container has no cgroup, so it cannot be %s",
                                 frozen ? "frozen" : "thawed");
        return cgroup_v2_freeze(cgroup, frozen, err);
}

static int v2_frozen(const struct cgroup *cgroup, struct error *err) {
        return cgroup->unified < 0 ? 0 : cgroup_v2_frozen(cgroup, err);
}

const struct cgroup_driver cgroup_v2_driver = {
        .name = "v2",
        .locate = v2_locate,
        .create = v2_create,
        .apply = v2_apply,
        .freeze = v2_freeze,
        .frozen = v2_frozen,
        .stats = cgroup_v2_stats,
};
