#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"

struct tree {
        char directory[32];
        int fd;
};

/* A root with a file outside of it, and links that lead out every way there is. */
static int make_tree(void **state) {
        struct tree *tree = xcalloc(1, sizeof(*tree));

        strcpy(tree->directory, "/tmp/path-test-XXXXXX");
        assert_non_null(mkdtemp(tree->directory));
        tree->fd = open(tree->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(tree->fd, "root", 0755), 0);
        assert_int_equal(file_write_atomic(tree->fd, "secret", "s", 1, 0600, NULL), 0);
        assert_int_equal(mkdirat(tree->fd, "root/dir", 0755), 0);
        assert_int_equal(symlinkat("/secret", tree->fd, "root/absolute"), 0);
        assert_int_equal(symlinkat("../secret", tree->fd, "root/relative"), 0);
        assert_int_equal(symlinkat("/dir", tree->fd, "root/dirlink"), 0);
        assert_int_equal(symlinkat("/new/place", tree->fd, "root/dangling"), 0);
        *state = tree;
        return 0;
}

static int remove_tree(void **state) {
        struct tree *tree = *state;

        assert_int_equal(path_remove_tree(AT_FDCWD, tree->directory, NULL), 0);
        assert_int_equal(access(tree->directory, F_OK), -1);
        fd_close(tree->fd);
        free(tree);
        return 0;
}

