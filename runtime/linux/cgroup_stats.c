/* Usage figures, in the members that `runc events --stats` gives and its callers parse. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

#define TEXT_MAX 16384

/* A directory, or -1 where the host has no such controller: its figures are then left out. */
static int directory_of(const struct cgroup *cgroup, const char *controller) {
        int index = cgroup_find_controller(cgroup, controller);
        int dir_fd = index < 0 || cgroup->places[index].kept ? -1 : cgroup_directory(cgroup, (size_t) index);

        return dir_fd < 0 ? -1 : dir_fd;
}

static void put_file(struct json_writer *writer, const char *key, int dir_fd, const char *file) {
        uint64_t value = 0;

        if (cgroup_file_get_number(dir_fd, file, &value) == 0)
                json_put_uint(writer, key, value);
}

static void put_key(struct json_writer *writer, const char *key, const char *text, const char *name, uint64_t factor) {
        uint64_t value = 0;

        if (cgroup_text_number(text, name, &value))
                json_put_uint(writer, key, value * factor);
}

/* "key number" lines as the members of an object. */
static void put_raw(struct json_writer *writer, const char *key, char *text) {
        char *save = NULL;

        json_begin_object(writer, key);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *space = strchr(line, ' ');

                if (!space)
                        continue;
                *space = '\0';
                json_put_uint(writer, line, strtoull(space + 1, NULL, 10));
        }
        json_end_object(writer);
}

/* pids.max of "max" is written as 0. */
static void put_pids(struct json_writer *writer, int dir_fd) {
        uint64_t limit = 0;

        if (dir_fd < 0)
                return;
        json_begin_object(writer, "pids");
        put_file(writer, "current", dir_fd, "pids.current");
        if (cgroup_file_get_number(dir_fd, "pids.max", &limit) == 0)
                json_put_uint(writer, "limit", limit == UINT64_MAX ? 0 : limit);
        json_end_object(writer);
}

static void put_block_entry(struct json_writer *writer, unsigned int major, unsigned int minor, const char *operation,
                            uint64_t value) {
        json_begin_object(writer, NULL);
        json_put_uint(writer, "major", major);
        json_put_uint(writer, "minor", minor);
        json_put_string(writer, "op", operation);
        json_put_uint(writer, "value", value);
        json_end_object(writer);
}

/* The name of a page size in control files ("2MB") from its directory's in sysfs ("hugepages-2048kB"). */
static bool page_size_name(const char *directory, char *out, size_t size) {
        static const char *const units[] = {"KB", "MB", "GB"};
        unsigned long long number;
        size_t unit = 0;

        if (sscanf(directory, "hugepages-%llukB", &number) != 1)
                return false;
        while (number % 1024 == 0 && unit + 1 < ARRAY_SIZE(units)) {
                number /= 1024;
                unit++;
        }
        return snprintf(out, size, "%llu%s", number, units[unit]) < (int) size;
}

static void put_page_size(struct json_writer *writer, int dir_fd, bool v2, const char *name) {
        char file[64], events[128];
        uint64_t usage = 0;

        (void) snprintf(file, sizeof(file), "hugetlb.%s.%s", name, v2 ? "current" : "usage_in_bytes");
        if (cgroup_file_get_number(dir_fd, file, &usage) < 0)
                return;
        json_begin_object(writer, name);
        json_put_uint(writer, "usage", usage);
        if (v2) {
                (void) snprintf(file, sizeof(file), "hugetlb.%s.events", name);
                if (cgroup_file_get(dir_fd, file, events, sizeof(events)) >= 0)
                        put_key(writer, "failcnt", events, "max", 1);
        } else {
                (void) snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", name);
                put_file(writer, "max", dir_fd, file);
                (void) snprintf(file, sizeof(file), "hugetlb.%s.failcnt", name);
                put_file(writer, "failcnt", dir_fd, file);
        }
        json_end_object(writer);
}

static void put_hugepages(struct json_writer *writer, const struct cgroup *cgroup) {
        int dir_fd = directory_of(cgroup, "hugetlb");
        bool v2 = dir_fd < 0 && cgroup->unified >= 0;
        _cleanup_dir_ DIR *sizes = opendir("/sys/kernel/mm/hugepages");

        if (v2)
                dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        json_begin_object(writer, "hugetlb");
        for (const struct dirent *entry; dir_fd >= 0 && sizes && (entry = readdir(sizes));) {
                char name[32];

                if (page_size_name(entry->d_name, name, sizeof(name)))
                        put_page_size(writer, dir_fd, v2, name);
        }
        json_end_object(writer);
}

