/* config.json's "linux.resources" object (config-linux.md, "Control groups"). */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "runtime_config_types.h"

#define ROW(member) DOCUMENT_MEMBER(struct runtime_resources, member)
#define RULE_ROW(member) DOCUMENT_MEMBER(struct runtime_device_rule, member)

static const struct document_field device_rule_fields[] = {
        {"allow", DOCUMENT_BOOL, DOCUMENT_REQUIRED, RULE_ROW(allow)},
        {"type", DOCUMENT_CHAR, 0, RULE_ROW(type), .letters = "acb"},
        {"major", DOCUMENT_OPT_I64, 0, RULE_ROW(major)},
        {"minor", DOCUMENT_OPT_I64, 0, RULE_ROW(minor)},
        {"access", DOCUMENT_STRING, 0, RULE_ROW(access)},
};

/* The access in the kernel's order. As with runc, a letter without a meaning has no effect. */
static int read_access(struct arena *arena, const struct json *object, const char **access, struct error *err) {
        static const char *const combinations[] = {"", "r", "w", "rw", "m", "rm", "wm", "rwm"};
        const char *given = *access ? *access : "rwm";
        unsigned int index =
                (strchr(given, 'r') ? 1U : 0U) | (strchr(given, 'w') ? 2U : 0U) | (strchr(given, 'm') ? 4U : 0U);

        if (index == 0 && *given != '\0')
                return json_error(json_get(object, "access"), err, EINVAL, "\"%s\" holds none of the letters \"rwm\"",
                                  given);
        if (given[strspn(given, "rwm")] != '\0')
                log_warning("%s: \"%s\" holds more than the letters \"rwm\": \"%s\" is meant",
                            json_path(json_get(object, "access"), arena), given, combinations[index]);
        *access = combinations[index];
        return 0;
}

static int device_rule_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_device_rule *rule = item;
        const struct opt_i64 *numbers[] = {&rule->major, &rule->minor};
        const char *names[] = {"major", "minor"};

        int r = read_access(arena, object, &rule->access, err);

        if (r < 0)
                return r;
        if (rule->type == '\0')
                rule->type = 'a';
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (numbers[i]->set && (numbers[i]->value < -1 || numbers[i]->value > INT32_MAX))
                        return json_error(json_get(object, names[i]), err, ERANGE,
                                          "%lld is no device number (nor -1, for all)", (long long) numbers[i]->value);
        return 0;
}

static const struct document_type device_rule_type = {DOCUMENT_ROWS(device_rule_fields),
                                                      sizeof(struct runtime_device_rule), device_rule_finish};

static const struct document_field memory_fields[] = {
        {"limit", DOCUMENT_OPT_I64, 0, ROW(memory.limit)},
        {"reservation", DOCUMENT_OPT_I64, 0, ROW(memory.reservation)},
        {"swap", DOCUMENT_OPT_I64, 0, ROW(memory.swap)},
        {"kernel", DOCUMENT_OPT_I64, 0, ROW(memory.kernel)},
        {"kernelTCP", DOCUMENT_OPT_I64, 0, ROW(memory.kernel_tcp)},
        {"swappiness", DOCUMENT_OPT_U64, 0, ROW(memory.swappiness)},
        {"disableOOMKiller", DOCUMENT_OPT_BOOL, 0, ROW(memory.disable_oom_killer)},
        {"useHierarchy", DOCUMENT_OPT_BOOL, 0, ROW(memory.use_hierarchy)},
        {"checkBeforeUpdate", DOCUMENT_OPT_BOOL, 0, ROW(memory.check_before_update)},
};

static const struct document_type memory_type = {DOCUMENT_ROWS(memory_fields), sizeof(struct runtime_resources), NULL};

static const struct document_field cpu_fields[] = {
        {"shares", DOCUMENT_OPT_U64, 0, ROW(cpu.shares)},
        {"quota", DOCUMENT_OPT_I64, 0, ROW(cpu.quota)},
        {"burst", DOCUMENT_OPT_U64, 0, ROW(cpu.burst)},
        {"period", DOCUMENT_OPT_U64, 0, ROW(cpu.period)},
        {"realtimeRuntime", DOCUMENT_OPT_I64, 0, ROW(cpu.realtime_runtime)},
        {"realtimePeriod", DOCUMENT_OPT_U64, 0, ROW(cpu.realtime_period)},
        {"idle", DOCUMENT_OPT_I64, 0, ROW(cpu.idle)},
        {"cpus", DOCUMENT_STRING, 0, ROW(cpu.cpus)},
        {"mems", DOCUMENT_STRING, 0, ROW(cpu.mems)},
};

