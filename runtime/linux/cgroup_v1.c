/* The driver of legacy and hybrid hosts: one v1 hierarchy a controller, and a v2 tree beside them where it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

/* The directory of the controller, or an error that names the property that needs it. */
static int controller_directory(const struct cgroup *cgroup, const char *controller, const char *property,
                                struct error *err) {
        int index = cgroup_find_controller(cgroup, controller);
        int dir_fd;

        if (index < 0 && cgroup->rootless) {
                /* Callers of runc know this fault by its words. */
                error_set(err, EACCES, "%s: cannot set %s limit: container could not join or create cgroup", property,
                          controller);
                return error_hint(err, "without rights to a cgroup a container has no limits");
        }
        if (index < 0)
                return error_set(err, EOPNOTSUPP, "%s: this host has no %s controller", property, controller);
        dir_fd = cgroup_directory(cgroup, (size_t) index);
        if (dir_fd < 0)
                return error_errno(err, -dir_fd, "%s: %s", property, cgroup->hierarchies[index].directory);
        return dir_fd;
}

/*
 * A new cpuset is empty and takes no process: what it lacks is copied from
 * above, through every parent that is new as well.
 */
static int fill_cpuset(const struct cgroup_hierarchy *hierarchy, const char *file, struct error *err) {
        _cleanup_free_ char *path = xstrdup(hierarchy->directory);
        size_t mount = strlen(hierarchy->mount);
        _cleanup_fd_ int parent = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char value[4096];
        int r = parent < 0 ? -errno : cgroup_file_get(parent, file, value, sizeof(value));

        for (char *slash = path + mount; r >= 0 && slash && *slash;) {
                _cleanup_fd_ int child = -1;
                char *next = strchr(slash + 1, '/');
                char own[4096];

                if (next)
                        *next = '\0';
                child = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = child < 0 ? -errno : cgroup_file_get(child, file, own, sizeof(own));
                if (r >= 0 && own[strspn(own, " \n")] == '\0')
                        r = cgroup_file_put(child, file, value);
                else if (r >= 0)
                        memcpy(value, own, sizeof(value));
                if (next)
                        *next = '/';
                slash = next;
        }
        return r < 0 ? error_errno(err, -r, "%s: cannot fill %s", hierarchy->directory, file) : 0;
}

static int prepare_cpuset(struct cgroup *cgroup, size_t index, struct error *err) {
        int r = fill_cpuset(&cgroup->hierarchies[index], "cpuset.cpus", err);

        return r < 0 ? r : fill_cpuset(&cgroup->hierarchies[index], "cpuset.mems", err);
}

/* Makes the cpuset that create left out, and moves the running container into it. */
static int complete_cpuset(struct cgroup *cgroup, size_t index, struct error *err) {
        size_t before = 0, count = 0;
        int r = cgroup_make_directory(cgroup, index, err);
        int dir_fd;

        if (r < 0 || !cgroup->places[index].made)
                return r == -EBUSY ? 0 : r; /* -EBUSY: an earlier update has made and filled it */
        r = prepare_cpuset(cgroup, index, err);
        dir_fd = cgroup_directory(cgroup, index);

        /* Until a round finds nothing new: processes fork meanwhile. */
        do {
                _cleanup_free_ pid_t *pids = NULL;

                before = count;
                r = r < 0 ? r : cgroup_pids(cgroup, &pids, &count, err);
                for (size_t i = 0; r == 0 && i < count; i++) {
                        char text[16];

                        (void) snprintf(text, sizeof(text), "%d", (int) pids[i]);
                        r = cgroup_file_put(dir_fd, "cgroup.procs", text);
                        if (r == -ESRCH)
                                r = 0;
                        if (r < 0)
                                error_errno(err, -r, "cannot put process %d into %s", (int) pids[i],
                                            cgroup->hierarchies[index].directory);
                }
        } while (r == 0 && count != before);
        return r;
}

int cgroup_v1_join(struct cgroup *cgroup, pid_t pid, struct error *err) {
        for (size_t i = 0; i < cgroup->count; i++) {
                const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
                int r;

                if (hierarchy->v2)
                        continue;
                r = cgroup_make_path(hierarchy, &cgroup->places[i].parents);
                if (r >= 0 && str_equal(hierarchy->name, "cpuset"))
                        r = prepare_cpuset(cgroup, i, err);
                if (r >= 0)
                        r = cgroup_attach_v1(cgroup, i, pid);
                /* A user's manager is given few hierarchies, and its user makes nothing in the others. */
                if (r < 0 && !cgroup->user_manager)
                        return error_errno(err, -r, "cannot put the process into the cgroup %s", hierarchy->directory);
        }
        return 0;
}

