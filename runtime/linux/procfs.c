#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "file_system.h"

/* PROC_ROOT_INO of the kernel: a procfs directory bound over /proc would have another. */
#define PROC_ROOT_INODE 1

enum procfs_use procfs_use_of(const struct runtime_process *process) {
        bool writes = process->oom_score_adj.set || process->apparmor_profile || process->selinux_label;

        return writes ? PROCFS_PROCESSES : PROCFS_READ;
}

bool procfs_is(int fd, bool root) {
        struct statfs fs;
        struct stat st;

        return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
               (!root || (fstat(fd, &st) == 0 && st.st_ino == PROC_ROOT_INODE));
}

static int open_private(enum procfs_use use) {
        static const char *const processes[] = {"subset=pid", NULL};
        uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

        return file_system_new("proc", "proc", use == PROCFS_PROCESSES ? processes : NULL, attributes, NULL);
}

int procfs_open(enum procfs_use use, struct error *err) {
        _cleanup_fd_ int fd = use == PROCFS_READ ? -1 : open_private(use);

        if (fd < 0)
                fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "/proc");
        if (!procfs_is(fd, true)) {
                error_set(err, EINVAL, "/proc: not the root of a proc file system");
                return error_hint(err, "mount one there: mount -t proc proc /proc");
        }
        return take_fd(&fd);
}

int procfs_open_file(int proc_fd, const char *path, int flags, struct error *err) {
        struct open_how how = {
                .flags = (uint64_t) (unsigned int) flags | O_CLOEXEC | O_NOFOLLOW,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        _cleanup_fd_ int fd = (int) syscall(SYS_openat2, proc_fd, path, &how, sizeof(how));
        uint64_t expected = 0;
        uint64_t found = 0;

        if (fd < 0)
                return error_errno(err, errno, "/proc/%s", path);
        if (path_mount_id(proc_fd, &expected) < 0 || path_mount_id(fd, &found) < 0 || expected != found ||
            !procfs_is(fd, false))
                return error_set(err, EXDEV, "/proc/%s: something is mounted over it", path);
        return take_fd(&fd);
}

int procfs_open_self(int proc_fd, const char *name, int flags, struct error *err) {
        _cleanup_free_ char *path = NULL;
        char pid[24];
        /* The kernel's own answer, by number: no path through the link that somebody could cover. */
        ssize_t n = readlinkat(proc_fd, "self", pid, sizeof(pid) - 1);

        if (n <= 0)
                return error_errno(err, n < 0 ? errno : ESRCH, "/proc/self");
        pid[n] = '\0';
        if (pid[strspn(pid, "0123456789")] != '\0')
                return error_set(err, EINVAL, "/proc/self: not of a proc file system");
        path = str_format("%s/%s", pid, name);
        return procfs_open_file(proc_fd, path, flags, err);
}

static int write_text(int fd, const char *path, const char *text, struct error *err) {
        size_t size = strlen(text);
        ssize_t n = write(fd, text, size);

        if (n < 0)
                return error_errno(err, errno, "/proc/%s", path);
        if ((size_t) n != size)
                return error_set(err, EIO, "/proc/%s: only %zd of %zu bytes were taken", path, n, size);
        return 0;
}

int procfs_write(int proc_fd, const char *path, const char *text, struct error *err) {
        _cleanup_fd_ int fd = procfs_open_file(proc_fd, path, O_WRONLY, err);

        return fd < 0 ? fd : write_text(fd, path, text, err);
}

int procfs_write_process(int proc_fd, pid_t pid, const char *name, const char *text, struct error *err) {
        char path[PROCFS_PATH_MAX];

        (void) snprintf(path, sizeof(path), "%d/%s", pid, name);
        return procfs_write(proc_fd, path, text, err);
}

int procfs_write_self(int proc_fd, const char *name, const char *text, struct error *err) {
        _cleanup_fd_ int fd = procfs_open_self(proc_fd, name, O_WRONLY, err);

        return fd < 0 ? fd : write_text(fd, name, text, err);
}
