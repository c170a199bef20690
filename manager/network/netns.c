#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

/* As ip(8) does it: shared, so that a namespace made here is seen in every mount namespace. */
static int prepare_directory(struct error *err) {
        if (mkdir(NETNS_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return error_errno(err, errno, NETNS_DIRECTORY);
        if (mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) == 0)
                return 0;
        if (errno != EINVAL || mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC, NULL) < 0 ||
            mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) < 0)
                return error_errno(err, errno, NETNS_DIRECTORY);
        return 0;
}

static int loopback_up(struct error *err) {
        _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};

        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                return error_errno(err, errno, "loopback interface");
        return 0;
}

static int fill(const char *path, struct error *err) {
        _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int r;

        if (own < 0)
                return error_errno(err, errno, "/proc/self/ns/net");
        if (unshare(CLONE_NEWNET) < 0)
                return error_errno(err, errno, "new network namespace");
        r = loopback_up(err);
        if (r == 0 && mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) < 0)
                r = error_errno(err, errno, "%s", path);
        if (setns(own, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "return to the network namespace of this command");
        return r;
}

int netns_create(const char *name, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/%s", NETNS_DIRECTORY, name);
        _cleanup_fd_ int file = -1;
        int r = prepare_directory(err);

        if (r < 0)
                return r;
        file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0000);
        if (file < 0)
                return error_errno(err, errno, "network namespace %s", name);
        r = fill(path, err);
        if (r < 0)
                (void) unlink(path);
        return r;
}

int netns_remove(const char *path, struct error *err) {
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                ;
        if (unlink(path) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s", path);
        return 0;
}

bool netns_exists(const char *path) {
        struct statfs status;

        return statfs(path, &status) == 0 && status.f_type == NSFS_MAGIC;
}