static int cpu_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_resources *resources = item;
        const struct {
                const char *name;
                const char *list;
        } lists[] = {{"cpus", resources->cpu.cpus}, {"mems", resources->cpu.mems}};

        (void) arena;
        resources->cpu.present = true;
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                if (lists[i].list && lists[i].list[strspn(lists[i].list, "0123456789,- \n")] != '\0')
                        return json_error(json_get(object, lists[i].name), err, EINVAL,
                                          "\"%s\" is not a list such as \"0-3,7\"", lists[i].list);
        return 0;
}

static const struct document_type cpu_type = {DOCUMENT_ROWS(cpu_fields), sizeof(struct runtime_resources), cpu_finish};

static const struct document_field pids_fields[] = {
        {"limit", DOCUMENT_OPT_I64, 0, ROW(pids_limit)},
};

static const struct document_type pids_type = {DOCUMENT_ROWS(pids_fields), sizeof(struct runtime_resources), NULL};

#define WEIGHT_ROW(member) DOCUMENT_MEMBER(struct runtime_block_weight, member)

static const struct document_field weight_device_fields[] = {
        {"major", DOCUMENT_I64, DOCUMENT_REQUIRED, WEIGHT_ROW(major)},
        {"minor", DOCUMENT_I64, DOCUMENT_REQUIRED, WEIGHT_ROW(minor)},
        {"weight", DOCUMENT_OPT_U64, 0, WEIGHT_ROW(weight), .max = UINT16_MAX},
        {"leafWeight", DOCUMENT_OPT_U64, 0, WEIGHT_ROW(leaf_weight), .max = UINT16_MAX},
};

static int weight_device_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_block_weight *device = item;

        (void) arena;
        if (!device->weight.set && !device->leaf_weight.set)
                return json_error(object, err, EINVAL, "needs a weight or a leafWeight");
        return 0;
}

static const struct document_type weight_device_type = {DOCUMENT_ROWS(weight_device_fields),
                                                        sizeof(struct runtime_block_weight), weight_device_finish};

static const struct document_field rate_fields[] = {
        {"major", DOCUMENT_I64, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_block_rate, major)},
        {"minor", DOCUMENT_I64, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_block_rate, minor)},
        {"rate", DOCUMENT_U64, DOCUMENT_ALWAYS, DOCUMENT_MEMBER(struct runtime_block_rate, rate)},
};

static const struct document_type rate_type = {DOCUMENT_ROWS(rate_fields), sizeof(struct runtime_block_rate), NULL};

#define RATES(member) DOCUMENT_ITEMS(struct runtime_resources, member.items, member.count), .type = &rate_type

static const struct document_field block_io_fields[] = {
        {"weight", DOCUMENT_OPT_U64, 0, ROW(block_io.weight), .max = UINT16_MAX},
        {"leafWeight", DOCUMENT_OPT_U64, 0, ROW(block_io.leaf_weight), .max = UINT16_MAX},
        {"weightDevice", DOCUMENT_LIST, 0,
         DOCUMENT_ITEMS(struct runtime_resources, block_io.weight_devices, block_io.weight_device_count),
         .type = &weight_device_type},
        {"throttleReadBpsDevice", DOCUMENT_LIST, 0, RATES(block_io.throttle_read_bps)},
        {"throttleWriteBpsDevice", DOCUMENT_LIST, 0, RATES(block_io.throttle_write_bps)},
        {"throttleReadIOPSDevice", DOCUMENT_LIST, 0, RATES(block_io.throttle_read_iops)},
        {"throttleWriteIOPSDevice", DOCUMENT_LIST, 0, RATES(block_io.throttle_write_iops)},
};

static const struct document_type block_io_type = {DOCUMENT_ROWS(block_io_fields), sizeof(struct runtime_resources),
                                                   NULL};

static const struct document_field hugepage_fields[] = {
        {"pageSize", DOCUMENT_STRING, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_hugepage_limit, page_size)},
        {"limit", DOCUMENT_U64, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_hugepage_limit, limit)},
};

