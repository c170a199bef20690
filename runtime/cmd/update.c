#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../linux/intel_rdt.h"

#define LOCK_TIMEOUT_MS 10000
#define RESOURCES_MAX ((size_t) 1024 * 1024)

struct options {
        const char *resources;
        int64_t blkio_weight;
        int64_t cpu_period;
        const char *cpu_quota;
        const char *cpu_burst;
        const char *cpu_shares;
        int64_t cpu_rt_period;
        const char *cpu_rt_runtime;
        const char *cpu_idle;
        const char *cpuset_cpus;
        const char *cpuset_mems;
        const char *memory;
        const char *memory_reservation;
        const char *memory_swap;
        const char *kernel_memory;
        const char *kernel_memory_tcp;
        const char *pids_limit;
        const char *l3_cache_schema;
        const char *mem_bw_schema;
};

#define AT(field) offsetof(struct options, field)

const struct option_row update_options_table[] = {
        {"resources", 'r', NULL, OPTION_STRING, AT(resources), "FILE",
         "a linux.resources object, or - for standard input; all else is ignored then"},
        {"blkio-weight", 0, NULL, OPTION_INT, AT(blkio_weight), "WEIGHT", "10 to 1000"},
        {"cpu-period", 0, NULL, OPTION_INT, AT(cpu_period), "USEC", "length of a CPU period"},
        {"cpu-quota", 0, NULL, OPTION_STRING, AT(cpu_quota), "USEC", "CPU time in a period; -1: no limit"},
        {"cpu-burst", 0, NULL, OPTION_STRING, AT(cpu_burst), "USEC", "CPU time that may be saved up"},
        {"cpu-share", 0, "cpu-shares", OPTION_STRING, AT(cpu_shares), "SHARES", "weight beside other containers"},
        {"cpu-rt-period", 0, NULL, OPTION_INT, AT(cpu_rt_period), "USEC", "length of a realtime period"},
        {"cpu-rt-runtime", 0, NULL, OPTION_STRING, AT(cpu_rt_runtime), "USEC", "realtime in a period"},
        {"cpu-idle", 0, NULL, OPTION_STRING, AT(cpu_idle), "0|1", "run only when nothing else does"},
        {"cpuset-cpus", 0, NULL, OPTION_STRING, AT(cpuset_cpus), "LIST", "CPUs to use"},
        {"cpuset-mems", 0, NULL, OPTION_STRING, AT(cpuset_mems), "LIST", "memory nodes to use"},
        {"memory", 0, NULL, OPTION_STRING, AT(memory), "BYTES", "memory limit; -1: none"},
        {"memory-reservation", 0, NULL, OPTION_STRING, AT(memory_reservation), "BYTES", "soft limit"},
        {"memory-swap", 0, NULL, OPTION_STRING, AT(memory_swap), "BYTES", "memory and swap together; -1: no limit"},
        {"kernel-memory", 0, NULL, OPTION_STRING, AT(kernel_memory), "BYTES",
         "kernel memory, where the kernel limits it"},
        {"kernel-memory-tcp", 0, NULL, OPTION_STRING, AT(kernel_memory_tcp), "BYTES",
         "memory of TCP buffers (cgroup v1)"},
        {"pids-limit", 0, NULL, OPTION_STRING, AT(pids_limit), "N", "processes; -1: no limit"},
        {"l3-cache-schema", 0, NULL, OPTION_STRING, AT(l3_cache_schema), "SCHEMA",
         "what of the L3 caches to use, as linux.intelRdt.l3CacheSchema"},
        {"mem-bw-schema", 0, NULL, OPTION_STRING, AT(mem_bw_schema), "SCHEMA",
         "memory bandwidth, as linux.intelRdt.memBwSchema"},
        {0},
};

static int read_resources(struct arena *arena, const char *path, struct runtime_resources *out, struct error *err) {
        _cleanup_free_ char *text = NULL;
        const struct json *root;
        size_t size = 0;
        int r;

        if (str_equal(path, "-")) {
                r = fd_read_all(STDIN_FILENO, RESOURCES_MAX, &text, &size);
                if (r < 0)
                        return error_errno(err, -r, "standard input");
        } else if ((r = file_read(AT_FDCWD, path, RESOURCES_MAX, &text, &size, err)) < 0) {
                return r;
        }
        r = json_parse(arena, arena_strndup(arena, text, size), size, NULL, &root, err);
        return r < 0 ? r : runtime_resources_parse(arena, root, out, err);
}

static int read_i64(const char *option, const char *text, bool bytes, struct opt_i64 *out, struct error *err) {
        int64_t value;
        int r;

        if (str_empty(text))
                return 0;
        r = bytes && !str_equal(text, "-1") ? str_to_bytes(text, &value) : str_to_i64(text, -1, INT64_MAX, &value);
        if (r < 0)
                return error_set(err, EINVAL, "--%s: \"%s\" is not a number", option, text);
        *out = (struct opt_i64){.set = true, .value = value};
        return 0;
}

