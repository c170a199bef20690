#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "cgroup_mount.h"
#include "copy_up.h"

/* The kernel takes at most this much as the value of one option (fsconfig(2)). */
#define FS_VALUE_MAX 255

int mount_set_attributes(int fd, const struct mount_attributes *attributes, uint64_t propagation, bool recursive,
                         struct error *err) {
        struct mount_attr attr = {
                .attr_set = attributes->set, .attr_clr = attributes->clear, .propagation = propagation};

        if (attr.attr_set == 0 && attr.attr_clr == 0 && propagation == 0)
                return 0;
        if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
                return error_errno(err, errno, "the mount's options cannot be set");
        return 0;
}

int mount_attach(int mount_fd, int target_fd, struct error *err) {
        if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_errno(err, errno, "cannot mount there");
        return 0;
}

int mount_clone(int fd, bool recursive, struct error *err) {
        unsigned int flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
        int tree = open_tree(fd, "", recursive ? flags | AT_RECURSIVE : flags);

        if (tree < 0)
                return error_errno(err, errno, "cannot be bound");
        return tree;
}

/* The kernel's own words about a refused mount, which a file system context keeps for its reader. */
static int fs_error(int context, const char *what, struct error *err) {
        int code = errno;
        char text[256];
        ssize_t n = read(context, text, sizeof(text) - 1);

        if (n <= 2)
                return error_errno(err, code, "%s", what);
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_errno(err, code, "%s: %s", what, text + 2);
}

static int set_fs_option(int context, const char *word, struct error *err) {
        const char *equals = strchr(word, '=');
        _cleanup_free_ char *key = equals ? xstrndup(word, (size_t) (equals - word)) : xstrdup(word);
        int r = equals ? fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1, 0)
                       : fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0);

        return r < 0 ? fs_error(context, word, err) : 0;
}

static int open_context(const char *type, const char *source, struct error *err) {
        _cleanup_fd_ int context = fsopen(type, FSOPEN_CLOEXEC);

        if (context < 0 && errno == ENODEV)
                return error_set(err, ENODEV, "type: the kernel has no file system \"%s\"", type);
        if (context < 0)
                return error_errno(err, errno, "type %s", type);
        if (source && fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
                return fs_error(context, "source", err);
        return take_fd(&context);
}

static int finish_context(int context, const char *type, uint64_t attributes, struct error *err) {
        int fd;

        if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return fs_error(context, type, err);
        fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned int) attributes);
        return fd < 0 ? fs_error(context, type, err) : fd;
}

int mount_new(const char *type, const char *source, const char *const *words, uint64_t attributes, struct error *err) {
        _cleanup_fd_ int context = open_context(type, source, err);
        int r;

        if (context < 0)
                return context;
        for (; words && *words; words++) {
                r = set_fs_option(context, *words, err);
                if (r < 0)
                        return r;
        }
        return finish_context(context, type, attributes, err);
}

/* Attributes that fsmount(2) takes: what is set, for a new mount has nothing to clear. */
static int new_file_system(const struct mount_plan_item *item, struct error *err) {
        const struct mount_options *options = &item->options;
        const char *type = item->mount->type;
        _cleanup_fd_ int context = open_context(type, item->mount->source, err);
        uint64_t attributes = options->own.set;
        int r;

        if (context < 0)
                return context;
        for (const char *const *word = options->fs; *word; word++) {
                r = set_fs_option(context, *word, err);
                if (r < 0)
                        return r;
        }
        for (const char *const *word = options->fs_set; *word; word++) {
                /* A tmpfs that is yet to be filled, and /dev, become read-only by their mount alone. */
                if (str_equal(*word, "ro") && str_equal(type, "tmpfs"))
                        continue;
                r = set_fs_option(context, *word, err);
                if (r < 0)
                        return r;
        }
        if (options->copy_up || str_equal(item->mount->destination, "/dev"))
                attributes &= ~(uint64_t) MOUNT_ATTR_RDONLY;
        return finish_context(context, type, attributes, err);
}

static bool has_long_value(const struct mount_options *options) {
        for (const char *const *word = options->fs; *word; word++) {
                const char *equals = strchr(*word, '=');

                if (equals && strlen(equals + 1) > FS_VALUE_MAX)
                        return true;
        }
        return false;
}

