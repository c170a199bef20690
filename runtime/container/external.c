#include "external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/json.h"
#include "../../lib/path.h"
#include "../linux/mount_options.h"
#include "../linux/mount_table.h"
#include "notify.h"

/* In the image directory: what file descriptors 0 to 2 were, as runc writes it. */
#define STREAMS_FILE "descriptors.json"
#define STREAMS_MAX 65536

#define NULL_DEVICE "/dev/null"

/* The kinds of namespace that a container can share by path, with the names that criu has for them. */
static const struct {
        enum runtime_namespace_type type;
        const char *name;
        const char *key; /* kept as it is, and given as an open file; NULL: joined by path, at the restore alone */
} shared[] = {
        {NAMESPACE_NETWORK, "net", "extRootNetNS"},
        {NAMESPACE_PID, "pid", "extRootPidNS"},
        {NAMESPACE_IPC, "ipc", NULL},
        {NAMESPACE_UTS, "uts", NULL},
        {NAMESPACE_TIME, "time", NULL},
        {NAMESPACE_USER, "user", NULL},
        {NAMESPACE_MOUNT, "mnt", NULL},
};

/* Of these a container with a user namespace has the host's. */
static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};

struct dump {
        struct criu *criu;
        const struct runtime_config *config;
        pid_t pid;
        int root_fd;
        struct mount_table mounts; /* the container's */
};

bool external_is_bind(const struct runtime_mount *mount, bool *recursive) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct mount_options options = {0};

        mount_options_parse(arena, mount->options, &options);
        *recursive = options.bind_recursive;
        return (options.bind || str_equal(mount->type, "bind")) && !options.remount;
}

static char *name_of(int fd) {
        char link[PATH_FD_MAX];
        char name[PATH_MAX];
        ssize_t n = readlink(path_of_fd(fd, link), name, sizeof(name));

        return n <= 0 || (size_t) n == sizeof(name) ? NULL : xstrndup(name, (size_t) n);
}

char *external_path(int root_fd, int fd) {
        _cleanup_free_ char *root = name_of(root_fd);
        _cleanup_free_ char *name = name_of(fd);
        const char *rest;

        if (!root || !name || !path_is_within(name, root))
                return NULL;
        rest = str_equal(root, "/") ? name : name + strlen(root);
        return xstrdup(rest[0] ? rest : "/");
}

static bool is_mount_point(const struct mount_table *table, const char *path) {
        for (size_t i = 0; i < table->count; i++)
                if (str_equal(table->paths[i], path))
                        return true;
        return false;
}

/* --- the dump ------------------------------------------------------------- */

/* NULL: there is nothing of that name. */
static char *resolve(const struct dump *dump, const char *path, struct stat *st) {
        _cleanup_fd_ int fd = path_open(dump->root_fd, path, PATH_IN_ROOT, O_PATH, 0, NULL);

        return fd < 0 || fstat(fd, st) < 0 ? NULL : external_path(dump->root_fd, fd);
}

/* Mounts that a recursive bind brought along. */
static void put_mounts_below(const struct dump *dump, const char *path, const struct str_list *configured) {
        for (size_t i = 0; i < dump->mounts.count; i++) {
                const char *point = dump->mounts.paths[i];

                if (path_is_within(point, path) && !str_list_contains(configured, point))
                        criu_put_mount(dump->criu, point, point);
        }
}

static void put_binds(const struct dump *dump, const char *notify) {
        const struct runtime_config *config = dump->config;
        _cleanup_str_list_ struct str_list points = {0};
        struct stat st;

        if (notify)
                criu_put_mount(dump->criu, notify, notify);
        for (size_t i = 0; i < config->mount_count; i++) {
                char *point = resolve(dump, config->mounts[i].destination, &st);

                str_list_take(&points, point ? point : xstrdup(config->mounts[i].destination));
        }
        for (size_t i = 0; i < config->mount_count; i++) {
                bool recursive = false;

                if (!external_is_bind(&config->mounts[i], &recursive))
                        continue;
                criu_put_mount(dump->criu, points.items[i], points.items[i]);
                if (recursive)
                        put_mounts_below(dump, points.items[i], &points);
        }
}

/* Masked directories are file systems of the container's own. */
static void put_masks(const struct dump *dump) {
        for (const char *const *path = dump->config->linux_.masked_paths; *path; path++) {
                struct stat st;
                _cleanup_free_ char *point = resolve(dump, *path, &st);

                if (point && S_ISCHR(st.st_mode) && is_mount_point(&dump->mounts, point))
                        criu_put_mount(dump->criu, point, NULL_DEVICE);
        }
}

