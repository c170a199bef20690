#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../network/connect.h"
#include "bundle.h"

#define DEFAULT_SHM_SIZE ((int64_t) 64 * 1024 * 1024)

/* The file systems every container gets, in mount order. */
static const struct runtime_mount default_mounts[] = {
        {.destination = "/proc",
         .type = "proc",
         .source = "proc",
         .options = (const char *const[]){"nosuid", "noexec", "nodev", NULL}},
        {.destination = "/dev",
         .type = "tmpfs",
         .source = "tmpfs",
         .options = (const char *const[]){"nosuid", "strictatime", "mode=755", "size=65536k", NULL}},
        {.destination = "/dev/pts",
         .type = "devpts",
         .source = "devpts",
         .options =
                 (const char *const[]){"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL}},
        {.destination = "/sys",
         .type = "sysfs",
         .source = "sysfs",
         .options = (const char *const[]){"nosuid", "noexec", "nodev", "ro", NULL}},
        {.destination = "/sys/fs/cgroup",
         .type = "cgroup",
         .source = "cgroup",
         .options = (const char *const[]){"ro", "nosuid", "noexec", "nodev", NULL}},
        {.destination = "/dev/mqueue",
         .type = "mqueue",
         .source = "mqueue",
         .options = (const char *const[]){"nosuid", "noexec", "nodev", NULL}},
};

struct mount_list {
        struct runtime_mount *items;
        size_t count;
        struct arena *arena;
};

/* A later mount on the same place replaces the earlier one. */
static void put(struct mount_list *list, const struct runtime_mount *mount) {
        for (size_t i = 0; i < list->count; i++)
                if (str_equal(list->items[i].destination, mount->destination)) {
                        memmove(list->items + i, list->items + i + 1, (list->count - i - 1) * sizeof(*mount));
                        list->count--;
                        break;
                }
        list->items[list->count++] = *mount;
}

static const char *const *option_list(struct arena *arena, const struct str_list *options) {
        const char **out = arena_alloc(arena, options->count + 1, sizeof(*out));

        for (size_t i = 0; i < options->count; i++)
                out[i] = arena_strdup(arena, options->items[i]);
        return out;
}

/* In a privileged container, and one with host namespaces, what is read-only elsewhere can be written. */
static void put_defaults(struct bundle *bundle, struct mount_list *list) {
        for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++) {
                struct runtime_mount mount = default_mounts[i];

                if (bundle->container->options.privileged) {
                        _cleanup_str_list_ struct str_list options = {0};

                        for (size_t j = 0; mount.options[j]; j++)
                                if (!str_equal(mount.options[j], "ro"))
                                        str_list_add(&options, mount.options[j]);
                        mount.options = option_list(bundle->arena, &options);
                }
                put(list, &mount);
        }
}

static void put_shm(struct bundle *bundle, struct mount_list *list) {
        int64_t size = bundle->container->options.shm_size;
        _cleanup_str_list_ struct str_list options = {0};
        struct runtime_mount mount = {.destination = "/dev/shm", .type = "tmpfs", .source = "shm"};

        if (str_equal(bundle->container->options.ipc, "host")) {
                mount.type = "bind";
                mount.source = "/dev/shm";
                str_list_add(&options, "rbind");
        } else {
                str_list_split(&options, "nosuid,noexec,nodev,mode=1777", ',');
                str_list_printf(&options, "size=%lld", (long long) (size > 0 ? size : DEFAULT_SHM_SIZE));
        }
        mount.options = option_list(bundle->arena, &options);
        put(list, &mount);
}

static void put_host_file(struct bundle *bundle, struct mount_list *list, const char *name, const char *destination) {
        static const char *const options[] = {"rbind", "rprivate", NULL};

        put(list, &(struct runtime_mount){
                          .destination = destination,
                          .type = "bind",
                          .source = arena_printf(bundle->arena, "%s/%s", bundle->container->directory, name),
                          .options = options,
                  });
}

static int put_own(struct bundle *bundle, struct mount_list *list, const struct container_mount *mount,
                   struct error *err) {
        static const char *const propagations[] = {"private", "rprivate", "slave", "rslave", "shared", "rshared"};
        _cleanup_str_list_ struct str_list given = {0}, options = {0};
        bool propagation = false, tmpfs = str_equal(mount->type, "tmpfs");
        struct runtime_mount out = {
                .destination = mount->destination,
                .type = tmpfs ? "tmpfs" : "bind",
                .source = tmpfs ? "tmpfs" : mount->source,
        };

        if (tmpfs)
                str_list_split(&options, "nosuid,nodev,noexec", ',');
        else
                str_list_add(&options, "rbind");
        str_list_split(&given, mount->options, ',');
        for (size_t i = 0; i < given.count; i++) {
                for (size_t j = 0; j < ARRAY_SIZE(propagations); j++)
                        propagation = propagation || str_equal(given.items[i], propagations[j]);
                str_list_add(&options, given.items[i]);
        }
        if (mount->read_only)
                str_list_add(&options, "ro");
        if (!tmpfs && !propagation)
                str_list_add(&options, "rprivate");
        if (!tmpfs && bundle->root_fd >= 0 && access(mount->source, F_OK) < 0)
                return error_errno(err, errno, "volume %s", mount->source);
        out.options = option_list(bundle->arena, &options);
        put(list, &out);
        return 0;
}

static int by_depth(const void *a, const void *b) {
        const struct container_mount *const *left = a, *const *right = b;
        size_t depth[2] = {0};

        for (const char *c = (*left)->destination; *c; c++)
                depth[0] += *c == '/';
        for (const char *c = (*right)->destination; *c; c++)
                depth[1] += *c == '/';
        return depth[0] != depth[1] ? (depth[0] > depth[1]) - (depth[0] < depth[1])
                                    : strcmp((*left)->destination, (*right)->destination);
}

int bundle_set_mounts(struct bundle *bundle, struct error *err) {
        const struct container *container = bundle->container;
        size_t room = ARRAY_SIZE(default_mounts) + 4 + container->mount_count;
        struct mount_list list = {.arena = bundle->arena};
        const struct container_mount **own = arena_alloc(bundle->arena, container->mount_count + 1, sizeof(*own));

        list.items = arena_alloc(bundle->arena, room, sizeof(*list.items));
        put_defaults(bundle, &list);
        put_shm(bundle, &list);
        put_host_file(bundle, &list, "resolv.conf", "/etc/resolv.conf");
        put_host_file(bundle, &list, "hostname", "/etc/hostname");
        put_host_file(bundle, &list, "hosts", "/etc/hosts");
        for (size_t i = 0; i < container->mount_count; i++)
                own[i] = &container->mounts[i];
        qsort(own, container->mount_count, sizeof(void *), by_depth);
        for (size_t i = 0; i < container->mount_count; i++) {
                int r = put_own(bundle, &list, own[i], err);

                if (r < 0)
                        return r;
        }
        bundle->config->mounts = list.items;
        bundle->config->mount_count = list.count;
        return 0;
}
