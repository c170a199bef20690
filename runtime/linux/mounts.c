#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "cgroup_mount.h"
#include "copy_up.h"
#include "file_system.h"
#include "mount_target.h"

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

/* --- maps of ids ---------------------------------------------------------- */

/* Which property asked for the map, for messages about it. */
static const char *map_property(const struct mount_plan_item *item) {
        return item->mount->uid_mappings.count > 0 ? "uidMappings, gidMappings"
               : item->options.idmap_recursive     ? "option ridmap"
                                                   : "option idmap";
}

/* The map the mount gives, or else the one of the container's user namespace. */
static int find_map(struct arena *arena, const struct mount_request *request, const struct mount_plan_item *item,
                    struct idmap *out, struct error *err) {
        const struct runtime_mount *mount = item->mount;
        const struct runtime_linux *config = &request->config->linux_;
        struct idmap own = idmap_of(config);

        *out = (struct idmap){.uids = mount->uid_mappings, .gids = mount->gid_mappings};
        if (out->uids.count > 0)
                return 0;
        if (item->options.idmap_text)
                return idmap_parse(arena, item->options.idmap_text, &own, out, err);
        *out = own;
        if (out->uids.count > 0 || request->user_namespace >= 0)
                return 0;
        error_set(err, EINVAL, "there is no map");
        return error_hint(err, "give the mount uidMappings and gidMappings, or the container a user namespace");
}

/* A container that joins a user namespace has no maps of its own: it is that namespace's. */
static int make_map(const struct mount_request *request, const struct idmap *map, struct error *err) {
        int fd;

        if (map->uids.count > 0)
                return idmap_namespace(request->proc_fd, map, err);
        /* A copy: init closes the other one when it has joined. */
        fd = fcntl(request->user_namespace, F_DUPFD_CLOEXEC, 0);
        return fd < 0 ? error_errno(err, errno, "the container's user namespace") : fd;
}

/* Mounts with the same map share its namespace. */
static int prepare_map(struct arena *arena, const struct mount_request *request, struct mount_plan *plan,
                       struct mount_plan_item *item, struct error *err) {
        struct mount_map found = {0};
        int r;

        if (!item->options.idmap && item->mount->uid_mappings.count == 0)
                return 0;
        r = find_map(arena, request, item, &found.map, err);
        if (r < 0)
                return error_wrap(err, "%s", map_property(item));
        for (size_t i = 0; i < plan->map_count; i++)
                if (idmap_equal(&plan->maps[i].map, &found.map)) {
                        item->map_fd = plan->maps[i].fd;
                        return 0;
                }
        found.fd = make_map(request, &found.map, err);
        if (found.fd < 0)
                return error_wrap(err, "%s", map_property(item));
        plan->maps[plan->map_count++] = found;
        item->map_fd = found.fd;
        return 0;
}

static int map_ids(const struct mount_plan_item *item, int fd, struct error *err) {
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) item->map_fd};
        unsigned int flags = AT_EMPTY_PATH | (item->options.idmap_recursive ? AT_RECURSIVE : 0);

        if (item->map_fd < 0 || mount_setattr(fd, "", flags, &attr, sizeof(attr)) == 0)
                return 0;
        if (errno == EINVAL)
                return error_set(err, EINVAL, "%s: the file system%s cannot map ids", map_property(item),
                                 item->options.idmap_recursive ? ", or one mounted below it," : "");
        if (errno == ENOSYS)
                return error_set(err, ENOSYS,
                                 "%s: the kernel cannot map ids of a mount (Linux 5.12 or newer is needed)",
                                 map_property(item));
        return error_errno(err, errno, "%s", map_property(item));
}

/* --- the plan ------------------------------------------------------------- */

static bool is_on_sysfs(int fd) {
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC;
}

/*
 * A container without a sysfs of its own gets the host's, with the host's cgroups mounted in
 * it. Read-only must hold for those as well: a user may be allowed to write to some of them
 * (CVE-2023-25809).
 */
static struct mount_attributes recursive_attributes(const struct mount_plan_item *item, int fd) {
        struct mount_attributes attributes = item->options.recursive;

        if (item->options.bind_recursive && (item->options.own.set & MOUNT_ATTR_RDONLY) && is_on_sysfs(fd))
                attributes.set |= MOUNT_ATTR_RDONLY;
        return attributes;
}

