#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/signal_name.h"
#include "../../lib/str.h"
#include "../network/connect.h"
#include "../network/ports.h"
#include "../volume/volume.h"
#include "bundle.h"
#include "restart.h"

#define ENV_FILE_MAX ((size_t) 1024 * 1024)

DEFINE_CLEANUP(cleanup_image, struct image *, image_free);
DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

static const char *const *copy_list(struct arena *arena, const char *const *list) {
        size_t count = 0;
        const char **out;

        while (list && list[count])
                count++;
        if (count == 0)
                return NULL;
        out = arena_alloc(arena, count + 1, sizeof(*out));
        for (size_t i = 0; i < count; i++)
                out[i] = arena_strdup(arena, list[i]);
        return out;
}

static size_t list_size(const char *const *list) {
        size_t count = 0;

        while (list && list[count])
                count++;
        return count;
}

/* docker: a given entrypoint drops the image's command too. */
static int set_command(struct container *container, const struct image_run_config *image, char *const *command,
                       struct error *err) {
        const char *entrypoint = container->options.entrypoint;
        struct arena *arena = container->arena;
        const char **args;
        size_t count = 0;

        if (entrypoint) {
                const char **list = arena_alloc(arena, 2, sizeof(*list));

                list[0] = *entrypoint ? arena_strdup(arena, entrypoint) : NULL;
                container->entrypoint = *entrypoint ? list : NULL;
        } else {
                container->entrypoint = copy_list(arena, image->entrypoint);
        }
        if (command[0])
                container->cmd = copy_list(arena, (const char *const *) command);
        else if (!entrypoint)
                container->cmd = copy_list(arena, image->cmd);
        args = arena_alloc(arena, list_size(container->entrypoint) + list_size(container->cmd) + 1, sizeof(*args));
        for (size_t i = 0; container->entrypoint && container->entrypoint[i]; i++)
                args[count++] = container->entrypoint[i];
        for (size_t i = 0; container->cmd && container->cmd[i]; i++)
                args[count++] = container->cmd[i];
        container->args = args;
        return count > 0 ? 0 : error_set(err, EINVAL, "no command specified, and image %s has none", container->image);
}

/* NAME=value as it is; NAME alone takes this process's value, or is left out. */
static void add_env(struct str_list *env, const char *text) {
        _cleanup_free_ char *own = NULL;
        size_t size = strcspn(text, "=");

        if (text[size] == '\0') {
                const char *value = getenv(text);

                if (!value)
                        return;
                own = str_format("%s=%s", text, value);
                text = own;
        }
        for (size_t i = 0; i < env->count; i++)
                if (strncmp(env->items[i], text, size + 1) == 0) {
                        free(env->items[i]);
                        env->items[i] = xstrdup(text);
                        return;
                }
        str_list_add(env, text);
}

static int add_env_file(struct str_list *env, const char *path, struct error *err) {
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, path, ENV_FILE_MAX, &text, NULL, err);

        if (r < 0)
                return error_wrap(err, "--env-file");
        str_list_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.count; i++) {
                const char *line = lines.items[i] + strspn(lines.items[i], " \t");

                if (*line && *line != '#')
                        add_env(env, line);
        }
        return 0;
}

static int set_env(struct container *container, const struct image_run_config *image, struct error *err) {
        const struct container_options *options = &container->options;
        _cleanup_str_list_ struct str_list env = {0};
        int r = 0;

        for (size_t i = 0; image->env && image->env[i]; i++)
                str_list_add(&env, image->env[i]);
        for (size_t i = 0; r == 0 && i < options->env_file.count; i++)
                r = add_env_file(&env, options->env_file.items[i], err);
        for (size_t i = 0; r == 0 && i < options->env.count; i++) {
                if (options->env.items[i][0] == '=' || !options->env.items[i][0])
                        return error_set(err, EINVAL, "invalid environment variable: %s", options->env.items[i]);
                add_env(&env, options->env.items[i]);
        }
        container->env = copy_list(container->arena, (const char *const *) env.items);
        return r;
}

static void set_labels(struct container *container, const struct image_run_config *image) {
        const struct str_list *given = &container->options.label;
        struct string_pair *labels =
                arena_alloc(container->arena, image->label_count + given->count + 1, sizeof(*labels));
        size_t count = 0;

        for (size_t i = 0; i < image->label_count; i++)
                labels[count++] = (struct string_pair){arena_strdup(container->arena, image->labels[i].key),
                                                       arena_strdup(container->arena, image->labels[i].value)};
        for (size_t i = 0; i < given->count; i++) {
                size_t size = strcspn(given->items[i], "="), j;
                const char *key = arena_strndup(container->arena, given->items[i], size);

                for (j = 0; j < count && !str_equal(labels[j].key, key); j++)
                        ;
                labels[j] = (struct string_pair){key, given->items[i][size] ? given->items[i] + size + 1 : ""};
                count += j == count;
        }
        container->labels = labels;
        container->label_count = count;
}

/* The image's exposed ports, --expose, and those published, each as "80/tcp". */
static int set_exposed_ports(struct container *container, const struct image_run_config *image, struct error *err) {
        const struct container_options *options = &container->options;
        _cleanup_str_list_ struct str_list ports = {0};
        struct port_list published = {0};
        int r = 0;

        for (size_t i = 0; image->exposed_ports && image->exposed_ports[i]; i++)
                str_list_add(&ports, image->exposed_ports[i]);
        for (size_t i = 0; r == 0 && i < options->publish.count; i++)
                r = port_list_add(&published, options->publish.items[i], err);
        for (size_t i = 0; r == 0 && i < options->expose.count; i++)
                r = port_list_add(&published, options->expose.items[i], err);
        for (size_t i = 0; i < published.count; i++) {
                _cleanup_free_ char *text =
                        str_format("%u/%s", published.items[i].container_port, published.items[i].protocol);

                if (!str_list_contains(&ports, text))
                        str_list_add(&ports, text);
        }
        port_list_free(&published);
        container->exposed_ports = copy_list(container->arena, (const char *const *) ports.items);
        return r;
}

