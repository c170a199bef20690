/*
 * A layer's tar, unpacked, packed again as `commit` does, and unpacked once more. Sums of headers are set right first:
 * nearly all input would end there. What an unpacked layer may change is a directory; the rest of the machine is
 * read-only meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../manager/image/layer_tar.h"
#include "../../manager/image/stream.h"
#include "../../manager/image/unpack.h"
#include "fuzz.h"

#define BLOCK 512
#define SIZE_AT 124
#define SUM_AT 148
#define SUM_SIZE 8

#define LAYER "layer"
#define OUTSIDE "outside"

static void write_protect(const char *path, unsigned int flags, bool on) {
        struct mount_attr attributes = {0};

        *(on ? &attributes.attr_set : &attributes.attr_clr) = MOUNT_ATTR_RDONLY;
        fuzz_require(syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof(attributes)) == 0, "%s: %s",
                     path, strerror(errno));
}

/* Inputs that were found and learnt are written below FUZZ. */
static void confine(const char *directory) {
        const char *kept[] = {directory, getenv("FUZZ")};

        fuzz_require(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mounts: %s",
                     strerror(errno));
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
                fuzz_require(!kept[i] || mount(kept[i], kept[i], NULL, MS_BIND, NULL) == 0, "%s: %s", kept[i],
                             strerror(errno));
        write_protect("/", AT_RECURSIVE, true);
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
                if (kept[i])
                        write_protect(kept[i], 0, false);
}

static void set_sum(unsigned char *header) {
        unsigned int sum = 0;

        memset(header + SUM_AT, ' ', SUM_SIZE);
        for (size_t i = 0; i < BLOCK; i++)
                sum += header[i];
        (void) snprintf((char *) header + SUM_AT, SUM_SIZE - 1, "%06o", sum);
}

static void set_sums(unsigned char *tar, size_t size) {
        for (size_t at = 0; at + BLOCK <= size;) {
                char digits[13] = "";
                uint64_t content;

                memcpy(digits, tar + at + SIZE_AT, sizeof(digits) - 1);
                content = strtoull(digits, NULL, 8);
                if (tar[at])
                        set_sum(tar + at);
                if (content > size)
                        return;
                at += BLOCK + (content + BLOCK - 1) / BLOCK * BLOCK;
        }
}

/* Unpacks what the file holds into a new directory of that name. Returns whether it was accepted. */
static bool unpack(int parent, const char *name, int tar, struct error *err) {
        const struct layer_limits limits = {.entries = 1000, .bytes = 1 << 20};
        struct layer_stream_result result;
        struct layer_stream *stream = NULL;
        uint64_t size = 0;
        int r, directory;

        fuzz_require(mkdirat(parent, name, 0755) == 0, "%s: %s", name, strerror(errno));
        directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fuzz_require(layer_stream_open(&(struct layer_stream_options){.fd = tar, .copy_fd = -1}, &stream, err) == 0,
                     "%s", err->message);
        r = layer_unpack(stream, directory, &limits, &size, err);
        if (r == 0)
                r = layer_stream_finish(stream, &result, err);
        layer_stream_free(stream);
        fd_close(directory);
        fuzz_require(r != -EROFS, "left its directory: %s", err->message);
        fuzz_require(size <= limits.bytes, "more bytes than allowed");
        return fuzz_accepted(r, err);
}

static int pack(int parent, const char *name) {
        _cleanup_fd_ int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int tar = memfd_create("packed", MFD_CLOEXEC);
        char digest[SHA256_HEX_SIZE];
        struct error err = {0};
        uint64_t size;

        fuzz_require(layer_tar_write(directory, tar, digest, &size, &err) == 0, "cannot pack what it unpacked: %s",
                     err.message);
        (void) lseek(tar, 0, SEEK_SET);
        return tar;
}

static void check_outside(int parent) {
        struct stat st;

        fuzz_require(fstatat(parent, OUTSIDE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                             st.st_size == sizeof(OUTSIDE) && st.st_nlink == 1 && (st.st_mode & 07777) == 0600,
                     "a file outside was changed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static bool confined = false;
        _cleanup_fd_ int tar = memfd_create("tar", MFD_CLOEXEC), again = -1;
        _cleanup_free_ unsigned char *copy = xrealloc(NULL, 1, size);
        int parent;
        const char *directory = fuzz_directory(&parent);
        struct error err = {0};

        if (!confined) {
                _cleanup_fd_ int mounted = -1;

                confine(directory);
                confined = true;
                /* The same directory, through the mount where writing is allowed. */
                mounted = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                fuzz_require(dup3(mounted, parent, O_CLOEXEC) == parent, "%s: %s", directory, strerror(errno));
                fuzz_write(parent, OUTSIDE, OUTSIDE, sizeof(OUTSIDE));
        }
        memcpy(copy, data, size);
        set_sums(copy, size);
        fuzz_require(write(tar, copy, size) == (ssize_t) size && lseek(tar, 0, SEEK_SET) == 0, "%s", strerror(errno));
        if (unpack(parent, LAYER, tar, &err)) {
                again = pack(parent, LAYER);
                fuzz_require(unpack(parent, LAYER "-again", again, &err), "refuses the layer it packed: %s",
                             err.message);
                fuzz_require(path_remove_tree(parent, LAYER "-again", NULL) == 0, "cannot be removed");
        }
        fuzz_require(path_remove_tree(parent, LAYER, NULL) == 0, "cannot be removed");
        check_outside(parent);
        return 0;
}
