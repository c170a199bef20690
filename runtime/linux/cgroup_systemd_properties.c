/* linux.resources as properties of a unit (systemd.resource-control(5)). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_systemd.h"

#define INFINITE UINT64_MAX
#define CPU_SET_MAX 1024 /* bytes: 8192 processors */
#define USEC_PER_SEC UINT64_C(1000000)
#define DEFAULT_PERIOD_USEC UINT64_C(100000)
/* systemd keeps quotas in hundredths of a processor. */
#define QUOTA_STEP_USEC UINT64_C(10000)

/* Versions of systemd that brought a property. */
enum { SINCE_QUOTA_PERIOD = 242, SINCE_CPU_SETS = 244, SINCE_IDLE_WEIGHT = 252, SINCE_ZSWAP = 253 };

static void begin(struct json_writer *writer, const char *name, const char *type) {
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, name);
        json_put_string(writer, NULL, type);
}

static void end(struct json_writer *writer, unsigned int since) {
        if (since > 0)
                json_put_uint(writer, NULL, since);
        json_end_array(writer);
}

static void put_u64(struct json_writer *writer, const char *name, uint64_t value, unsigned int since) {
        begin(writer, name, "t");
        json_put_uint(writer, NULL, value);
        end(writer, since);
}

/* In linux.resources a negative number is "no limit". */
static void put_limit(struct json_writer *writer, const char *name, int64_t value) {
        put_u64(writer, name, value < 0 ? INFINITE : (uint64_t) value, 0);
}

static int put_cpu_set(struct json_writer *writer, const char *name, const char *list, const char *property,
                       struct error *err) {
        unsigned char set[CPU_SET_MAX];
        int used = cgroup_cpu_set(list, set, sizeof(set));

        if (used < 0)
                return error_set(err, EINVAL, "%s: \"%s\" is not a list such as \"0-3,7\"", property, list);
        begin(writer, name, "ay");
        json_begin_array(writer, NULL);
        for (int i = 0; i < used; i++)
                json_put_uint(writer, NULL, set[i]);
        json_end_array(writer);
        end(writer, SINCE_CPU_SETS);
        return 0;
}

uint64_t cgroup_quota_per_second(int64_t quota, uint64_t period) {
        uint64_t per_second;

        if (quota <= 0)
                return INFINITE;
        if (period == 0)
                period = DEFAULT_PERIOD_USEC;
        if ((uint64_t) quota > UINT64_MAX / USEC_PER_SEC)
                return INFINITE;
        per_second = (uint64_t) quota * USEC_PER_SEC / period;
        /* Up, so that the exact quota, which is written to the control file, is not above it. */
        return (per_second + QUOTA_STEP_USEC - 1) / QUOTA_STEP_USEC * QUOTA_STEP_USEC;
}

static void put_bandwidth(struct json_writer *writer, int64_t quota, uint64_t period) {
        if (period != 0)
                put_u64(writer, "CPUQuotaPeriodUSec", period, SINCE_QUOTA_PERIOD);
        put_u64(writer, "CPUQuotaPerSecUSec", cgroup_quota_per_second(quota, period), 0);
}

/* ---- linux.resources.unified: keys that have a property ---- */

static uint64_t unified_number(const char *text) {
        uint64_t value = 0;

        return str_starts_with(text, "max") ? INFINITE : str_to_u64(text, UINT64_MAX, &value) < 0 ? 0 : value;
}

static void put_unified_max(struct json_writer *writer, const char *text) {
        long long quota = -1;
        unsigned long long period = 0;

        if (str_starts_with(text, "max"))
                (void) sscanf(text, "max %llu", &period);
        else if (sscanf(text, "%lld %llu", &quota, &period) < 1)
                return; /* the control file will say what is wrong with it */
        put_bandwidth(writer, quota, period);
}

static const struct {
        const char *key;
        const char *name;
        unsigned int since;
} unified_numbers[] = {
        {"cpu.weight", "CPUWeight", 0},
        {"memory.min", "MemoryMin", 0},
        {"memory.low", "MemoryLow", 0},
        {"memory.high", "MemoryHigh", 0},
        {"memory.max", "MemoryMax", 0},
        {"memory.swap.max", "MemorySwapMax", 0},
        {"memory.zswap.max", "MemoryZSwapMax", SINCE_ZSWAP},
        {"pids.max", "TasksMax", 0},
};

