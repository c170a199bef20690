#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "mount_table.h"
#include "mounts.h"

int rootfs_prepare(struct rootfs *rootfs, const char *path, struct error *err) {
        rootfs->mount_fd = -1;
        rootfs->path = path;
        if (rootfs->on_host && rootfs->mount && str_equal(path, "/"))
                return error_set(err, EINVAL, "root.path: the host's root needs a mount namespace of the container's");
        rootfs->path_fd = open(path, O_PATH | O_CLOEXEC);
        if (rootfs->path_fd >= 0 && rootfs->mount) {
                struct stat st;

                if (fstat(rootfs->path_fd, &st) == 0 && !S_ISDIR(st.st_mode))
                        return error_errno(err, ENOTDIR, "root.path: %s", path);
                rootfs->mount_fd = mount_clone(rootfs->path_fd, true, err);
                /* Without privilege only init may, in its user namespace: see rootfs_attach(). */
                if (rootfs->mount_fd < 0 && (rootfs->mount_fd != -EPERM || rootfs->on_host))
                        return error_wrap(err, "root.path: %s", path);
        }
        if (rootfs->path_fd < 0) {
                error_errno(err, errno, "root.path: %s", path);
                return errno == ENOENT ? error_hint(err, "the bundle needs a root file system there") : -errno;
        }
        return 0;
}

int rootfs_fd(const struct rootfs *rootfs) {
        return rootfs->mount_fd >= 0 ? rootfs->mount_fd : rootfs->path_fd;
}

void rootfs_close(struct rootfs *rootfs) {
        fd_close_at(&rootfs->mount_fd);
        fd_close_at(&rootfs->path_fd);
}

/*
 * Hooks look for the container's mounts below root.path, so the root is mounted on
 * itself. path_fd belongs to the parent's mount namespace, so the directory is looked
 * up again in this one. A user namespace may not be allowed to get there; its root is
 * then mounted on "/", which serves as well for what follows.
 */
