#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../runtime/linux/cgroup_private.h"

/* ---- Numbers ---- */

static void converts_shares_to_weights(void **state) {
        (void) state;
        assert_int_equal(cgroup_weight_of_shares(0), 1);
        assert_int_equal(cgroup_weight_of_shares(2), 1);
        assert_int_equal(cgroup_weight_of_shares(1024), 39);
        assert_int_equal(cgroup_weight_of_shares(262144), 10000);
        assert_int_equal(cgroup_weight_of_shares(UINT64_MAX), 10000);
}

static void converts_block_weights(void **state) {
        (void) state;
        assert_int_equal(cgroup_io_weight_of_blkio(10), 1);
        assert_int_equal(cgroup_io_weight_of_blkio(500), 4950);
        assert_int_equal(cgroup_io_weight_of_blkio(1000), 10000);
}

static const char *swap(int64_t limit, int64_t total) {
        static char text[32];
        const struct opt_i64 limit_option = {limit != 0, limit}, swap_option = {total != 0, total};

        if (cgroup_swap_text(limit_option, swap_option, text, sizeof(text), NULL) < 0)
                return "refused";
        return text;
}

static void takes_memory_out_of_memory_and_swap(void **state) {
        (void) state;
        assert_string_equal(swap(0, 0), "");
        assert_string_equal(swap(100, 0), "");
        assert_string_equal(swap(100, 300), "200");
        assert_string_equal(swap(100, 100), "0");
        assert_string_equal(swap(100, -1), "max");
        assert_string_equal(swap(-1, 0), "max");
        assert_string_equal(swap(0, 300), "refused");
        assert_string_equal(swap(-1, 300), "refused");
        assert_string_equal(swap(INT64_MIN, 300), "refused");
        assert_string_equal(swap(300, 100), "refused");
        assert_string_equal(swap(300, -2), "refused");
}

static void finds_numbers_in_key_value_text(void **state) {
        const char *text = "usage_usec 7\nuser_usec 5\nnr_periods 0\n";
        uint64_t value = 0;

        (void) state;
        assert_true(cgroup_text_number(text, "user_usec", &value));
        assert_int_equal(value, 5);
        assert_true(cgroup_text_number(text, "usage_usec", &value));
        assert_int_equal(value, 7);
        assert_false(cgroup_text_number(text, "usage", &value));
}

static void writes_rdma_lines(void **state) {
        const struct runtime_rdma both = {"mlx", {true, 3}, {true, 4}}, one = {"m", {false, 0}, {true, 4}};
        _cleanup_free_ char *first = cgroup_rdma_text(&both);
        _cleanup_free_ char *second = cgroup_rdma_text(&one);

        (void) state;
        assert_string_equal(first, "mlx hca_handle=3 hca_object=4");
        assert_string_equal(second, "m hca_object=4");
}

/* ---- Figures ---- */