/* The mount that is to be bound, by its path on the host, or below the container's root with what is mounted there. */
static int clone_source(const struct mount_plan_item *item, int rootfs_fd, struct error *err) {
        unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
        _cleanup_fd_ int place = -1;
        int fd;

        if (item->options.bind_recursive)
                flags |= AT_RECURSIVE;
        if (item->inside) {
                place = path_open(rootfs_fd, item->inside, PATH_IN_ROOT, O_PATH, 0, err);
                if (place < 0)
                        return error_wrap(err, "source %s", item->source);
                fd = open_tree(place, "", flags | AT_EMPTY_PATH);
        } else {
                fd = open_tree(AT_FDCWD, item->source, flags);
        }
        return fd < 0 ? error_errno(err, errno, "source %s", item->source) : fd;
}

/* Sources of binds: opened where the caller's paths mean what the caller meant. */
static int open_source(struct mount_plan_item *item, int rootfs_fd, struct error *err) {
        struct mount_attributes recursive;
        _cleanup_fd_ int fd = clone_source(item, rootfs_fd, err);
        int r;

        if (fd < 0)
                return fd;
        recursive = recursive_attributes(item, fd);
        /* The copy is a peer of the host's mount: unless that is wanted, nothing may go from here to there. */
        if ((r = mount_set_attributes(fd, &recursive, item->peer ? 0 : MS_SLAVE, true, err)) < 0 ||
            (r = mount_set_attributes(fd, &item->options.own, 0, false, err)) < 0 || (r = map_ids(item, fd, err)) < 0)
                return r;
        item->source_fd = take_fd(&fd);
        return 0;
}

/*
 * The kernel lists mounts in the order in which they were made, so init makes binds in their turn. What is opened here
 * needs the caller's privilege, its mount namespace or its fds.
 */
static bool can_wait(const struct mount_request *request, const struct mount_plan_item *item) {
        const struct runtime_namespace *namespaces = request->config->linux_.namespaces;

        return namespaces[NAMESPACE_MOUNT].present && !namespaces[NAMESPACE_MOUNT].path &&
               !namespaces[NAMESPACE_USER].present && !str_starts_with(item->source, "/proc/");
}

/*
 * Without privilege only init may bind, in its user namespace: then the source is left to it. So is a source
 * below the container's root, where earlier mounts count.
 */
static int prepare_bind(struct arena *arena, const struct mount_request *request, struct mount_plan_item *item,
                        struct error *err) {
        const char *source = item->mount->source;
        _cleanup_free_ char *clean = NULL;
        size_t size = strlen(request->rootfs);
        int r;

        if (str_empty(source))
                return error_set(err, EINVAL, "source: required for a bind mount");
        item->source = source[0] == '/' ? source : arena_printf(arena, "%s/%s", request->bundle, source);
        clean = path_clean(item->source);
        if (str_starts_with(clean, request->rootfs) && (clean[size] == '/' || clean[size] == '\0')) {
                item->inside = arena_printf(arena, "/%s", clean + size);
                return 0;
        }
        if (can_wait(request, item))
                return 0;
        r = open_source(item, -1, err);
        return r == -EPERM ? 0 : r;
}

static int prepare_item(struct arena *arena, const struct mount_request *request, const struct runtime_mount *mount,
                        struct mount_plan *plan, struct error *err) {
        const char *propagation = request->config->linux_.rootfs_propagation;
        struct mount_plan_item *item = &plan->items[plan->count++];
        int r;

        *item = (struct mount_plan_item){.mount = mount, .source_fd = -1, .map_fd = -1};
        mount_options_parse(arena, mount->options, &item->options);
        if (str_equal(mount->type, "bind"))
                item->options.bind = true;
        /* As with runc: else "shared" makes a peer group of the container's own. */
        item->peer = item->options.propagation == MS_SHARED && propagation &&
                     (str_equal(propagation, "shared") || str_equal(propagation, "rshared"));
        item->cgroup = !item->options.bind && (str_equal(mount->type, "cgroup") || str_equal(mount->type, "cgroup2"));
        if ((r = prepare_map(arena, request, plan, item, err)) < 0)
                return r;
        if (item->map_fd >= 0 && (item->options.remount || item->cgroup))
                return error_set(err, EINVAL, "%s: only for a mount of its own", map_property(item));
        if (item->options.remount)
                return 0;
        if (item->options.bind)
                return prepare_bind(arena, request, item, err);
        if (str_empty(mount->type))
                return error_set(err, EINVAL, "type: required unless it is a bind mount");
        return 0;
}

static bool is_dev(const struct mount_plan_item *item) {
        return mount_target_is(item->mount->destination, "/dev");
}