/*
 * Making the host's first cpuset stops all processors to patch the kernel's code,
 * some 2 ms: it is left for containers whose config says something of processors.
 */
static bool keep_for_later(const char *name, const struct cgroup_request *request) {
        const struct runtime_resources *resources = request->resources;

        return str_equal(name, "cpuset") && !request->complete && !(resources && resources->cpu.present);
}

static int v1_locate(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        struct cgroup_host host;
        int r = cgroup_host_read(cgroup->arena, &host, err);

        for (int later = 0; later < 2; later++)
                for (size_t i = 0; r == 0 && i < host.count; i++) {
                        const struct cgroup_mount *mount = &host.mounts[i];
                        struct cgroup_hierarchy hierarchy = {
                                .name = mount->name, .mount = mount->mount, .v2 = mount->v2};

                        if (keep_for_later(mount->name, request) != (later == 1))
                                continue;
                        hierarchy.directory = arena_printf(cgroup->arena, "%s%s", mount->mount,
                                                           cgroup_host_path(cgroup->arena, mount, request));
                        r = cgroup_add_hierarchy(cgroup, &hierarchy, later == 1, err);
                }
        return r;
}

/* The v2 tree of a hybrid host is an extra; a process without rights does without any hierarchy. */
static bool can_do_without(const struct cgroup *cgroup, const struct cgroup_request *request, size_t index, int r) {
        return (cgroup->hierarchies[index].v2 && r != -EBUSY) ||
               (cgroup->rootless && cgroup_is_denied(r) && !request->insists);
}

/* Makes a hierarchy's directory, or drops the hierarchy, which moves the next one up: 1 for made, 0 for dropped. */
static int make_or_drop(struct cgroup *cgroup, const struct cgroup_request *request, size_t index, struct error *err) {
        struct error failure = {0};
        int r = cgroup_make_directory(cgroup, index, &failure);

        if (r == 0 && str_equal(cgroup->hierarchies[index].name, "cpuset"))
                r = prepare_cpuset(cgroup, index, &failure);
        if (r == 0)
                return 1;
        if (!can_do_without(cgroup, request, index, r)) {
                *err = failure;
                return r;
        }
        log_debug("cgroups: going without %s: %s", cgroup->hierarchies[index].directory, failure.message);
        cgroup_drop_hierarchy(cgroup, index);
        return 0;
}

static int v1_create(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        int r = v1_locate(cgroup, request, err);

        if (r == 0 && cgroup->unified >= 0)
                r = make_or_drop(cgroup, request, (size_t) cgroup->unified, err);
        return r < 0 ? r : 0;
}

static int v1_finish(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < cgroup->count;) {
                bool there = cgroup->hierarchies[i].v2 || cgroup->places[i].made;

                r = there ? 1 : make_or_drop(cgroup, request, i, err);
                i += r > 0;
        }
        return r < 0 ? r : 0;
}

/* ---- Limits ---- */

static void put_i64(struct cgroup_value *values, size_t *count, const char *file, const char *property, int64_t value) {
        struct cgroup_value *row = &values[(*count)++];

        *row = (struct cgroup_value){.file = file, .property = property};
        (void) snprintf(row->text, sizeof(row->text), "%lld", (long long) value);
}

static void put_u64(struct cgroup_value *values, size_t *count, const char *file, const char *property,
                    uint64_t value) {
        struct cgroup_value *row = &values[(*count)++];

        *row = (struct cgroup_value){.file = file, .property = property};
        (void) snprintf(row->text, sizeof(row->text), "%llu", (unsigned long long) value);
}

static int set_values(const struct cgroup *cgroup, const char *controller, struct cgroup_value *values, size_t count,
                      struct error *err) {
        int dir_fd;

        if (count == 0)
                return 0;
        dir_fd = controller_directory(cgroup, controller, values[0].property, err);
        return dir_fd < 0 ? dir_fd : cgroup_values_set(dir_fd, values, count, err);
}

