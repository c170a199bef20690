#include "populate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#define DEPTH_MAX 128
#define CHUNK ((size_t) 1 << 30)

static int copy_directory(int from, int to, int depth, struct error *err);

static bool is_dots(const char *name) {
        return str_equal(name, ".") || str_equal(name, "..");
}

/* Owner first: chown(2) takes set-id bits away again. */
static int copy_attributes(int fd, const struct stat *status) {
        const struct timespec times[] = {status->st_atim, status->st_mtim};

        if (fchown(fd, status->st_uid, status->st_gid) < 0 || fchmod(fd, status->st_mode & 07777) < 0 ||
            futimens(fd, times) < 0)
                return -errno;
        return 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *status) {
        _cleanup_fd_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        _cleanup_fd_ int out = -1;
        ssize_t copied;

        if (in < 0)
                return -errno;
        out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (out < 0)
                return -errno;
        while ((copied = sendfile(out, in, NULL, CHUNK)) > 0)
                ;
        return copied < 0 ? -errno : copy_attributes(out, status);
}

static int copy_link(int from, int to, const char *name, const struct stat *status) {
        char target[PATH_MAX];
        ssize_t size = readlinkat(from, name, target, sizeof(target) - 1);

        if (size < 0)
                return -errno;
        target[size] = '\0';
        if (symlinkat(target, to, name) < 0 ||
            fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int copy_special(int to, const char *name, const struct stat *status) {
        if (mknodat(to, name, status->st_mode, status->st_rdev) < 0 ||
            fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(to, name, status->st_mode & 07777, 0) < 0)
                return -errno;
        return 0;
}

static int copy_below(int from, int to, const char *name, const struct stat *status, int depth, struct error *err) {
        _cleanup_fd_ int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out = -1;
        int r;

        if (in < 0 || mkdirat(to, name, 0700) < 0)
                return error_errno(err, errno, "%s", name);
        out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (out < 0)
                return error_errno(err, errno, "%s", name);
        r = copy_directory(in, out, depth + 1, err);
        if (r < 0)
                return error_wrap(err, "%s", name);
        r = copy_attributes(out, status);
        return r < 0 ? error_errno(err, -r, "%s", name) : 0;
}

static int copy_entry(int from, int to, const char *name, int depth, struct error *err) {
        struct stat status;
        int r;

        if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "%s", name);
        if (S_ISDIR(status.st_mode))
                return copy_below(from, to, name, &status, depth, err);
        if (S_ISREG(status.st_mode))
                r = copy_file(from, to, name, &status);
        else if (S_ISLNK(status.st_mode))
                r = copy_link(from, to, name, &status);
        else
                r = copy_special(to, name, &status);
        return r < 0 ? error_errno(err, -r, "%s", name) : 0;
}

static int copy_directory(int from, int to, int depth, struct error *err) {
        _cleanup_fd_ int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *directory = own < 0 ? NULL : fdopendir(own);
        const struct dirent *entry;

        if (!directory)
                return error_errno(err, errno, "directory");
        (void) take_fd(&own); /* closed with the directory */
        if (depth > DEPTH_MAX)
                return error_set(err, ELOOP, "directories nested more than %d deep", DEPTH_MAX);
        while ((entry = readdir(directory))) {
                int r = is_dots(entry->d_name) ? 0 : copy_entry(from, to, entry->d_name, depth, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_empty(const char *path) {
        _cleanup_dir_ DIR *directory = opendir(path);
        const struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (!is_dots(entry->d_name))
                        return false;
        return directory != NULL;
}

int volume_populate(int from, const char *to, struct error *err) {
        _cleanup_fd_ int out = -1;
        struct stat status;
        int r;

        if (!is_empty(to))
                return 0;
        out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (out < 0 || fstat(from, &status) < 0)
                return error_errno(err, errno, "volume %s", to);
        r = copy_directory(from, out, 0, err);
        if (r < 0)
                return error_wrap(err, "volume %s", to);
        r = copy_attributes(out, &status);
        return r < 0 ? error_errno(err, -r, "volume %s", to) : 0;
}