/* The size becomes part of a file name: "hugetlb.2MB.max". */
static int hugepage_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_hugepage_limit *limit = item;
        size_t digits = strspn(limit->page_size, "0123456789");
        const char *unit = limit->page_size + digits;

        (void) arena;
        if (digits == 0 || limit->page_size[0] == '0' || !unit[0] || !strchr("KMG", unit[0]) ||
            !str_equal(unit + 1, "B"))
                return json_error(json_get(object, "pageSize"), err, EINVAL,
                                  "\"%s\" is not a page size such as \"64KB\", \"2MB\" or \"1GB\"", limit->page_size);
        return 0;
}

static const struct document_type hugepage_type = {DOCUMENT_ROWS(hugepage_fields),
                                                   sizeof(struct runtime_hugepage_limit), hugepage_finish};

static const struct document_field priority_fields[] = {
        {"name", DOCUMENT_STRING, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_network_priority, name)},
        {"priority", DOCUMENT_U32, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_network_priority, priority)},
};

static const struct document_type priority_type = {DOCUMENT_ROWS(priority_fields),
                                                   sizeof(struct runtime_network_priority), NULL};

static const struct document_field network_fields[] = {
        {"classID", DOCUMENT_OPT_U64, 0, ROW(network.class_id), .max = UINT32_MAX},
        {"priorities", DOCUMENT_LIST, 0,
         DOCUMENT_ITEMS(struct runtime_resources, network.priorities, network.priority_count), .type = &priority_type},
};

static const struct document_type network_type = {DOCUMENT_ROWS(network_fields), sizeof(struct runtime_resources),
                                                  NULL};

static const struct document_field rdma_fields[] = {
        {"hcaHandles", DOCUMENT_OPT_U64, 0, DOCUMENT_MEMBER(struct runtime_rdma, hca_handles), .max = UINT32_MAX},
        {"hcaObjects", DOCUMENT_OPT_U64, 0, DOCUMENT_MEMBER(struct runtime_rdma, hca_objects), .max = UINT32_MAX},
};

static int rdma_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_rdma *rdma = item;

        (void) arena;
        if (!rdma->hca_handles.set && !rdma->hca_objects.set)
                return json_error(object, err, EINVAL, "needs hcaHandles or hcaObjects");
        return 0;
}

static const struct document_type rdma_type = {DOCUMENT_ROWS(rdma_fields), sizeof(struct runtime_rdma), rdma_finish};

static const struct document_field resources_fields[] = {
        {"devices", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_resources, devices, device_count),
         .type = &device_rule_type},
        {"memory", DOCUMENT_GROUP, 0, .offset = 0, .type = &memory_type},
        {"cpu", DOCUMENT_GROUP, 0, .offset = 0, .type = &cpu_type},
        {"pids", DOCUMENT_GROUP, 0, .offset = 0, .type = &pids_type},
        {"blockIO", DOCUMENT_GROUP, 0, .offset = 0, .type = &block_io_type},
        {"hugepageLimits", DOCUMENT_LIST, 0,
         DOCUMENT_ITEMS(struct runtime_resources, hugepage_limits, hugepage_limit_count), .type = &hugepage_type},
        {"network", DOCUMENT_GROUP, 0, .offset = 0, .type = &network_type},
        {"rdma", DOCUMENT_MAP, 0, DOCUMENT_ITEMS(struct runtime_resources, rdma, rdma_count), .type = &rdma_type},
        {"unified", DOCUMENT_PAIRS, 0, ROW(unified)},
};

/* The keys of "unified" are file names in the cgroup's directory. */
static int resources_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_resources *resources = item;

        (void) arena;
        for (size_t i = 0; i < resources->unified.count; i++) {
                const char *key = resources->unified.items[i].key;

                if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.')
                        return json_error(json_get(object, "unified"), err, EINVAL,
                                          "\"%s\" is not the name of a cgroup file such as \"memory.high\"", key);
        }
        return 0;
}

const struct document_type runtime_resources_type = {DOCUMENT_ROWS(resources_fields), sizeof(struct runtime_resources),
                                                     resources_finish};

int runtime_resources_parse(struct arena *arena, const struct json *object, struct runtime_resources *out,
                            struct error *err) {
        int r;

        *out = (struct runtime_resources){0};
        r = document_parse(arena, object, &runtime_resources_type, out, err);
        /* There is no version that could say whether 0 is meant as a limit. */
        if (out->pids_limit.value == 0)
                out->pids_limit.value = RUNTIME_NO_LIMIT;
        return r;
}
