/* The bounds of layer_unpack(). */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../../manager/image/layer_tar.h"
#include "../../manager/image/stream.h"
#include "../../manager/image/unpack.h"

struct place {
        char directory[40];
        int fd;
};

static int make_place(void **state) {
        struct place *place = xcalloc(1, sizeof(*place));

        strcpy(place->directory, "/tmp/image-unpack-test-XXXXXX");
        assert_non_null(mkdtemp(place->directory));
        place->fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = place;
        return 0;
}

static int remove_place(void **state) {
        struct place *place = *state;

        fd_close(place->fd);
        assert_int_equal(path_remove_tree(AT_FDCWD, place->directory, NULL), 0);
        free(place);
        return 0;
}

/* A tar in memory with `count` files of `size` bytes. */
static int make_tar(int count, size_t size) {
        int fd = memfd_create("tar", MFD_CLOEXEC);
        struct archive *archive = archive_write_new();
        _cleanup_free_ char *data = xcalloc(1, size);

        assert_int_equal(archive_write_set_format_ustar(archive), ARCHIVE_OK);
        assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
        for (int i = 0; i < count; i++) {
                struct archive_entry *entry = archive_entry_new();
                _cleanup_free_ char *name = str_format("file%d", i);

                archive_entry_set_pathname(entry, name);
                archive_entry_set_filetype(entry, AE_IFREG);
                archive_entry_set_perm(entry, 0644);
                archive_entry_set_uid(entry, getuid());
                archive_entry_set_gid(entry, getgid());
                archive_entry_set_size(entry, (la_int64_t) size);
                assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
                assert_int_equal(archive_write_data(archive, data, size), (la_ssize_t) size);
                archive_entry_free(entry);
        }
        assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
        (void) archive_write_free(archive);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static int unpack(int tar_fd, int fd, const struct layer_limits *limits, uint64_t *size, struct error *err) {
        struct layer_stream *stream = NULL;
        struct layer_stream_result result;
        int r = layer_stream_open(&(struct layer_stream_options){.fd = tar_fd, .copy_fd = -1}, &stream, err);

        assert_int_equal(r, 0);
        r = layer_unpack(stream, fd, limits, size, err);
        if (r == 0)
                r = layer_stream_finish(stream, &result, err);
        layer_stream_free(stream);
        return r;
}

static void layers_within_the_bounds_are_unpacked(void **state) {
        const struct place *place = *state;
        _cleanup_fd_ int tar = make_tar(5, 1000);
        uint64_t size = 0;

        assert_int_equal(unpack(tar, place->fd, &(struct layer_limits){.entries = 5, .bytes = 5000}, &size, NULL), 0);
        assert_int_equal(size, 5000);
        assert_int_equal(faccessat(place->fd, "file4", F_OK, 0), 0);
}

static void too_many_entries_are_refused(void **state) {
        const struct place *place = *state;
        _cleanup_fd_ int tar = make_tar(6, 10);
        struct error err = {0};
        uint64_t size;

        assert_int_equal(unpack(tar, place->fd, &(struct layer_limits){.entries = 5}, &size, &err), -E2BIG);
        assert_non_null(strstr(err.message, "more than 5 entries"));
}

static void too_many_bytes_are_refused(void **state) {
        const struct place *place = *state;
        _cleanup_fd_ int tar = make_tar(2, 3000000);
        struct error err = {0};
        uint64_t size;

        assert_int_equal(unpack(tar, place->fd, &(struct layer_limits){.bytes = 4000000}, &size, &err), -EFBIG);
        assert_non_null(strstr(err.message, "more than 4000000 bytes"));
        /* What was written stays within the bound, give or take a block. */
        assert_true(size < 6000000);
}

static void a_stream_nobody_reads_to_its_end_is_stopped(void **state) {
        int ends[2];
        struct layer_stream *stream = NULL;

        (void) state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(layer_stream_open(&(struct layer_stream_options){.fd = ends[0], .copy_fd = -1}, &stream, NULL),
                         0);
        /* The pipe stays open and empty: only the stop can end the thread. */
        layer_stream_free(stream);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

static void the_same_directory_gives_the_same_tar(void **state) {
        const struct place *place = *state;
        char digest[2][SHA256_HEX_SIZE];

        assert_int_equal(mkdirat(place->fd, "d", 0755), 0);
        for (int i = 0; i < 20; i++) {
                _cleanup_free_ char *name = str_format("d/f%d", i * 7 % 20);
                int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

                assert_int_equal(write(fd, "x", 1), 1);
                fd_close(fd);
        }
        for (int i = 0; i < 2; i++) {
                _cleanup_fd_ int out = memfd_create("layer", MFD_CLOEXEC);
                uint64_t size;

                assert_int_equal(layer_tar_write(place->fd, out, digest[i], &size, NULL), 0);
                assert_int_equal(lseek(out, 0, SEEK_END), (off_t) size);
        }
        assert_string_equal(digest[0], digest[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(layers_within_the_bounds_are_unpacked, make_place, remove_place),
                cmocka_unit_test_setup_teardown(too_many_entries_are_refused, make_place, remove_place),
                cmocka_unit_test_setup_teardown(too_many_bytes_are_refused, make_place, remove_place),
                cmocka_unit_test(a_stream_nobody_reads_to_its_end_is_stopped),
                cmocka_unit_test_setup_teardown(the_same_directory_gives_the_same_tar, make_place, remove_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
