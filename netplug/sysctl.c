#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/cleanup.h"

int sysctl_set(const char *path, const char *value, struct error *err) {
        _cleanup_fd_ int fd = -1;
        char name[128], now[32];
        ssize_t got;

        (void) snprintf(name, sizeof(name), "/proc/sys/net/%s", path);
        /* Where it is set already, a read-only /proc/sys is good enough. */
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "%s", name);
        got = read(fd, now, sizeof(now) - 1);
        if (got > 0 && (size_t) got == strlen(value) + 1 && memcmp(now, value, strlen(value)) == 0)
                return 0;
        fd_close_at(&fd);
        fd = open(name, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "%s", name);
        if (write(fd, value, strlen(value)) < 0)
                return error_errno(err, errno, "%s: cannot set to %s", name, value);
        return 0;
}

int sysctl_set_link(const char *family, const char *link, const char *name, const char *value, struct error *err) {
        char path[96];
        int r;

        (void) snprintf(path, sizeof(path), "%s/conf/%s/%s", family, link, name);
        r = sysctl_set(path, value, err);
        return r == -ENOENT ? 0 : r;
}

int sysctl_enable_forwarding(int family, struct error *err) {
        return sysctl_set(family == AF_INET ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding", "1", err);
}
