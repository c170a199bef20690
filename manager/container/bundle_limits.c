#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "bundle.h"

#define CPU_PERIOD 100000
#define MEMORY_MIN ((int64_t) 6 * 1024 * 1024)

/* Devices every container may use: docker's list (the runtime makes the nodes of the specification's default set). */
static const struct runtime_device_rule default_rules[] = {
        {.allow = false, .type = 'a', .access = "rwm"},
        {.allow = true, .type = 'c', .access = "m"},
        {.allow = true, .type = 'b', .access = "m"},
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 3}, .access = "rwm"}, /* null */
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 5}, .access = "rwm"}, /* zero */
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 7}, .access = "rwm"}, /* full */
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 8}, .access = "rwm"}, /* random */
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 9}, .access = "rwm"}, /* urandom */
        {.allow = true, .type = 'c', .major = {true, 5}, .minor = {true, 0}, .access = "rwm"}, /* tty */
        {.allow = true, .type = 'c', .major = {true, 5}, .minor = {true, 1}, .access = "rwm"}, /* console */
        {.allow = true, .type = 'c', .major = {true, 5}, .minor = {true, 2}, .access = "rwm"}, /* ptmx */
        {.allow = true, .type = 'c', .major = {true, 136}, .access = "rwm"},                   /* pts */
};

static const struct runtime_device_rule every_device[] = {{.allow = true, .type = 'a', .access = "rwm"}};

static int set_memory(const struct container_options *options, struct runtime_resources *out, struct error *err) {
        int64_t swap = options->memory_swap;

        if (options->memory > 0 && options->memory < MEMORY_MIN)
                return error_set(err, EINVAL, "minimum memory limit allowed is 6MB");
        if (swap != 0 && options->memory <= 0)
                return error_set(err, EINVAL, "--memory-swap needs --memory as well");
        if (swap > 0 && swap < options->memory)
                return error_set(err, EINVAL, "--memory-swap includes memory and must not be smaller than --memory");
        if (options->memory_swappiness < -1 || options->memory_swappiness > 100)
                return error_set(err, EINVAL, "invalid --memory-swappiness %lld: 0 to 100",
                                 (long long) options->memory_swappiness);
        if (options->memory > 0)
                out->memory.limit = (struct opt_i64){true, options->memory};
        if (options->memory_reservation > 0)
                out->memory.reservation = (struct opt_i64){true, options->memory_reservation};
        if (options->memory > 0) /* docker's default: as much swap as memory */
                out->memory.swap = (struct opt_i64){true, swap != 0 ? swap : options->memory * 2};
        if (options->memory_swappiness >= 0)
                out->memory.swappiness = (struct opt_u64){true, (uint64_t) options->memory_swappiness};
        if (options->oom_kill_disable)
                out->memory.disable_oom_killer = (struct opt_bool){true, true};
        return 0;
}

static int set_cpu(const struct container_options *options, struct runtime_resources *out, struct error *err) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);

        if (options->cpus > 0 && (options->cpu_quota != 0 || options->cpu_period != 0))
                return error_set(err, EINVAL, "--cpus excludes --cpu-period and --cpu-quota");
        if (options->cpus > (double) online)
                return error_set(err, EINVAL,
                                 "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", online,
                                 online);
        if (options->cpus > 0) {
                out->cpu.period = (struct opt_u64){true, CPU_PERIOD};
                out->cpu.quota = (struct opt_i64){true, (int64_t) (options->cpus * CPU_PERIOD + 0.5)};
        }
        if (options->cpu_shares < 0 || options->cpu_period < 0)
                return error_set(err, EINVAL, "--cpu-shares and --cpu-period must not be negative");
        if (options->cpu_period > 0)
                out->cpu.period = (struct opt_u64){true, (uint64_t) options->cpu_period};
        if (options->cpu_quota != 0)
                out->cpu.quota = (struct opt_i64){true, options->cpu_quota};
        if (options->cpu_shares > 0)
                out->cpu.shares = (struct opt_u64){true, (uint64_t) options->cpu_shares};
        out->cpu.cpus = options->cpuset_cpus;
        out->cpu.mems = options->cpuset_mems;
        return 0;
}

