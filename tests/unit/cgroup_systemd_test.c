#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../runtime/linux/cgroup_systemd.h"

/* ---- Names ---- */

static void assert_unit(const char *cgroups_path, bool rootless, const char *name, const char *path) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct cgroup_request request = {
                .container_id = "web", .cgroups_path = cgroups_path, .rootless = rootless};
        struct cgroup_unit unit = {0};

        assert_int_equal(cgroup_unit_parse(arena, &request, &unit, NULL), 0);
        assert_string_equal(unit.name, name);
        assert_string_equal(unit.path, path);
}

static void names_scopes_and_their_slices(void **state) {
        (void) state;
        assert_unit("system.slice:docker:one", false, "docker-one.scope", "/system.slice/docker-one.scope");
        assert_unit("machine-a-b.slice:p:n", false, "p-n.scope",
                    "/machine.slice/machine-a.slice/machine-a-b.slice/p-n.scope");
        assert_unit("-.slice:p:n", false, "p-n.scope", "/p-n.scope");
        assert_unit(":p:n", false, "p-n.scope", "/system.slice/p-n.scope");
        assert_unit(":p:n", true, "p-n.scope", "/user.slice/p-n.scope");
        assert_unit("a.slice::n", false, "n.scope", "/a.slice/n.scope");
        assert_unit(NULL, false, "myrun-web.scope", "/system.slice/myrun-web.scope");
}

static void refuses_what_names_no_scope(void **state) {
        static const char *const paths[] = {"/docker/web",   "a.slice:p",         "a.slice:p:",     "a:p:n",
                                            "-a.slice:p:n",  "a-.slice:p:n",      "a--b.slice:p:n", "x/a.slice:p:n",
                                            "a.slice:p:x/y", "a.slice:p:b.slice", ".slice:p:n"};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();
                const struct cgroup_request request = {.container_id = "web", .cgroups_path = paths[i]};
                struct cgroup_unit unit;
                struct error err = {0};

                assert_int_equal(cgroup_unit_parse(arena, &request, &unit, &err), -EINVAL);
                assert_non_null(strstr(err.message, "linux.cgroupsPath"));
        }
}

/* ---- Values ---- */

static void reads_lists_of_processors(void **state) {
        unsigned char set[4];

        (void) state;
        assert_int_equal(cgroup_cpu_set("0-2,9", set, sizeof(set)), 2);
        assert_int_equal(set[0], 7);
        assert_int_equal(set[1], 2);
        assert_int_equal(cgroup_cpu_set("31\n", set, sizeof(set)), 4);
        assert_int_equal(set[3], 0x80);
        assert_int_equal(cgroup_cpu_set("", set, sizeof(set)), 0);
        assert_int_equal(cgroup_cpu_set("32", set, sizeof(set)), -EINVAL);
        assert_int_equal(cgroup_cpu_set("2-1", set, sizeof(set)), -EINVAL);
        assert_int_equal(cgroup_cpu_set("1-", set, sizeof(set)), -EINVAL);
        assert_int_equal(cgroup_cpu_set("x", set, sizeof(set)), -EINVAL);
        assert_int_equal(cgroup_cpu_set("99999999999999999999", set, sizeof(set)), -EINVAL);
}

static void rounds_quotas_up_to_a_hundredth_of_a_processor(void **state) {
        (void) state;
        assert_int_equal(cgroup_quota_per_second(20000, 100000), 200000);
        assert_int_equal(cgroup_quota_per_second(20000, 0), 200000);
        assert_int_equal(cgroup_quota_per_second(20001, 50000), 410000);
        assert_true(cgroup_quota_per_second(-1, 100000) == UINT64_MAX);
        assert_true(cgroup_quota_per_second(0, 100000) == UINT64_MAX);
        assert_true(cgroup_quota_per_second(INT64_MAX, 1000) == UINT64_MAX);
}

/* The properties of a linux.resources document. */
static char *properties(const char *document, bool v2) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct runtime_resources resources;
        struct json_writer writer = {0};
        const struct json *root = NULL;
        struct error err = {0};

        if (json_parse(arena, document, strlen(document), NULL, &root, &err) < 0 ||
            runtime_resources_parse(arena, root, &resources, &err) < 0)
                fail_msg("%s", err.message);
        json_begin_array(&writer, NULL);
        if (cgroup_unit_put_resources(&writer, &resources, v2, false, &err) < 0)
                fail_msg("%s", err.message);
        json_end_array(&writer);
        return json_writer_take(&writer);
}

static void assert_properties(const char *document, bool v2, const char *expected) {
        _cleanup_free_ char *text = properties(document, v2);

        assert_string_equal(text, expected);
}

