/* What lives below a cgroup: its processes, and cgroups that the container made itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "cgroup_private.h"

/* Deeper than any real tree; the container can make directories at will. */
#define DEPTH_MAX 256

static int read_list(int dir_fd, const char *file, char **out) {
        _cleanup_fd_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd_read_all(fd, 64 << 20, out, NULL);
}

static int add_pids(int dir_fd, pid_t **pids, size_t *count) {
        _cleanup_free_ char *text = NULL;
        int r = read_list(dir_fd, "cgroup.procs", &text);

        /*
         * A threaded cgroup lists no processes: they are its domain's, further up. Of the
         * threads it lists, those that are processes are the ones a pidfd can be had of.
         */
        if (r == -EOPNOTSUPP)
                r = read_list(dir_fd, "cgroup.threads", &text);
        if (r < 0)
                return r == -ENODEV ? -ENOENT : r;

        for (char *at = text; *at;) {
                char *end = NULL;
                long pid = strtol(at, &end, 10);

                if (end == at)
                        break;
                /* 0: a process of a pid namespace that this one cannot see. */
                if (pid > 0) {
                        *pids = xrealloc(*pids, *count + 1, sizeof(**pids));
                        (*pids)[(*count)++] = (pid_t) pid;
                }
                at = end + strspn(end, "\n");
        }
        return 0;
}

/* Opens the directory anew, so that its position is not shared with other readers. */
static DIR *open_children(int dir_fd) {
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (!dir && fd >= 0)
                fd_close(fd);
        return dir;
}

static bool is_child(const struct dirent *entry) {
        return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int walk_pids(int dir_fd, int depth, pid_t **pids, size_t *count) {
        _cleanup_dir_ DIR *dir = NULL;
        int r = add_pids(dir_fd, pids, count);

        if (r < 0)
                return r;
        dir = depth < DEPTH_MAX ? open_children(dir_fd) : NULL;
        if (!dir)
                return depth < DEPTH_MAX ? -errno : -ELOOP;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_fd_ int child = -1;

                if (!is_child(entry))
                        continue;
                child = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (child < 0)
                        continue; /* removed meanwhile */
                r = walk_pids(child, depth + 1, pids, count);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

int cgroup_tree_pids(int dir_fd, pid_t **pids, size_t *count) {
        return walk_pids(dir_fd, 0, pids, count);
}

static int remove_children(int dir_fd, int depth) {
        _cleanup_dir_ DIR *dir = depth < DEPTH_MAX ? open_children(dir_fd) : NULL;
        int result = 0;

        if (!dir)
                return depth < DEPTH_MAX ? -errno : -ELOOP;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_fd_ int child = -1;

                if (!is_child(entry) || unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
                        continue;
                child = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (child >= 0)
                        (void) remove_children(child, depth + 1);
                if (unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                        result = -errno;
        }
        return result;
}

int cgroup_tree_remove_children(int dir_fd) {
        return remove_children(dir_fd, 0);
}
