#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../manager/container/logfile.h"
#include "../../manager/container/options.h"
#include "../../manager/container/restart.h"
#include "../../manager/container/user.h"

static void options_come_back_as_they_were_written(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct container_options in = CONTAINER_OPTIONS_DEFAULT, out = CONTAINER_OPTIONS_DEFAULT;
        char *argv[] = {(char *) "run",
                        (char *) "-ti",
                        (char *) "-e",
                        (char *) "A=1",
                        (char *) "-eB=2",
                        (char *) "-m",
                        (char *) "100m",
                        (char *) "--stop-timeout",
                        (char *) "0",
                        (char *) "-net",
                        (char *) "br0",
                        (char *) "-cpushare",
                        (char *) "512",
                        (char *) "--cpus=1.5",
                        (char *) "--name",
                        (char *) "x",
                        NULL};
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        const struct json *root;

        (void) state;
        assert_int_equal(options_parse(container_option_rows, &in, (int) ARRAY_SIZE(argv) - 1, argv, false, NULL),
                         ARRAY_SIZE(argv) - 1);
        container_options_write(&writer, NULL, &in);
        text = json_writer_take(&writer);
        assert_int_equal(json_parse(arena, text, strlen(text), NULL, &root, NULL), 0);
        assert_int_equal(container_options_read(root, &out, NULL), 0);
        assert_true(out.tty && out.interactive && !out.detach);
        assert_int_equal(out.env.count, 2);
        assert_string_equal(out.env.items[1], "B=2");
        assert_int_equal(out.memory, 100 * 1024 * 1024);
        assert_int_equal(out.stop_timeout, 0);
        assert_int_equal(out.memory_swappiness, -1);
        assert_string_equal(out.network.items[0], "br0");
        assert_int_equal(out.cpu_shares, 512);
        assert_true(out.cpus > 1.49 && out.cpus < 1.51);
        assert_string_equal(out.name, "x");
        container_options_free(&in);
        container_options_free(&out);
}

static void restart_policies(void **state) {
        struct restart_policy policy;

        (void) state;
        assert_int_equal(restart_policy_parse("on-failure:2", &policy, NULL), 0);
        assert_true(restart_wanted(&policy, 1, 0) && restart_wanted(&policy, 1, 1));
        assert_false(restart_wanted(&policy, 1, 2) || restart_wanted(&policy, 0, 0));
        assert_int_equal(restart_policy_parse("always", &policy, NULL), 0);
        assert_true(restart_wanted(&policy, 0, 1000));
        assert_int_equal(restart_policy_parse(NULL, &policy, NULL), 0);
        assert_false(restart_wanted(&policy, 1, 0));
        assert_int_equal(restart_policy_parse("always:3", &policy, NULL), -EINVAL);
        assert_int_equal(restart_policy_parse("on-failure:x", &policy, NULL), -EINVAL);
        assert_int_equal(restart_policy_parse("sometimes", &policy, NULL), -EINVAL);
        assert_int_equal(restart_delay(0, 0), 100000000);
        assert_int_equal(restart_delay(100000000, 0), 200000000);
        assert_int_equal(restart_delay(50000000000, 0), 60000000000);
        assert_int_equal(restart_delay(50000000000, 20000000000), 100000000);
}

/* Writes the bytes, reads the lines back and joins their text. */
static void write_and_read(const char *bytes, size_t size, struct str_buf *out, size_t *lines) {
        char directory[] = "/tmp/logfile-test-XXXXXX";
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_str_buf_ struct str_buf buffer = {0};
        struct logfile *log;
        size_t total;

        assert_non_null(mkdtemp(directory));
        path = path_join(directory, "log");
        assert_int_equal(logfile_open(path, &log, NULL), 0);
        logfile_add(log, LOG_STDERR, bytes, size);
        logfile_close(log);
        assert_int_equal(file_read(AT_FDCWD, path, 1 << 24, &text, &total, NULL), 0);
        *lines = 0;
        for (const char *at = text, *newline; (newline = strchr(at, '\n')); at = newline + 1) {
                struct log_line line;

                assert_int_equal(logfile_parse(at, (size_t) (newline - at), &buffer, &line), 0);
                assert_int_equal(line.stream, LOG_STDERR);
                assert_true(line.time > 0);
                str_buf_add_bytes(out, line.text, line.size);
                (*lines)++;
        }
        (void) unlink(path);
        (void) rmdir(directory);
}

