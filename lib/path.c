#include "path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "str.h"

/* A rename elsewhere in the tree makes openat2 give up with EAGAIN; a hostile one could do so for ever. */
#define OPEN_RETRIES 128

/* As many links as the kernel follows in one path. */
#define LINKS_MAX 40

/* Removing a tree recurses a level a directory; each level holds an fd. */
#define REMOVE_DEPTH_MAX 4096

static uint64_t policy_resolve(enum path_policy policy) {
        switch (policy) {
        case PATH_IN_ROOT:
        case PATH_IN_ROOT_CREATE:
                return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
        case PATH_BENEATH:
                return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
        case PATH_NO_SYMLINKS:
                return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
        }
        return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
}

static const char *below(const char *path) {
        while (*path == '/')
                path++;
        return *path ? path : ".";
}

/* openat2(2) by policy, without a message. */
static int open_quietly(int root_fd, const char *path, enum path_policy policy, int flags, mode_t mode) {
        struct open_how how = {
                .flags = (uint64_t) (unsigned int) flags | O_CLOEXEC,
                .mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
                .resolve = policy_resolve(policy),
        };
        long fd = -1;

        for (int i = 0; i < OPEN_RETRIES; i++) {
                fd = syscall(SYS_openat2, root_fd, below(path), &how, sizeof(how));
                if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
                        break;
        }
        return fd < 0 ? -errno : (int) fd;
}

static int open_error(struct error *err, int r, const char *path) {
        if (r == -ENOSYS)
                return error_set(err, ENOSYS, "%s: this kernel cannot open paths safely (Linux 5.6 or newer is needed)",
                                 path);
        if (r == -EXDEV)
                return error_set(err, EXDEV, "%s: leads out of its directory", path);
        return error_errno(err, -r, "%s", path);
}

int path_open(int root_fd, const char *path, enum path_policy policy, int flags, mode_t mode, struct error *err) {
        int fd = open_quietly(root_fd, path, policy, flags, mode);

        return fd < 0 ? open_error(err, fd, path) : fd;
}

/*
 * Opens the longest part of `path` that exists and sets *rest to what is left.
 * `path` is cut in place and put together again.
 */
static int open_existing_part(int root_fd, char *path, enum path_policy policy, const char **rest) {
        char *cut = path + strlen(path);

        *rest = cut;
        for (;;) {
                char saved = *cut;
                int fd;

                *cut = '\0';
                fd = open_quietly(root_fd, path, policy, O_PATH, 0);
                *cut = saved;
                if (fd != -ENOENT || cut == path)
                        return fd;
                while (cut > path && cut[-1] == '/')
                        cut--;
                while (cut > path && cut[-1] != '/')
                        cut--;
                *rest = cut;
        }
}

/*
 * As open_existing_part(), of the path in *resolved. For PATH_IN_ROOT_CREATE that is the path with every link
 * followed whose target does not exist yet, so that what is made lies where the links point, still below the
 * root: images often have /etc/resolv.conf lead to a file under /run that only a running system has.
 */
static int open_resolved_part(int root_fd, const char *path, enum path_policy policy, char **resolved,
                              const char **rest) {
        _cleanup_free_ char *current = xstrdup(below(path));

        for (int i = 0; i < LINKS_MAX; i++) {
                _cleanup_free_ char *part = NULL;
                _cleanup_fd_ int fd = open_existing_part(root_fd, current, policy, rest);
                char target[PATH_MAX];
                ssize_t length = -1;
                char *next;

                if (fd < 0)
                        return fd;
                if (policy == PATH_IN_ROOT_CREATE && **rest != '\0') {
                        part = xstrndup(*rest, strcspn(*rest, "/"));
                        length = readlinkat(fd, part, target, sizeof(target) - 1);
                }
                if (length < 0) {
                        *resolved = take_ptr(current);
                        return take_fd(&fd);
                }
                target[length] = '\0';
                next = str_format("%.*s%s%s", target[0] == '/' ? 0 : (int) (*rest - current), current, target,
                                  *rest + strlen(part));
                free(current);
                current = next;
        }
        return -ELOOP;
}

