/* linux.resources in the files of cgroup v2. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

#define MAX_TEXT 64

uint64_t cgroup_weight_of_shares(uint64_t shares) {
        /* 2..262144 to 1..10000 */
        if (shares < 2)
                shares = 2;
        if (shares > 262144)
                shares = 262144;
        return 1 + ((shares - 2) * 9999) / 262142;
}

uint64_t cgroup_io_weight_of_blkio(uint64_t weight) {
        /* 10..1000 to 1..10000 */
        if (weight < 10)
                weight = 10;
        if (weight > 1000)
                weight = 1000;
        return 1 + (weight - 10) * 9999 / 990;
}

static void limit_text(int64_t value, char *out, size_t size) {
        if (value < 0)
                (void) snprintf(out, size, "max");
        else
                (void) snprintf(out, size, "%" PRId64, value);
}

int cgroup_swap_text(struct opt_i64 limit, struct opt_i64 swap, char *out, size_t size, struct error *err) {
        const char *property = "linux.resources.memory.swap";

        out[0] = '\0';
        if (!CGROUP_GIVEN(swap)) {
                /* No limit on memory takes the limit on swap away, too. */
                if (limit.set && limit.value == -1)
                        limit_text(-1, out, size);
                return 0;
        }
        if (swap.value == -1) {
                limit_text(-1, out, size);
                return 0;
        }
        if (swap.value < 0)
                return error_set(err, EINVAL, "%s: %" PRId64 " is no size", property, swap.value);
        if (!CGROUP_GIVEN(limit) || limit.value < 0)
                return error_set(err, EINVAL, "%s: needs linux.resources.memory.limit beside it", property);
        if (swap.value < limit.value)
                return error_set(err, EINVAL, "%s: is memory and swap together, and must not be below memory.limit",
                                 property);
        limit_text(swap.value - limit.value, out, size);
        return 0;
}

/* A limit below what is in use kills the container: checkBeforeUpdate asks for an error instead. */
int cgroup_v2_check_usage(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        uint64_t usage = 0, swap = 0;

        if (!resources->memory.check_before_update.value || !CGROUP_GIVEN(resources->memory.limit) ||
            resources->memory.limit.value < 0 || cgroup_file_get_number(dir_fd, "memory.current", &usage) < 0)
                return 0;
        if (usage > (uint64_t) resources->memory.limit.value)
                return error_set(err, EBUSY,
                                 "linux.resources.memory.limit: %" PRId64 " is below what is in use now (%" PRIu64 ")",
                                 resources->memory.limit.value, usage);
        if (CGROUP_GIVEN(resources->memory.swap) && resources->memory.swap.value > 0 &&
            cgroup_file_get_number(dir_fd, "memory.swap.current", &swap) == 0 &&
            usage + swap > (uint64_t) resources->memory.swap.value)
                return error_set(err, EBUSY,
                                 "linux.resources.memory.swap: %" PRId64 " is below what is in use now (%" PRIu64 ")",
                                 resources->memory.swap.value, usage + swap);
        return 0;
}

void cgroup_v2_complete_memory(const struct cgroup *cgroup, struct runtime_resources *resources) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        bool limit = CGROUP_GIVEN(resources->memory.limit), swap = CGROUP_GIVEN(resources->memory.swap);
        uint64_t limit_now = 0, swap_now = 0;

        if (limit == swap || dir_fd < 0 || cgroup_file_get_number(dir_fd, "memory.max", &limit_now) < 0 ||
            limit_now == UINT64_MAX)
                return;
        if (!limit) {
                resources->memory.limit = (struct opt_i64){.set = true, .value = (int64_t) limit_now};
                return;
        }
        if (cgroup_file_get_number(dir_fd, "memory.swap.max", &swap_now) == 0 && swap_now != UINT64_MAX &&
            resources->memory.limit.value > 0 && (int64_t) (limit_now + swap_now) >= resources->memory.limit.value)
                resources->memory.swap = (struct opt_i64){.set = true, .value = (int64_t) (limit_now + swap_now)};
}