static int apply_cpu(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        struct cgroup_value values[7];
        size_t count = 0;

        if (CGROUP_GIVEN(resources->cpu.shares))
                put_u64(values, &count, "cpu.shares", "linux.resources.cpu.shares", resources->cpu.shares.value);
        if (CGROUP_GIVEN(resources->cpu.period))
                put_u64(values, &count, "cpu.cfs_period_us", "linux.resources.cpu.period", resources->cpu.period.value);
        if (CGROUP_GIVEN(resources->cpu.quota))
                put_i64(values, &count, "cpu.cfs_quota_us", "linux.resources.cpu.quota", resources->cpu.quota.value);
        if (resources->cpu.burst.set)
                put_u64(values, &count, "cpu.cfs_burst_us", "linux.resources.cpu.burst", resources->cpu.burst.value);
        if (CGROUP_GIVEN(resources->cpu.realtime_period))
                put_u64(values, &count, "cpu.rt_period_us", "linux.resources.cpu.realtimePeriod",
                        resources->cpu.realtime_period.value);
        if (CGROUP_GIVEN(resources->cpu.realtime_runtime))
                put_i64(values, &count, "cpu.rt_runtime_us", "linux.resources.cpu.realtimeRuntime",
                        resources->cpu.realtime_runtime.value);
        if (resources->cpu.idle.set)
                put_i64(values, &count, "cpu.idle", "linux.resources.cpu.idle", resources->cpu.idle.value);
        return set_values(cgroup, "cpu", values, count, err);
}

static int apply_cpuset(struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        const char *property = resources->cpu.cpus ? "linux.resources.cpu.cpus" : "linux.resources.cpu.mems";
        int index = cgroup_find_controller(cgroup, "cpuset");
        int dir_fd, r = 0;

        if (!resources->cpu.cpus && !resources->cpu.mems)
                return 0;
        if (index >= 0 && cgroup->places[index].kept) {
                r = complete_cpuset(cgroup, (size_t) index, err);
                if (r < 0)
                        return error_wrap(err, "%s", property);
        }
        dir_fd = controller_directory(cgroup, "cpuset", property, err);
        if (dir_fd < 0)
                return dir_fd;
        if (resources->cpu.cpus)
                r = cgroup_file_set(dir_fd, "cpuset.cpus", resources->cpu.cpus, "linux.resources.cpu.cpus", err);
        if (r == 0 && resources->cpu.mems)
                r = cgroup_file_set(dir_fd, "cpuset.mems", resources->cpu.mems, "linux.resources.cpu.mems", err);
        return r;
}

static int apply_memory(const struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                        struct error *err) {
        struct cgroup_value values[7];
        size_t count = 0;

        if (CGROUP_GIVEN(resources->memory.limit))
                put_i64(values, &count, "memory.limit_in_bytes", "linux.resources.memory.limit",
                        resources->memory.limit.value);
        if (CGROUP_GIVEN(resources->memory.swap)) {
                put_i64(values, &count, "memory.memsw.limit_in_bytes", "linux.resources.memory.swap",
                        resources->memory.swap.value);
        } else if (CGROUP_GIVEN(resources->memory.limit) && resources->memory.limit.value == -1) {
                /* No limit on memory is of little use below a limit on memory and swap. */
                put_i64(values, &count, "memory.memsw.limit_in_bytes", "linux.resources.memory.limit", -1);
                values[count - 1].optional = true;
        }
        if (CGROUP_GIVEN(resources->memory.reservation))
                put_i64(values, &count, "memory.soft_limit_in_bytes", "linux.resources.memory.reservation",
                        resources->memory.reservation.value);
        if (CGROUP_GIVEN(resources->memory.kernel_tcp)) {
                put_i64(values, &count, "memory.kmem.tcp.limit_in_bytes", "linux.resources.memory.kernelTCP",
                        resources->memory.kernel_tcp.value);
                /* Nothing to take back where nothing can be limited. */
                values[count - 1].optional = resources->memory.kernel_tcp.value < 0;
        }
        /* Kernels from 5.16 on refuse any limit. */
        if (CGROUP_GIVEN(resources->memory.kernel) && (resources->memory.kernel.value > 0 || !fresh)) {
                put_i64(values, &count, "memory.kmem.limit_in_bytes", "linux.resources.memory.kernel",
                        resources->memory.kernel.value);
                values[count - 1].optional = resources->memory.kernel.value < 0;
        }
        /* The greatest number is how some callers say "not given". */
        if (resources->memory.swappiness.set && resources->memory.swappiness.value != UINT64_MAX) {
                if (resources->memory.swappiness.value > 100)
                        return error_set(err, ERANGE, "linux.resources.memory.swappiness: must be between 0 and 100");
                put_u64(values, &count, "memory.swappiness", "linux.resources.memory.swappiness",
                        resources->memory.swappiness.value);
        }
        if (resources->memory.disable_oom_killer.set && (resources->memory.disable_oom_killer.value || !fresh))
                put_u64(values, &count, "memory.oom_control", "linux.resources.memory.disableOOMKiller",
                        resources->memory.disable_oom_killer.value);
        return set_values(cgroup, "memory", values, count, err);
}