static void put_file(const char *directory, const char *name, const char *text) {
        _cleanup_free_ char *path = str_format("%s/%s", directory, name);
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* What cgroup v2 keeps, as files of a directory of ours: the figures with the names that runc gives them. */
static void gives_the_figures_of_version_2(void **state) {
        static const char *const files[][2] = {
                {"cpu.stat", "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 4\nnr_throttled 1\n"
                             "throttled_usec 5\n"},
                {"cpu.pressure", "some avg10=1.25 avg60=0.50 avg300=0.00 total=4711\n"
                                 "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"},
                {"memory.stat", "file 4096\nanon 8192\n"},
                {"memory.current", "12288\n"},
                {"memory.max", "max\n"},
                {"memory.pressure", "some avg10=0.00 avg60=0.00 avg300=2.50 total=9\n"},
                {"pids.current", "2\n"},
                {"pids.max", "42\n"},
                {"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"},
        };
        char top[] = "/tmp/cgroup-test-XXXXXX";
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *directory = NULL, *text = NULL;
        const struct json *root = NULL;
        struct cgroup *cgroup = NULL;
        struct error err = {0};

        (void) state;
        assert_non_null(mkdtemp(top));
        directory = str_format("%s/c", top);
        assert_int_equal(mkdir(directory, 0700), 0);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                put_file(directory, files[i][0], files[i][1]);
        text = str_format("{\"driver\":\"v2\",\"hierarchies\":[{\"name\":\"\",\"mount\":\"%s\",\"directory\":\"%s\"}]}",
                          top, directory);
        assert_int_equal(json_parse(arena, text, strlen(text), NULL, &root, &err), 0);
        assert_int_equal(cgroup_read(root, &cgroup, &err), 0);
        json_begin_object(&writer, NULL);
        assert_int_equal(cgroup_stats(cgroup, &writer, &err), 0);
        json_end_object(&writer);
        assert_non_null(strstr(writer.out.data, "\"usage\":{\"total\":3000000,\"kernel\":1000000,\"user\":2000000}"));
        assert_non_null(strstr(writer.out.data,
                               "\"psi\":{\"some\":{\"avg10\":1.25,\"avg60\":0.5,\"avg300\":0,\"total\":4711},"
                               "\"full\":{\"avg10\":0,\"avg60\":0,\"avg300\":0,\"total\":7}}"));
        assert_non_null(strstr(writer.out.data, "\"raw\":{\"file\":4096,\"anon\":8192},\"psi\":{\"some\":"));
        assert_non_null(strstr(writer.out.data, "\"pids\":{\"current\":2,\"limit\":42}"));
        assert_non_null(strstr(writer.out.data, "{\"major\":8,\"minor\":0,\"op\":\"Write\",\"value\":2}"));
        cgroup_free(cgroup);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *path = str_format("%s/%s", directory, files[i][0]);

                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(directory), 0);
        assert_int_equal(rmdir(top), 0);
}

/* ---- Paths ---- */

static void assert_path(const char *own, bool unified, const char *cgroups_path, const char *expected) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct cgroup_mount mount = {
                .name = unified ? "" : "cpu",
                .mount = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu",
                .own = own,
                .v2 = unified,
        };
        const struct cgroup_request request = {.container_id = "id", .cgroups_path = cgroups_path};

        assert_string_equal(cgroup_host_path(arena, &mount, &request), expected);
}

static void puts_cgroups_where_runc_puts_them(void **state) {
        (void) state;
        assert_path("/", false, NULL, "/id");
        assert_path("/own/place", false, NULL, "/own/place/id");
        assert_path("/own", false, "a/b", "/own/a/b");
        assert_path("/own", false, "/a/b", "/a/b");
        assert_path("/user/session", true, NULL, "/user/id");
        assert_path("/", true, NULL, "/id");
        assert_path("/user/session", true, "/a", "/a");
}

static void lets_no_path_out_of_the_hierarchy(void **state) {
        (void) state;
        assert_path("/own", false, "../../x", "/own/x");
        assert_path("/own", false, "/../../x", "/x");
        assert_path("/own", false, "/a//./b/../c", "/a/c");
}

/* ---- The host ---- */

static char test_path[64];

static void require_rights(void) {
        if (geteuid() != 0 || access("/sys/fs/cgroup", W_OK) < 0) {
                print_message("skipped: needs root and writable cgroups\n");
                skip();
        }
        (void) snprintf(test_path, sizeof(test_path), "/myrun-unit-%d", (int) getpid());
}

static struct cgroup *create(const char *resources_text) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        struct runtime_resources resources;
        const struct cgroup_request request = {.container_id = "x", .cgroups_path = test_path, .resources = &resources};
        struct cgroup *cgroup = NULL;
        struct error err = {0};

        assert_int_equal(json_parse(arena, resources_text, strlen(resources_text), NULL, &root, &err), 0);
        if (runtime_resources_parse(arena, root, &resources, &err) < 0 || cgroup_begin(&request, &cgroup, &err) < 0 ||
            cgroup_finish(cgroup, &request, &err) < 0)
                fail_msg("%s", err.message);
        return cgroup;
}