/* Of config-linux.md, but v1's alone: a value that asks for something is refused. */
static int refuse_v1(const struct runtime_resources *resources, struct error *err) {
        const struct {
                const char *property;
                bool given;
        } rows[] = {
                {"cpu.realtimeRuntime", CGROUP_GIVEN(resources->cpu.realtime_runtime)},
                {"cpu.realtimePeriod", CGROUP_GIVEN(resources->cpu.realtime_period)},
                {"memory.kernel", CGROUP_GIVEN(resources->memory.kernel) && resources->memory.kernel.value > 0},
                {"memory.kernelTCP",
                 CGROUP_GIVEN(resources->memory.kernel_tcp) && resources->memory.kernel_tcp.value > 0},
                /* The greatest number is how some callers say "not given". */
                {"memory.swappiness",
                 resources->memory.swappiness.set && resources->memory.swappiness.value != UINT64_MAX},
                {"memory.disableOOMKiller", resources->memory.disable_oom_killer.value},
                {"blockIO.leafWeight", CGROUP_GIVEN(resources->block_io.leaf_weight)},
                {"network.classID", CGROUP_GIVEN(resources->network.class_id)},
                {"network.priorities", resources->network.priority_count > 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].given)
                        return error_set(err, EOPNOTSUPP, "linux.resources.%s: cgroup v2 has no such limit",
                                         rows[i].property);
        return 0;
}

static int apply_memory(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        char text[MAX_TEXT];
        int r = cgroup_swap_text(resources->memory.limit, resources->memory.swap, text, sizeof(text), err);

        if (r == 0)
                r = cgroup_v2_check_usage(cgroup, resources, err);
        if (r == 0 && text[0]) {
                r = cgroup_file_put(dir_fd, "memory.swap.max", text);
                /* A kernel without swap accounting already does what "none" and "no limit" ask for. */
                if (r == -ENOENT && (str_equal(text, "max") || str_equal(text, "0")))
                        r = 0;
                if (r < 0)
                        r = cgroup_file_error(err, -r, "linux.resources.memory.swap", "memory.swap.max", text);
        }
        if (r == 0 && CGROUP_GIVEN(resources->memory.limit)) {
                limit_text(resources->memory.limit.value, text, sizeof(text));
                r = cgroup_file_set(dir_fd, "memory.max", text, "linux.resources.memory.limit", err);
        }
        if (r == 0 && CGROUP_GIVEN(resources->memory.reservation)) {
                limit_text(resources->memory.reservation.value, text, sizeof(text));
                r = cgroup_file_set(dir_fd, "memory.low", text, "linux.resources.memory.reservation", err);
        }
        return r;
}

/* cpu.max holds both numbers: what is not given stays as it is. */
static int apply_bandwidth(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        char quota[MAX_TEXT], text[MAX_TEXT * 2 + 2];
        struct cgroup_bandwidth now = {.quota = -1, .period = 100000};
        struct cgroup_value values[2] = {{.file = "cpu.max"}};
        size_t count = 1;

        (void) cgroup_bandwidth_read(cgroup, &now);
        limit_text(CGROUP_GIVEN(resources->cpu.quota) ? resources->cpu.quota.value : now.quota, quota, sizeof(quota));
        (void) snprintf(text, sizeof(text), "%s %" PRIu64, quota,
                        CGROUP_GIVEN(resources->cpu.period) ? resources->cpu.period.value : now.period);
        if (strlen(text) >= sizeof(values[0].text))
                return error_set(err, ERANGE, "linux.resources.cpu: quota and period are out of range");
        memcpy(values[0].text, text, strlen(text) + 1);
        values[0].property =
                CGROUP_GIVEN(resources->cpu.quota) ? "linux.resources.cpu.quota" : "linux.resources.cpu.period";

        if (resources->cpu.burst.set) {
                values[1] = (struct cgroup_value){.file = "cpu.max.burst", .property = "linux.resources.cpu.burst"};
                (void) snprintf(values[1].text, sizeof(values[1].text), "%" PRIu64, resources->cpu.burst.value);
                count = 2;
        }
        return cgroup_values_set(dir_fd, values, count, err);
}