static int apply_pids(const struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                      struct error *err) {
        struct cgroup_value value = {.file = "pids.max", .property = "linux.resources.pids.limit"};

        if (!resources->pids_limit.set || (fresh && resources->pids_limit.value < 0))
                return 0; /* a new cgroup has no limit */
        if (resources->pids_limit.value >= 0)
                (void) snprintf(value.text, sizeof(value.text), "%lld", (long long) resources->pids_limit.value);
        else
                (void) snprintf(value.text, sizeof(value.text), "max");
        return set_values(cgroup, "pids", &value, 1, err);
}

/* ---- Block I/O ---- */

/* The io scheduler bfq has names of its own for what cfq had. */
static int set_weight(int dir_fd, const char *name, const char *value, const char *property, struct error *err) {
        _cleanup_free_ char *file = str_format("blkio.%s", name);
        _cleanup_free_ char *bfq_file = str_format("blkio.bfq.%s", name);
        int r = cgroup_file_put(dir_fd, file, value);

        if (r == -ENOENT)
                r = cgroup_file_put(dir_fd, bfq_file, value);
        if (r == -ENOENT)
                return error_set(err, EOPNOTSUPP, "%s: this host has no %s (its io scheduler offers no weights)",
                                 property, file);
        return r < 0 ? cgroup_file_error(err, -r, property, file, value) : 0;
}

static int apply_weights(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        char value[64];
        int r = 0;

        if (CGROUP_GIVEN(resources->block_io.weight)) {
                (void) snprintf(value, sizeof(value), "%u", (unsigned int) resources->block_io.weight.value);
                r = set_weight(dir_fd, "weight", value, "linux.resources.blockIO.weight", err);
        }
        if (r == 0 && CGROUP_GIVEN(resources->block_io.leaf_weight)) {
                (void) snprintf(value, sizeof(value), "%u", (unsigned int) resources->block_io.leaf_weight.value);
                r = set_weight(dir_fd, "leaf_weight", value, "linux.resources.blockIO.leafWeight", err);
        }
        for (size_t i = 0; r == 0 && i < resources->block_io.weight_device_count; i++) {
                const struct runtime_block_weight *device = &resources->block_io.weight_devices[i];
                const char *property = "linux.resources.blockIO.weightDevice";

                if (CGROUP_GIVEN(device->weight)) {
                        (void) snprintf(value, sizeof(value), "%lld:%lld %u", (long long) device->major,
                                        (long long) device->minor, (unsigned int) device->weight.value);
                        r = set_weight(dir_fd, "weight_device", value, property, err);
                }
                if (r == 0 && CGROUP_GIVEN(device->leaf_weight)) {
                        (void) snprintf(value, sizeof(value), "%lld:%lld %u", (long long) device->major,
                                        (long long) device->minor, (unsigned int) device->leaf_weight.value);
                        r = set_weight(dir_fd, "leaf_weight_device", value, property, err);
                }
        }
        return r;
}

static int apply_blkio(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        const struct {
                const struct runtime_block_rates *rates;
                const char *file;
                const char *property;
        } throttles[] = {
                {&resources->block_io.throttle_read_bps, "blkio.throttle.read_bps_device",
                 "linux.resources.blockIO.throttleReadBpsDevice"},
                {&resources->block_io.throttle_write_bps, "blkio.throttle.write_bps_device",
                 "linux.resources.blockIO.throttleWriteBpsDevice"},
                {&resources->block_io.throttle_read_iops, "blkio.throttle.read_iops_device",
                 "linux.resources.blockIO.throttleReadIOPSDevice"},
                {&resources->block_io.throttle_write_iops, "blkio.throttle.write_iops_device",
                 "linux.resources.blockIO.throttleWriteIOPSDevice"},
        };
        bool used = CGROUP_GIVEN(resources->block_io.weight) || CGROUP_GIVEN(resources->block_io.leaf_weight) ||
                    resources->block_io.weight_device_count > 0;
        int dir_fd, r;

        for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
                used = used || throttles[i].rates->count > 0;
        if (!used)
                return 0;
        dir_fd = controller_directory(cgroup, "blkio", "linux.resources.blockIO", err);
        if (dir_fd < 0)
                return dir_fd;
        r = apply_weights(dir_fd, resources, err);
        for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
                for (size_t j = 0; r == 0 && j < throttles[i].rates->count; j++) {
                        const struct runtime_block_rate *rate = &throttles[i].rates->items[j];
                        char value[64];

                        (void) snprintf(value, sizeof(value), "%lld:%lld %llu", (long long) rate->major,
                                        (long long) rate->minor, (unsigned long long) rate->rate);
                        r = cgroup_file_set(dir_fd, throttles[i].file, value, throttles[i].property, err);
                }
        return r;
}

