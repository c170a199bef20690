#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"

#ifndef DEVPTS_SUPER_MAGIC
#define DEVPTS_SUPER_MAGIC 0x1cd1
#endif

/* The multiplexer of the container's devpts, verified: an image could put anything else there. */
static int open_multiplexer(int root_fd, struct error *err) {
        _cleanup_fd_ int fd = path_open(root_fd, "/dev/pts/ptmx", PATH_IN_ROOT, O_RDWR | O_NOCTTY, 0, err);
        struct statfs fs;
        struct stat st;

        if (fd < 0) {
                error_wrap(err, "process.terminal");
                return error_hint(err, "a terminal needs a mount of type devpts on /dev/pts");
        }
        if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "process.terminal: /dev/pts/ptmx");
        if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
                return error_set(err, EINVAL, "process.terminal: /dev/pts/ptmx: not a terminal multiplexer");
        return take_fd(&fd);
}

int terminal_open(int root_fd, const struct runtime_process *process, struct terminal *out, struct error *err) {
        struct winsize size = {.ws_row = (unsigned short) process->console_height,
                               .ws_col = (unsigned short) process->console_width};
        _cleanup_fd_ int master = open_multiplexer(root_fd, err);
        _cleanup_fd_ int slave = -1;
        int unlock = 0;

        if (master < 0)
                return master;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return error_errno(err, errno, "process.terminal");
        /* By the master's fd: no path that could be somebody else's (CVE-2025-52565). */
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return error_errno(err, errno, "process.terminal");
        if (fchown(slave, process->user.uid, (gid_t) -1) < 0)
                return error_errno(err, errno, "process.terminal: owner");
        if ((size.ws_row || size.ws_col) && ioctl(master, TIOCSWINSZ, &size) < 0)
                return error_errno(err, errno, "process.consoleSize");
        *out = (struct terminal){.master = take_fd(&master), .slave = take_fd(&slave)};
        return 0;
}

int terminal_become(const struct terminal *terminal, struct error *err) {
        if (ioctl(terminal->slave, TIOCSCTTY, 0) < 0)
                return error_errno(err, errno, "process.terminal: cannot become the controlling terminal");
        for (int fd = 0; fd <= 2; fd++)
                if (dup3(terminal->slave, fd, 0) < 0)
                        return error_errno(err, errno, "process.terminal");
        return 0;
}

int terminal_connect(const char *path, struct error *err) {
        int fd = fd_connect_unix(path, SOCK_STREAM);

        return fd < 0 ? error_errno(err, -fd, "--console-socket: %s", path) : fd;
}

int terminal_send(int socket, int master, struct error *err) {
        char name[32];
        unsigned int number = 0;
        int r;

        (void) ioctl(master, TIOCGPTN, &number);
        (void) snprintf(name, sizeof(name), "/dev/pts/%u", number);
        r = fd_send(socket, name, strlen(name), &master, 1, err);
        return r < 0 ? error_wrap(err, "--console-socket") : 0;
}

void terminal_copy_size(int from, int master) {
        struct winsize size;

        if (ioctl(from, TIOCGWINSZ, &size) == 0)
                (void) ioctl(master, TIOCSWINSZ, &size);
}
