/*
 * One entry of a layer made in its directory, by fd. Owner comes before mode,
 * since chown(2) clears set-user-ID, and both before attributes, since it
 * clears security.capability too; times come last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "unpack_internal.h"

#define MODE_BITS 07777

static void entry_times(struct archive_entry *entry, struct timespec times[2]) {
        times[1] = (struct timespec){.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
        times[0] = times[1];
        if (archive_entry_atime_is_set(entry))
                times[0] = (struct timespec){.tv_sec = archive_entry_atime(entry),
                                             .tv_nsec = archive_entry_atime_nsec(entry)};
}

static int set_owner(int dir_fd, const char *name, struct archive_entry *entry, struct error *err) {
        la_int64_t uid = archive_entry_uid(entry);
        la_int64_t gid = archive_entry_gid(entry);

        /* The highest number means "leave it as it is" to chown(2). */
        if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
                return error_set(err, EINVAL, "owner %lld:%lld is out of range", (long long) uid, (long long) gid);
        if (fchownat(dir_fd, name, (uid_t) uid, (gid_t) gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
                return error_errno(err, errno, "cannot set the owner %lld:%lld", (long long) uid, (long long) gid);
        return 0;
}

/* Overlay's own attributes would change what the merged tree shows. */
static bool xattr_wanted(const char *name) {
        return !str_starts_with(name, "trusted.overlay.") && !str_starts_with(name, "user.overlay.");
}

/* A name behind a directory's fd in /proc: the one way to an attribute of a link, and no link is followed in it. */
static int set_xattrs(struct unpack *unpack, int dir_fd, const char *name, struct archive_entry *entry,
                      struct error *err) {
        _cleanup_free_ char *path = NULL;
        char link[PATH_FD_MAX];
        const char *key;
        const void *value;
        size_t size;

        if (archive_entry_xattr_reset(entry) == 0)
                return 0;
        path = path_join(path_of_fd(dir_fd, link), name);
        while (archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK) {
                if (!key || !xattr_wanted(key) || lsetxattr(path, key, value, size, 0) == 0)
                        continue;
                /* As in Docker: an attribute this file system cannot hold is lost, with a word about it. */
                if (errno != ENOTSUP && errno != EPERM)
                        return error_errno(err, errno, "cannot set the attribute %s", key);
                if (!unpack->xattrs_lost)
                        log_warning("%s: attribute %s cannot be set: %s", archive_entry_pathname(entry), key,
                                    strerror(errno));
                unpack->xattrs_lost = true;
        }
        return 0;
}

/* Holes count as well: whoever packs or copies the file writes them out. */
static int count_bytes(struct unpack *unpack, uint64_t bytes, struct error *err) {
        if (bytes > unpack->limits.bytes - unpack->bytes)
                return error_set(err, EFBIG, "more than %llu bytes unpacked",
                                 (unsigned long long) unpack->limits.bytes);
        unpack->bytes += bytes;
        return 0;
}

static int write_data(struct unpack *unpack, int fd, struct archive_entry *entry, struct error *err) {
        int64_t end = 0;
        int r;

        for (;;) {
                const void *data;
                size_t size;
                la_int64_t offset;

                r = archive_read_data_block(unpack->archive, &data, &size, &offset);
                if (r == ARCHIVE_EOF)
                        break;
                if (r < ARCHIVE_WARN)
                        return unpack_archive_error(unpack, err);
                r = count_bytes(unpack, size + (offset > end ? (uint64_t) (offset - end) : 0), err);
                if (r < 0)
                        return r;
                /* Sparse files come as pieces with holes between them. */
                if (offset != end && lseek(fd, offset, SEEK_SET) < 0)
                        return error_errno(err, errno, "cannot write");
                r = fd_write_all(fd, data, size);
                if (r < 0)
                        return error_errno(err, -r, "cannot write");
                end = offset + (int64_t) size;
        }
        if (archive_entry_size(entry) <= end)
                return 0;
        r = count_bytes(unpack, (uint64_t) (archive_entry_size(entry) - end), err);
        if (r == 0 && ftruncate(fd, archive_entry_size(entry)) < 0)
                r = error_errno(err, errno, "cannot write");
        return r;
}

static int make_file(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        _cleanup_fd_ int fd =
                openat(entry->parent_fd, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct timespec times[2];
        int r;

        if (fd < 0)
                return error_errno(err, errno, "cannot make the file");
        r = write_data(unpack, fd, entry->entry, err);
        if (r == 0)
                r = set_owner(fd, "", entry->entry, err);
        if (r < 0)
                return r;
        if (fchmod(fd, archive_entry_perm(entry->entry) & MODE_BITS) < 0)
                return error_errno(err, errno, "cannot set the mode");
        r = set_xattrs(unpack, entry->parent_fd, entry->name, entry->entry, err);
        if (r < 0)
                return r;
        entry_times(entry->entry, times);
        return futimens(fd, times) < 0 ? error_errno(err, errno, "cannot set the time") : 0;
}

static void remember_directory(struct unpack *unpack, const struct unpack_entry *entry) {
        struct unpack_directory *directory;

        if (unpack->directory_count == unpack->directory_room) {
                unpack->directory_room = unpack->directory_room ? 2 * unpack->directory_room : 256;
                unpack->directories =
                        xrealloc(unpack->directories, unpack->directory_room, sizeof(*unpack->directories));
        }
        directory = &unpack->directories[unpack->directory_count++];
        directory->path = xstrdup(entry->path);
        entry_times(entry->entry, directory->times);
}

static int make_directory(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        _cleanup_fd_ int fd = -1;
        int r;

        if (!entry->exists && mkdirat(entry->parent_fd, entry->name, 0700) < 0)
                return error_errno(err, errno, "cannot make the directory");
        fd = openat(entry->parent_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "cannot make the directory");
        r = entry->hide ? layer_set_opaque(fd) : 0;
        if (r < 0)
                return error_errno(err, -r, "cannot hide what is below the directory");
        r = set_owner(fd, "", entry->entry, err);
        if (r < 0)
                return r;
        if (fchmod(fd, archive_entry_perm(entry->entry) & MODE_BITS) < 0)
                return error_errno(err, errno, "cannot set the mode");
        remember_directory(unpack, entry);
        return set_xattrs(unpack, entry->parent_fd, entry->name, entry->entry, err);
}

static int finish_special(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        struct timespec times[2];
        int r = set_owner(entry->parent_fd, entry->name, entry->entry, err);

        if (r < 0)
                return r;
        /* The node was made by us a moment ago and nobody else writes here: there is no link to follow. */
        if (entry->type != AE_IFLNK &&
            fchmodat(entry->parent_fd, entry->name, archive_entry_perm(entry->entry) & MODE_BITS, 0) < 0)
                return error_errno(err, errno, "cannot set the mode");
        r = set_xattrs(unpack, entry->parent_fd, entry->name, entry->entry, err);
        if (r < 0)
                return r;
        entry_times(entry->entry, times);
        if (utimensat(entry->parent_fd, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "cannot set the time");
        return 0;
}

static int make_symlink(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        const char *target = archive_entry_symlink(entry->entry);

        if (str_empty(target))
                return error_set(err, EINVAL, "a symbolic link to nothing");
        if (symlinkat(target, entry->parent_fd, entry->name) < 0)
                return error_errno(err, errno, "cannot make the symbolic link");
        return finish_special(unpack, entry, err);
}

static int make_node(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        dev_t device = entry->type == AE_IFCHR || entry->type == AE_IFBLK ? archive_entry_rdev(entry->entry) : 0;

        if (mknodat(entry->parent_fd, entry->name, entry->type | 0600, device) < 0)
                return error_errno(err, errno, "cannot make the device, pipe or socket");
        return finish_special(unpack, entry, err);
}

static const struct {
        mode_t type;
        int (*make)(struct unpack *unpack, const struct unpack_entry *entry, struct error *err);
} makers[] = {
        {AE_IFREG, make_file}, {AE_IFDIR, make_directory}, {AE_IFLNK, make_symlink}, {AE_IFCHR, make_node},
        {AE_IFBLK, make_node}, {AE_IFIFO, make_node},      {AE_IFSOCK, make_node},
};

int unpack_make_entry(struct unpack *unpack, const struct unpack_entry *entry, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
                if (makers[i].type == entry->type)
                        return makers[i].make(unpack, entry, err);
        return error_set(err, EINVAL, "an unknown type of file");
}

int unpack_make_hardlink(struct unpack *unpack, const struct unpack_entry *entry, const char *target,
                         struct error *err) {
        _cleanup_free_ char *path = NULL;
        _cleanup_fd_ int target_fd = -1;
        const char *name;
        struct stat source;
        struct stat there;
        bool removed_directory = false;
        int r = unpack_clean_name(target, &path, err);

        if (r == 0)
                r = target_fd = path_open_parent(unpack->root_fd, path, PATH_IN_ROOT, &name, err);
        if (r >= 0 && fstatat(target_fd, name, &source, AT_SYMLINK_NOFOLLOW) < 0)
                r = error_errno(err, errno, "%s", path);
        if (r >= 0 && S_ISDIR(source.st_mode))
                r = error_set(err, EISDIR, "%s: is a directory", path);
        if (r < 0)
                return error_wrap(err, "hard link to \"%.200s\", which is not in this layer", target);

        if (fstatat(entry->parent_fd, entry->name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
                if (there.st_dev == source.st_dev && there.st_ino == source.st_ino)
                        return 0;
                r = path_remove_tree(entry->parent_fd, entry->name, err);
                if (r < 0)
                        return error_wrap(err, "cannot replace what is there");
                removed_directory = S_ISDIR(there.st_mode);
        }
        if (linkat(target_fd, name, entry->parent_fd, entry->name, 0) < 0)
                return error_errno(err, errno, "cannot make the hard link to \"%.200s\"", target);
        if (removed_directory)
                unpack_forget_parent(unpack);
        return 0;
}

int unpack_finish_directories(struct unpack *unpack, struct error *err) {
        for (size_t i = unpack->directory_count; i > 0; i--) {
                const struct unpack_directory *directory = &unpack->directories[i - 1];
                /* It may have been replaced since, and what is there now has its own time. */
                _cleanup_fd_ int fd = path_open(unpack->root_fd, directory->path, PATH_IN_ROOT,
                                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, NULL);

                if (fd >= 0 && futimens(fd, directory->times) < 0)
                        return error_errno(err, errno, "%s: cannot set the time", directory->path);
        }
        return 0;
}

void unpack_forget_directories(struct unpack *unpack) {
        for (size_t i = 0; i < unpack->directory_count; i++)
                free(unpack->directories[i].path);
        free(take_ptr(unpack->directories));
}