/* For option values beyond what fsconfig(2) takes, such as a long lowerdir of overlay. */
static int mount_by_data(const struct mount_plan_item *item, int target, struct error *err) {
        _cleanup_str_list_ struct str_list words = {0};
        _cleanup_free_ char *data = NULL;
        char path[PATH_FD_MAX];
        unsigned long flags = (item->options.own.set & MOUNT_ATTR_RDONLY) ? MS_RDONLY : 0;

        for (const char *const *word = item->options.fs; *word; word++)
                str_list_add(&words, *word);
        data = str_list_join(&words, ",");
        if (mount(item->mount->source, path_of_fd(target, path), item->mount->type, flags, data) < 0)
                return error_errno(err, errno, "type %s", item->mount->type);
        return 0;
}

/* Sources of binds: opened where the caller's paths mean what the caller meant. */
static int open_source(struct mount_plan_item *item, struct error *err) {
        const char *source = item->source;
        unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
        bool shared = item->options.propagation == MS_SHARED;
        _cleanup_fd_ int fd = -1;
        int r;

        if (item->options.bind_recursive)
                flags |= AT_RECURSIVE;
        fd = open_tree(AT_FDCWD, source, flags);
        if (fd < 0)
                return error_errno(err, errno, "source %s", source);
        /* The copy is a peer of the host's mount: unless that is wanted, nothing may go from here to there. */
        r = mount_set_attributes(fd, &item->options.recursive, shared ? 0 : MS_SLAVE, true, err);
        if (r >= 0)
                r = mount_set_attributes(fd, &item->options.own, 0, false, err);
        if (r < 0)
                return r;
        item->source_fd = take_fd(&fd);
        return 0;
}

/* Without privilege only init may bind, in its user namespace: then the source is left to it. */
static int prepare_bind(struct arena *arena, const char *bundle, struct mount_plan_item *item, struct error *err) {
        const char *source = item->mount->source;
        int r;

        if (str_empty(source))
                return error_set(err, EINVAL, "source: required for a bind mount");
        item->source = source[0] == '/' ? source : arena_printf(arena, "%s/%s", bundle, source);
        r = open_source(item, err);
        return r == -EPERM ? 0 : r;
}

static int prepare_item(struct arena *arena, const struct runtime_mount *mount, const char *bundle,
                        struct mount_plan_item *item, struct error *err) {
        *item = (struct mount_plan_item){.mount = mount, .source_fd = -1};
        mount_options_parse(arena, mount->options, &item->options);
        if (str_equal(mount->type, "bind"))
                item->options.bind = true;
        item->cgroup = !item->options.bind && (str_equal(mount->type, "cgroup") || str_equal(mount->type, "cgroup2"));
        if (item->options.idmap || mount->uid_mappings.count > 0 || mount->gid_mappings.count > 0)
                return error_set(err, ENOTSUP, "uidMappings, gidMappings: not supported in this build");
        if (item->options.remount)
                return 0;
        if (item->options.bind)
                return prepare_bind(arena, bundle, item, err);
        if (str_empty(mount->type))
                return error_set(err, EINVAL, "type: required unless it is a bind mount");
        return 0;
}

static bool is_dev(const struct runtime_mount *mount) {
        _cleanup_free_ char *clean = path_clean(mount->destination);

        return str_equal(clean, "/dev");
}

int mount_plan_prepare(struct arena *arena, const struct runtime_config *config, const char *bundle,
                       struct mount_plan *out, struct error *err) {
        *out = (struct mount_plan){.items = arena_alloc(arena, config->mount_count, sizeof(*out->items))};
        for (size_t i = 0; i < config->mount_count; i++) {
                const struct runtime_mount *mount = &config->mounts[i];
                int r = prepare_item(arena, mount, bundle, &out->items[i], err);

                out->count = i + 1;
                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, mount->destination);
                if (out->items[i].options.bind && is_dev(mount))
                        out->binds_dev = true;
        }
        return 0;
}

void mount_plan_close(struct mount_plan *plan) {
        for (size_t i = 0; i < plan->count; i++)
                fd_close_at(&plan->items[i].source_fd);
        plan->count = 0;
}

/*
 * A procfs or sysfs on anything but a directory of the rootfs itself would let an
 * image choose where the runtime's own writes go (CVE-2019-19921, CVE-2023-27561),
 * and so would a linked /dev (CVE-2026-41579).
 */
static enum path_policy target_policy(const struct mount_plan_item *item) {
        const char *type = item->mount->type;

        if (!item->options.bind && (str_equal(type, "proc") || str_equal(type, "sysfs")))
                return PATH_NO_SYMLINKS;
        return is_dev(item->mount) ? PATH_NO_SYMLINKS : PATH_IN_ROOT_CREATE;
}

