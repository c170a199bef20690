#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/json.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../linux/labels.h"
#include "../linux/network_devices.h"
#include "../linux/own_ids.h"
#include "../linux/sysctl.h"
#include "state.h"

#define CONFIG_FILE "config.json"

static const char *const no_strings[] = {NULL};

const struct runtime_process bundle_no_process = {.cwd = "/", .env = no_strings};

void bundle_close(struct bundle *bundle) {
        fd_close_at(&bundle->fd);
        arena_free(bundle->arena);
        bundle->arena = NULL;
}

int bundle_check_process(const struct runtime_process *process, struct error *err) {
        if (!process->args || !process->args[0])
                return error_set(err, EINVAL, "process.args: required, but missing");
        if (!process->cwd || process->cwd[0] != '/')
                return error_set(err, EINVAL, "process.cwd: not an absolute path");
        return labels_check(process, err);
}

static int check_linux(const struct runtime_linux *config, struct error *err) {
        int r;

        if ((r = labels_check_mounts(config->mount_label, err)) < 0 || (r = network_devices_check(config, err)) < 0)
                return r;
        return sysctl_check(config, err);
}

/* The first property that takes a mount. */
static const char *mounting_property(const struct runtime_config *config) {
        const struct runtime_linux *section = &config->linux_;
        const struct {
                const char *name;
                bool given;
        } properties[] = {
                {"mounts", config->mount_count > 0},
                {"root.readonly", config->root->readonly},
                {"process.terminal", config->process && config->process->terminal},
                {"linux.maskedPaths", section->masked_paths && section->masked_paths[0]},
                {"linux.readonlyPaths", section->readonly_paths && section->readonly_paths[0]},
                {"linux.rootfsPropagation", section->rootfs_propagation},
        };

        for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
                if (properties[i].given)
                        return properties[i].name;
        return NULL;
}

bool bundle_mounts_root(const struct runtime_config *config) {
        return config->linux_.namespaces[NAMESPACE_MOUNT].present || mounting_property(config);
}

/* Without a mount namespace of its own a container mounts in the caller's, which no user namespace may. */
static int check_mounts(const struct runtime_config *config, struct error *err) {
        const struct runtime_namespace *namespaces = config->linux_.namespaces;
        const char *property = config->linux_.device_count > 0 ? "linux.devices" : mounting_property(config);

        if (namespaces[NAMESPACE_MOUNT].present || !namespaces[NAMESPACE_USER].present || !property)
                return 0;
        return error_set(err, EINVAL, "%s: a user namespace needs a mount namespace for it", property);
}

static int check(const struct bundle *bundle, struct error *err) {
        const struct runtime_config *config = &bundle->config;
        int r;

        if (!config->root || str_empty(config->root->path))
                return error_set(err, EINVAL, "root.path: required, but missing");
        if ((config->process && (r = bundle_check_process(config->process, err)) < 0) ||
            (r = check_linux(&config->linux_, err)) < 0)
                return r;
        return check_mounts(config, err);
}

/* Symbolic links in the caller's own path are resolved once, so that all later steps mean the same directory. */
static int resolve_rootfs(struct bundle *bundle, struct error *err) {
        const char *path = bundle->config.root->path;
        _cleanup_free_ char *joined = path[0] == '/' ? xstrdup(path) : path_join(bundle->path, path);
        _cleanup_free_ char *resolved = realpath(joined, NULL);

        if (!resolved) {
                error_errno(err, errno, "root.path: %s", joined);
                return errno == ENOENT ? error_hint(err, "the bundle needs a root file system there") : -errno;
        }
        bundle->rootfs = arena_strdup(bundle->arena, resolved);
        return 0;
}

static int read_config(const char *config, struct bundle *out, struct error *err) {
        _cleanup_free_ char *text = NULL;
        /* crun's --config, which takes the plain name for the file in the bundle. */
        bool in_bundle = !config || str_equal(config, CONFIG_FILE);
        int r = file_read(in_bundle ? out->fd : AT_FDCWD, in_bundle ? CONFIG_FILE : config, STATE_CONFIG_MAX, &text,
                          &out->size, err);

        if (r == -ENOENT)
                error_hint(err, "myrun spec writes one to begin with");
        if (r < 0)
                return in_bundle ? error_wrap(err, "bundle %s", out->path) : error_wrap(err, "--config");
        out->text = arena_strndup(out->arena, text, out->size);
        return 0;
}

/* What the container has beyond its config.json is kept with its state, where other commands look for it. */
static void complete(struct bundle *bundle) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        if (!own_ids_add(bundle->arena, &bundle->config))
                return;
        runtime_config_write(&writer, &bundle->config);
        text = json_writer_take(&writer);
        bundle->size = strlen(text);
        bundle->text = arena_strndup(bundle->arena, text, bundle->size);
}

int bundle_open(const char *path, const char *config, struct bundle *out, struct error *err) {
        struct json_limits limits = {.size = STATE_CONFIG_MAX};
        _cleanup_free_ char *absolute = NULL;
        const struct json *root;
        int r;

        *out = (struct bundle){.fd = -1, .arena = arena_new()};
        r = path_absolute(path, &absolute, err);
        if (r < 0)
                return r;
        out->path = arena_strdup(out->arena, absolute);
        out->fd = open(out->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (out->fd < 0)
                return error_errno(err, errno, "bundle %s", out->path);
        if ((r = read_config(config, out, err)) < 0)
                return r;
        if ((r = json_parse(out->arena, out->text, out->size, &limits, &root, err)) < 0 ||
            (r = runtime_config_parse(out->arena, root, &out->config, err)) < 0 || (r = check(out, err)) < 0)
                return error_wrap(err, "%s", config ? config : CONFIG_FILE);
        runtime_config_warn(out->arena, root, &out->config);
        complete(out);
        return resolve_rootfs(out, err);
}
