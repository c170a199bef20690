#include "restore_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../linux/mount_options.h"
#include "../linux/mount_table.h"
#include "../linux/mount_target.h"
#include "../linux/mounts.h"
#include "external.h"

#define MOUNT_POINT "criu-root"

static int attach_rootfs(const struct restore_root *root, const struct bundle *bundle, struct error *err) {
        _cleanup_fd_ int source = open(bundle->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_fd_ int target = -1;
        _cleanup_fd_ int tree = -1;
        int r;

        if (source < 0)
                return error_errno(err, errno, "root.path: %s", bundle->rootfs);
        target = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target < 0)
                return error_errno(err, errno, "%s", root->path);
        tree = mount_clone(source, true, err);
        r = tree < 0 ? tree : mount_attach(tree, target, err);
        return r < 0 ? error_wrap(err, "root.path: %s", bundle->rootfs) : 0;
}

int restore_root_enter(struct restore_root *root, int state_fd, const struct bundle *bundle, struct error *err) {
        char link[PATH_FD_MAX];
        char name[PATH_MAX];
        ssize_t n = readlink(path_of_fd(state_fd, link), name, sizeof(name) - 1);

        if (n < 0)
                return error_errno(err, errno, "the container's state directory");
        name[n] = '\0';
        root->path = path_join(name, MOUNT_POINT);
        root->state_fd = state_fd;
        if (mkdirat(state_fd, MOUNT_POINT, 0755) < 0 && errno != EEXIST)
                return error_errno(err, errno, "%s", root->path);
        root->directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        root->host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (root->directory < 0 || root->host < 0)
                return error_errno(err, errno, "cannot remember the mount namespace");
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
                return error_errno(err, errno, "cannot make a mount namespace");
        return attach_rootfs(root, bundle, err);
}

void restore_root_leave(struct restore_root *root) {
        if (root->host >= 0 && (setns(root->host, CLONE_NEWNS) < 0 || fchdir(root->directory) < 0))
                log_warning("cannot go back to the host's mounts: %s", strerror(errno));
        fd_close_at(&root->host);
        fd_close_at(&root->directory);
        if (root->state_fd >= 0)
                (void) unlinkat(root->state_fd, MOUNT_POINT, AT_REMOVEDIR);
        free(take_ptr(root->path));
}

/* --- mount points --------------------------------------------------------- */

/* What is below a file system of the container's own is saved with that, or appears with it. */
static bool is_on_own_file_system(const struct runtime_config *config, size_t index) {
        bool recursive;

        for (size_t i = 0; i < index; i++)
                if (!external_is_bind(&config->mounts[i], &recursive) &&
                    path_is_within(config->mounts[index].destination, config->mounts[i].destination))
                        return true;
        return false;
}

/* Mounts of the host below the source of a recursive bind, as put_mounts_below() of external.c named them. */
static int put_mounts_below(struct criu *criu, const char *source, const char *point, struct error *err) {
        _cleanup_mount_table_ struct mount_table table = {0};
        int r = mount_table_read(&table, 0, NULL, err);

        for (size_t i = 0; i < table.count; i++) {
                _cleanup_free_ char *key = NULL;

                if (!path_is_within(table.paths[i], source) || str_equal(table.paths[i], source))
                        continue;
                key = str_format("%s%s", point, table.paths[i] + strlen(source));
                criu_put_mount(criu, key, table.paths[i]);
        }
        return r;
}

/* criu does not follow a link to the source. */
static int put_source(struct criu *criu, const char *source, const char *point, bool recursive, struct error *err) {
        _cleanup_free_ char *real = realpath(source, NULL);

        if (!real)
                return error_errno(err, errno, "source %s", source);
        criu_put_mount(criu, point, real);
        return recursive ? put_mounts_below(criu, real, point, err) : 0;
}

static int put_bind(const struct bundle *bundle, size_t index, bool recursive, int root_fd, struct criu *criu,
                    struct error *err) {
        const struct runtime_mount *mount = &bundle->config.mounts[index];
        struct mount_target_request request = {.destination = mount->destination, .type = "bind"};
        _cleanup_free_ char *source = NULL;
        _cleanup_free_ char *point = NULL;
        _cleanup_fd_ int source_fd = -1;
        _cleanup_fd_ int target = -1;
        int r;

        if (str_empty(mount->source))
                return error_set(err, EINVAL, "source: required for a bind mount");
        source = mount->source[0] == '/' ? xstrdup(mount->source) : path_join(bundle->path, mount->source);
        source_fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (source_fd < 0)
                return error_errno(err, errno, "source %s", source);
        if (is_on_own_file_system(&bundle->config, index)) {
                point = path_clean(mount->destination);
                return put_source(criu, source, point, recursive, err);
        }
        request.source_fd = source_fd;
        target = mount_target_open(root_fd, &request, err);
        if (target < 0)
                return target;
        point = external_path(root_fd, target);
        if (!point)
                return error_set(err, EINVAL, "the mount point cannot be found in the root");
        r = put_source(criu, source, point, recursive, err);
        /* So that mount points in it are made, too. */
        return r < 0 ? r : mount_attach(source_fd, target, err);
}

static int put_mount(const struct bundle *bundle, size_t index, int root_fd, struct criu *criu, struct error *err) {
        const struct runtime_mount *mount = &bundle->config.mounts[index];
        struct mount_target_request request = {.destination = mount->destination, .type = mount->type, .source_fd = -1};
        bool recursive = false;
        _cleanup_fd_ int target = -1;

        if (external_is_bind(mount, &recursive))
                return put_bind(bundle, index, recursive, root_fd, criu, err);
        if (is_on_own_file_system(&bundle->config, index))
                return 0;
        target = mount_target_open(root_fd, &request, err);
        return target < 0 ? target : 0;
}

int restore_root_put(const struct restore_root *root, const struct bundle *bundle, struct criu *criu,
                     struct error *err) {
        const struct runtime_config *config = &bundle->config;
        _cleanup_fd_ int root_fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = root_fd < 0 ? error_errno(err, errno, "%s", root->path) : 0;

        criu_put_root(criu, root->path);
        for (size_t i = 0; r >= 0 && i < config->mount_count; i++)
                if ((r = put_mount(bundle, i, root_fd, criu, err)) < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, config->mounts[i].destination);
        fd_close_at(&root_fd);
        if (r < 0)
                return r;
        /* criu mounts all of it itself, on the root alone. */
        if (umount2(root->path, MNT_DETACH) < 0)
                return error_errno(err, errno, "%s", root->path);
        return attach_rootfs(root, bundle, err);
}