static int set_names(struct container *container, struct error *err) {
        const struct container_options *options = &container->options;

        if (options->name && !path_is_id(options->name)) {
                error_set(err, EINVAL, "invalid container name (%s)", options->name);
                return error_hint(err, "letters, digits, \"_\", \".\" and \"-\" are allowed, a letter or digit first");
        }
        container->name = options->name ? arena_strdup(container->arena, options->name)
                                        : arena_printf(container->arena, "c-%.*s", CONTAINER_ID_SHORT, container->id);
        container->hostname = options->hostname ? arena_strdup(container->arena, options->hostname)
                                                : arena_strndup(container->arena, container->id, CONTAINER_ID_SHORT);
        if (strlen(container->hostname) > 64 || strchr(container->hostname, '/') || !container->hostname[0])
                return error_set(err, EINVAL, "invalid hostname: %s", container->hostname);
        return 0;
}

/* What can be said about the options by themselves. */
static int check_options(const struct container *container, struct error *err) {
        const struct container_options *options = &container->options;
        struct restart_policy policy;
        int r = restart_policy_parse(options->restart, &policy, err);

        if (r == 0 && options->remove && policy.kind != RESTART_NO)
                r = error_set(err, EINVAL, "conflicting options: --restart and --rm");
        if (r == 0 && signal_number(container->stop_signal) < 0)
                r = error_set(err, EINVAL, "invalid stop signal: %s", container->stop_signal);
        if (r == 0 && !str_empty(container->working_dir) && container->working_dir[0] != '/')
                r = error_set(err, EINVAL, "the working directory '%s' is invalid, it needs to be an absolute path",
                              container->working_dir);
        for (size_t i = 0; r == 0 && i < options->label.count; i++)
                /* Two names that are not would be the same in the container's record, which then nobody reads. */
                if (!str_is_utf8(options->label.items[i]))
                        r = error_set(err, EINVAL, "invalid --label %s: not UTF-8", options->label.items[i]);
        for (size_t i = 0; r == 0 && i < options->add_host.count; i++)
                if (!strpbrk(options->add_host.items[i], ":="))
                        r = error_set(err, EINVAL, "invalid --add-host %s: expected HOST:IP",
                                      options->add_host.items[i]);
        return r;
}

static int fill(const struct manager *manager, struct store *store, struct container *container,
                const struct image *image, char *const *command, struct error *err) {
        const struct image_run_config *config = &image->config.config;
        const struct container_options *options = &container->options;
        _cleanup_str_list_ struct str_list layers = {0};
        int r;

        container->image_id = arena_strdup(container->arena, image->id);
        container->user = options->user ? options->user : arena_strdup(container->arena, config->user);
        container->working_dir =
                options->workdir ? options->workdir : arena_strdup(container->arena, config->working_dir);
        container->stop_signal = options->stop_signal  ? options->stop_signal
                                 : config->stop_signal ? arena_strdup(container->arena, config->stop_signal)
                                                       : "SIGTERM";
        set_labels(container, config);
        if ((r = set_names(container, err)) < 0 || (r = set_command(container, config, command, err)) < 0 ||
            (r = set_env(container, config, err)) < 0 || (r = set_exposed_ports(container, config, err)) < 0 ||
            (r = check_options(container, err)) < 0 || (r = bundle_check(container, err)) < 0 ||
            (r = connect_check(manager, container, err)) < 0 ||
            (r = image_layer_directories(store, image, &layers, err)) < 0)
                return r;
        container->layers = copy_list(container->arena, (const char *const *) layers.items);
        return container_resolve_mounts(manager, container, config->volumes, err);
}

static int write_cidfile(const struct container *container, struct error *err) {
        _cleanup_fd_ int fd = open(container->options.cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        if (fd < 0 && errno == EEXIST) {
                error_set(err, EEXIST,
                          "container ID file found, make sure the other container isn't running or delete %s",
                          container->options.cidfile);
                return -EEXIST;
        }
        if (fd < 0 || fd_write_all(fd, container->id, strlen(container->id)) < 0)
                return error_errno(err, errno, "%s", container->options.cidfile);
        return 0;
}

void container_remove_anonymous_volumes(const struct manager *manager, const struct container *container) {
        for (size_t i = 0; i < container->mount_count; i++)
                if (container->mounts[i].anonymous)
                        (void) volume_remove(manager, container->mounts[i].name, NULL);
}

int container_create(const struct manager *manager, struct store *store, struct container_options *options,
                     const char *image_name, char *const *command, struct container **out, struct error *err) {
        _cleanup_(cleanup_container) struct container *container = container_new(manager);
        _cleanup_(cleanup_image) struct image *image = NULL;
        int r;

        container->options = *options;
        *options = (struct container_options) CONTAINER_OPTIONS_DEFAULT;
        container->image = arena_strdup(container->arena, image_name);
        r = image_find_or_default(store, image_name, &image, err);
        if (r < 0)
                return r;
        r = fill(manager, store, container, image, command, err);
        if (r == 0 && container->options.cidfile)
                r = write_cidfile(container, err);
        if (r == 0) {
                r = container_save_new(manager, container, err);
                if (r < 0 && container->options.cidfile)
                        (void) unlink(container->options.cidfile);
        }
        if (r < 0) {
                container_remove_anonymous_volumes(manager, container);
                return r;
        }
        *out = take_ptr(container);
        return 0;
}
