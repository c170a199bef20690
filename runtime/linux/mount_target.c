#include "mount_target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "procfs.h"

/* Files of /proc that lxcfs and the like have a container see their own version of. Nothing reads them for safety. */
static const char *const replaceable[] = {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/slabinfo",
        "/proc/net/dev",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/crypto/fips_enabled",
};

bool mount_target_is(const char *destination, const char *path) {
        _cleanup_free_ char *clean = path_clean(destination);

        return str_equal(clean, path);
}

/*
 * A procfs or sysfs on anything but a directory of the rootfs itself would let an
 * image choose where the runtime's own writes go (CVE-2019-19921, CVE-2023-27561,
 * CVE-2023-28642), and so would a linked /dev (CVE-2026-41579).
 */
static enum path_policy target_policy(const struct mount_target_request *request) {
        static const char *const fixed[] = {"/proc", "/sys", "/dev"};

        if (str_equal(request->type, "proc") || str_equal(request->type, "sysfs"))
                return PATH_NO_SYMLINKS;
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                if (mount_target_is(request->destination, fixed[i]))
                        return PATH_NO_SYMLINKS;
        return PATH_IN_ROOT_CREATE;
}

static bool is_replaceable(int rootfs_fd, int target) {
        struct stat st;
        struct stat known;

        for (size_t i = 0; fstat(target, &st) == 0 && i < ARRAY_SIZE(replaceable); i++) {
                /* net is a link to self/net, where self is the runtime. */
                _cleanup_fd_ int fd = path_open(rootfs_fd, replaceable[i], PATH_IN_ROOT, O_PATH, 0, NULL);

                if (fd >= 0 && fstat(fd, &known) == 0 && known.st_dev == st.st_dev && known.st_ino == st.st_ino)
                        return true;
        }
        return false;
}

/*
 * What lies over /proc decides what programs in the container, and runtimes that enter it,
 * read and write there: an image's volume must not (CVE-2019-16884).
 */
static int check_proc(int rootfs_fd, int target, const struct mount_target_request *request, struct error *err) {
        bool in_procfs = procfs_is(target, false);
        _cleanup_free_ char *clean = path_clean(request->destination);

        if (!in_procfs && !str_equal(clean, "/proc") && !str_starts_with(clean, "/proc/"))
                return 0;
        if (str_equal(clean, "/proc") || procfs_is(target, true)) {
                if (str_equal(request->type, "proc") ||
                    (request->source_fd >= 0 && procfs_is(request->source_fd, true)))
                        return 0;
                return error_set(err, EPERM, "only a proc file system may be mounted on /proc");
        }
        if (is_replaceable(rootfs_fd, target))
                return 0;
        return error_set(err, EPERM, "cannot be mounted because it is inside /proc");
}

static int make_target(int rootfs_fd, const struct mount_target_request *request, struct error *err) {
        enum path_policy policy = target_policy(request);
        const char *destination = request->destination;
        struct stat st;
        int fd;

        if (request->source_fd >= 0 && fstat(request->source_fd, &st) == 0 && !S_ISDIR(st.st_mode))
                fd = path_make_file(rootfs_fd, destination, policy, 0755, err);
        else
                fd = path_make_dirs(rootfs_fd, destination, policy, 0755, err);
        if (fd == -ELOOP && policy == PATH_NO_SYMLINKS)
                error_hint(err, "the image has a symbolic link there; a %s must be mounted on ordinary directory",
                           request->type);
        return fd;
}

int mount_target_open(int rootfs_fd, const struct mount_target_request *request, struct error *err) {
        _cleanup_fd_ int fd = -1;
        int r;

        if (request->existing)
                return path_open(rootfs_fd, request->destination, PATH_IN_ROOT, O_PATH, 0, err);
        fd = make_target(rootfs_fd, request, err);
        if (fd < 0)
                return fd;
        r = check_proc(rootfs_fd, fd, request, err);
        return r < 0 ? r : take_fd(&fd);
}