static void put_devices(const struct dump *dump) {
        const struct runtime_linux *config = &dump->config->linux_;

        for (size_t i = 0; i < ARRAY_SIZE(devices) + config->device_count; i++) {
                const char *path = i < ARRAY_SIZE(devices) ? devices[i] : config->devices[i - ARRAY_SIZE(devices)].path;

                if (is_mount_point(&dump->mounts, path))
                        criu_put_mount(dump->criu, path, path);
        }
}

/* A cgroup namespace's own mount of v2 is one that criu knows how to make again. */
static bool has_own_cgroup_mount(const struct runtime_config *config) {
        return cgroup_host_unified() && config->linux_.namespaces[NAMESPACE_CGROUP].present;
}

static int put_cgroups(const struct dump *dump, struct error *err) {
        static const char *const types[] = {"cgroup", "cgroup2", NULL};
        _cleanup_mount_table_ struct mount_table table = {0};
        int r;

        if (has_own_cgroup_mount(dump->config))
                return 0;
        r = mount_table_read(&table, dump->pid, types, err);
        for (size_t i = 0; i < table.count; i++)
                criu_put_mount(dump->criu, table.paths[i], table.paths[i]);
        return r;
}

/* By the namespace that the process is in: the path may be gone. */
static int put_namespaces(const struct dump *dump, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
                _cleanup_free_ char *path = str_format("/proc/%d/ns/%s", (int) dump->pid, shared[i].name);
                _cleanup_free_ char *text = NULL;
                struct stat st;

                if (!shared[i].key || !dump->config->linux_.namespaces[shared[i].type].path)
                        continue;
                if (stat(path, &st) < 0)
                        return error_errno(err, errno, "%s", path);
                text = str_format("%s[%llu]:%s", shared[i].name, (unsigned long long) st.st_ino, shared[i].key);
                criu_put_external(dump->criu, text);
        }
        return 0;
}

static uint64_t mount_of_stream(const struct dump *dump, int number) {
        _cleanup_free_ char *path = str_format("/proc/%d/fdinfo/%d", (int) dump->pid, number);
        _cleanup_free_ char *text = NULL;
        const char *line;

        if (file_read(AT_FDCWD, path, STREAMS_MAX, &text, NULL, NULL) < 0)
                return 0;
        line = strstr(text, "mnt_id:");
        return line ? strtoull(line + strlen("mnt_id:"), NULL, 10) : 0;
}

static bool has_mount(const struct mount_table *table, uint64_t id) {
        for (size_t i = 0; i < table->count; i++)
                if (table->ids[i] == id)
                        return true;
        return false;
}

/*
 * A pipe is known by its own name. A file or terminal of the host gets the name that criu gives such things, in
 * hexadecimal numbers, and is not saved either.
 */
static char *name_stream(const struct dump *dump, int number) {
        _cleanup_free_ char *path = str_format("/proc/%d/fd/%d", (int) dump->pid, number);
        uint64_t mount = mount_of_stream(dump, number);
        char *name = NULL;
        char link[PATH_MAX];
        struct stat st;
        ssize_t n = readlink(path, link, sizeof(link));

        if (n <= 0 || (size_t) n == sizeof(link) || stat(path, &st) < 0)
                return xstrdup("");
        if (link[0] == '/' && S_ISREG(st.st_mode) && !has_mount(&dump->mounts, mount))
                name = str_format("file[%llx:%llx]", (unsigned long long) mount, (unsigned long long) st.st_ino);
        else if (link[0] == '/' && S_ISCHR(st.st_mode) && !has_mount(&dump->mounts, mount))
                name = str_format("tty[%llx:%llx]", (unsigned long long) st.st_rdev, (unsigned long long) st.st_dev);
        if (name)
                criu_put_external(dump->criu, name);
        return name ? name : xstrndup(link, (size_t) n);
}

static int put_streams(const struct dump *dump, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        json_begin_array(&writer, NULL);
        for (int number = 0; number <= 2; number++) {
                _cleanup_free_ char *name = name_stream(dump, number);

                json_put_string(&writer, NULL, name);
        }
        json_end_array(&writer);
        text = json_writer_take(&writer);
        r = file_write_volatile(dump->criu->image_fd, STREAMS_FILE, text, strlen(text), 0600, err);
        return r < 0 ? error_wrap(err, "--image-path") : 0;
}