/* ---- v1 ---- */

static void put_percpu(struct json_writer *writer, int dir_fd) {
        char text[TEXT_MAX];

        if (cgroup_file_get(dir_fd, "cpuacct.usage_percpu", text, sizeof(text)) < 0)
                return;
        json_begin_array(writer, "percpu");
        for (char *at = text, *end = NULL;; at = end) {
                uint64_t value = strtoull(at, &end, 10);

                if (end == at)
                        break;
                json_put_uint(writer, NULL, value);
        }
        json_end_array(writer);
}

/* A column of cpuacct.usage_all: "cpu user system", then a line a processor. */
static void put_percpu_column(struct json_writer *writer, const char *key, const char *text, bool kernel) {
        json_begin_array(writer, key);
        for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
                unsigned long long user, system;

                if (sscanf(line, " %*u %llu %llu", &user, &system) == 2)
                        json_put_uint(writer, NULL, kernel ? system : user);
        }
        json_end_array(writer);
}

/* The cpuset that counts for the container: its own, or that of the nearest parent while it has none. */
static int open_cpuset(const struct cgroup *cgroup) {
        int index = cgroup_find_controller(cgroup, "cpuset");
        const struct cgroup_hierarchy *hierarchy = index < 0 ? NULL : &cgroup->hierarchies[index];
        _cleanup_free_ char *path = hierarchy ? xstrdup(hierarchy->directory) : NULL;
        int fd = -1;

        while (path && fd < 0 && strlen(path) >= strlen(hierarchy->mount)) {
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                *strrchr(path, '/') = '\0';
        }
        return fd;
}

static void v1_put_cpuset(struct json_writer *writer, int dir_fd) {
        static const char *const members[][2] = {
                {"cpu_exclusive", "cpuset.cpu_exclusive"},
                {"mem_hardwall", "cpuset.mem_hardwall"},
                {"mem_exclusive", "cpuset.mem_exclusive"},
                {"memory_migrate", "cpuset.memory_migrate"},
                {"memory_spread_page", "cpuset.memory_spread_page"},
                {"memory_spread_slab", "cpuset.memory_spread_slab"},
                {"memory_pressure", "cpuset.memory_pressure"},
                {"sched_load_balance", "cpuset.sched_load_balance"},
        };
        static const char *const lists[][2] = {{"cpus", "cpuset.cpus"}, {"mems", "cpuset.mems"}};
        char text[TEXT_MAX];
        unsigned char set[1024];

        if (dir_fd < 0)
                return;
        json_begin_object(writer, "cpuset");
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                int used = cgroup_file_get(dir_fd, lists[i][1], text, sizeof(text)) < 0
                                   ? 0
                                   : cgroup_cpu_set(text, set, sizeof(set));

                json_begin_array(writer, lists[i][0]);
                for (int bit = 0; bit < used * 8; bit++)
                        if (set[bit / 8] & 1U << (bit % 8))
                                json_put_int(writer, NULL, bit);
                json_end_array(writer);
        }
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                put_file(writer, members[i][0], dir_fd, members[i][1]);
        /* -1 is the usual value. */
        if (cgroup_file_get(dir_fd, "cpuset.sched_relax_domain_level", text, sizeof(text)) > 0)
                json_put_int(writer, "sched_relax_domain_level", strtol(text, NULL, 10));
        json_end_object(writer);
}