static void says_limits_in_systemds_words(void **state) {
        (void) state;
        assert_properties("{}", true, "[]");
        assert_properties("{\"memory\":{\"limit\":100,\"swap\":300,\"reservation\":50}}", true,
                          "[[\"MemoryMax\",\"t\",100],[\"MemoryLow\",\"t\",50],[\"MemorySwapMax\",\"t\",200]]");
        assert_properties(
                "{\"memory\":{\"limit\":-1}}", true,
                "[[\"MemoryMax\",\"t\",18446744073709551615],[\"MemorySwapMax\",\"t\",18446744073709551615]]");
        assert_properties("{\"cpu\":{\"shares\":1024,\"cpus\":\"0-1\"}}", true,
                          "[[\"CPUWeight\",\"t\",39],[\"AllowedCPUs\",\"ay\",[3],244]]");
        assert_properties("{\"cpu\":{\"idle\":1,\"shares\":1024}}", true, "[[\"CPUWeight\",\"t\",0,252]]");
        assert_properties("{\"cpu\":{\"quota\":20000,\"period\":50000}}", true,
                          "[[\"CPUQuotaPeriodUSec\",\"t\",50000,242],[\"CPUQuotaPerSecUSec\",\"t\",400000]]");
        assert_properties("{\"pids\":{\"limit\":0}}", true, "[[\"TasksMax\",\"t\",18446744073709551615]]");
        assert_properties("{\"unified\":{\"memory.high\":\"max\",\"cpu.max\":\"max 50000\",\"misc.max\":\"x 1\"}}",
                          true,
                          "[[\"MemoryHigh\",\"t\",18446744073709551615],[\"CPUQuotaPeriodUSec\",\"t\",50000,242],"
                          "[\"CPUQuotaPerSecUSec\",\"t\",18446744073709551615]]");
        assert_properties("{\"memory\":{\"limit\":100,\"swap\":300},\"cpu\":{\"shares\":512}}", false,
                          "[[\"MemoryLimit\",\"t\",100],[\"CPUShares\",\"t\",512]]");
}

static void says_device_rules_or_leaves_them_to_the_filter(void **state) {
        const struct runtime_device_rule one[] = {{false, 'a', {false, 0}, {false, 0}, "rwm"},
                                                  {true, 'c', {true, 10}, {true, 200}, "rw"}};
        const struct runtime_device_rule all[] = {{true, 'a', {false, 0}, {false, 0}, "rwm"}};
        const struct runtime_device_rule odd[] = {{true, 'c', {false, 0}, {true, 3}, "rw"}};
        struct runtime_resources resources = {.devices = one, .device_count = 2};
        struct json_writer writer = {0};

        (void) state;
        cgroup_unit_put_devices(&writer, &resources);
        assert_non_null(strstr(writer.out.data, "\"strict\""));
        assert_non_null(strstr(writer.out.data, "[\"/dev/char/10:200\",\"rw\"]"));
        assert_non_null(strstr(writer.out.data, "[\"/dev/char/1:3\",\"rwm\"]"));
        assert_non_null(strstr(writer.out.data, "[\"char-*\",\"m\"]"));
        json_writer_free(&writer);

        resources = (struct runtime_resources){.devices = all, .device_count = 1};
        cgroup_unit_put_devices(&writer, &resources);
        assert_string_equal(writer.out.data, "[\"DevicePolicy\",\"s\",\"auto\"]");
        json_writer_free(&writer);

        resources = (struct runtime_resources){.devices = odd, .device_count = 1};
        cgroup_unit_put_devices(&writer, &resources);
        assert_string_equal(writer.out.data, "[\"DevicePolicy\",\"s\",\"auto\"]");
        json_writer_free(&writer);
}

/* ---- Annotations ---- */

static char *annotation(const char *key, const char *value) {
        struct string_pair pair = {.key = key, .value = value};
        const struct runtime_pairs annotations = {.items = &pair, .count = 1};
        struct json_writer writer = {0};

        if (cgroup_unit_put_annotations(&writer, &annotations, NULL) < 0) {
                json_writer_free(&writer);
                return xstrdup("refused");
        }
        return json_writer_take(&writer);
}

static void reads_annotations(void **state) {
        static const char *const rows[][3] = {
                {"TimeoutStopUSec", "uint64 5", "[\"TimeoutStopUSec\",\"t\",5]"},
                {"TimeoutStopUSec", "uint64 18446744073709551615", "[\"TimeoutStopUSec\",\"t\",18446744073709551615]"},
                {"TimeoutStopSec", "7", "[\"TimeoutStopUSec\",\"t\",7000000]"},
                {"CollectMode", "'inactive-or-failed'", "[\"CollectMode\",\"s\",\"inactive-or-failed\"]"},
                {"Description", "\"a \\\"b\\\"\"", "[\"Description\",\"s\",\"a \\\"b\\\"\"]"},
                {"SendSIGHUP", " true ", "[\"SendSIGHUP\",\"b\",true]"},
                {"KillSignal", "-3", "[\"KillSignal\",\"i\",-3]"},
                {"After", "['a', 'b']", "[\"After\",\"as\",[\"a\",\"b\"]]"},
                {"After", "@as []", "[\"After\",\"as\",[]]"},
                {"Bytes", "[byte 0x01, byte 2]", "[\"Bytes\",\"ay\",[1,2]]"},
                {"Number", "byte 256", "refused"},
                {"Number", "int32 99999999999", "refused"},
                {"After", "[]", "refused"},
                {"After", "['a', 5]", "refused"},
                {"After", "['a'", "refused"},
                {"Text", "'open", "refused"},
                {"Text", "", "refused"},
                {"Text", "'a' 'b'", "refused"},
                {"Text", "word", "refused"},
                {"No", "5", "refused"},
                {"Not.A.Name", "5", "refused"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_free_ char *key = str_format("org.systemd.property.%s", rows[i][0]);
                _cleanup_free_ char *text = annotation(key, rows[i][1]);

                assert_string_equal(text, rows[i][2]);
        }
        {
                _cleanup_free_ char *text = annotation("org.example.other", "not for systemd");

                assert_string_equal(text, "");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_scopes_and_their_slices),
                cmocka_unit_test(refuses_what_names_no_scope),
                cmocka_unit_test(reads_lists_of_processors),
                cmocka_unit_test(rounds_quotas_up_to_a_hundredth_of_a_processor),
                cmocka_unit_test(says_limits_in_systemds_words),
                cmocka_unit_test(says_device_rules_or_leaves_them_to_the_filter),
                cmocka_unit_test(reads_annotations),
        };

        return cmocka_run_group_tests_name("cgroup_systemd", tests, NULL, NULL);
}