static int root_of(const struct tree *tree) {
        int fd = openat(tree->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void links_stay_inside_the_root(void **state) {
        _cleanup_fd_ int root = root_of(*state);
        _cleanup_fd_ int inside = -1;
        struct error err = {0};

        assert_int_equal(path_open(root, "absolute", PATH_IN_ROOT, O_RDONLY, 0, &err), -ENOENT);
        assert_int_equal(path_open(root, "relative", PATH_IN_ROOT, O_RDONLY, 0, &err), -ENOENT);
        assert_int_equal(path_open(root, "/../../secret", PATH_IN_ROOT, O_RDONLY, 0, &err), -ENOENT);
        assert_int_equal(path_open(root, "relative", PATH_BENEATH, O_RDONLY, 0, &err), -EXDEV);
        assert_string_equal(err.message, "relative: leads out of its directory");
        assert_int_equal(path_open(root, "dirlink", PATH_NO_SYMLINKS, O_PATH, 0, &err), -ELOOP);
        inside = path_open(root, "dirlink", PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &err);
        assert_true(inside >= 0);
}

static void directories_are_made_inside_the_root(void **state) {
        const struct tree *tree = *state;
        _cleanup_fd_ int root = root_of(tree);
        _cleanup_fd_ int made = -1;
        _cleanup_fd_ int through = -1;
        struct error err = {0};

        made = path_make_dirs(root, "/a/b//c/", PATH_IN_ROOT, 0755, &err);
        assert_true(made >= 0);
        assert_int_equal(faccessat(tree->fd, "root/a/b/c", F_OK, 0), 0);
        through = path_make_dirs(root, "dirlink/x", PATH_IN_ROOT, 0755, &err);
        assert_true(through >= 0);
        assert_int_equal(faccessat(tree->fd, "root/dir/x", F_OK, 0), 0);
        assert_int_equal(path_make_dirs(root, "dirlink/y", PATH_NO_SYMLINKS, 0755, &err), -ELOOP);
        assert_true(path_make_dirs(root, "dangling/x", PATH_IN_ROOT, 0755, &err) < 0);
        assert_true(path_make_file(root, "absolute", PATH_IN_ROOT, 0644, &err) < 0);
        assert_int_equal(faccessat(tree->fd, "root/new", F_OK, 0), -1);
        assert_true(path_make_dirs(root, "a/none/../../../x", PATH_IN_ROOT, 0755, &err) < 0);
}

static void files_are_made_with_their_parents(void **state) {
        const struct tree *tree = *state;
        _cleanup_fd_ int root = root_of(tree);
        _cleanup_fd_ int made = -1;
        _cleanup_fd_ int again = -1;
        struct error err = {0};

        made = path_make_file(root, "/etc/hosts", PATH_IN_ROOT, 0644, &err);
        again = path_make_file(root, "etc/hosts", PATH_IN_ROOT, 0644, &err);
        assert_true(made >= 0 && again >= 0);
        assert_int_equal(faccessat(tree->fd, "root/etc/hosts", F_OK, 0), 0);
        assert_int_equal(path_make_file(root, "x/..", PATH_IN_ROOT, 0644, &err) < 0, 1);
}

static void dangling_links_are_followed_inside_the_root(void **state) {
        const struct tree *tree = *state;
        _cleanup_fd_ int root = root_of(tree);
        _cleanup_fd_ int directory = -1;
        _cleanup_fd_ int file = -1;
        struct error err = {0};

        assert_int_equal(symlinkat("../../../run/resolv.conf", tree->fd, "root/dir/resolv.conf"), 0);
        assert_int_equal(symlinkat("loop", tree->fd, "root/loop"), 0);
        directory = path_make_dirs(root, "dangling/x", PATH_IN_ROOT_CREATE, 0755, &err);
        assert_true(directory >= 0);
        assert_int_equal(faccessat(tree->fd, "root/new/place/x", F_OK, 0), 0);
        file = path_make_file(root, "/dirlink/resolv.conf", PATH_IN_ROOT_CREATE, 0644, &err);
        assert_true(file >= 0);
        assert_int_equal(faccessat(tree->fd, "root/run/resolv.conf", F_OK, 0), 0);
        assert_int_equal(faccessat(tree->fd, "new", F_OK, 0), -1);
        assert_int_equal(faccessat(tree->fd, "run", F_OK, 0), -1);
        assert_int_equal(path_make_file(root, "loop", PATH_IN_ROOT_CREATE, 0644, &err), -ELOOP);
        assert_int_equal(path_make_dirs(root, "dangling/y", PATH_NO_SYMLINKS, 0755, &err), -ELOOP);
}

static void trees_are_removed_without_following_links(void **state) {
        const struct tree *tree = *state;

        assert_int_equal(path_remove_tree(tree->fd, "root", NULL), 0);
        assert_int_equal(faccessat(tree->fd, "root", F_OK, 0), -1);
        assert_int_equal(faccessat(tree->fd, "secret", F_OK, 0), 0);
        assert_int_equal(path_remove_tree(tree->fd, "root", NULL), 0);
}

static void paths_are_cleaned_by_text(void **state) {
        static const struct {
                const char *in;
                const char *out;
        } cases[] = {{"/", "/"},    {"", "."},        {"/a//b/./c/../d/", "/a/b/d"}, {"/../x", "/x"}, {"../x", "../x"},
                     {"a/..", "."}, {"a/../..", ".."}};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *clean = path_clean(cases[i].in);

                assert_string_equal(clean, cases[i].out);
        }
}

static void names_and_ids_are_checked(void **state) {
        (void) state;
        assert_true(path_is_name("...") && path_is_name("a b"));
        assert_false(path_is_name("") || path_is_name(".") || path_is_name("..") || path_is_name("a/b"));
        assert_true(path_is_id("web-1.2_x"));
        assert_false(path_is_id("") || path_is_id("-a") || path_is_id(".a") || path_is_id("a/b") || path_is_id("a b"));
}

static void files_are_replaced_whole(void **state) {
        const struct tree *tree = *state;
        _cleanup_free_ char *text = NULL;
        struct error err = {0};
        size_t size;

        assert_int_equal(file_write_atomic(tree->fd, "f", "one", 3, 0600, &err), 0);
        assert_int_equal(file_write_atomic(tree->fd, "f", "three", 5, 0600, &err), 0);
        assert_int_equal(file_read(tree->fd, "f", 5, &text, &size, &err), 0);
        assert_int_equal(size, 5);
        assert_string_equal(text, "three");
        free(take_ptr(text));
        assert_int_equal(file_read(tree->fd, "f", 4, &text, NULL, &err), -EFBIG);
        assert_string_equal(err.message, "f: larger than 4 bytes");
        assert_true(file_write_atomic(tree->fd, "none/f", "x", 1, 0600, &err) < 0);
}

#define tree_test(function) cmocka_unit_test_setup_teardown(function, make_tree, remove_tree)

static void knows_what_is_within_a_directory(void **state) {
        (void) state;
        assert_true(path_is_within("/a/b", "/a"));
        assert_true(path_is_within("/a", "/a"));
        assert_true(path_is_within("/a", "/"));
        assert_false(path_is_within("/ab", "/a"));
        assert_false(path_is_within("/", "/a"));
        assert_false(path_is_within("a", "/"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                tree_test(links_stay_inside_the_root),
                tree_test(directories_are_made_inside_the_root),
                tree_test(files_are_made_with_their_parents),
                tree_test(dangling_links_are_followed_inside_the_root),
                tree_test(trees_are_removed_without_following_links),
                cmocka_unit_test(paths_are_cleaned_by_text),
                cmocka_unit_test(names_and_ids_are_checked),
                tree_test(files_are_replaced_whole),
                cmocka_unit_test(knows_what_is_within_a_directory),
        };

        return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