/* mkdir -p of what is missing below `directory`. Returns the last one. */
static int make_missing_dirs(int directory, const char *rest, mode_t mode) {
        _cleanup_str_list_ struct str_list parts = {0};
        _cleanup_fd_ int fd = -1;

        str_list_split(&parts, rest, '/');
        for (size_t i = 0; i < parts.count; i++) {
                const char *part = parts.items[i];
                int at = fd < 0 ? directory : fd;
                int next;

                if (str_empty(part) || str_equal(part, "."))
                        continue;
                if (str_equal(part, ".."))
                        return -EINVAL;
                /* What exists was resolved before, so a link found here now was put there by somebody else. */
                if (mkdirat(at, part, mode) < 0 && errno != EEXIST)
                        return -errno;
                next = open_quietly(at, part, PATH_NO_SYMLINKS, O_PATH | O_DIRECTORY, 0);
                if (next < 0)
                        return next;
                fd_close_at(&fd);
                fd = next;
        }
        return take_fd(&fd);
}

int path_make_dirs(int root_fd, const char *path, enum path_policy policy, mode_t mode, struct error *err) {
        enum path_policy lookup = policy == PATH_BENEATH ? PATH_IN_ROOT : policy;
        _cleanup_free_ char *resolved = NULL;
        _cleanup_fd_ int existing = -1;
        const char *rest = NULL;
        struct stat st;
        int r;

        existing = open_resolved_part(root_fd, path, lookup, &resolved, &rest);
        if (existing < 0)
                return open_error(err, existing, path);
        if (*rest != '\0')
                r = make_missing_dirs(existing, rest, mode);
        else
                r = fstat(existing, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? take_fd(&existing) : -ENOTDIR;
        if (r == -EINVAL)
                return error_set(err, EINVAL, "%s: \"..\" in a part that does not exist", path);
        return r < 0 ? open_error(err, r, path) : r;
}

/* Splits the last component off: *parent is new memory, *name points into path. */
static int split_last(const char *path, char **parent, const char **name) {
        const char *end = path + strlen(path);
        const char *start;

        while (end > path && end[-1] == '/')
                end--;
        start = end;
        while (start > path && start[-1] != '/')
                start--;
        /* The name is handed out as a pointer into path, so nothing may follow it. */
        if (*end != '\0' || !path_is_name(start))
                return -EINVAL;
        *parent = xstrndup(path, (size_t) (start - path));
        *name = start;
        return 0;
}

int path_open_parent(int root_fd, const char *path, enum path_policy policy, const char **name, struct error *err) {
        _cleanup_free_ char *parent = NULL;

        if (split_last(path, &parent, name) < 0)
                return error_set(err, EINVAL, "%s: not the path of a file", path);
        return path_open(root_fd, parent, policy, O_PATH | O_DIRECTORY, 0, err);
}

int path_make_file(int root_fd, const char *path, enum path_policy policy, mode_t mode, struct error *err) {
        enum path_policy lookup = policy == PATH_BENEATH ? PATH_IN_ROOT : policy;
        _cleanup_free_ char *resolved = NULL;
        _cleanup_free_ char *parent = NULL;
        _cleanup_fd_ int parent_fd = -1;
        _cleanup_fd_ int made = -1;
        const char *rest;
        const char *name;
        int fd;

        fd = open_quietly(root_fd, path, lookup, O_PATH, 0);
        if (fd >= 0)
                return fd;
        if (fd == -ENOENT) {
                parent_fd = open_resolved_part(root_fd, path, lookup, &resolved, &rest);
                fd = parent_fd < 0 ? parent_fd : 0;
                fd_close_at(&parent_fd);
        }
        if (fd < 0)
                return open_error(err, fd, path);
        if (split_last(resolved, &parent, &name) < 0)
                return error_set(err, EINVAL, "%s: not the path of a file", path);
        parent_fd = path_make_dirs(root_fd, parent, policy, 0755, err);
        if (parent_fd < 0)
                return parent_fd;
        made = openat(parent_fd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, mode);
        if (made < 0)
                return error_errno(err, errno, "%s", path);
        fd = open_quietly(parent_fd, name, PATH_NO_SYMLINKS, O_PATH, 0);
        return fd < 0 ? open_error(err, fd, path) : fd;
}

const char *path_of_fd(int fd, char buffer[PATH_FD_MAX]) {
        (void) snprintf(buffer, PATH_FD_MAX, "/proc/self/fd/%d", fd);
        return buffer;
}

bool path_is_name(const char *text) {
        return !str_empty(text) && !str_equal(text, ".") && !str_equal(text, "..") && !strchr(text, '/') &&
               strlen(text) <= NAME_MAX;
}

bool path_is_id(const char *text) {
        size_t length = text ? strlen(text) : 0;

        if (length == 0 || length > NAME_MAX || !isalnum((unsigned char) text[0]))
                return false;
        for (size_t i = 1; i < length; i++)
                if (!isalnum((unsigned char) text[i]) && !strchr("_.-", text[i]))
                        return false;
        return true;
}

char *path_clean(const char *path) {
        _cleanup_str_list_ struct str_list parts = {0};
        _cleanup_str_list_ struct str_list kept = {0};
        bool absolute = path[0] == '/';
        _cleanup_free_ char *joined = NULL;

        str_list_split(&parts, path, '/');
        for (size_t i = 0; i < parts.count; i++) {
                const char *part = parts.items[i];

                if (str_empty(part) || str_equal(part, "."))
                        continue;
                if (str_equal(part, "..") && kept.count > 0 && !str_equal(kept.items[kept.count - 1], "..")) {
                        free(kept.items[--kept.count]);
                        kept.items[kept.count] = NULL;
                        continue;
                }
                if (str_equal(part, "..") && absolute)
                        continue;
                str_list_add(&kept, part);
        }
        joined = str_list_join(&kept, "/");
        if (absolute)
                return str_format("/%s", joined);
        return str_empty(joined) ? xstrdup(".") : take_ptr(joined);
}

bool path_is_within(const char *path, const char *directory) {
        size_t size = strlen(directory);

        if (str_equal(directory, "/"))
                return path[0] == '/';
        return strncmp(path, directory, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

char *path_join(const char *directory, const char *name) {
        size_t length = strlen(directory);

        while (length > 0 && directory[length - 1] == '/')
                length--;
        while (*name == '/')
                name++;
        return str_format("%.*s/%s", (int) length, directory, name);
}

int path_absolute(const char *path, char **out, struct error *err) {
        _cleanup_free_ char *cwd = NULL;
        _cleanup_free_ char *joined = NULL;

        if (path[0] == '/') {
                *out = path_clean(path);
                return 0;
        }
        cwd = getcwd(NULL, 0);
        if (!cwd)
                return error_errno(err, errno, "the current directory");
        joined = path_join(cwd, path);
        *out = path_clean(joined);
        return 0;
}

int path_mount_id(int fd, uint64_t *out) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0)
                return -errno;
        if (!(st.stx_mask & STATX_MNT_ID))
                return -ENOSYS;
        *out = st.stx_mnt_id;
        return 0;
}

static int remove_entry(int dir_fd, const char *name, uint64_t mount_id, int depth, struct error *err);

static int remove_children(int fd, uint64_t mount_id, int depth, struct error *err) {
        _cleanup_dir_ DIR *dir = NULL;
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (copy < 0)
                return error_errno(err, errno, "cannot list the directory");
        dir = fdopendir(copy);
        if (!dir) {
                fd_close(copy);
                return error_errno(err, errno, "cannot list the directory");
        }
        for (;;) {
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno ? error_errno(err, errno, "cannot list the directory") : 0;
                if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
                        continue;
                r = remove_entry(fd, entry->d_name, mount_id, depth + 1, err);
                if (r < 0)
                        return r;
        }
}

static int remove_entry(int dir_fd, const char *name, uint64_t mount_id, int depth, struct error *err) {
        _cleanup_fd_ int fd = -1;
        uint64_t own_mount_id;
        int r;

        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return error_errno(err, errno, "cannot remove %s", name);
        fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "cannot remove %s", name);
        r = path_mount_id(fd, &own_mount_id);
        if (r < 0)
                return error_errno(err, -r, "cannot remove %s", name);
        if (own_mount_id != mount_id)
                return error_set(err, EBUSY, "cannot remove %s: something is mounted there", name);
        if (depth > REMOVE_DEPTH_MAX)
                return error_set(err, ELOOP, "cannot remove %s: nested too deeply", name);
        r = remove_children(fd, mount_id, depth, err);
        if (r < 0)
                return error_wrap(err, "%s", name);
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return error_errno(err, errno, "cannot remove %s", name);
        return 0;
}

int path_remove_tree(int dir_fd, const char *name, struct error *err) {
        uint64_t mount_id;
        int r = path_mount_id(dir_fd, &mount_id);

        return r < 0 ? error_errno(err, -r, "cannot remove %s", name) : remove_entry(dir_fd, name, mount_id, 0, err);
}

int path_make_trusted_dirs(const char *path, mode_t mode, struct error *err) {
        _cleanup_free_ char *copy = path_clean(path);

        if (mkdir(copy, mode) == 0 || errno == EEXIST)
                return 0;
        if (errno != ENOENT)
                return error_errno(err, errno, "%s", path);
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return error_errno(err, errno, "%s", copy);
                *slash = '/';
        }
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
                return error_errno(err, errno, "%s", path);
        return 0;
}
