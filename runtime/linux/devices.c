#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "file_system.h"
#include "idmap.h"
#include "mounts.h"

#define DEFAULT_MODE 0666
#define NODE_NAME_MAX 24

static const struct runtime_device defaults[] = {
        {.type = 'c', .path = "/dev/null", .major = 1, .minor = 3},
        {.type = 'c', .path = "/dev/zero", .major = 1, .minor = 5},
        {.type = 'c', .path = "/dev/full", .major = 1, .minor = 7},
        {.type = 'c', .path = "/dev/random", .major = 1, .minor = 8},
        {.type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9},
        {.type = 'c', .path = "/dev/tty", .major = 5, .minor = 0},
};

static const struct {
        const char *target;
        const char *name;
} links[] = {
        {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"}, {"/proc/kcore", "core"},      {"pts/ptmx", "ptmx"},
};

static mode_t device_type(const struct runtime_device *device) {
        switch (device->type) {
        case 'b':
                return S_IFBLK;
        case 'p':
                return S_IFIFO;
        default: /* 'u' is an old name of 'c' */
                return S_IFCHR;
        }
}

static bool is_device(const struct stat *st, const struct runtime_device *device) {
        mode_t type = device_type(device);

        return (st->st_mode & S_IFMT) == type &&
               (type == S_IFIFO || st->st_rdev == makedev((unsigned int) device->major, (unsigned int) device->minor));
}

/* Binds a node, verified to be the device that was asked for. */
static int bind_node(int rootfs_fd, int node, const struct runtime_device *device, struct error *err) {
        _cleanup_fd_ int tree = -1;
        _cleanup_fd_ int target = -1;
        struct stat st;

        if (node < 0 || fstat(node, &st) < 0)
                return error_errno(err, errno, "%s of the host", device->path);
        if (!is_device(&st, device))
                return error_set(err, EINVAL, "%s of the host: not the device %lld:%lld", device->path,
                                 (long long) device->major, (long long) device->minor);
        target = path_make_file(rootfs_fd, device->path, PATH_IN_ROOT, 0666, err);
        if (target < 0)
                return target;
        if (fstat(target, &st) < 0)
                return error_errno(err, errno, "device node");
        /* What was made for an earlier mount is mounted on again; config-linux.md wants an error for anything else. */
        if (!is_device(&st, device) && (!S_ISREG(st.st_mode) || st.st_size > 0))
                return error_errno(err, EEXIST, "device node");
        tree = mount_clone(node, false, err);
        return tree < 0 ? tree : mount_attach(tree, target, err);
}

static int bind_host_node(int rootfs_fd, const struct runtime_device *device, struct error *err) {
        _cleanup_fd_ int node = open(device->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        return bind_node(rootfs_fd, node, device, err);
}

static int make_node_at(int parent, const char *name, const struct runtime_device *device, uid_t uid, gid_t gid,
                        struct error *err) {
        mode_t mode = device->file_mode.set ? (mode_t) device->file_mode.value & 07777 : DEFAULT_MODE;
        dev_t number = makedev((unsigned int) device->major, (unsigned int) device->minor);
        struct stat st;

        if (mknodat(parent, name, device_type(device) | mode, number) < 0) {
                if (errno == EEXIST && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_device(&st, device))
                        return 0;
                return error_errno(err, errno, "device node");
        }
        if ((uid != 0 || gid != 0) && fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, errno, "owner");
        return 0;
}

/* @dev: /dev of the rootfs, where nearly all nodes are made */
static int make_node(int rootfs_fd, int dev, const struct runtime_device *device, struct error *err) {
        uid_t uid = device->uid.set ? (uid_t) device->uid.value : 0;
        gid_t gid = device->gid.set ? (gid_t) device->gid.value : 0;
        _cleanup_fd_ int parent = -1;
        const char *name = NULL;

        if (str_starts_with(device->path, "/dev/") && path_is_name(device->path + strlen("/dev/")))
                return make_node_at(dev, device->path + strlen("/dev/"), device, uid, gid, err);
        parent = path_open_parent(rootfs_fd, device->path, PATH_IN_ROOT, &name, NULL);
        if (parent == -ENOENT) {
                _cleanup_free_ char *directory = xstrdup(device->path);
                char *slash = __builtin_strrchr(directory, '/');

                *slash = '\0';
                parent = path_make_dirs(rootfs_fd, directory, PATH_IN_ROOT, 0755, err);
                name = device->path + (slash - directory) + 1;
        }
        if (parent < 0)
                return error_errno(err, -parent, "directory");
        return make_node_at(parent, name, device, uid, gid, err);
}

static int create_one(int rootfs_fd, int dev, const struct runtime_device *device, bool bind, struct error *err) {
        int r;

        /* Pipes are no devices of the host's, and anybody may make them. */
        if (bind && device->type != 'p')
                return bind_host_node(rootfs_fd, device, err);
        r = make_node(rootfs_fd, dev, device, err);
        /* A user namespace further out forbids nodes to a process that looks like root. */
        return r == -EPERM ? bind_host_node(rootfs_fd, device, err) : r;
}

int devices_prepare(const struct runtime_linux *config) {
        static const char *const options[] = {"mode=0755", NULL};
        _cleanup_fd_ int nodes = config->device_count > 0 ? file_system_new("tmpfs", "tmpfs", options, 0, NULL) : -1;
        mode_t mask = umask(0);
        int r = 0;

        for (size_t i = 0; nodes >= 0 && r == 0 && i < config->device_count; i++) {
                const struct runtime_device *device = &config->devices[i];
                char name[NODE_NAME_MAX];
                uint32_t uid = 0;
                uint32_t gid = 0;

                /* What has no map belongs to the host's root, as the host's own node would. */
                (void) idmap_to_host(&config->uid_mappings, (uint32_t) device->uid.value, 1, &uid);
                (void) idmap_to_host(&config->gid_mappings, (uint32_t) device->gid.value, 1, &gid);
                (void) snprintf(name, sizeof(name), "%zu", i);
                r = make_node_at(nodes, name, device, uid, gid, NULL);
        }
        (void) umask(mask);
        return r < 0 ? -1 : take_fd(&nodes);
}

/* A node there would be another instance's: make_links() leads to the container's own terminals. */
static bool is_made_otherwise(const struct runtime_device *device) {
        return str_equal(device->path, "/dev/ptmx");
}

/* Nodes of a file system that is mounted nowhere cannot be bound before Linux 6.15: it is put on the root meanwhile. */
static int bind_prepared(int rootfs_fd, const struct runtime_linux *config, int nodes_fd, struct error *err) {
        char path[PATH_FD_MAX];
        int r = mount_attach(nodes_fd, rootfs_fd, err);

        if (r < 0)
                return error_wrap(err, "linux.devices");
        for (size_t i = 0; r == 0 && i < config->device_count; i++) {
                _cleanup_fd_ int node = -1;
                char name[NODE_NAME_MAX];

                if (is_made_otherwise(&config->devices[i]))
                        continue;
                (void) snprintf(name, sizeof(name), "%zu", i);
                node = openat(nodes_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                r = bind_node(rootfs_fd, node, &config->devices[i], err);
                if (r < 0)
                        error_wrap(err, "linux.devices[%zu] %s", i, config->devices[i].path);
        }
        if (r == 0 && umount2(path_of_fd(nodes_fd, path), MNT_DETACH) < 0)
                return error_errno(err, errno, "linux.devices: the nodes' file system cannot be taken off");
        return r;
}

static bool is_listed(const struct runtime_linux *config, const char *path) {
        for (size_t i = 0; i < config->device_count; i++)
                if (str_equal(config->devices[i].path, path))
                        return true;
        return false;
}

static int make_links(int dev, struct error *err) {
        struct stat st;

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                const char *name = links[i].name;

                if (str_equal(name, "core") && access(links[i].target, F_OK) < 0)
                        continue;
                if (symlinkat(links[i].target, dev, name) == 0)
                        continue;
                if (errno != EEXIST)
                        return error_errno(err, errno, "/dev/%s", name);
                /* Only ptmx must be the container's own: an image's node would lead to the host's terminals. */
                if (!str_equal(name, "ptmx") ||
                    (fstatat(dev, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)))
                        continue;
                if (unlinkat(dev, name, 0) < 0 || symlinkat(links[i].target, dev, name) < 0)
                        return error_errno(err, errno, "/dev/%s", name);
        }
        return 0;
}

int devices_create(int rootfs_fd, const struct runtime_linux *config, bool bind, int nodes_fd, struct error *err) {
        _cleanup_fd_ int dev = path_make_dirs(rootfs_fd, "/dev", PATH_NO_SYMLINKS, 0755, err);
        int r;

        if (dev < 0)
                return dev;
        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
                if (is_listed(config, defaults[i].path))
                        continue;
                r = create_one(rootfs_fd, dev, &defaults[i], bind, err);
                if (r < 0)
                        return error_wrap(err, "%s", defaults[i].path);
        }
        if (nodes_fd >= 0 && (r = bind_prepared(rootfs_fd, config, nodes_fd, err)) < 0)
                return r;
        for (size_t i = 0; nodes_fd < 0 && i < config->device_count; i++) {
                if (is_made_otherwise(&config->devices[i]))
                        continue;
                r = create_one(rootfs_fd, dev, &config->devices[i], bind, err);
                if (r < 0)
                        return error_wrap(err, "linux.devices[%zu] %s", i, config->devices[i].path);
        }
        return make_links(dev, err);
}

int devices_bind_console(int rootfs_fd, int slave_fd, struct error *err) {
        _cleanup_fd_ int target = path_make_file(rootfs_fd, "/dev/console", PATH_NO_SYMLINKS, 0600, err);
        _cleanup_fd_ int tree = -1;
        int r;

        if (target < 0)
                return target;
        tree = mount_clone(slave_fd, false, err);
        r = tree < 0 ? tree : mount_attach(tree, target, err);
        return r < 0 ? error_wrap(err, "/dev/console") : 0;
}

static bool is_null(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && is_device(&st, &defaults[0]);
}

int devices_reopen_null(struct error *err) {
        _cleanup_fd_ int null = -1;

        for (int fd = 0; fd <= 2; fd++) {
                if (!is_null(fd))
                        continue;
                if (null < 0)
                        null = open("/dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                /* An image may have anything else there, or nothing. */
                if (null < 0 || !is_null(null))
                        return 0;
                if (dup3(null, fd, 0) < 0)
                        return error_errno(err, errno, "/dev/null");
        }
        return 0;
}
