#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../runtime/linux/intel_rdt.h"

/*
 * A directory with a group as the kernel would have made it. The kernel fills a new
 * directory of resctrl with files, a plain directory stays empty, so what is tried
 * here is what happens to groups that exist, and that a failed create goes back.
 */
struct fixture {
        char path[64];
        int root;
};

static void put(int root, const char *path, const char *text) {
        int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
        fd_close(fd);
}

static void assert_file(int root, const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(file_read(root, path, 4096, &text, NULL, NULL), 0);
        assert_string_equal(text, expected);
}

static int set_up(void **state) {
        static struct fixture fixture;

        (void) strcpy(fixture.path, "/tmp/intel-rdt.XXXXXX");
        assert_non_null(mkdtemp(fixture.path));
        fixture.root = open(fixture.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fixture.root >= 0);
        assert_int_equal(mkdirat(fixture.root, "gold", 0755), 0);
        assert_int_equal(mkdirat(fixture.root, "gold/mon_groups", 0755), 0);
        put(fixture.root, "gold/schemata", "    MB:0= 20;1= 70\n    L3:0=07f0;1=001f\n");
        put(fixture.root, "gold/tasks", "");
        *state = &fixture;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;

        fd_close(fixture->root);
        return path_remove_tree(AT_FDCWD, fixture->path, NULL);
}

static void the_group_is_the_class_or_the_container(void **state) {
        (void) state;
        assert_string_equal(intel_rdt_group(&(struct runtime_intel_rdt){0}, "web"), "web");
        assert_string_equal(intel_rdt_group(&(struct runtime_intel_rdt){.clos_id = "gold"}, "web"), "gold");
        assert_string_equal(intel_rdt_group(&(struct runtime_intel_rdt){.clos_id = "/"}, "web"), ".");
}

static void a_class_that_exists_must_have_what_is_asked_for(void **state) {
        static const char *const good[] = {"L3:0=7f0;1=1f", "L3:1=1F", "L3: 0 = 7f0 ", "MB:0=70\nL3:0=7f0"};
        static const char *const bad[] = {"L3:0=7f", "L3:2=1f", "L2:0=1f", "L3", "L3:0"};
        const struct fixture *fixture = *state;
        struct runtime_intel_rdt rdt = {.clos_id = "gold", .mem_bw_schema = "MB:0=20;1=70"};
        struct error err = {0};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                rdt.l3_cache_schema = good[i];
                if (intel_rdt_create(fixture->root, &rdt, "web", &err) < 0)
                        fail_msg("%s: %s", good[i], err.message);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                rdt.l3_cache_schema = bad[i];
                assert_int_equal(intel_rdt_create(fixture->root, &rdt, "web", &err), -EINVAL);
                assert_non_null(strstr(err.message, "linux.intelRdt.closID"));
        }
        rdt.l3_cache_schema = NULL;
        rdt.mem_bw_schema = "MB:0=30";
        assert_int_equal(intel_rdt_create(fixture->root, &rdt, "web", &err), -EINVAL);
        assert_file(fixture->root, "gold/schemata", "    MB:0= 20;1= 70\n    L3:0=07f0;1=001f\n");
}

static void a_class_without_limits_must_exist(void **state) {
        const struct fixture *fixture = *state;
        struct error err = {0};

        assert_int_equal(intel_rdt_create(fixture->root, &(struct runtime_intel_rdt){.clos_id = "gold"}, "web", &err),
                         0);
        assert_int_equal(intel_rdt_create(fixture->root, &(struct runtime_intel_rdt){.clos_id = "tin"}, "web", &err),
                         -ENOENT);
        assert_non_null(strstr(err.message, "tin"));
}

static void a_group_that_cannot_be_limited_is_removed_again(void **state) {
        const struct fixture *fixture = *state;
        const struct runtime_intel_rdt rdt = {.l3_cache_schema = "L3:0=f"};
        struct error err = {0};

        assert_true(intel_rdt_create(fixture->root, &rdt, "web", &err) < 0);
        assert_non_null(strstr(err.message, "linux.intelRdt: \"L3:0=f\""));
        assert_false(intel_rdt_exists(fixture->root, "web"));
}

static void limits_are_written_to_schemata(void **state) {
        const struct fixture *fixture = *state;
        static const char *const schemata[] = {"L2:0=f", NULL};
        const struct runtime_intel_rdt rdt = {.schemata = schemata};
        struct error err = {0};

        put(fixture->root, "gold/schemata", "");
        assert_int_equal(intel_rdt_update(fixture->root, &rdt, "gold", &err), 0);
        assert_file(fixture->root, "gold/schemata", "L2:0=f\n");
}

static void processes_enter_the_group_and_its_monitoring_group(void **state) {
        const struct fixture *fixture = *state;
        const struct runtime_intel_rdt rdt = {.clos_id = "gold", .enable_monitoring = true};
        struct error err = {0};

        assert_int_equal(intel_rdt_create(fixture->root, &rdt, "web", &err), 0);
        assert_true(intel_rdt_exists(fixture->root, "gold/mon_groups/web"));
        put(fixture->root, "gold/mon_groups/web/tasks", "");
        assert_int_equal(intel_rdt_attach(fixture->root, "gold", "web", 4711, &err), 0);
        assert_file(fixture->root, "gold/tasks", "4711");
        assert_file(fixture->root, "gold/mon_groups/web/tasks", "4711");

        /* The kernel removes a group's files with it. */
        assert_int_equal(unlinkat(fixture->root, "gold/mon_groups/web/tasks", 0), 0);
        assert_int_equal(intel_rdt_remove(fixture->root, "gold", "web", false, &err), 0);
        assert_false(intel_rdt_exists(fixture->root, "gold/mon_groups/web"));
        assert_true(intel_rdt_exists(fixture->root, "gold"));
        assert_int_equal(intel_rdt_remove(fixture->root, "gone", "web", true, &err), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_group_is_the_class_or_the_container),
                cmocka_unit_test_setup_teardown(a_class_that_exists_must_have_what_is_asked_for, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_class_without_limits_must_exist, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_group_that_cannot_be_limited_is_removed_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(limits_are_written_to_schemata, set_up, tear_down),
                cmocka_unit_test_setup_teardown(processes_enter_the_group_and_its_monitoring_group, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