static int read_u64(const char *option, const char *text, struct opt_u64 *out, struct error *err) {
        struct opt_i64 value = {0};
        int r = read_i64(option, text, false, &value, err);

        if (r < 0 || !value.set)
                return r;
        if (value.value < 0)
                return error_set(err, EINVAL, "--%s: must not be negative", option);
        *out = (struct opt_u64){.set = true, .value = (uint64_t) value.value};
        return 0;
}

static int read_options(const struct options *options, struct runtime_resources *out, struct error *err) {
        int r;

        if ((r = read_i64("cpu-quota", options->cpu_quota, false, &out->cpu.quota, err)) < 0 ||
            (r = read_u64("cpu-burst", options->cpu_burst, &out->cpu.burst, err)) < 0 ||
            (r = read_u64("cpu-share", options->cpu_shares, &out->cpu.shares, err)) < 0 ||
            (r = read_i64("cpu-rt-runtime", options->cpu_rt_runtime, false, &out->cpu.realtime_runtime, err)) < 0 ||
            (r = read_i64("cpu-idle", options->cpu_idle, false, &out->cpu.idle, err)) < 0 ||
            (r = read_i64("memory", options->memory, true, &out->memory.limit, err)) < 0 ||
            (r = read_i64("memory-reservation", options->memory_reservation, true, &out->memory.reservation, err)) <
                    0 ||
            (r = read_i64("memory-swap", options->memory_swap, true, &out->memory.swap, err)) < 0 ||
            (r = read_i64("kernel-memory", options->kernel_memory, true, &out->memory.kernel, err)) < 0 ||
            (r = read_i64("kernel-memory-tcp", options->kernel_memory_tcp, true, &out->memory.kernel_tcp, err)) < 0 ||
            (r = read_i64("pids-limit", options->pids_limit, false, &out->pids_limit, err)) < 0)
                return r;
        if (out->pids_limit.value == 0)
                out->pids_limit.value = RUNTIME_NO_LIMIT;
        if (options->cpu_period > 0)
                out->cpu.period = (struct opt_u64){.set = true, .value = (uint64_t) options->cpu_period};
        if (options->cpu_rt_period > 0)
                out->cpu.realtime_period = (struct opt_u64){.set = true, .value = (uint64_t) options->cpu_rt_period};
        if (options->blkio_weight > 0)
                out->block_io.weight = (struct opt_u64){.set = true, .value = (uint64_t) options->blkio_weight};
        out->cpu.cpus = str_empty(options->cpuset_cpus) ? NULL : options->cpuset_cpus;
        out->cpu.mems = str_empty(options->cpuset_mems) ? NULL : options->cpuset_mems;
        return 0;
}

/* A container that was made without a group gets one now, and its processes move there. */
static int make_rdt_group(int root_fd, struct container *container, const struct runtime_intel_rdt *rdt,
                          struct error *err) {
        _cleanup_free_ pid_t *pids = NULL;
        struct state *state = &container->state;
        size_t count = 0;
        int r;

        state->rdt_group = intel_rdt_group(rdt, state->id);
        state->rdt_made = true;
        if ((r = state_lock(container->dir_fd, LOCK_TIMEOUT_MS, err)) < 0 ||
            (r = state_write(container->dir_fd, state, NULL, NULL, err)) < 0 ||
            (r = intel_rdt_create(root_fd, rdt, state->id, err)) < 0 ||
            (r = cgroup_pids(container->cgroup, &pids, &count, err)) < 0)
                return r;
        for (size_t i = 0; r == 0 && i < count; i++)
                r = intel_rdt_attach(root_fd, state->rdt_group, state->id, pids[i], err);
        return r;
}

static int update_rdt(struct container *container, const struct options *options, struct error *err) {
        const struct runtime_intel_rdt rdt = {.l3_cache_schema = options->l3_cache_schema,
                                              .mem_bw_schema = options->mem_bw_schema};
        _cleanup_fd_ int fd = -1;

        if (str_empty(options->l3_cache_schema) && str_empty(options->mem_bw_schema))
                return 0;
        fd = intel_rdt_open(err);
        if (fd < 0)
                return fd;
        return container->state.rdt_group ? intel_rdt_update(fd, &rdt, container->state.rdt_group, err)
                                          : make_rdt_group(fd, container, &rdt, err);
}

static int update(const struct runtime *runtime, const struct options *options, const char *id, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct runtime_resources resources = {0};
        int r = container_open(runtime->root, id, &container, err);

        if (r < 0)
                return r;
        if (container_status(&container) == CONTAINER_STOPPED)
                return error_set(err, ESRCH, "container not running");
        if (!container.cgroup)
                return error_set(err, ENOTSUP, "the container has no cgroup to limit");
        r = options->resources ? read_resources(container.arena, options->resources, &resources, err)
                               : read_options(options, &resources, err);
        if (r < 0 || (!options->resources && (r = update_rdt(&container, options, err)) < 0))
                return r;
        return cgroup_update(container.cgroup, &resources, err);
}

int cmd_update(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        return update(context, &options, argv[0], &err) < 0 ? cmd_fail(&err) : 0;
}