static int put_unified(struct json_writer *writer, const struct string_pair *pair, struct error *err) {
        uint64_t number = 0;

        for (size_t i = 0; i < ARRAY_SIZE(unified_numbers); i++)
                if (str_equal(unified_numbers[i].key, pair->key) &&
                    (str_starts_with(pair->value, "max") || str_to_u64(pair->value, UINT64_MAX, &number) == 0))
                        put_u64(writer, unified_numbers[i].name, unified_number(pair->value), unified_numbers[i].since);
        if (str_equal(pair->key, "cpu.max"))
                put_unified_max(writer, pair->value);
        if (str_equal(pair->key, "cpu.idle") && str_equal(pair->value, "1"))
                put_u64(writer, "CPUWeight", 0, SINCE_IDLE_WEIGHT);
        if (str_equal(pair->key, "cpuset.cpus"))
                return put_cpu_set(writer, "AllowedCPUs", pair->value, "linux.resources.unified.cpuset.cpus", err);
        if (str_equal(pair->key, "cpuset.mems"))
                return put_cpu_set(writer, "AllowedMemoryNodes", pair->value, "linux.resources.unified.cpuset.mems",
                                   err);
        return 0;
}

/* ---- The two halves ---- */

static int put_v2(struct json_writer *writer, const struct runtime_resources *resources, struct error *err) {
        char swap[32];
        int r = cgroup_swap_text(resources->memory.limit, resources->memory.swap, swap, sizeof(swap), err);

        if (r < 0)
                return r;
        if (CGROUP_GIVEN(resources->memory.limit))
                put_limit(writer, "MemoryMax", resources->memory.limit.value);
        if (CGROUP_GIVEN(resources->memory.reservation))
                put_limit(writer, "MemoryLow", resources->memory.reservation.value);
        if (swap[0])
                put_u64(writer, "MemorySwapMax", unified_number(swap), 0);
        if (resources->cpu.idle.set && resources->cpu.idle.value == 1)
                put_u64(writer, "CPUWeight", 0, SINCE_IDLE_WEIGHT);
        else if (CGROUP_GIVEN(resources->cpu.shares))
                put_u64(writer, "CPUWeight", cgroup_weight_of_shares(resources->cpu.shares.value), 0);
        if (CGROUP_GIVEN(resources->block_io.weight))
                put_u64(writer, "IOWeight", cgroup_io_weight_of_blkio(resources->block_io.weight.value), 0);
        if (resources->cpu.cpus)
                r = put_cpu_set(writer, "AllowedCPUs", resources->cpu.cpus, "linux.resources.cpu.cpus", err);
        if (r == 0 && resources->cpu.mems)
                r = put_cpu_set(writer, "AllowedMemoryNodes", resources->cpu.mems, "linux.resources.cpu.mems", err);
        for (size_t i = 0; r == 0 && i < resources->unified.count; i++)
                r = put_unified(writer, &resources->unified.items[i], err);
        return r;
}

static void put_v1(struct json_writer *writer, const struct runtime_resources *resources) {
        if (CGROUP_GIVEN(resources->memory.limit))
                put_limit(writer, "MemoryLimit", resources->memory.limit.value);
        if (CGROUP_GIVEN(resources->cpu.shares))
                put_u64(writer, "CPUShares", resources->cpu.shares.value, 0);
        if (CGROUP_GIVEN(resources->block_io.weight))
                put_u64(writer, "BlockIOWeight", resources->block_io.weight.value, 0);
}

int cgroup_unit_put_resources(struct json_writer *writer, const struct runtime_resources *resources, bool v2,
                              bool device_rules, struct error *err) {
        int r = 0;

        if (v2)
                r = put_v2(writer, resources, err);
        else
                put_v1(writer, resources);
        if (r < 0)
                return r;
        if (CGROUP_GIVEN(resources->cpu.quota) || CGROUP_GIVEN(resources->cpu.period))
                put_bandwidth(writer, resources->cpu.quota.set ? resources->cpu.quota.value : 0,
                              resources->cpu.period.set ? resources->cpu.period.value : 0);
        /* systemd takes no 0; the control file is set to it afterwards. */
        if (resources->pids_limit.set)
                put_limit(writer, "TasksMax", resources->pids_limit.value == 0 ? 1 : resources->pids_limit.value);
        if (device_rules)
                cgroup_unit_put_devices(writer, resources);
        return 0;
}