static int apply_cpu(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        char text[MAX_TEXT];
        int r = 0;

        if (resources->cpu.idle.set) {
                (void) snprintf(text, sizeof(text), "%" PRId64, resources->cpu.idle.value);
                r = cgroup_file_set(dir_fd, "cpu.idle", text, "linux.resources.cpu.idle", err);
        }
        /* An idle cgroup has no weight: the kernel would refuse it. */
        if (r == 0 && CGROUP_GIVEN(resources->cpu.shares) && resources->cpu.idle.value != 1) {
                (void) snprintf(text, sizeof(text), "%" PRIu64, cgroup_weight_of_shares(resources->cpu.shares.value));
                r = cgroup_file_set(dir_fd, "cpu.weight", text, "linux.resources.cpu.shares", err);
        }
        if (r == 0 &&
            (CGROUP_GIVEN(resources->cpu.quota) || CGROUP_GIVEN(resources->cpu.period) || resources->cpu.burst.set))
                r = apply_bandwidth(cgroup, resources, err);
        if (r == 0 && resources->cpu.cpus)
                r = cgroup_file_set(dir_fd, "cpuset.cpus", resources->cpu.cpus, "linux.resources.cpu.cpus", err);
        if (r == 0 && resources->cpu.mems)
                r = cgroup_file_set(dir_fd, "cpuset.mems", resources->cpu.mems, "linux.resources.cpu.mems", err);
        return r;
}

static int set_io_weight(int dir_fd, const char *device, uint64_t weight, const char *property, struct error *err) {
        char text[MAX_TEXT];
        int r;

        /* The scheduler bfq takes the old range as it is. */
        (void) snprintf(text, sizeof(text), "%s%" PRIu64, device, weight);
        r = cgroup_file_put(dir_fd, "io.bfq.weight", text);
        if (r != -ENOENT)
                return r < 0 ? cgroup_file_error(err, -r, property, "io.bfq.weight", text) : 0;
        (void) snprintf(text, sizeof(text), "%s%" PRIu64, device, cgroup_io_weight_of_blkio(weight));
        return cgroup_file_set(dir_fd, "io.weight", text, property, err);
}

static int apply_io(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        const struct {
                const struct runtime_block_rates *rates;
                const char *key;
                const char *property;
        } throttles[] = {
                {&resources->block_io.throttle_read_bps, "rbps", "linux.resources.blockIO.throttleReadBpsDevice"},
                {&resources->block_io.throttle_write_bps, "wbps", "linux.resources.blockIO.throttleWriteBpsDevice"},
                {&resources->block_io.throttle_read_iops, "riops", "linux.resources.blockIO.throttleReadIOPSDevice"},
                {&resources->block_io.throttle_write_iops, "wiops", "linux.resources.blockIO.throttleWriteIOPSDevice"},
        };
        char text[128];
        int r = 0;

        if (CGROUP_GIVEN(resources->block_io.weight))
                r = set_io_weight(dir_fd, "", resources->block_io.weight.value, "linux.resources.blockIO.weight", err);
        for (size_t i = 0; r == 0 && i < resources->block_io.weight_device_count; i++) {
                const struct runtime_block_weight *device = &resources->block_io.weight_devices[i];

                if (!CGROUP_GIVEN(device->weight))
                        continue;
                (void) snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " ", device->major, device->minor);
                r = set_io_weight(dir_fd, text, device->weight.value, "linux.resources.blockIO.weightDevice", err);
        }
        for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
                for (size_t j = 0; r == 0 && j < throttles[i].rates->count; j++) {
                        const struct runtime_block_rate *rate = &throttles[i].rates->items[j];
                        int used = snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=", rate->major, rate->minor,
                                            throttles[i].key);

                        /* v1 says "no limit" with 0, which v2 would not take. */
                        if (rate->rate == 0)
                                (void) snprintf(text + used, sizeof(text) - (size_t) used, "max");
                        else
                                (void) snprintf(text + used, sizeof(text) - (size_t) used, "%" PRIu64, rate->rate);
                        r = cgroup_file_set(dir_fd, "io.max", text, throttles[i].property, err);
                }
        return r;
}

