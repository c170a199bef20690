#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "user.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Sets NAME=value, replacing an earlier value. */
static void env_set(struct str_list *env, const char *assignment) {
        size_t size = strcspn(assignment, "=") + 1;

        for (size_t i = 0; i < env->count; i++)
                if (strncmp(env->items[i], assignment, size) == 0) {
                        free(env->items[i]);
                        env->items[i] = xstrdup(assignment);
                        return;
                }
        str_list_add(env, assignment);
}

static bool env_has(const char *const *env, const char *name) {
        size_t size = strlen(name);

        for (size_t i = 0; env && env[i]; i++)
                if (strncmp(env[i], name, size) == 0 && env[i][size] == '=')
                        return true;
        return false;
}

static const char *const *keep(struct arena *arena, const struct str_list *list) {
        const char **out = arena_alloc(arena, list->count + 1, sizeof(*out));

        for (size_t i = 0; i < list->count; i++)
                out[i] = arena_strdup(arena, list->items[i]);
        return out;
}

/* docker's order: PATH, HOSTNAME, TERM, then the image's and the options', and HOME unless one of them has it. */
static const char *const *make_env(struct arena *arena, const struct container *container, bool tty,
                                   const struct str_list *more, const char *home) {
        _cleanup_str_list_ struct str_list env = {0};

        str_list_add(&env, DEFAULT_PATH);
        str_list_printf(&env, "HOSTNAME=%s", container->hostname);
        if (tty)
                str_list_add(&env, "TERM=xterm");
        for (size_t i = 0; container->env && container->env[i]; i++)
                env_set(&env, container->env[i]);
        for (size_t i = 0; more && i < more->count; i++)
                env_set(&env, more->items[i]);
        if (!env_has((const char *const *) env.items, "HOME"))
                str_list_printf(&env, "HOME=%s", home);
        return keep(arena, &env);
}

static int set_shared_namespace(const char *option, const char *value, struct runtime_namespace *out,
                                struct bundle *bundle, struct error *err) {
        struct container *other = NULL;
        int r;

        if (!value || str_equal(value, "private") || str_equal(value, "shareable") || !*value)
                return 0;
        if (str_equal(value, "host")) {
                out->present = false;
                return 0;
        }
        if (!str_starts_with(value, "container:"))
                return error_set(err, EINVAL, "invalid --%s %s: expected host or container:NAME", option, value);
        if (bundle->root_fd < 0)
                return 0;
        r = container_find(bundle->manager, value + strlen("container:"), &other, err);
        if (r < 0)
                return r;
        if (container_is_running(other))
                out->path = arena_printf(bundle->arena, "/proc/%d/ns/%s", (int) other->state.pid, option);
        else
                r = error_set(err, EINVAL, "--%s %s: that container is not running", option, value);
        container_free(other);
        return r;
}

static int set_namespaces(struct bundle *bundle, struct error *err) {
        const struct container_options *options = &bundle->container->options;
        struct runtime_namespace *all = bundle->config->linux_.namespaces;
        bool unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
        int r;

        all[NAMESPACE_MOUNT].present = true;
        all[NAMESPACE_PID].present = true;
        all[NAMESPACE_IPC].present = true;
        all[NAMESPACE_UTS].present = true;
        if (bundle->netns) {
                all[NAMESPACE_NETWORK].present = true;
                all[NAMESPACE_NETWORK].path = bundle->netns;
        }
        /* As docker: a cgroup namespace of its own where the host has cgroup v2 only. */
        all[NAMESPACE_CGROUP].present = (unified && !options->privileged) || str_equal(options->cgroupns, "private");
        if (str_equal(options->cgroupns, "host"))
                all[NAMESPACE_CGROUP].present = false;
        if (options->userns && !str_equal(options->userns, "host"))
                return error_set(err, ENOTSUP, "--userns %s: not supported in this build", options->userns);
        r = set_shared_namespace("pid", options->pid, &all[NAMESPACE_PID], bundle, err);
        if (r == 0)
                r = set_shared_namespace("ipc", options->ipc, &all[NAMESPACE_IPC], bundle, err);
        if (r == 0)
                r = set_shared_namespace("uts", options->uts, &all[NAMESPACE_UTS], bundle, err);
        return r;
}

static int set_process(struct bundle *bundle, struct error *err) {
        const struct container *container = bundle->container;
        struct runtime_process *process = bundle->process;
        const char *home = "/";
        int r = 0;

        if (bundle->root_fd >= 0)
                r = user_resolve(bundle->root_fd, container->user, &container->options.group_add, bundle->arena,
                                 &process->user, &home, err);
        if (r < 0)
                return r;
        process->terminal = container->options.tty;
        process->args = container->args;
        process->cwd = str_empty(container->working_dir) ? "/" : container->working_dir;
        process->env = make_env(bundle->arena, container, container->options.tty, NULL, home);
        return 0;
}

