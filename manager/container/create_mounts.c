#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../volume/volume.h"
#include "create.h"

struct mounts {
        struct arena *arena;
        struct container_mount *items;
        size_t count;
        size_t room;
};

static struct container_mount *find(struct mounts *mounts, const char *destination) {
        for (size_t i = 0; i < mounts->count; i++)
                if (str_equal(mounts->items[i].destination, destination))
                        return &mounts->items[i];
        return NULL;
}

static int add(struct mounts *mounts, struct container_mount mount, struct error *err) {
        _cleanup_free_ char *clean = NULL;

        if (!mount.destination || mount.destination[0] != '/')
                return error_set(err, EINVAL, "invalid mount path: '%s': mount path must be absolute",
                                 mount.destination ? mount.destination : "");
        clean = path_clean(mount.destination);
        if (str_equal(clean, "/"))
                return error_set(err, EINVAL, "invalid mount path: '/': the root cannot be replaced");
        if (find(mounts, clean))
                return error_set(err, EINVAL, "Duplicate mount point: %s", clean);
        mount.destination = arena_strdup(mounts->arena, clean);
        mount.source = arena_strdup(mounts->arena, mount.source);
        mount.name = arena_strdup(mounts->arena, mount.name);
        mount.options = arena_strdup(mounts->arena, mount.options ? mount.options : "");
        mounts->items[mounts->count++] = mount;
        return 0;
}

/* "ro", "rw", propagation; what SELinux and copying hosts want is accepted and has no effect. */
static int read_options(const char *text, struct container_mount *mount, struct arena *arena, struct error *err) {
        static const char *const kept[] = {"private", "rprivate", "slave", "rslave", "shared", "rshared",
                                           "noexec",  "nosuid",   "nodev", "exec",   "suid",   "dev"};
        static const char *const ignored[] = {"z",      "Z",         "rw",         "nocopy", "copy",
                                              "cached", "delegated", "consistent", "U"};
        _cleanup_str_list_ struct str_list options = {0}, out = {0};
        _cleanup_free_ char *joined = NULL;

        str_list_split(&options, text, ',');
        for (size_t i = 0; i < options.count; i++) {
                bool known = false;

                if (str_equal(options.items[i], "ro") || str_equal(options.items[i], "readonly")) {
                        mount->read_only = true;
                        continue;
                }
                for (size_t j = 0; j < ARRAY_SIZE(kept); j++)
                        if (str_equal(options.items[i], kept[j])) {
                                known = true;
                                str_list_add(&out, kept[j]);
                        }
                for (size_t j = 0; j < ARRAY_SIZE(ignored); j++)
                        known = known || str_equal(options.items[i], ignored[j]);
                if (!known)
                        return error_set(err, EINVAL, "invalid mode: %s", options.items[i]);
        }
        joined = str_list_join(&out, ",");
        mount->options = arena_strdup(arena, joined);
        return 0;
}

/* -v HOST-PATH:PATH[:OPTIONS], -v VOLUME:PATH[:OPTIONS], -v PATH */
static int add_volume_option(const struct manager *manager, struct mounts *mounts, const char *text,
                             struct error *err) {
        _cleanup_str_list_ struct str_list parts = {0};
        _cleanup_free_ char *name = NULL, *path = NULL;
        struct container_mount mount = {.type = "volume"};
        int r = 0;

        str_list_split(&parts, text, ':');
        if (parts.count < 1 || parts.count > 3 || str_empty(parts.items[0]) || (parts.count > 1 && !parts.items[1][0]))
                return error_set(err, EINVAL, "invalid volume specification: '%s'", text);
        mount.destination = parts.items[parts.count == 1 ? 0 : 1];
        if (parts.count == 3)
                r = read_options(parts.items[2], &mount, mounts->arena, err);
        if (r < 0)
                return r;
        if (parts.count > 1 && (parts.items[0][0] == '/' || parts.items[0][0] == '.')) {
                mount.type = "bind";
                r = path_absolute(parts.items[0], &path, err);
                if (r == 0 && access(path, F_OK) < 0) /* docker makes a missing source a directory */
                        r = path_make_trusted_dirs(path, 0755, err);
        } else {
                mount.anonymous = parts.count == 1;
                r = volume_create(manager, mount.anonymous ? NULL : parts.items[0], &name, err);
                if (r == 0)
                        path = volume_path(manager, name);
        }
        if (r < 0)
                return error_wrap(err, "volume %s", text);
        mount.name = name;
        mount.source = path;
        return add(mounts, mount, err);
}