static void v1_put_cpu(struct json_writer *writer, int account_fd, int cpu_fd) {
        uint64_t tick = UINT64_C(1000000000) / (uint64_t) sysconf(_SC_CLK_TCK);
        char text[TEXT_MAX];

        json_begin_object(writer, "cpu");
        json_begin_object(writer, "usage");
        if (account_fd >= 0) {
                put_file(writer, "total", account_fd, "cpuacct.usage");
                put_percpu(writer, account_fd);
                if (cgroup_file_get(account_fd, "cpuacct.usage_all", text, sizeof(text)) >= 0) {
                        put_percpu_column(writer, "percpu_kernel", text, true);
                        put_percpu_column(writer, "percpu_user", text, false);
                }
                if (cgroup_file_get(account_fd, "cpuacct.stat", text, sizeof(text)) >= 0) {
                        put_key(writer, "kernel", text, "system", tick);
                        put_key(writer, "user", text, "user", tick);
                }
        }
        json_end_object(writer);
        json_begin_object(writer, "throttling");
        if (cpu_fd >= 0 && cgroup_file_get(cpu_fd, "cpu.stat", text, sizeof(text)) >= 0) {
                put_key(writer, "periods", text, "nr_periods", 1);
                put_key(writer, "throttledPeriods", text, "nr_throttled", 1);
                put_key(writer, "throttledTime", text, "throttled_time", 1);
        }
        json_end_object(writer);
        json_end_object(writer);
}

static void v1_put_memory_kind(struct json_writer *writer, const char *key, int dir_fd, const char *kind) {
        const char *const members[] = {"limit", "usage", "max", "failcnt"};
        const char *const files[] = {"limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"};

        json_begin_object(writer, key);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                char file[64];

                (void) snprintf(file, sizeof(file), "memory%s.%s", kind, files[i]);
                put_file(writer, members[i], dir_fd, file);
        }
        json_end_object(writer);
}

static void v1_put_memory(struct json_writer *writer, int dir_fd) {
        char text[TEXT_MAX];
        int r;

        if (dir_fd < 0)
                return;
        r = cgroup_file_get(dir_fd, "memory.stat", text, sizeof(text));
        json_begin_object(writer, "memory");
        if (r >= 0)
                put_key(writer, "cache", text, "cache", 1);
        v1_put_memory_kind(writer, "usage", dir_fd, "");
        v1_put_memory_kind(writer, "swap", dir_fd, ".memsw");
        v1_put_memory_kind(writer, "kernel", dir_fd, ".kmem");
        v1_put_memory_kind(writer, "kernelTCP", dir_fd, ".kmem.tcp");
        if (r >= 0)
                put_raw(writer, "raw", text);
        json_end_object(writer);
}

static void v1_put_block(struct json_writer *writer, const char *key, int dir_fd, const char *file) {
        char text[TEXT_MAX];
        char *save = NULL;

        json_begin_array(writer, key);
        if (cgroup_file_get(dir_fd, file, text, sizeof(text)) < 0)
                text[0] = '\0';
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                unsigned int major, minor;
                char operation[32];
                uint64_t value;

                if (sscanf(line, "%u:%u %31s %" SCNu64, &major, &minor, operation, &value) == 4)
                        put_block_entry(writer, major, minor, operation, value);
        }
        json_end_array(writer);
}

int cgroup_v1_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err) {
        int blkio = directory_of(cgroup, "blkio");
        _cleanup_fd_ int cpuset = open_cpuset(cgroup);

        (void) err;
        v1_put_cpu(writer, directory_of(cgroup, "cpuacct"), directory_of(cgroup, "cpu"));
        v1_put_cpuset(writer, cpuset);
        v1_put_memory(writer, directory_of(cgroup, "memory"));
        put_pids(writer, directory_of(cgroup, "pids"));
        json_begin_object(writer, "blkio");
        if (blkio >= 0) {
                v1_put_block(writer, "ioServiceBytesRecursive", blkio, "blkio.throttle.io_service_bytes_recursive");
                v1_put_block(writer, "ioServicedRecursive", blkio, "blkio.throttle.io_serviced_recursive");
        }
        json_end_object(writer);
        put_hugepages(writer, cgroup);
        return 0;
}

/* ---- v2 ---- */

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=4711", and the like for "full" (psi.rst). */
static void put_pressure(struct json_writer *writer, int dir_fd, const char *file) {
        char text[512];
        char *save = NULL;

        if (cgroup_file_get(dir_fd, file, text, sizeof(text)) < 0)
                return;
        json_begin_object(writer, "psi");
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char kind[8];
                double short_average, average, long_average;
                uint64_t total;

                if (sscanf(line, "%7s avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64, kind, &short_average, &average,
                           &long_average, &total) != 5)
                        continue;
                json_begin_object(writer, kind);
                json_put_double(writer, "avg10", short_average);
                json_put_double(writer, "avg60", average);
                json_put_double(writer, "avg300", long_average);
                json_put_uint(writer, "total", total);
                json_end_object(writer);
        }
        json_end_object(writer);
}

