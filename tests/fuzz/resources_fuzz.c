/*
 * `update -r` and linux.resources: the document, and the control files it is written to, v1's and v2's, which are
 * files of a directory here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../runtime/linux/cgroup_systemd.h"
#include "../../spec/document.h"
#include "../../spec/runtime_config_types.h"
#include "fuzz.h"

/* What both kinds of directory hold: the names are different, but for pids.max and those of rdma and hugetlb. */
static const char *const files[] = {"blkio.weight",
                                    "blkio.bfq.weight",
                                    "blkio.bfq.weight_device",
                                    "blkio.leaf_weight",
                                    "blkio.leaf_weight_device",
                                    "blkio.throttle.read_bps_device",
                                    "blkio.throttle.read_iops_device",
                                    "blkio.throttle.write_bps_device",
                                    "blkio.throttle.write_iops_device",
                                    "blkio.weight_device",
                                    "cgroup.clone_children",
                                    "cgroup.controllers",
                                    "cgroup.subtree_control",
                                    "cpu.cfs_burst_us",
                                    "cpu.cfs_period_us",
                                    "cpu.cfs_quota_us",
                                    "cpu.idle",
                                    "cpu.max",
                                    "cpu.max.burst",
                                    "cpu.rt_period_us",
                                    "cpu.rt_runtime_us",
                                    "cpu.shares",
                                    "cpu.weight",
                                    "cpuset.cpus",
                                    "cpuset.mems",
                                    "devices.allow",
                                    "devices.deny",
                                    "hugetlb.1GB.limit_in_bytes",
                                    "hugetlb.1GB.max",
                                    "hugetlb.2MB.limit_in_bytes",
                                    "hugetlb.2MB.max",
                                    "hugetlb.2MB.rsvd.limit_in_bytes",
                                    "hugetlb.2MB.rsvd.max",
                                    "io.bfq.weight",
                                    "io.max",
                                    "io.weight",
                                    "memory.current",
                                    "memory.high",
                                    "memory.kmem.limit_in_bytes",
                                    "memory.kmem.tcp.limit_in_bytes",
                                    "memory.limit_in_bytes",
                                    "memory.low",
                                    "memory.max",
                                    "memory.memsw.limit_in_bytes",
                                    "memory.oom_control",
                                    "memory.soft_limit_in_bytes",
                                    "memory.swap.current",
                                    "memory.swap.max",
                                    "memory.swappiness",
                                    "memory.use_hierarchy",
                                    "net_cls.classid",
                                    "net_prio.ifpriomap",
                                    "pids.max",
                                    "rdma.max"};

static const char *const hierarchies[] = {"memory",  "cpu,cpuacct", "cpuset", "pids",    "blkio",
                                          "devices", "hugetlb",     "rdma",   "net_cls", "net_prio"};

static char *write_resources(const struct runtime_resources *resources) {
        struct json_writer writer = {0};

        document_write(&writer, NULL, &runtime_resources_type, resources);
        return json_writer_take(&writer);
}

static void put_hierarchy(struct json_writer *writer, const char *name, const char *directory) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "name", name);
        json_put_string(writer, "mount", "/");
        json_put_string(writer, "directory", directory);
        json_end_object(writer);
}

/* A cgroup whose hierarchies all are the same directory, as state.json would tell of it. */
static struct cgroup *make_cgroup(struct arena *arena, bool unified, const char *directory) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        struct cgroup *cgroup = NULL;
        struct error err = {0};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "driver", unified ? "v2" : "v1");
        json_begin_array(&writer, "hierarchies");
        for (size_t i = 0; !unified && i < ARRAY_SIZE(hierarchies); i++)
                put_hierarchy(&writer, hierarchies[i], directory);
        if (unified)
                put_hierarchy(&writer, "", directory);
        json_end_array(&writer);
        json_end_object(&writer);
        fuzz_require(cgroup_read(fuzz_parse_own(arena, writer.out.data), &cgroup, &err) >= 0, "%s", err.message);
        return cgroup;
}

static void write_limits(struct arena *arena, const struct runtime_resources *resources, bool unified) {
        /* Its device rules would be a program in the kernel, and no file: the seccomp target has programs. */
        const struct runtime_resources rest = *resources;
        int fd;
        const char *directory = fuzz_directory(&fd);
        struct cgroup *cgroup;
        struct error err = {0};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                fuzz_write(fd, files[i], "100000", 6);
        /* The mount "/" needs a slash of the directory's own behind it. */
        cgroup = make_cgroup(arena, unified, arena_printf(arena, "/%s", directory));
        if (unified)
                (void) fuzz_accepted(cgroup_v2_apply_limits(cgroup, &rest, &err), &err);
        else
                (void) fuzz_accepted(cgroup_v1_driver.apply(cgroup, &rest, true, &err), &err);
        cgroup_free(cgroup);
}

static void write_properties(struct arena *arena, const struct runtime_resources *resources, bool unified) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        struct error err = {0};

        json_begin_array(&writer, NULL);
        if (!fuzz_accepted(cgroup_unit_put_resources(&writer, resources, unified, true, &err), &err))
                return;
        json_end_array(&writer);
        (void) fuzz_parse_own(arena, writer.out.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *first = NULL, *second = NULL;
        const struct json *root = fuzz_parse(arena, data, size);
        struct runtime_resources resources = {0}, again = {0};
        struct error err = {0};

        if (!root || !fuzz_accepted(runtime_resources_parse(arena, root, &resources, &err), &err))
                return 0;
        first = write_resources(&resources);
        fuzz_require(runtime_resources_parse(arena, fuzz_parse_own(arena, first), &again, &err) >= 0,
                     "refuses the resources it wrote: %s\n%s", err.message, first);
        second = write_resources(&again);
        fuzz_same("resources", first, second);
        for (int unified = 0; unified < 2; unified++) {
                write_limits(arena, &resources, unified);
                write_properties(arena, &resources, unified);
        }
        return 0;
}
