#include "copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#define DEPTH_MAX 256

static int copy_directory(int from, int to, dev_t device, int depth, struct error *err);

static int copy_file(int from, int to, const char *name, const struct stat *st, struct error *err) {
        _cleanup_fd_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_fd_ int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct timespec times[2] = {st->st_atim, st->st_mtim};
        int r;

        if (in < 0 || out < 0)
                return error_errno(err, errno, "%s", name);
        r = fd_copy(in, out);
        if (r < 0)
                return error_errno(err, -r, "%s", name);
        if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0 || futimens(out, times) < 0)
                return error_errno(err, errno, "%s", name);
        return 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct error *err) {
        char target[PATH_MAX + 1];
        ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

        if (n < 0)
                return error_errno(err, errno, "%s", name);
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0 || fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "%s", name);
        return 0;
}

static int copy_entry(int from, int to, const char *name, dev_t device, int depth, struct error *err) {
        _cleanup_fd_ int in = -1;
        _cleanup_fd_ int out = -1;
        struct stat st;
        int r;

        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "%s", name);
        if (S_ISREG(st.st_mode))
                return copy_file(from, to, name, &st, err);
        if (S_ISLNK(st.st_mode))
                return copy_link(from, to, name, &st, err);
        if (!S_ISDIR(st.st_mode))
                return 0;
        if (mkdirat(to, name, 0700) < 0)
                return error_errno(err, errno, "%s", name);
        in = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0 || out < 0)
                return error_errno(err, errno, "%s", name);
        if (st.st_dev == device && (r = copy_directory(in, out, device, depth + 1, err)) < 0)
                return error_wrap(err, "%s", name);
        if (fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0)
                return error_errno(err, errno, "%s", name);
        return 0;
}

static int copy_directory(int from, int to, dev_t device, int depth, struct error *err) {
        int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (!dir)
                return error_errno(err, errno, "directory");
        if (depth > DEPTH_MAX)
                return error_set(err, ELOOP, "more than %d directories deep", DEPTH_MAX);
        while ((entry = readdir(dir))) {
                int r;

                if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
                        continue;
                r = copy_entry(fd, to, entry->d_name, device, depth, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int copy_up(int from, int to, struct error *err) {
        struct stat st;

        if (fstat(from, &st) < 0)
                return error_errno(err, errno, "directory");
        if (fchownat(to, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0)
                return error_errno(err, errno, "directory");
        return copy_directory(from, to, st.st_dev, 0, err);
}