static int open_target(const struct rootfs *rootfs, struct error *err) {
        _cleanup_fd_ int target = open(rootfs->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat expected;
        struct stat found;

        if (target < 0 && errno == EACCES && !rootfs->on_host)
                target = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        else if (target >= 0 && fstat(target, &found) == 0 && fstat(rootfs->path_fd, &expected) == 0 &&
                 (found.st_dev != expected.st_dev || found.st_ino != expected.st_ino))
                return error_set(err, ESTALE, "root.path: %s: was replaced meanwhile", rootfs->path);
        if (target < 0)
                return error_errno(err, errno, "root.path: %s", rootfs->path);
        return take_fd(&target);
}

/* The tree's mounts are peers of the host's; those below the root may stay so, pivot_root wants it unshared. */
static int cut_propagation(const struct rootfs *rootfs, struct error *err) {
        struct mount_attributes none = {0};
        int r = mount_set_attributes(rootfs->mount_fd, &none, MS_SLAVE, rootfs->propagation != MS_SHARED, err);

        return r < 0 ? error_wrap(err, "linux.rootfsPropagation") : 0;
}

int rootfs_attach(struct rootfs *rootfs, struct error *err) {
        _cleanup_fd_ int target = -1;
        int r;

        if (!rootfs->mount)
                return 0;
        /* Mounts made here must not appear on the host, and pivot_root refuses shared parents. */
        if (!rootfs->on_host && mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
                return error_errno(err, errno, "linux.rootfsPropagation: the host's mounts cannot be made slaves");
        target = open_target(rootfs, err);
        if (target < 0)
                return target;
        if (rootfs->mount_fd < 0 && (rootfs->mount_fd = mount_clone(target, true, err)) < 0)
                return error_wrap(err, "root.path: %s", rootfs->path);
        r = cut_propagation(rootfs, err);
        if (r < 0)
                return r;
        r = mount_attach(rootfs->mount_fd, target, err);
        if (r < 0)
                return error_wrap(err, "root.path");
        /* On a shared mount of the host's it has become shared again. */
        return rootfs->on_host ? cut_propagation(rootfs, err) : 0;
}

/* pivot_root(2) with both names ".": the old root ends up on top of the new one and is taken off again. */
static int pivot(struct error *err) {
        if (syscall(SYS_pivot_root, ".", ".") < 0) {
                error_errno(err, errno, "root.path: cannot become the root");
                return error_hint(err, "use --no-pivot when the host's root is an initramfs");
        }
        if (umount2(".", MNT_DETACH) < 0)
                return error_errno(err, errno, "the host's mounts cannot be dropped");
        return 0;
}

/*
 * The host's mounts stay below the container's root when that is only moved over "/". A proc or sysfs among
 * them that nothing covers would let a user namespace in the container mount its own without masked paths, so
 * they are taken off, or covered where the kernel holds them fast.
 */
static int hide_host_filesystems(const char *rootfs, struct error *err) {
        static const char *const types[] = {"proc", "sysfs", NULL};
        _cleanup_mount_table_ struct mount_table table = {0};
        int r = mount_table_read(&table, 0, types, err);

        for (size_t i = table.count; r == 0 && i-- > 0;) {
                const char *path = table.paths[i];

                if (path_is_within(path, rootfs) || umount2(path, MNT_DETACH) == 0)
                        continue;
                if (errno != EINVAL && errno != EPERM)
                        r = error_errno(err, errno, "the host's %s cannot be hidden", path);
                else if (mount("tmpfs", path, "tmpfs", 0, "size=0,nr_inodes=1") < 0)
                        r = error_errno(err, errno, "the host's %s cannot be covered", path);
        }
        return r;
}

static int change_root(struct error *err) {
        return chroot(".") < 0 ? error_errno(err, errno, "root.path: cannot become the root") : 0;
}

/* For a host that runs from its initramfs, where pivot_root(2) is refused. */
static int move_over_root(const char *rootfs, struct error *err) {
        int r = hide_host_filesystems(rootfs, err);

        if (r < 0)
                return r;
        if (move_mount(AT_FDCWD, ".", AT_FDCWD, "/", 0) < 0)
                return error_errno(err, errno, "root.path: cannot be moved to /");
        return change_root(err);
}

int rootfs_enter(const struct rootfs *rootfs, struct error *err) {
        struct mount_attributes readonly = {.set = MOUNT_ATTR_RDONLY};
        unsigned long flags = rootfs->propagation | (rootfs->propagation_recursive ? MS_REC : 0);
        int r;

        if (rootfs->readonly && (r = mount_set_attributes(rootfs->mount_fd, &readonly, 0, false, err)) < 0)
                return error_wrap(err, "root.readonly");
        if (fchdir(rootfs_fd(rootfs)) < 0)
                return error_errno(err, errno, "root.path");
        if (rootfs->on_host)
                r = change_root(err);
        else
                r = rootfs->no_pivot ? move_over_root(rootfs->path, err) : pivot(err);
        if (r < 0)
                return r;
        if (rootfs->propagation && mount(NULL, "/", NULL, flags, NULL) < 0)
                return error_errno(err, errno, "linux.rootfsPropagation");
        return chdir("/") < 0 ? error_errno(err, errno, "root.path") : 0;
}

/* -EBUSY if the mount is on the path, with another one on top of it. */
static int check_covered(const char *path, uint64_t mount_id, struct error *err) {
        _cleanup_mount_table_ struct mount_table table = {0};
        int r = mount_table_read(&table, 0, NULL, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < table.count; i++)
                if (table.ids[i] == mount_id && str_equal(table.paths[i], path)) {
                        error_set(err, EBUSY, "root.path: %s: another mount covers the container's", path);
                        return error_hint(err, "delete the container that was made later, or umount it");
                }
        return 0;
}

int rootfs_detach(const char *path, uint64_t mount_id, struct error *err) {
        _cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
        char link[PATH_FD_MAX];
        uint64_t found;

        if (fd < 0)
                return 0;
        if (path_mount_id(fd, &found) < 0 || found != mount_id)
                return check_covered(path, mount_id, err);
        if (umount2(path_of_fd(fd, link), MNT_DETACH) < 0)
                return error_errno(err, errno, "root.path: %s: the container's mounts cannot be taken off", path);
        return 0;
}