static int apply_pids(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        char text[MAX_TEXT];

        if (!resources->pids_limit.set)
                return 0;
        limit_text(resources->pids_limit.value, text, sizeof(text));
        /* Nothing to take back where nothing can be limited. */
        if (resources->pids_limit.value < 0 && cgroup_file_put(dir_fd, "pids.max", text) == -ENOENT)
                return 0;
        return cgroup_file_set(dir_fd, "pids.max", text, "linux.resources.pids.limit", err);
}

static int set_hugepages(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < resources->hugepage_limit_count; i++) {
                const struct runtime_hugepage_limit *limit = &resources->hugepage_limits[i];
                _cleanup_free_ char *file = str_format("hugetlb.%s.max", limit->page_size);
                _cleanup_free_ char *reserved = str_format("hugetlb.%s.rsvd.max", limit->page_size);
                _cleanup_free_ char *value = str_format("%" PRIu64, limit->limit);

                r = cgroup_file_set(dir_fd, file, value, "linux.resources.hugepageLimits", err);
                if (r == 0)
                        (void) cgroup_file_put(dir_fd, reserved, value);
        }
        return r;
}

/* On a hybrid host the controllers are handed down only when something needs them. */
static int enabled_directory(const struct cgroup *cgroup, struct error *err) {
        int r = cgroup_v2_enable(cgroup, err);

        return r < 0 ? r : cgroup_directory(cgroup, (size_t) cgroup->unified);
}

int cgroup_v2_apply_hugepages(const struct cgroup *cgroup, const struct runtime_resources *resources,
                              struct error *err) {
        int dir_fd = enabled_directory(cgroup, err);

        return dir_fd < 0 ? dir_fd : set_hugepages(dir_fd, resources, err);
}

int cgroup_v2_apply_unified(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd, r = 0;

        if (cgroup->unified < 0)
                return error_set(err, EOPNOTSUPP,
                                 "linux.resources.unified: invalid configuration: this host has no cgroup v2");
        dir_fd = enabled_directory(cgroup, err);
        if (dir_fd < 0)
                return dir_fd;
        for (size_t i = 0; r == 0 && i < resources->unified.count; i++) {
                const struct string_pair *pair = &resources->unified.items[i];
                _cleanup_free_ char *property = str_format("linux.resources.unified.%s", pair->key);
                char *save = NULL;
                _cleanup_free_ char *lines = xstrdup(pair->value);

                /* Files such as io.max take one line a write. */
                for (char *line = strtok_r(lines, "\n", &save); r == 0 && line; line = strtok_r(NULL, "\n", &save))
                        r = cgroup_file_set(dir_fd, pair->key, line, property, err);
                /* Said as on a host with version 1 alone, whose callers look for these words. */
                if (r == -EOPNOTSUPP)
                        return error_set(err, EOPNOTSUPP, "%s: invalid configuration: this host's cgroup v2 has no %s",
                                         property, pair->key);
        }
        return r;
}

char *cgroup_rdma_text(const struct runtime_rdma *rdma) {
        struct str_buf text = {0};

        str_buf_printf(&text, "%s", rdma->device);
        if (rdma->hca_handles.set)
                str_buf_printf(&text, " hca_handle=%" PRIu64, rdma->hca_handles.value);
        if (rdma->hca_objects.set)
                str_buf_printf(&text, " hca_object=%" PRIu64, rdma->hca_objects.value);
        return str_buf_take(&text);
}

static int apply_rdma(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < resources->rdma_count; i++) {
                _cleanup_free_ char *text = cgroup_rdma_text(&resources->rdma[i]);

                r = cgroup_file_set(dir_fd, "rdma.max", text, "linux.resources.rdma", err);
        }
        return r;
}

int cgroup_v2_apply_limits(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        int r = refuse_v1(resources, err);

        if (r == 0)
                r = apply_memory(cgroup, resources, err);
        if (r == 0)
                r = apply_cpu(cgroup, resources, err);
        if (r == 0)
                r = apply_pids(dir_fd, resources, err);
        if (r == 0)
                r = apply_io(dir_fd, resources, err);
        if (r == 0)
                r = set_hugepages(dir_fd, resources, err);
        if (r == 0)
                r = apply_rdma(dir_fd, resources, err);
        return r == 0 && resources->unified.count > 0 ? cgroup_v2_apply_unified(cgroup, resources, err) : r;
}
