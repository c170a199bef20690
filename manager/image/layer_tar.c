#include "layer_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "unpack.h"

#define DEPTH_MAX 256
#define COPY_SIZE ((size_t) 256 * 1024)
#define XATTR_MAX ((size_t) 64 * 1024)

struct layer_tar {
        struct archive *archive;
        struct archive_entry_linkresolver *links;
        int out_fd;
        struct sha256 *hash;
        uint64_t size;
        char *buffer;
        int depth;
};

static la_ssize_t on_write(struct archive *archive, void *context, const void *data, size_t size) {
        struct layer_tar *tar = context;
        int r = fd_write_all(tar->out_fd, data, size);

        if (r < 0) {
                archive_set_error(archive, -r, "cannot write: %s", strerror(-r));
                return -1;
        }
        sha256_update(tar->hash, data, size);
        tar->size += size;
        return (la_ssize_t) size;
}

static int archive_failed(const struct layer_tar *tar, const char *path, struct error *err) {
        const char *text = archive_error_string(tar->archive);

        return error_set(err, EIO, "%s: %s", path, text ? text : "cannot write the layer");
}

static int add_xattrs(struct archive_entry *entry, int dir_fd, const char *name, const char *path, bool *opaque,
                      struct error *err) {
        char link[PATH_FD_MAX];
        _cleanup_free_ char *place = path_join(path_of_fd(dir_fd, link), name);
        _cleanup_free_ char *names = xcalloc(1, XATTR_MAX);
        _cleanup_free_ char *value = NULL;
        ssize_t size = llistxattr(place, names, XATTR_MAX);

        if (size < 0)
                return errno == ENOTSUP ? 0 : error_errno(err, errno, "%s: cannot read its attributes", path);
        for (const char *key = names; key < names + size; key += strlen(key) + 1) {
                ssize_t length;

                value = value ? value : xcalloc(1, XATTR_MAX);
                length = lgetxattr(place, key, value, XATTR_MAX);
                if (length < 0)
                        return error_errno(err, errno, "%s: cannot read its attribute %s", path, key);
                if (str_equal(key, LAYER_OPAQUE_XATTR))
                        *opaque = length == 1 && value[0] == 'y';
                /* The directory's content would be missing: it is elsewhere in the layers below. */
                if (str_equal(key, "trusted.overlay.redirect"))
                        return error_set(err, ENOTSUP, "%s: a directory that overlay only redirects", path);
                if (!str_starts_with(key, "trusted.overlay.") && !str_starts_with(key, "user.overlay.") &&
                    !str_equal(key, "security.selinux"))
                        archive_entry_xattr_add_entry(entry, key, value, (size_t) length);
        }
        return 0;
}