static void a_log_keeps_every_byte_of_text(void **state) {
        static const char bytes[] = "one\ntwo \"quoted\" \\ \t\r\001 \xc3\xa4 \xe2\x82\xac\nwith\0nul\nno end";
        _cleanup_str_buf_ struct str_buf out = {0};
        size_t lines;

        (void) state;
        write_and_read(bytes, sizeof(bytes) - 1, &out, &lines);
        assert_int_equal(lines, 4);
        assert_int_equal(out.size, sizeof(bytes) - 1);
        assert_memory_equal(out.data, bytes, out.size);
}

static void a_log_replaces_what_is_no_text(void **state) {
        _cleanup_str_buf_ struct str_buf out = {0};
        size_t lines;

        (void) state;
        write_and_read("a\xff\xc3(\xed\xa0\x80z\n", 9, &out, &lines);
        assert_int_equal(lines, 1);
        assert_string_equal(out.data, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\n");
}

static void damaged_log_lines_are_refused(void **state) {
        static const char *const cases[] = {"",
                                            "{}",
                                            "{\"log\":\"x",
                                            "{\"log\":\"x\\",
                                            "{\"log\":\"x\\q\",\"stream\":\"stdout\"",
                                            "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"never\"}"};
        _cleanup_str_buf_ struct str_buf buffer = {0};
        struct log_line line;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(logfile_parse(cases[i], strlen(cases[i]), &buffer, &line), -EINVAL);
}

static void users_are_those_of_the_container(void **state) {
        char directory[] = "/tmp/user-test-XXXXXX";
        _cleanup_arena_ struct arena *arena = arena_new();
        static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:\nbroken\n";
        static const char group[] = "root:x:0:\nweb:x:34:\nextra:x:50:web,other\n";
        _cleanup_str_list_ struct str_list more = {0};
        _cleanup_fd_ int root = -1;
        struct runtime_user user;
        const char *home;

        (void) state;
        assert_non_null(mkdtemp(directory));
        root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(user_resolve(root, NULL, &more, arena, &user, &home, NULL), 0);
        assert_int_equal(user.uid, 0);
        assert_int_equal(user_resolve(root, "web", &more, arena, &user, &home, NULL), -EINVAL);
        assert_int_equal(mkdirat(root, "etc", 0755), 0);
        assert_int_equal(file_write_atomic(root, "etc/passwd", passwd, strlen(passwd), 0644, NULL), 0);
        assert_int_equal(file_write_atomic(root, "etc/group", group, strlen(group), 0644, NULL), 0);
        assert_int_equal(user_resolve(root, "web", &more, arena, &user, &home, NULL), 0);
        assert_int_equal(user.uid, 33);
        assert_int_equal(user.gid, 34);
        assert_int_equal(user.additional_gid_count, 1);
        assert_int_equal(user.additional_gids[0], 50);
        assert_string_equal(home, "/var/www");
        assert_int_equal(user_resolve(root, "33:extra", &more, arena, &user, &home, NULL), 0);
        assert_int_equal(user.gid, 50);
        assert_int_equal(user.additional_gid_count, 0);
        assert_int_equal(user_resolve(root, "nobody", &more, arena, &user, &home, NULL), -EINVAL);
        assert_int_equal(user_resolve(root, "4294967295", &more, arena, &user, &home, NULL), -EINVAL);
        assert_int_equal(path_remove_tree(AT_FDCWD, directory, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_come_back_as_they_were_written),
                cmocka_unit_test(restart_policies),
                cmocka_unit_test(a_log_keeps_every_byte_of_text),
                cmocka_unit_test(a_log_replaces_what_is_no_text),
                cmocka_unit_test(damaged_log_lines_are_refused),
                cmocka_unit_test(users_are_those_of_the_container),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