static int set_rlimits(struct bundle *bundle, struct error *err) {
        static const char *const names[] = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                            "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                            "rtprio",  "rttime",   "sigpending", "stack"};
        const struct str_list *given = &bundle->container->options.ulimit;
        struct runtime_rlimit *list = arena_alloc(bundle->arena, given->count + 1, sizeof(*list));

        for (size_t i = 0; i < given->count; i++) {
                _cleanup_str_list_ struct str_list parts = {0}, values = {0};
                uint64_t limits[2] = {0};
                const char *name = NULL;
                char *type;

                str_list_split(&parts, given->items[i], '=');
                if (parts.count == 2)
                        str_list_split(&values, parts.items[1], ':');
                for (size_t j = 0; parts.count == 2 && j < ARRAY_SIZE(names); j++)
                        if (str_equal(names[j], parts.items[0]))
                                name = names[j];
                for (size_t j = 0; j < 2 && values.count >= 1 && name; j++) {
                        const char *text = values.items[j < values.count ? j : 0];

                        if (str_equal(text, "-1") || str_equal(text, "unlimited"))
                                limits[j] = UINT64_MAX;
                        else if (str_to_u64(text, UINT64_MAX, &limits[j]) < 0)
                                name = NULL;
                }
                if (!name || values.count < 1 || values.count > 2 || limits[0] > limits[1])
                        return error_set(err, EINVAL, "invalid ulimit %s: expected NAME=SOFT[:HARD]", given->items[i]);
                type = arena_printf(bundle->arena, "RLIMIT_%s", name);
                for (char *c = type; *c; c++)
                        *c = (char) (*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
                list[i] = (struct runtime_rlimit){.type = type, .soft = limits[0], .hard = limits[1]};
        }
        bundle->process->rlimits = list;
        bundle->process->rlimit_count = given->count;
        return 0;
}

struct device_lists {
        struct runtime_device *nodes;
        size_t node_count;
        struct runtime_device_rule *rules;
        size_t rule_count;
};

/* "/dev/x", "/dev/x:/dev/y", "/dev/x:/dev/y:rw", "/dev/x:rw" */
static int add_device(struct bundle *bundle, const char *text, struct device_lists *out, struct error *err) {
        _cleanup_str_list_ struct str_list parts = {0};
        const char *path, *target, *access_bits = "rwm";
        struct stat status;

        str_list_split(&parts, text, ':');
        if (parts.count < 1 || parts.count > 3)
                return error_set(err, EINVAL, "invalid device %s: expected HOST[:CONTAINER[:rwm]]", text);
        path = target = parts.items[0];
        if (parts.count == 2 && parts.items[1][0] != '/')
                access_bits = parts.items[1];
        else if (parts.count >= 2)
                target = parts.items[1];
        if (parts.count == 3)
                access_bits = parts.items[2];
        if (!*access_bits || strspn(access_bits, "rwm") != strlen(access_bits) || target[0] != '/')
                return error_set(err, EINVAL, "invalid device %s: expected HOST[:CONTAINER[:rwm]]", text);
        if (stat(path, &status) < 0)
                return error_errno(err, errno, "device %s", path);
        if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
                return error_set(err, EINVAL, "device %s: not a device", path);
        out->nodes[out->node_count++] = (struct runtime_device){
                .type = S_ISCHR(status.st_mode) ? 'c' : 'b',
                .path = arena_strdup(bundle->arena, target),
                .major = major(status.st_rdev),
                .minor = minor(status.st_rdev),
                .file_mode = {true, status.st_mode & 07777},
                .uid = {true, status.st_uid},
                .gid = {true, status.st_gid},
        };
        out->rules[out->rule_count++] = (struct runtime_device_rule){
                .allow = true,
                .type = S_ISCHR(status.st_mode) ? 'c' : 'b',
                .major = {true, major(status.st_rdev)},
                .minor = {true, minor(status.st_rdev)},
                .access = arena_strdup(bundle->arena, access_bits),
        };
        return 0;
}

static int set_devices(struct bundle *bundle, struct error *err) {
        const struct container_options *options = &bundle->container->options;
        struct device_lists lists = {0};

        lists.nodes = arena_alloc(bundle->arena, options->device.count + 1, sizeof(*lists.nodes));
        lists.rules =
                arena_alloc(bundle->arena, options->device.count + ARRAY_SIZE(default_rules), sizeof(*lists.rules));
        memcpy(lists.rules, default_rules, sizeof(default_rules));
        lists.rule_count = ARRAY_SIZE(default_rules);
        for (size_t i = 0; i < options->device.count; i++) {
                int r = add_device(bundle, options->device.items[i], &lists, err);

                if (r < 0)
                        return r;
        }
        bundle->config->linux_.devices = lists.nodes;
        bundle->config->linux_.device_count = lists.node_count;
        bundle->resources->devices = options->privileged ? every_device : lists.rules;
        bundle->resources->device_count = options->privileged ? ARRAY_SIZE(every_device) : lists.rule_count;
        return 0;
}

int bundle_set_limits(struct bundle *bundle, struct error *err) {
        const struct container_options *options = &bundle->container->options;
        struct runtime_resources *out = bundle->resources;
        int r = set_memory(options, out, err);

        if (r == 0)
                r = set_cpu(options, out, err);
        if (r == 0)
                r = set_rlimits(bundle, err);
        if (r == 0)
                r = set_devices(bundle, err);
        if (r < 0)
                return r;
        if (options->pids_limit != 0)
                out->pids_limit = (struct opt_i64){true, options->pids_limit};
        if (options->blkio_weight != 0) {
                if (options->blkio_weight < 10 || options->blkio_weight > 1000)
                        return error_set(err, EINVAL, "invalid --blkio-weight %lld: 10 to 1000",
                                         (long long) options->blkio_weight);
                out->block_io.weight = (struct opt_u64){true, (uint64_t) options->blkio_weight};
        }
        if (options->oom_score_adj != 0) {
                if (options->oom_score_adj < -1000 || options->oom_score_adj > 1000)
                        return error_set(err, EINVAL, "invalid --oom-score-adj %lld: -1000 to 1000",
                                         (long long) options->oom_score_adj);
                bundle->process->oom_score_adj = (struct opt_i64){true, options->oom_score_adj};
        }
        return 0;
}
