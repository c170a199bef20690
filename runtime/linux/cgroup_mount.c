#include "cgroup_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "file_system.h"
#include "mounts.h"

/* The container's own directory of one hierarchy, as a mount of its own. */
static int bind_directory(const char *directory, int target, uint64_t attributes, struct error *err) {
        struct mount_attributes set = {.set = attributes};
        _cleanup_fd_ int fd = open_tree(AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "%s", directory);
        if (attributes & MOUNT_ATTR__ATIME)
                set.clear = MOUNT_ATTR__ATIME;
        r = mount_set_attributes(fd, &set, 0, false, err);
        return r < 0 ? r : mount_attach(fd, target, err);
}

static int mount_unified(const char *directory, bool cgroup_namespace, int target, uint64_t attributes,
                         struct error *err) {
        struct error ignored;
        _cleanup_fd_ int fd = -1;

        if (!cgroup_namespace)
                return bind_directory(directory, target, attributes, err);
        fd = file_system_new("cgroup2", "cgroup", NULL, attributes, &ignored);
        /* In a user namespace without a network namespace the kernel may refuse; the directory is the same. */
        return fd < 0 ? bind_directory(directory, target, attributes, err) : mount_attach(fd, target, err);
}

/* "cpu,cpuacct" is one hierarchy with two names: programs look for both. */
static int link_controllers(int directory, const char *name, struct error *err) {
        _cleanup_str_list_ struct str_list controllers = {0};

        if (!strchr(name, ','))
                return 0;
        str_list_split(&controllers, name, ',');
        for (size_t i = 0; i < controllers.count; i++)
                if (symlinkat(name, directory, controllers.items[i]) < 0 && errno != EEXIST)
                        return error_errno(err, errno, "%s", controllers.items[i]);
        return 0;
}

static int mount_hierarchy(const struct cgroup_hierarchy *hierarchy, int directory, uint64_t attributes,
                           struct error *err) {
        const char *name = hierarchy->name;
        _cleanup_fd_ int target = -1;
        int r;

        if (mkdirat(directory, name, 0755) < 0)
                return error_errno(err, errno, "%s", name);
        target = path_open(directory, name, PATH_NO_SYMLINKS, O_PATH | O_DIRECTORY, 0, err);
        if (target < 0)
                return target;
        r = bind_directory(hierarchy->directory, target, attributes, err);
        return r < 0 ? error_wrap(err, "%s", name) : link_controllers(directory, name, err);
}

int cgroup_mount(const struct cgroup *cgroup, bool cgroup_namespace, int target, int rootfs_fd, const char *destination,
                 uint64_t attributes, struct error *err) {
        static const char *const words[] = {"mode=755", NULL};
        struct mount_attributes readonly = {.set = attributes & MOUNT_ATTR_RDONLY};
        const struct cgroup_hierarchy *hierarchies = NULL;
        size_t count = cgroup ? cgroup_hierarchies(cgroup, &hierarchies) : 0;
        _cleanup_fd_ int tmpfs = -1;
        _cleanup_fd_ int directory = -1;
        int r;

        if (count == 1 && hierarchies[0].v2)
                return mount_unified(hierarchies[0].directory, cgroup_namespace, target, attributes, err);

        tmpfs = file_system_new("tmpfs", "tmpfs", words, attributes & ~(uint64_t) MOUNT_ATTR_RDONLY, err);
        if (tmpfs < 0)
                return tmpfs;
        r = mount_attach(tmpfs, target, err);
        if (r < 0)
                return r;
        directory = path_open(rootfs_fd, destination, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, err);
        if (directory < 0)
                return directory;
        for (size_t i = 0; i < count; i++) {
                if (hierarchies[i].v2)
                        continue;
                r = mount_hierarchy(&hierarchies[i], directory, attributes, err);
                if (r < 0)
                        return r;
        }
        return mount_set_attributes(tmpfs, &readonly, 0, false, err);
}