static int write_content(struct layer_tar *tar, int dir_fd, const char *name, const char *path, uint64_t left,
                         struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        /* A file that shrinks meanwhile is filled up with zeros by the writer, one that grows is cut. */
        while (left > 0) {
                ssize_t n = read(fd, tar->buffer, left < COPY_SIZE ? left : COPY_SIZE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errno(err, errno, "%s", path);
                if (n == 0)
                        break;
                if (archive_write_data(tar->archive, tar->buffer, (size_t) n) < 0)
                        return archive_failed(tar, path, err);
                left -= (uint64_t) n;
        }
        return 0;
}

/* An empty file whose name says what overlay keeps in a device or an attribute. */
static int write_whiteout(struct layer_tar *tar, const char *path, const struct stat *st, struct error *err) {
        struct archive_entry *entry = archive_entry_new();
        int r;

        archive_entry_set_pathname(entry, path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0);
        archive_entry_set_size(entry, 0);
        archive_entry_set_mtime(entry, st->st_mtim.tv_sec, 0);
        r = archive_write_header(tar->archive, entry);
        archive_entry_free(entry);
        return r < ARCHIVE_WARN ? archive_failed(tar, path, err) : 0;
}

static int read_link(int dir_fd, const char *name, const char *path, struct archive_entry *entry, struct error *err) {
        char target[PATH_MAX];
        ssize_t length = readlinkat(dir_fd, name, target, sizeof(target) - 1);

        if (length < 0)
                return error_errno(err, errno, "%s", path);
        target[length] = '\0';
        archive_entry_set_symlink(entry, target);
        return 0;
}

static int write_entry(struct layer_tar *tar, int dir_fd, const char *name, const char *path, const struct stat *st,
                       bool *opaque, struct error *err) {
        struct archive_entry *entry = archive_entry_new();
        struct archive_entry *spare = NULL;
        bool linked;
        int r = 0;

        archive_entry_copy_stat(entry, st);
        archive_entry_set_pathname(entry, path);
        if (S_ISLNK(st->st_mode))
                r = read_link(dir_fd, name, path, entry, err);
        if (r == 0)
                r = add_xattrs(entry, dir_fd, name, path, opaque, err);
        if (r == 0) {
                archive_entry_linkify(tar->links, &entry, &spare);
                linked = archive_entry_hardlink(entry) != NULL;
                if (archive_write_header(tar->archive, entry) < ARCHIVE_WARN)
                        r = archive_failed(tar, path, err);
                else if (S_ISREG(st->st_mode) && !linked && st->st_size > 0)
                        r = write_content(tar, dir_fd, name, path, (uint64_t) st->st_size, err);
        }
        archive_entry_free(entry);
        return r;
}

static int write_directory(struct layer_tar *tar, int fd, const char *path, struct error *err);

static int write_child(struct layer_tar *tar, int dir_fd, const char *name, const char *parent, struct error *err) {
        _cleanup_free_ char *path = str_format("%s%s", parent, name);
        _cleanup_free_ char *inside = NULL;
        _cleanup_free_ char *mark = NULL;
        _cleanup_fd_ int fd = -1;
        struct stat st;
        bool opaque = false;
        int r;

        if (str_starts_with(name, LAYER_WHITEOUT))
                return error_set(err, EINVAL, "%s: in a layer a name that starts with .wh. hides another", path);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "%s", path);
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
                mark = str_format("%s" LAYER_WHITEOUT "%s", parent, name);
                return write_whiteout(tar, mark, &st, err);
        }
        /* A socket means nothing without the process behind it, and tar cannot hold one. */
        if (S_ISSOCK(st.st_mode))
                return 0;
        r = write_entry(tar, dir_fd, name, path, &st, &opaque, err);
        if (r < 0 || !S_ISDIR(st.st_mode))
                return r;
        inside = str_format("%s/", path);
        if (opaque) {
                mark = str_format("%s.wh..wh..opq", inside);
                r = write_whiteout(tar, mark, &st, err);
        }
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        return r == 0 ? write_directory(tar, fd, inside, err) : r;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int list_names(int fd, const char *path, struct str_list *names, struct error *err) {
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!dir) {
                int code = errno;

                fd_close_at(&copy);
                return error_errno(err, code, "%s", path);
        }
        while ((entry = readdir(dir)))
                if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
                        str_list_add(names, entry->d_name);
        if (names->count > 0)
                qsort(names->items, names->count, sizeof(*names->items), compare_text);
        return 0;
}

static int write_directory(struct layer_tar *tar, int fd, const char *path, struct error *err) {
        _cleanup_str_list_ struct str_list names = {0};
        int r = list_names(fd, path, &names, err);

        if (r == 0 && ++tar->depth > DEPTH_MAX)
                r = error_set(err, ELOOP, "%.200s: nested more than %d directories deep", path, DEPTH_MAX);
        for (size_t i = 0; r == 0 && i < names.count; i++)
                r = write_child(tar, fd, names.items[i], path, err);
        tar->depth--;
        return r;
}

static int open_writer(struct layer_tar *tar, struct error *err) {
        struct archive *archive = tar->archive;

        if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
            archive_write_add_filter_gzip(archive) != ARCHIVE_OK ||
            archive_write_set_filter_option(archive, "gzip", "compression-level", "3") != ARCHIVE_OK ||
            archive_write_set_filter_option(archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
            archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
            archive_write_open(archive, tar, NULL, on_write, NULL) != ARCHIVE_OK)
                return archive_failed(tar, "layer", err);
        return 0;
}

int layer_tar_write(int upper_fd, int out_fd, char digest[SHA256_HEX_SIZE], uint64_t *size, struct error *err) {
        struct layer_tar tar = {
                .archive = archive_write_new(),
                .links = archive_entry_linkresolver_new(),
                .out_fd = out_fd,
                .hash = sha256_new(),
                .buffer = xcalloc(1, COPY_SIZE),
        };
        int r;

        if (!tar.archive || !tar.links)
                return error_set(err, ENOMEM, "out of memory");
        archive_entry_linkresolver_set_strategy(tar.links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
        r = open_writer(&tar, err);
        if (r == 0)
                r = write_directory(&tar, upper_fd, "", err);
        if (r == 0 && archive_write_close(tar.archive) != ARCHIVE_OK)
                r = archive_failed(&tar, "layer", err);
        archive_entry_linkresolver_free(tar.links);
        (void) archive_write_free(tar.archive);
        sha256_finish(tar.hash, digest);
        *size = tar.size;
        sha256_free(tar.hash);
        free(tar.buffer);
        return r;
}
