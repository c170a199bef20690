#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"

static int directory = -1;
static char directory_path[] = "/tmp/file_test.XXXXXX";

static int set_up(void **state) {
        (void) state;
        if (!mkdtemp(directory_path))
                return -1;
        directory = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -1 : 0;
}

static int tear_down(void **state) {
        (void) state;
        fd_close_at(&directory);
        return path_remove_tree(AT_FDCWD, directory_path, NULL);
}

static void assert_content(const char *name, const char *expected, mode_t mode) {
        _cleanup_free_ char *content = NULL;
        struct stat st;

        assert_int_equal(file_read(directory, name, 100, &content, NULL, NULL), 0);
        assert_string_equal(content, expected);
        assert_int_equal(fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode & 07777, mode);
}

static void makes_a_new_file_or_replaces_one(void **state) {
        (void) state;
        assert_int_equal(file_write_new(directory, "new", "one", 3, 0644, NULL), 0);
        assert_content("new", "one", 0644);
        assert_int_equal(file_write_new(directory, "new", "two", 3, 0600, NULL), 0);
        assert_content("new", "two", 0600);
        assert_int_equal(mkdirat(directory, "below", 0755), 0);
        assert_int_equal(file_write_new(directory, "below/new", "three", 5, 0644, NULL), 0);
        assert_content("below/new", "three", 0644);
}

static void a_link_of_that_name_is_replaced_and_not_followed(void **state) {
        (void) state;
        assert_int_equal(file_write_volatile(directory, "target", "kept", 4, 0644, NULL), 0);
        assert_int_equal(symlinkat("target", directory, "link"), 0);
        assert_int_equal(file_write_new(directory, "link", "new", 3, 0644, NULL), 0);
        assert_content("target", "kept", 0644);
        assert_content("link", "new", 0644);
}

static void names_a_directory_that_is_not_there(void **state) {
        struct error err = {0};

        (void) state;
        assert_int_equal(file_write_new(directory, "no/such", "x", 1, 0644, &err), -ENOENT);
        assert_string_equal(err.message, "no/such: No such file or directory");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(makes_a_new_file_or_replaces_one),
                cmocka_unit_test(a_link_of_that_name_is_replaced_and_not_followed),
                cmocka_unit_test(names_a_directory_that_is_not_there),
        };

        return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
