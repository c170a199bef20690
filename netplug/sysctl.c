#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"

#define SETTINGS "/proc/sys/net"
#define BLANKS " \t\n"

static int open_settings(struct error *err) {
        _cleanup_fd_ int settings = open(SETTINGS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs fs;

        if (settings < 0)
                return error_errno(err, errno, SETTINGS);
        if (fstatfs(settings, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
                return error_set(err, ENOTSUP, SETTINGS " is not on a proc file system");
        return take_fd(&settings);
}

int sysctl_open_apart(struct error *err) {
        _cleanup_fd_ int context = fsopen("proc", FSOPEN_CLOEXEC), mount = -1;

        if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) >= 0)
                mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
        return mount < 0 ? open_settings(err) : path_open(mount, "sys/net", 0, O_PATH | O_DIRECTORY, 0, err);
}

/* @settings: -1: those at /proc */
static int open_setting(int settings, const char *path, int flags, struct error *err) {
        _cleanup_fd_ int usual = settings < 0 ? open_settings(err) : -1;
        int fd;

        if (settings < 0)
                settings = usual;
        if (settings < 0)
                return settings;
        fd = path_open(settings, path, PATH_NO_SYMLINKS, flags, 0, NULL);
        return fd < 0 ? error_errno(err, -fd, "%s/%s", SETTINGS, path) : fd;
}

void sysctl_normalize(char *value) {
        char *out = value;
        size_t size;

        for (const char *word = value + strspn(value, BLANKS); *word; word += strspn(word, BLANKS)) {
                size = strcspn(word, BLANKS);
                if (out > value)
                        *out++ = ' ';
                memmove(out, word, size);
                out += size;
                word += size;
        }
        *out = '\0';
}

static int read_setting(int fd, const char *path, char value[SYSCTL_VALUE_MAX], struct error *err) {
        ssize_t got = read(fd, value, SYSCTL_VALUE_MAX - 1);

        if (got < 0)
                return error_errno(err, errno, "%s/%s", SETTINGS, path);
        value[got] = '\0';
        sysctl_normalize(value);
        return 0;
}

static int get(int settings, const char *path, char value[SYSCTL_VALUE_MAX], struct error *err) {
        _cleanup_fd_ int fd = open_setting(settings, path, O_RDONLY, err);

        return fd < 0 ? fd : read_setting(fd, path, value, err);
}

static int set(int settings, const char *path, const char *value, struct error *err) {
        char now[SYSCTL_VALUE_MAX];
        _cleanup_fd_ int fd = open_setting(settings, path, O_RDWR, err);
        int r = fd;

        if (fd >= 0)
                r = read_setting(fd, path, now, err);
        /* Where it is set already, a read-only /proc/sys is good enough. A setting may be one that cannot be read. */
        else if (fd == -EROFS || fd == -EACCES)
                r = get(settings, path, now, err);
        if ((r < 0 && r != -EACCES) || (r >= 0 && strcmp(now, value) == 0))
                return r;
        if (fd < 0)
                fd = open_setting(settings, path, O_WRONLY, err);
        if (fd < 0)
                return fd;
        if (pwrite(fd, value, strlen(value), 0) < 0)
                return error_errno(err, errno, "%s/%s: cannot set to %s", SETTINGS, path, value);
        return 0;
}

int sysctl_get(const char *path, char value[SYSCTL_VALUE_MAX], struct error *err) {
        return get(-1, path, value, err);
}

int sysctl_set(const char *path, const char *value, struct error *err) {
        return set(-1, path, value, err);
}

int sysctl_set_link(int settings, const char *family, const char *link, const char *name, const char *value,
                    struct error *err) {
        char path[96];
        int r;

        (void) snprintf(path, sizeof(path), "%s/conf/%s/%s", family, link, name);
        r = set(settings, path, value, err);
        return r == -ENOENT ? 0 : r;
}

int sysctl_enable_forwarding(int family, struct error *err) {
        return sysctl_set(family == AF_INET ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding", "1", err);
}