int mount_plan_prepare(struct arena *arena, const struct mount_request *request, struct mount_plan *out,
                       struct error *err) {
        const struct runtime_config *config = request->config;

        *out = (struct mount_plan){.items = arena_alloc(arena, config->mount_count, sizeof(*out->items)),
                                   .maps = arena_alloc(arena, config->mount_count, sizeof(*out->maps)),
                                   .label = config->linux_.mount_label};
        for (size_t i = 0; i < config->mount_count; i++) {
                const struct runtime_mount *mount = &config->mounts[i];
                int r = prepare_item(arena, request, mount, out, err);

                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, mount->destination);
                if (out->items[i].options.bind && is_dev(&out->items[i]))
                        out->binds_dev = true;
        }
        return 0;
}

void mount_plan_close(struct mount_plan *plan) {
        for (size_t i = 0; i < plan->count; i++)
                fd_close_at(&plan->items[i].source_fd);
        for (size_t i = 0; i < plan->map_count; i++)
                fd_close_at(&plan->maps[i].fd);
        plan->count = plan->map_count = 0;
}

/* --- carried out by init -------------------------------------------------- */

static int set_propagation(const struct mount_options *options, int fd, struct error *err) {
        struct mount_attributes none = {0};

        return mount_set_attributes(fd, &none, options->propagation, options->propagation_recursive, err);
}

static bool has_option(const char *const *words, const char *start) {
        for (; *words; words++)
                if (str_starts_with(*words, start))
                        return true;
        return false;
}

/* SELinux labels the files of these by its policy, and refuses the option. */
static bool takes_label(const char *type) {
        return !str_equal(type, "proc") && !str_equal(type, "sysfs") && !str_equal(type, "mqueue");
}

/* All options of the file system itself. */
static void file_system_words(const struct mount_plan *plan, const struct mount_plan_item *item, int target,
                              struct str_list *out) {
        const struct mount_options *options = &item->options;
        bool tmpfs = str_equal(item->mount->type, "tmpfs");
        struct stat st;

        for (const char *const *word = options->fs; *word; word++)
                str_list_add(out, *word);
        /* A tmpfs that is yet to be filled, and /dev, become read-only by their mount alone. */
        for (const char *const *word = options->fs_set; *word; word++)
                if (!str_equal(*word, "ro") || (!tmpfs && !options->remount))
                        str_list_add(out, *word);
        if (tmpfs && !options->remount && !has_option(options->fs, "mode=") && fstat(target, &st) == 0)
                str_list_printf(out, "mode=%o", st.st_mode & 07777);
        if (!str_empty(plan->label) && takes_label(item->mount->type) && !options->remount)
                str_list_printf(out, "context=%s", plan->label);
}

/* Fills a tmpfs with what its target holds, then makes it read-only if that was wanted. */
static int fill_from_target(const struct mount_plan_item *item, int mount_fd, int target, struct error *err) {
        struct mount_attributes attributes = {.set = item->options.own.set & MOUNT_ATTR_RDONLY};
        int r = copy_up(target, mount_fd, err);

        if (r < 0)
                return error_wrap(err, "tmpcopyup");
        return mount_set_attributes(mount_fd, &attributes, 0, false, err);
}

/* What only mount(2) can do: the mount gets its attributes when it is in place. */
static int apply_old_way(const struct mount_plan_item *item, const struct str_list *words, int target, int rootfs_fd,
                         struct error *err) {
        unsigned long flags = item->options.old_flags | ((item->options.own.set & MOUNT_ATTR_RDONLY) ? MS_RDONLY : 0);
        _cleanup_fd_ int fd = -1;
        int r = file_system_mount(item->mount->type, item->mount->source, (const char *const *) words->items, flags,
                                  target, err);

        if (r < 0)
                return r;
        fd = path_open(rootfs_fd, item->mount->destination, PATH_IN_ROOT, O_PATH, 0, err);
        if (fd < 0)
                return fd;
        if ((r = mount_set_attributes(fd, &item->options.own, 0, false, err)) < 0 ||
            (r = mount_set_attributes(fd, &item->options.recursive, 0, true, err)) < 0)
                return r;
        return set_propagation(&item->options, fd, err);
}

static int apply_file_system(const struct mount_plan *plan, const struct mount_plan_item *item, int target,
                             int rootfs_fd, struct error *err) {
        const struct runtime_mount *mount = item->mount;
        _cleanup_str_list_ struct str_list words = {0};
        uint64_t attributes = item->options.own.set;
        _cleanup_fd_ int fd = -1;
        int r;

        file_system_words(plan, item, target, &words);
        if (item->options.old_call || file_system_has_long_value(item->options.fs))
                return apply_old_way(item, &words, target, rootfs_fd, err);
        if (item->options.copy_up || is_dev(item))
                attributes &= ~(uint64_t) MOUNT_ATTR_RDONLY;
        fd = file_system_new(mount->type, mount->source, (const char *const *) words.items, attributes, err);
        if (fd < 0)
                return fd;
        if ((r = mount_set_attributes(fd, &item->options.recursive, 0, true, err)) < 0 ||
            (r = map_ids(item, fd, err)) < 0 ||
            (item->options.copy_up && (r = fill_from_target(item, fd, target, err)) < 0))
                return r;
        r = mount_attach(fd, target, err);
        return r < 0 ? r : set_propagation(&item->options, fd, err);
}

