#include "masked_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "file_system.h"
#include "mounts.h"

struct masks {
        int null;  /* /dev/null of the host */
        int empty; /* the first empty directory mounted; the others are copies of it */
};

static int open_null(struct error *err) {
        _cleanup_fd_ int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "/dev/null");
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
                return error_set(err, EINVAL, "/dev/null: not the null device");
        return take_fd(&fd);
}

/* An O_PATH fd of the path as the container sees it, or -1 when it is not there. */
static int open_existing(int rootfs_fd, const char *path, struct error *err) {
        int fd = path_open(rootfs_fd, path, PATH_IN_ROOT, O_PATH, 0, err);

        return fd == -ENOENT || fd == -ENOTDIR ? -1 : fd;
}

static int hide_directory(struct masks *masks, int target, struct error *err) {
        static const char *const words[] = {"nr_blocks=1", "nr_inodes=1", NULL};
        _cleanup_fd_ int fd = -1;
        int r;

        fd = masks->empty >= 0 ? mount_clone(masks->empty, false, err)
                               : file_system_new("tmpfs", "tmpfs", words, MOUNT_ATTR_RDONLY, err);
        if (fd < 0)
                return fd;
        r = mount_attach(fd, target, err);
        if (r >= 0 && masks->empty < 0)
                masks->empty = take_fd(&fd);
        return r;
}

static int hide_file(const struct masks *masks, int target, struct error *err) {
        _cleanup_fd_ int fd = mount_clone(masks->null, false, err);

        return fd < 0 ? fd : mount_attach(fd, target, err);
}

static int hide(struct masks *masks, int rootfs_fd, const char *path, struct error *err) {
        _cleanup_fd_ int target = open_existing(rootfs_fd, path, err);
        struct stat st;

        if (target == -1)
                return 0;
        if (target < 0)
                return target;
        if (fstat(target, &st) < 0)
                return error_errno(err, errno, "%s", path);
        return S_ISDIR(st.st_mode) ? hide_directory(masks, target, err) : hide_file(masks, target, err);
}

int masked_paths_apply(int rootfs_fd, const char *const *paths, struct error *err) {
        _cleanup_fd_ int null = -1;
        _cleanup_fd_ int empty = -1;

        if (!paths[0])
                return 0;
        null = open_null(err);
        if (null < 0)
                return error_wrap(err, "linux.maskedPaths");
        for (size_t i = 0; paths[i]; i++) {
                struct masks masks = {.null = null, .empty = empty};
                int r = hide(&masks, rootfs_fd, paths[i], err);

                empty = masks.empty;
                if (r < 0)
                        return error_wrap(err, "linux.maskedPaths[%zu] %s", i, paths[i]);
        }
        return 0;
}

static int make_readonly(int rootfs_fd, const char *path, struct error *err) {
        struct mount_attributes readonly = {.set = MOUNT_ATTR_RDONLY};
        _cleanup_fd_ int target = open_existing(rootfs_fd, path, err);
        _cleanup_fd_ int fd = -1;
        int r;

        if (target < 0)
                return target == -1 ? 0 : target;
        fd = mount_clone(target, true, err);
        if (fd < 0)
                return fd;
        r = mount_set_attributes(fd, &readonly, 0, true, err);
        return r < 0 ? r : mount_attach(fd, target, err);
}

int readonly_paths_apply(int rootfs_fd, const char *const *paths, struct error *err) {
        for (size_t i = 0; paths[i]; i++) {
                int r = make_readonly(rootfs_fd, paths[i], err);

                if (r < 0)
                        return error_wrap(err, "linux.readonlyPaths[%zu] %s", i, paths[i]);
        }
        return 0;
}
