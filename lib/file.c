#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "path.h"
#include "str.h"

int file_read(int dir_fd, const char *path, size_t max, char **out, size_t *size, struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        r = fd_read_all(fd, max, out, size);
        if (r == -EFBIG)
                return error_set(err, EFBIG, "%s: larger than %zu bytes", path, max);
        return r < 0 ? error_errno(err, -r, "%s", path) : 0;
}

static int write_staged(int dir_fd, const char *staged, const void *data, size_t size, mode_t mode, bool durable) {
        _cleanup_fd_ int fd = openat(dir_fd, staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        int r;

        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r < 0)
                return r;
        /* The mode asked for, whatever the umask. */
        if (fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0))
                return -errno;
        return 0;
}

static int replace(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, bool durable,
                   struct error *err) {
        /* The pid keeps concurrent writers apart; a leftover of a crashed process with our pid goes first. */
        _cleanup_free_ char *staged = str_format("%s.%d.tmp", path, (int) getpid());
        int r = write_staged(dir_fd, staged, data, size, mode, durable);

        if (r == -EEXIST) {
                (void) unlinkat(dir_fd, staged, 0);
                r = write_staged(dir_fd, staged, data, size, mode, durable);
        }
        if (r == 0 && renameat(dir_fd, staged, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, staged, 0);
                return error_errno(err, -r, "%s", path);
        }
        return 0;
}

int file_write_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err) {
        return replace(dir_fd, path, data, size, mode, true, err);
}

int file_write_volatile(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err) {
        return replace(dir_fd, path, data, size, mode, false, err);
}

/* An open file without a name in the directory that `path` is in, or a negative errno. */
static int open_unnamed(int dir_fd, const char *path, mode_t mode) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = slash ? xstrndup(path, (size_t) (slash - path) + 1) : xstrdup(".");
        int fd = openat(dir_fd, directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);

        return fd < 0 ? -errno : fd;
}

static int link_unnamed(int fd, int dir_fd, const char *path) {
        char link[PATH_FD_MAX];

        return linkat(AT_FDCWD, path_of_fd(fd, link), dir_fd, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int file_write_new(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err) {
        _cleanup_fd_ int fd = open_unnamed(dir_fd, path, mode);
        int r;

        if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT)
                return file_write_volatile(dir_fd, path, data, size, mode, err);
        r = fd < 0 ? fd : fd_write_all(fd, data, size);
        if (r == 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r == 0)
                r = link_unnamed(fd, dir_fd, path);
        if (r == -EEXIST && unlinkat(dir_fd, path, 0) == 0)
                r = link_unnamed(fd, dir_fd, path);
        return r < 0 ? error_errno(err, -r, "%s", path) : 0;
}

int file_write_existing(int dir_fd, const char *path, const char *data, struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t size = strlen(data);
        ssize_t n;

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        do
                n = write(fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_errno(err, errno, "%s: cannot write \"%s\"", path, data);
        if ((size_t) n != size)
                return error_set(err, EIO, "%s: only %zd of %zu bytes were written", path, n, size);
        return 0;
}

int file_lock(int dir_fd, const char *path, enum file_lock kind, struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        do
                r = flock(fd, kind == FILE_LOCK_SHARED ? LOCK_SH : LOCK_EX);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return error_errno(err, errno, "%s: cannot lock", path);
        return take_fd(&fd);
}