/* ---- Huge pages, network, rdma ---- */

static int apply_hugepages(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd, r = 0;

        if (resources->hugepage_limit_count == 0)
                return 0;
        /* A hybrid host may have left the controller to the v2 tree. */
        if (cgroup_find_controller(cgroup, "hugetlb") < 0 && cgroup->unified >= 0)
                return cgroup_v2_apply_hugepages(cgroup, resources, err);
        dir_fd = controller_directory(cgroup, "hugetlb", "linux.resources.hugepageLimits", err);
        if (dir_fd < 0)
                return dir_fd;
        for (size_t i = 0; r == 0 && i < resources->hugepage_limit_count; i++) {
                const struct runtime_hugepage_limit *limit = &resources->hugepage_limits[i];
                _cleanup_free_ char *file = str_format("hugetlb.%s.limit_in_bytes", limit->page_size);
                _cleanup_free_ char *reserved = str_format("hugetlb.%s.rsvd.limit_in_bytes", limit->page_size);
                _cleanup_free_ char *value = str_format("%llu", (unsigned long long) limit->limit);

                r = cgroup_file_set(dir_fd, file, value, "linux.resources.hugepageLimits", err);
                /* Reservations count against a limit of their own since Linux 5.7. */
                if (r == 0)
                        (void) cgroup_file_put(dir_fd, reserved, value);
        }
        return r;
}

static int apply_network(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        struct cgroup_value value;
        size_t count = 0;
        int dir_fd, r = 0;

        if (CGROUP_GIVEN(resources->network.class_id)) {
                put_u64(&value, &count, "net_cls.classid", "linux.resources.network.classID",
                        resources->network.class_id.value);
                r = set_values(cgroup, "net_cls", &value, 1, err);
        }
        if (r < 0 || resources->network.priority_count == 0)
                return r;
        dir_fd = controller_directory(cgroup, "net_prio", "linux.resources.network.priorities", err);
        if (dir_fd < 0)
                return dir_fd;
        for (size_t i = 0; r == 0 && i < resources->network.priority_count; i++) {
                const struct runtime_network_priority *priority = &resources->network.priorities[i];
                _cleanup_free_ char *text = str_format("%s %u", priority->name, priority->priority);

                r = cgroup_file_set(dir_fd, "net_prio.ifpriomap", text, "linux.resources.network.priorities", err);
        }
        return r;
}

static int apply_rdma(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd, r = 0;

        if (resources->rdma_count == 0)
                return 0;
        dir_fd = controller_directory(cgroup, "rdma", "linux.resources.rdma", err);
        if (dir_fd < 0)
                return dir_fd;
        for (size_t i = 0; r == 0 && i < resources->rdma_count; i++) {
                _cleanup_free_ char *text = cgroup_rdma_text(&resources->rdma[i]);

                r = cgroup_file_set(dir_fd, "rdma.max", text, "linux.resources.rdma", err);
        }
        return r;
}

static int v1_apply(struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh, struct error *err) {
        int r = cgroup_v1_apply_devices(cgroup, resources, fresh, err);

        if (r == 0)
                r = apply_cpu(cgroup, resources, err);
        if (r == 0)
                r = apply_cpuset(cgroup, resources, err);
        if (r == 0)
                r = apply_memory(cgroup, resources, fresh, err);
        if (r == 0)
                r = apply_pids(cgroup, resources, fresh, err);
        if (r == 0)
                r = apply_blkio(cgroup, resources, err);
        if (r == 0)
                r = apply_hugepages(cgroup, resources, err);
        if (r == 0)
                r = apply_network(cgroup, resources, err);
        if (r == 0)
                r = apply_rdma(cgroup, resources, err);
        return r == 0 && resources->unified.count > 0 ? cgroup_v2_apply_unified(cgroup, resources, err) : r;
}

static int v1_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        /* The newer freezer can be waited for, and its processes can still be killed. */
        return cgroup->unified >= 0 ? cgroup_v2_freeze(cgroup, frozen, err) : cgroup_v1_freeze(cgroup, frozen, err);
}

static int v1_frozen(const struct cgroup *cgroup, struct error *err) {
        return cgroup->unified >= 0 ? cgroup_v2_frozen(cgroup, err) : cgroup_v1_frozen(cgroup, err);
}

const struct cgroup_driver cgroup_v1_driver = {
        .name = "v1",
        .locate = v1_locate,
        .create = v1_create,
        .finish = v1_finish,
        .apply = v1_apply,
        .freeze = v1_freeze,
        .frozen = v1_frozen,
        .stats = cgroup_v1_stats,
};