static void v2_put_cpu(struct json_writer *writer, int dir_fd) {
        char text[TEXT_MAX];

        if (cgroup_file_get(dir_fd, "cpu.stat", text, sizeof(text)) < 0)
                return;
        json_begin_object(writer, "cpu");
        json_begin_object(writer, "usage");
        put_key(writer, "total", text, "usage_usec", 1000);
        put_key(writer, "kernel", text, "system_usec", 1000);
        put_key(writer, "user", text, "user_usec", 1000);
        json_end_object(writer);
        json_begin_object(writer, "throttling");
        put_key(writer, "periods", text, "nr_periods", 1);
        put_key(writer, "throttledPeriods", text, "nr_throttled", 1);
        put_key(writer, "throttledTime", text, "throttled_usec", 1000);
        json_end_object(writer);
        put_pressure(writer, dir_fd, "cpu.pressure");
        json_end_object(writer);
}

static void v2_put_memory(struct json_writer *writer, int dir_fd) {
        char text[TEXT_MAX], events[512];
        uint64_t usage = 0, swap = 0, limit = 0;

        if (cgroup_file_get(dir_fd, "memory.stat", text, sizeof(text)) < 0)
                return;
        json_begin_object(writer, "memory");
        put_key(writer, "cache", text, "file", 1);
        json_begin_object(writer, "usage");
        put_file(writer, "limit", dir_fd, "memory.max");
        put_file(writer, "usage", dir_fd, "memory.current");
        put_file(writer, "max", dir_fd, "memory.peak");
        if (cgroup_file_get(dir_fd, "memory.events", events, sizeof(events)) >= 0)
                put_key(writer, "failcnt", events, "max", 1);
        json_end_object(writer);

        /* As v1 has it: memory and swap together. */
        json_begin_object(writer, "swap");
        if (cgroup_file_get_number(dir_fd, "memory.swap.current", &swap) == 0 &&
            cgroup_file_get_number(dir_fd, "memory.current", &usage) == 0)
                json_put_uint(writer, "usage", usage + swap);
        if (cgroup_file_get_number(dir_fd, "memory.swap.max", &swap) == 0 &&
            cgroup_file_get_number(dir_fd, "memory.max", &limit) == 0)
                json_put_uint(writer, "limit", swap > UINT64_MAX - limit ? UINT64_MAX : limit + swap);
        json_end_object(writer);
        put_raw(writer, "raw", text);
        put_pressure(writer, dir_fd, "memory.pressure");
        json_end_object(writer);
}

/* One figure of every device in io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." */
static void v2_put_block(struct json_writer *writer, const char *key, const char *text, const char *read_key,
                         const char *write_key) {
        _cleanup_free_ char *copy = xstrdup(text);
        char *save = NULL;

        json_begin_array(writer, key);
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                unsigned int major, minor;
                const char *found;

                if (sscanf(line, "%u:%u", &major, &minor) != 2)
                        continue;
                if ((found = strstr(line, read_key)))
                        put_block_entry(writer, major, minor, "Read", strtoull(found + strlen(read_key), NULL, 10));
                if ((found = strstr(line, write_key)))
                        put_block_entry(writer, major, minor, "Write", strtoull(found + strlen(write_key), NULL, 10));
        }
        json_end_array(writer);
}

int cgroup_v2_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err) {
        int dir_fd = cgroup->unified < 0 ? -ENOENT : cgroup_directory(cgroup, (size_t) cgroup->unified);
        char text[TEXT_MAX];

        if (dir_fd < 0)
                return error_set(err, ENOENT, "the container has no cgroup, so there are no figures of it");
        v2_put_cpu(writer, dir_fd);
        v2_put_memory(writer, dir_fd);
        put_pids(writer, dir_fd);
        json_begin_object(writer, "blkio");
        if (cgroup_file_get(dir_fd, "io.stat", text, sizeof(text)) >= 0) {
                v2_put_block(writer, "ioServiceBytesRecursive", text, "rbytes=", "wbytes=");
                v2_put_block(writer, "ioServicedRecursive", text, "rios=", "wios=");
        }
        put_pressure(writer, dir_fd, "io.pressure");
        json_end_object(writer);
        put_hugepages(writer, cgroup);
        return 0;
}