/* A process that joins the cgroup in every hierarchy and waits to be killed. */
static pid_t spawn_in(struct cgroup *cgroup) {
        int ready[2];
        char byte = 0;
        pid_t pid;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        if (pid == 0) {
                bool joined = cgroup_attach(cgroup, 0, NULL) == 0;

                if (!joined || write(ready[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return pid;
}

static bool exists_anywhere(void) {
        _cleanup_free_ char *command = str_format("find /sys/fs/cgroup -name '%s*' | grep -q .", test_path + 1);

        return system(command) == 0;
}

static void makes_fills_freezes_kills_and_removes_a_cgroup(void **state) {
        struct error err = {0};
        _cleanup_free_ pid_t *pids = NULL;
        struct cgroup *cgroup;
        size_t count = 0;
        int status = 0;
        pid_t pid;

        (void) state;
        require_rights();
        cgroup = create("{}");
        pid = spawn_in(cgroup);

        assert_int_equal(cgroup_pids(cgroup, &pids, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(pids[0], pid);
        assert_int_equal(cgroup_frozen(cgroup, &err), 0);
        assert_int_equal(cgroup_freeze(cgroup, true, &err), 0);
        assert_int_equal(cgroup_frozen(cgroup, &err), 1);
        assert_int_equal(cgroup_freeze(cgroup, false, &err), 0);
        assert_int_equal(cgroup_frozen(cgroup, &err), 0);
        assert_int_equal(cgroup_signal(cgroup, SIGKILL, &err), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(cgroup_remove(cgroup, &err), 0);
        assert_int_equal(cgroup_remove(cgroup, &err), 0);
        assert_false(exists_anywhere());
        cgroup_free(cgroup);
}

static void removes_a_cgroup_with_processes_and_cgroups_inside(void **state) {
        struct error err = {0};
        struct cgroup *cgroup;
        int status = 0;
        pid_t pid;

        (void) state;
        require_rights();
        cgroup = create("{}");
        for (size_t i = 0; i < cgroup->count; i++) {
                _cleanup_free_ char *inner = str_format("%s/inner", cgroup->hierarchies[i].directory);
                _cleanup_free_ char *innermost = str_format("%s/most", inner);

                assert_int_equal(mkdir(inner, 0755), 0);
                assert_int_equal(mkdir(innermost, 0755), 0);
        }
        pid = spawn_in(cgroup);
        /* As a subreaper's child would be reaped by its runtime: somebody has to, or it stays. */
        (void) signal(SIGCHLD, SIG_IGN);
        assert_int_equal(cgroup_remove(cgroup, &err), 0);
        (void) signal(SIGCHLD, SIG_DFL);
        (void) waitpid(pid, &status, 0);
        assert_false(exists_anywhere());
        cgroup_free(cgroup);
}

static void is_found_again_by_its_record_and_by_its_path(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        const struct json *root = NULL;
        struct cgroup *cgroup, *again = NULL, *found = NULL;
        const struct cgroup_request request = {.container_id = "x", .cgroups_path = test_path};
        struct error err = {0};

        (void) state;
        require_rights();
        cgroup = create("{}");
        cgroup_write(cgroup, &writer, NULL);
        text = json_writer_take(&writer);
        assert_int_equal(json_parse(arena, text, strlen(text), NULL, &root, &err), 0);
        assert_int_equal(cgroup_read(root, &again, &err), 0);
        assert_int_equal(again->count, cgroup->count);
        assert_int_equal(again->total, cgroup->total);
        for (size_t i = 0; i < cgroup->total; i++)
                assert_string_equal(again->hierarchies[i].directory, cgroup->hierarchies[i].directory);

        assert_int_equal(cgroup_find(&request, &found, &err), 0);
        assert_int_equal(found->total, cgroup->total);
        assert_int_equal(cgroup_remove(found, &err), 0);
        assert_false(exists_anywhere());
        cgroup_free(cgroup);
        cgroup_free(again);
        cgroup_free(found);
}

#define ONE_HIERARCHY(members) "{\"driver\":\"v1\",\"hierarchies\":[{" members "}]}"

static void refuses_records_that_lead_elsewhere(void **state) {
        static const char *const records[] = {
                "{\"driver\":\"v3\"}",
                ONE_HIERARCHY("\"name\":\"cpu\",\"mount\":\"/sys\",\"directory\":\"/etc\""),
                ONE_HIERARCHY("\"name\":\"cpu\",\"mount\":\"/sys\",\"directory\":\"/sys/../x\""),
                ONE_HIERARCHY("\"name\":\"cpu\""),
                "[]",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();
                const struct json *root = NULL;
                struct cgroup *cgroup = NULL;
                struct error err = {0};

                assert_int_equal(json_parse(arena, records[i], strlen(records[i]), NULL, &root, &err), 0);
                assert_true(cgroup_read(root, &cgroup, &err) < 0);
                assert_true(err.message[0] != '\0');
        }
}

/* ---- The device filter of v2 ---- */

/* Opens a path inside the cgroup; returns the errno. */
static int open_inside(const char *directory, const char *path, int flags) {
        _cleanup_free_ char *procs = str_format("%s/cgroup.procs", directory);
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                int fd = open(procs, O_WRONLY);

                if (fd < 0 || write(fd, "0", 1) != 1)
                        _exit(255);
                close(fd);
                _exit(open(path, flags) < 0 ? errno : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void filters_devices_by_the_last_rule_that_speaks(void **state) {
        static const char text[] = "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
                                   "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rw\"},"
                                   "{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"w\"}]}";
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *directory = NULL;
        _cleanup_fd_ int dir_fd = -1;
        struct runtime_resources resources;
        const struct json *root = NULL;
        struct error err = {0};

        (void) state;
        require_rights();
        directory = str_format("%s%s", cgroup_host_unified() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified", test_path);
        if (access("/dev/kmsg", R_OK) < 0 || mkdir(directory, 0755) < 0) {
                print_message("skipped: needs a cgroup2 tree and /dev/kmsg\n");
                skip();
        }
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(json_parse(arena, text, strlen(text), NULL, &root, &err), 0);
        assert_int_equal(runtime_resources_parse(arena, root, &resources, &err), 0);
        if (cgroup_v2_apply_devices(dir_fd, &resources, &err) < 0)
                fail_msg("%s", err.message);

        assert_int_equal(open_inside(directory, "/dev/null", O_RDWR), 0);
        assert_int_equal(open_inside(directory, "/dev/kmsg", O_RDONLY), 0);
        assert_int_equal(open_inside(directory, "/dev/kmsg", O_WRONLY), EPERM);
        assert_int_equal(open_inside(directory, "/dev/kmsg", O_RDWR), EPERM);

        /* An update takes the place of the first filter. */
        resources.device_count = 1;
        assert_int_equal(cgroup_v2_apply_devices(dir_fd, &resources, &err), 0);
        assert_int_equal(open_inside(directory, "/dev/kmsg", O_RDONLY), EPERM);
        assert_int_equal(open_inside(directory, "/dev/zero", O_RDONLY), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(converts_shares_to_weights),
                cmocka_unit_test(converts_block_weights),
                cmocka_unit_test(takes_memory_out_of_memory_and_swap),
                cmocka_unit_test(finds_numbers_in_key_value_text),
                cmocka_unit_test(writes_rdma_lines),
                cmocka_unit_test(gives_the_figures_of_version_2),
                cmocka_unit_test(puts_cgroups_where_runc_puts_them),
                cmocka_unit_test(lets_no_path_out_of_the_hierarchy),
                cmocka_unit_test(makes_fills_freezes_kills_and_removes_a_cgroup),
                cmocka_unit_test(removes_a_cgroup_with_processes_and_cgroups_inside),
                cmocka_unit_test(is_found_again_by_its_record_and_by_its_path),
                cmocka_unit_test(refuses_records_that_lead_elsewhere),
                cmocka_unit_test(filters_devices_by_the_last_rule_that_speaks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