/* docker makes the working directory when the image has none. */
static int make_working_directory(const struct bundle *bundle, struct error *err) {
        _cleanup_fd_ int fd = path_make_dirs(bundle->root_fd, bundle->process->cwd, PATH_IN_ROOT_CREATE, 0755, err);

        return fd < 0 ? error_wrap(err, "working directory %s", bundle->process->cwd) : 0;
}

static int fill(struct bundle *bundle, struct error *err) {
        const struct container *container = bundle->container;
        const char *parent = container->options.cgroup_parent;
        bool host_names = str_equal(container->options.uts, "host");
        struct runtime_root *root = arena_alloc(bundle->arena, 1, sizeof(*root));
        struct runtime_config *config = bundle->config;
        int r;

        root->path = arena_printf(bundle->arena, "%s/merged", container->directory);
        root->readonly = container->options.read_only;
        config->oci_version = "1.0.2";
        config->root = root;
        config->process = bundle->process;
        config->hostname = host_names ? NULL : container->hostname;
        config->domainname = container->options.domainname;
        /* Directly below the root unless told otherwise: no directory of ours stays behind when the last one goes. */
        config->linux_.cgroups_path = parent ? arena_printf(bundle->arena, "%s/%s", parent, container->id)
                                             : arena_printf(bundle->arena, "/mymgr-%s", container->id);
        config->linux_.resources = bundle->resources;
        r = set_process(bundle, err);
        if (r == 0)
                r = set_namespaces(bundle, err);
        if (r == 0)
                r = bundle_set_mounts(bundle, err);
        if (r == 0)
                r = bundle_set_rights(bundle, err);
        return r == 0 ? bundle_set_limits(bundle, err) : r;
}

static void bundle_start(struct bundle *bundle) {
        bundle->config = arena_alloc(bundle->arena, 1, sizeof(*bundle->config));
        bundle->process = arena_alloc(bundle->arena, 1, sizeof(*bundle->process));
        bundle->resources = arena_alloc(bundle->arena, 1, sizeof(*bundle->resources));
}

int bundle_check(const struct container *container, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct bundle bundle = {.arena = arena, .container = container, .root_fd = -1, .netns = "/"};

        if (container->options.init)
                return error_set(err, ENOTSUP, "--init: not supported in this build");
        bundle_start(&bundle);
        return fill(&bundle, err);
}

int bundle_write(const struct manager *manager, const struct container *container, const char *netns,
                 struct error *err) {
        _cleanup_free_ char *directory = str_format("%s/bundle", container->run_directory);
        _cleanup_free_ char *path = str_format("%s/config.json", directory), *text = NULL;
        _cleanup_free_ char *root = str_format("%s/merged", container->directory);
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_fd_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct bundle bundle = {
                .arena = arena, .manager = manager, .container = container, .root_fd = root_fd, .netns = netns};
        _cleanup_json_writer_ struct json_writer writer = {0};
        int r;

        if (root_fd < 0)
                return error_errno(err, errno, "%s", root);
        bundle_start(&bundle);
        r = fill(&bundle, err);
        if (r == 0)
                r = make_working_directory(&bundle, err);
        if (r == 0)
                r = path_make_trusted_dirs(directory, 0700, err);
        if (r < 0)
                return r;
        runtime_config_write(&writer, bundle.config);
        text = json_writer_take(&writer);
        return file_write_volatile(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int bundle_write_exec(const struct container *container, const struct bundle_exec *exec, const char *path,
                      struct error *err) {
        _cleanup_free_ char *root = str_format("/proc/%d/root", (int) container->state.pid), *text = NULL;
        bool privileged = exec->privileged || container->options.privileged;
        _cleanup_fd_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_arena_ struct arena *arena = arena_new();
        struct runtime_process process = {.terminal = exec->tty, .args = exec->args};
        const char *home = "/";
        int r;

        if (root_fd < 0)
                return error_errno(err, errno, "root directory of container %s", container->name);
        r = user_resolve(root_fd, exec->user ? exec->user : container->user, &container->options.group_add, arena,
                         &process.user, &home, err);
        if (r == 0)
                r = bundle_capabilities(arena, &container->options, privileged, &process.user, &process.capabilities,
                                        err);
        if (r < 0)
                return r;
        process.cwd = exec->cwd ? exec->cwd : str_empty(container->working_dir) ? "/" : container->working_dir;
        process.env = make_env(arena, container, exec->tty, exec->env, home);
        for (size_t i = 0; i < container->options.security_opt.count; i++)
                if (str_starts_with(container->options.security_opt.items[i], "no-new-privileges"))
                        process.no_new_privileges = true;
        runtime_process_write(&writer, NULL, &process);
        text = json_writer_take(&writer);
        return file_write_volatile(AT_FDCWD, path, text, strlen(text), 0600, err);
}