/* --mount type=bind,source=/a,target=/b,readonly */
static int add_mount_option(const struct manager *manager, struct mounts *mounts, const char *text, struct error *err) {
        _cleanup_str_list_ struct str_list fields = {0}, more = {0};
        _cleanup_free_ char *name = NULL, *path = NULL, *options = NULL;
        struct container_mount mount = {.type = "volume"};
        const char *source = NULL;
        int r = 0;

        str_list_split(&fields, text, ',');
        for (size_t i = 0; i < fields.count; i++) {
                char *value = strchr(fields.items[i], '=');
                const char *key = fields.items[i];

                if (value)
                        *value++ = '\0';
                if (str_equal(key, "type"))
                        mount.type = value;
                else if (str_equal(key, "source") || str_equal(key, "src"))
                        source = value;
                else if (str_equal(key, "target") || str_equal(key, "destination") || str_equal(key, "dst"))
                        mount.destination = value;
                else if (str_equal(key, "readonly") || str_equal(key, "ro"))
                        mount.read_only = !value || str_equal(value, "true") || str_equal(value, "1");
                else if (str_equal(key, "bind-propagation") && value)
                        str_list_add(&more, value);
                else if (str_equal(key, "tmpfs-size") && value)
                        str_list_printf(&more, "size=%s", value);
                else if (str_equal(key, "tmpfs-mode") && value)
                        str_list_printf(&more, "mode=%s", value);
                else if (!str_equal(key, "volume-nocopy") && !str_equal(key, "consistency"))
                        return error_set(err, EINVAL, "invalid mount %s: unexpected key '%s'", text, key);
        }
        options = str_list_join(&more, ",");
        mount.options = options;
        if (str_equal(mount.type, "bind")) {
                if (!source || access(source, F_OK) < 0)
                        return error_set(err, EINVAL,
                                         "invalid mount config for type \"bind\": bind source path does not exist: %s",
                                         source ? source : "");
                mount.type = "bind";
                r = path_absolute(source, &path, err);
        } else if (str_equal(mount.type, "tmpfs")) {
                mount.type = "tmpfs";
        } else if (str_equal(mount.type, "volume")) {
                mount.type = "volume";
                mount.anonymous = !source;
                r = volume_create(manager, source, &name, err);
                path = r == 0 ? volume_path(manager, name) : NULL;
        } else {
                r = error_set(err, EINVAL, "invalid mount %s: type must be bind, volume or tmpfs", text);
        }
        if (r < 0)
                return r;
        mount.name = name;
        mount.source = path;
        return add(mounts, mount, err);
}

static int add_tmpfs_option(struct mounts *mounts, const char *text, struct error *err) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *path = xstrndup(text, colon ? (size_t) (colon - text) : strlen(text));

        return add(mounts,
                   (struct container_mount){.type = "tmpfs", .destination = path, .options = colon ? colon + 1 : ""},
                   err);
}

static int add_image_volume(const struct manager *manager, struct mounts *mounts, const char *path, struct error *err) {
        _cleanup_free_ char *clean = path_clean(path);

        return find(mounts, clean) ? 0 : add_volume_option(manager, mounts, clean, err);
}

int container_resolve_mounts(const struct manager *manager, struct container *container,
                             const char *const *image_volumes, struct error *err) {
        const struct container_options *options = &container->options;
        struct mounts mounts = {.arena = container->arena};
        size_t image_count = 0;
        int r = 0;

        while (image_volumes && image_volumes[image_count])
                image_count++;
        mounts.items = arena_alloc(
                container->arena, options->volume.count + options->mount.count + options->tmpfs.count + image_count + 1,
                sizeof(*mounts.items));
        for (size_t i = 0; r == 0 && i < options->tmpfs.count; i++)
                r = add_tmpfs_option(&mounts, options->tmpfs.items[i], err);
        for (size_t i = 0; r == 0 && i < options->mount.count; i++)
                r = add_mount_option(manager, &mounts, options->mount.items[i], err);
        for (size_t i = 0; r == 0 && i < options->volume.count; i++)
                r = add_volume_option(manager, &mounts, options->volume.items[i], err);
        for (size_t i = 0; r == 0 && i < image_count; i++)
                r = add_image_volume(manager, &mounts, image_volumes[i], err);
        container->mounts = mounts.items;
        container->mount_count = mounts.count;
        return r;
}