static int open_target(const struct mount_plan_item *item, int rootfs_fd, struct error *err) {
        enum path_policy policy = target_policy(item);
        const char *destination = item->mount->destination;
        struct stat st;
        int fd;

        if (item->options.remount)
                return path_open(rootfs_fd, destination, PATH_IN_ROOT, O_PATH, 0, err);
        if (item->source_fd >= 0 && fstat(item->source_fd, &st) == 0 && !S_ISDIR(st.st_mode))
                return path_make_file(rootfs_fd, destination, policy, 0755, err);
        fd = path_make_dirs(rootfs_fd, destination, policy, 0755, err);
        if (fd == -ELOOP && policy == PATH_NO_SYMLINKS)
                error_hint(err, "the image has a symbolic link there; it must be a directory");
        return fd;
}

static int set_propagation(const struct mount_options *options, int fd, struct error *err) {
        struct mount_attributes none = {0};

        return mount_set_attributes(fd, &none, options->propagation, options->propagation_recursive, err);
}

/* Fills a tmpfs with what its target holds, then makes it read-only if that was wanted. */
static int fill_from_target(const struct mount_plan_item *item, int mount_fd, int target, struct error *err) {
        struct mount_attributes attributes = {.set = item->options.own.set & MOUNT_ATTR_RDONLY};
        int r = copy_up(target, mount_fd, err);

        if (r < 0)
                return error_wrap(err, "tmpcopyup");
        return mount_set_attributes(mount_fd, &attributes, 0, false, err);
}

static int apply_file_system(const struct mount_plan_item *item, int target, int rootfs_fd, struct error *err) {
        _cleanup_fd_ int fd = -1;
        int r;

        if (has_long_value(&item->options)) {
                r = mount_by_data(item, target, err);
                if (r < 0)
                        return r;
                fd = path_open(rootfs_fd, item->mount->destination, PATH_IN_ROOT, O_PATH, 0, err);
                if (fd < 0)
                        return fd;
                r = mount_set_attributes(fd, &item->options.own, 0, false, err);
                return r < 0 ? r : set_propagation(&item->options, fd, err);
        }
        fd = new_file_system(item, err);
        if (fd < 0)
                return fd;
        if (item->options.copy_up && (r = fill_from_target(item, fd, target, err)) < 0)
                return r;
        r = mount_attach(fd, target, err);
        return r < 0 ? r : set_propagation(&item->options, fd, err);
}

static int apply_item(struct mount_plan_item *item, int rootfs_fd, const struct cgroup *cgroup, bool cgroup_namespace,
                      struct error *err) {
        _cleanup_fd_ int target = -1;
        int r;

        if (item->source && item->source_fd < 0 && (r = open_source(item, err)) < 0)
                return r;
        target = open_target(item, rootfs_fd, err);
        if (target < 0)
                return target;
        if (item->options.remount) {
                r = mount_set_attributes(target, &item->options.own, 0, false, err);
                return r < 0 ? r : set_propagation(&item->options, target, err);
        }
        if (item->cgroup)
                return cgroup_mount(cgroup, cgroup_namespace, target, rootfs_fd, item->mount->destination,
                                    item->options.own.set, err);
        if (item->source_fd < 0)
                return apply_file_system(item, target, rootfs_fd, err);
        r = mount_attach(item->source_fd, target, err);
        return r < 0 ? r : set_propagation(&item->options, item->source_fd, err);
}

int mount_plan_apply(struct mount_plan *plan, int rootfs_fd, const struct cgroup *cgroup, bool cgroup_namespace,
                     struct error *err) {
        for (size_t i = 0; i < plan->count; i++) {
                struct mount_plan_item *item = &plan->items[i];
                int r = apply_item(item, rootfs_fd, cgroup, cgroup_namespace, err);

                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, item->mount->destination);
                fd_close_at(&item->source_fd);
        }
        return 0;
}

int mount_plan_finish(const struct mount_plan *plan, int rootfs_fd, struct error *err) {
        for (size_t i = 0; i < plan->count; i++) {
                const struct mount_plan_item *item = &plan->items[i];
                struct mount_attributes attributes = {.set = item->options.own.set & MOUNT_ATTR_RDONLY};
                _cleanup_fd_ int fd = -1;
                int r;

                if (attributes.set == 0 || item->options.bind || !is_dev(item->mount))
                        continue;
                fd = path_open(rootfs_fd, item->mount->destination, PATH_NO_SYMLINKS, O_PATH, 0, err);
                r = fd < 0 ? fd : mount_set_attributes(fd, &attributes, 0, false, err);
                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, item->mount->destination);
        }
        return 0;
}