int external_put_dump(struct criu *criu, const struct container *container, const struct runtime_config *config,
                      struct error *err) {
        struct dump dump = {.criu = criu, .config = config, .pid = container->state.pid};
        _cleanup_free_ char *root = str_format("/proc/%d/root", (int) dump.pid);
        _cleanup_fd_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (root_fd < 0)
                return error_errno(err, errno, "%s", root);
        dump.root_fd = root_fd;
        r = mount_table_read(&dump.mounts, dump.pid, NULL, err);
        if (r >= 0) {
                put_binds(&dump, notify_mount_point(container->dir_fd));
                put_masks(&dump);
                put_devices(&dump);
                r = put_cgroups(&dump, err);
        }
        if (r >= 0)
                r = put_namespaces(&dump, err);
        if (r >= 0)
                r = put_streams(&dump, err);
        mount_table_free(&dump.mounts);
        return r;
}

/* --- the restore ---------------------------------------------------------- */

/* Only for mounts that the dump had. */
static void give_host_files(struct criu *criu, const struct runtime_linux *config) {
        for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
                criu_put_mount(criu, devices[i], devices[i]);
        for (size_t i = 0; i < config->device_count; i++)
                criu_put_mount(criu, config->devices[i].path, config->devices[i].path);
}

static void give_cgroups(struct criu *criu, const struct runtime_config *config, const struct cgroup *cgroup) {
        const struct cgroup_hierarchy *hierarchies = NULL;
        size_t count = cgroup ? cgroup_hierarchies(cgroup, &hierarchies) : 0;
        bool recursive;

        if (has_own_cgroup_mount(config))
                return;
        for (size_t i = 0; i < config->mount_count; i++) {
                const struct runtime_mount *mount = &config->mounts[i];

                if (external_is_bind(mount, &recursive) || !str_starts_with(mount->type ? mount->type : "", "cgroup"))
                        continue;
                for (size_t j = 0; j < count; j++) {
                        _cleanup_free_ char *point = path_join(mount->destination, hierarchies[j].name);

                        criu_put_mount(criu, hierarchies[j].v2 ? mount->destination : point, hierarchies[j].directory);
                }
        }
}

static int give_namespaces(struct criu *criu, const struct runtime_config *config, struct error *err) {
        if (config->linux_.namespaces[NAMESPACE_CGROUP].path)
                return error_set(err, ENOTSUP, "linux.namespaces: criu cannot restore into a cgroup namespace by path");
        for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
                const char *path = config->linux_.namespaces[shared[i].type].path;
                int fd;
                int r;

                if (!path)
                        continue;
                if (!shared[i].key) {
                        criu_put_namespace(criu, shared[i].name, path);
                        continue;
                }
                /* criu's from here on; this process ends soon after it. */
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return error_errno(err, errno, "linux.namespaces: %s", path);
                r = criu_put_file(criu, fd, shared[i].key, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_outside(const char *stream) {
        return str_starts_with(stream, "pipe:[") || str_starts_with(stream, "file[") || str_starts_with(stream, "tty[");
}

/* criu goes to the position of before in a file, which has to be as long as it was. */
static int check_stream(const char *stream, size_t number, struct error *err) {
        struct stat st;

        if (!str_starts_with(stream, "file[") || (fstat((int) number, &st) == 0 && S_ISREG(st.st_mode)))
                return 0;
        error_set(err, EINVAL, "file descriptor %zu was a file at the checkpoint, and is none now", number);
        return error_hint(err, "restore with that file there, opened for appending");
}

static int give_streams(struct criu *criu, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root;
        int r = json_parse_file(arena, criu->image_fd, STREAMS_FILE, NULL, &root, err);

        if (r == -ENOENT) {
                error_hint(err, "%s holds no checkpoint, or only a pre-dump", criu->options->image_path);
                return error_wrap(err, "--image-path");
        }
        if (r < 0 || (r = json_expect(root, JSON_ARRAY, err)) < 0)
                return error_wrap(err, "--image-path");
        json_for_each (stream, root) {
                if ((r = json_expect(stream, JSON_STRING, err)) < 0)
                        return error_wrap(err, "--image-path");
                if (stream->index > 2 || !is_outside(stream->text))
                        continue;
                if ((r = check_stream(stream->text, stream->index, err)) < 0 ||
                    (r = criu_put_file(criu, (int) stream->index, stream->text, err)) < 0)
                        return r;
        }
        return 0;
}

int external_put_restore(struct criu *criu, const struct runtime_config *config, const struct cgroup *cgroup,
                         struct error *err) {
        int r;

        give_host_files(criu, &config->linux_);
        give_cgroups(criu, config, cgroup);
        r = give_namespaces(criu, config, err);
        return r < 0 ? r : give_streams(criu, err);
}