/* "remount" alone changes the file system, too; with "bind" only this mount of it. */
static int apply_remount(const struct mount_plan *plan, const struct mount_plan_item *item, int target,
                         struct error *err) {
        _cleanup_str_list_ struct str_list words = {0};
        int r;

        file_system_words(plan, item, target, &words);
        if (!item->options.bind && words.count > 0 &&
            (r = file_system_reconfigure(target, (const char *const *) words.items, err)) < 0)
                return r;
        if ((r = mount_set_attributes(target, &item->options.own, 0, false, err)) < 0 ||
            (r = mount_set_attributes(target, &item->options.recursive, 0, true, err)) < 0)
                return r;
        return set_propagation(&item->options, target, err);
}

int mount_plan_open_peers(struct mount_plan *plan, struct error *err) {
        for (size_t i = 0; i < plan->count; i++) {
                struct mount_plan_item *item = &plan->items[i];
                int r;

                if (!item->peer || !item->source || item->inside || item->source_fd >= 0)
                        continue;
                r = open_source(item, -1, err);
                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, item->mount->destination);
        }
        return 0;
}

int mount_plan_repeat_propagation(const struct mount_plan *plan, int root_fd, struct error *err) {
        for (size_t i = 0; i < plan->count; i++) {
                const struct mount_plan_item *item = &plan->items[i];
                _cleanup_fd_ int fd = -1;
                int r;

                if (!item->options.propagation)
                        continue;
                fd = path_open(root_fd, item->mount->destination, PATH_IN_ROOT, O_PATH, 0, err);
                r = fd < 0 ? fd : set_propagation(&item->options, fd, err);
                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, item->mount->destination);
        }
        return 0;
}

/* A peer that was made early takes its turn by being made again, where the kernel can do that (Linux 6.15). */
static void take_turn(struct mount_plan_item *item) {
        unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
        int again = open_tree(item->source_fd, "", flags | (item->options.bind_recursive ? AT_RECURSIVE : 0));

        if (again < 0)
                return;
        fd_close(item->source_fd);
        item->source_fd = again;
}

static int apply_item(const struct mount_plan *plan, struct mount_plan_item *item, int rootfs_fd,
                      const struct mount_cgroup *cgroup, struct error *err) {
        struct mount_target_request request = {
                .destination = item->mount->destination,
                .type = item->options.bind ? "bind" : item->mount->type,
                .existing = item->options.remount,
        };
        const bool made = item->source_fd >= 0;
        _cleanup_fd_ int target = -1;
        int r;

        if (item->source && !made && (r = open_source(item, rootfs_fd, err)) < 0)
                return r;
        if (made && item->peer)
                take_turn(item);
        request.source_fd = item->source_fd;
        target = mount_target_open(rootfs_fd, &request, err);
        if (target < 0)
                return target;
        if (item->options.remount)
                return apply_remount(plan, item, target, err);
        if (item->cgroup && (r = cgroup->before(cgroup->data, err)) < 0)
                return r;
        if (item->cgroup)
                return cgroup_mount(cgroup->cgroup, cgroup->namespace, target, rootfs_fd, item->mount->destination,
                                    item->options.own.set, err);
        if (item->source_fd < 0)
                return apply_file_system(plan, item, target, rootfs_fd, err);
        r = mount_attach(item->source_fd, target, err);
        return r < 0 ? r : set_propagation(&item->options, item->source_fd, err);
}

int mount_plan_apply(struct mount_plan *plan, int rootfs_fd, const struct mount_cgroup *cgroup, struct error *err) {
        for (size_t i = 0; i < plan->count; i++) {
                struct mount_plan_item *item = &plan->items[i];
                int r = apply_item(plan, item, rootfs_fd, cgroup, err);

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

                if (attributes.set == 0 || item->options.bind || !is_dev(item))
                        continue;
                fd = path_open(rootfs_fd, item->mount->destination, PATH_NO_SYMLINKS, O_PATH, 0, err);
                r = fd < 0 ? fd : mount_set_attributes(fd, &attributes, 0, false, err);
                if (r < 0)
                        return error_wrap(err, "mounts[%zu] %s", i, item->mount->destination);
        }
        return 0;
}
