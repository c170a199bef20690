#include "self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"

#define SELF "/proc/self/exe"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* True when the program's file cannot be written to through /proc/PID/exe. */
static bool is_protected(int exe) {
        struct statvfs fs;
        int seals;

        if (fstatvfs(exe, &fs) == 0 && (fs.f_flag & ST_RDONLY))
                return true;
        seals = fcntl(exe, F_GET_SEALS);
        return seals >= 0 && (seals & SEALS) == SEALS;
}

/*
 * A mount of the file alone, read-only and attached nowhere. Once its fd is closed
 * (by execve) no mount call accepts it any more, so nobody can make it writable again.
 */
static int open_readonly_mount(int exe) {
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
        _cleanup_fd_ int fd = open_tree(exe, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return -errno;
        return take_fd(&fd);
}

/* For callers that may not mount, and for kernels before 5.12. */
static int open_sealed_copy(void) {
        _cleanup_fd_ int from = open(SELF, O_RDONLY | O_CLOEXEC);
        _cleanup_fd_ int copy = memfd_create("myrun", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        char path[PATH_FD_MAX];
        struct stat st;
        int readable;
        off_t left;

        if (from < 0 || copy < 0 || fstat(from, &st) < 0)
                return -errno;
        for (left = st.st_size; left > 0;) {
                ssize_t n = sendfile(copy, from, NULL, (size_t) left);

                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                left -= n;
        }
        if (fchmod(copy, 0555) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
                return -errno;
        /* A file that is open for writing cannot be executed (ETXTBSY). */
        readable = open(path_of_fd(copy, path), O_RDONLY | O_CLOEXEC);
        return readable < 0 ? -errno : readable;
}

int self_close_to_others(struct error *err) {
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return error_errno(err, errno, "cannot close the process to others");
        return 0;
}

int self_open_to_owner(struct error *err) {
        if (prctl(PR_SET_DUMPABLE, 1) < 0)
                return error_errno(err, errno, "cannot open the process to its owner");
        return 0;
}

void self_forget_environment(void) {
        for (char **entry = environ; *entry; entry++)
                explicit_bzero(*entry, strlen(*entry));
        environ[0] = NULL;
}

/* What self_entry.c has left open: the kernel tells a program that was executed by fd which one it was. */
static int open_handle(void) {
        const char *name = (const char *) getauxval(AT_EXECFN);
        int fd = -1;

        if (!name || sscanf(name, "/dev/fd/%d", &fd) != 1 || fd < SELF_HANDLE_MIN || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return -1;
        return fd;
}

int self_protect(char **argv, int *handle, struct error *err) {
        _cleanup_fd_ int exe = -1;
        _cleanup_fd_ int safe = -1;

        /* Before anything is opened that could get the number of one that was closed. */
        *handle = open_handle();
        exe = open(SELF, O_RDONLY | O_CLOEXEC);
        if (exe < 0)
                return error_errno(err, errno, SELF);
#ifdef SANITIZE
        /* The sanitizers need /proc/self/exe to stay what it was. */
        (void) argv;
        return 0;
#endif
        if (is_protected(exe))
                /* The files of a closed process belong to root: who is not could not write its id maps. */
                return geteuid() == 0 ? self_close_to_others(err) : 0;
        safe = open_readonly_mount(exe);
        if (safe < 0)
                safe = open_sealed_copy();
        if (safe < 0)
                return error_errno(err, -safe, "cannot make a protected copy of this program");
        (void) fexecve(safe, argv, environ);
        return error_errno(err, errno, "cannot execute a protected copy of this program");
}
