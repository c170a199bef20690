#include "cmd.h"

#include <errno.h>

#include "../../lib/cleanup.h"

struct options {
        bool force;
        bool regex;
};

#define AT(field) offsetof(struct options, field)

const struct option_row delete_options_table[] = {
        {"force", 'f', NULL, OPTION_FLAG, AT(force), NULL, "kill the container first; no error if there is none"},
        {"regex", 'r', NULL, OPTION_FLAG, AT(regex), NULL, "CONTAINER is a regular expression of ids"},
        {0},
};

/* What cannot be read as a container was left by something that died or broke: the directory goes. */
static int remove_wreck(struct container *container, const char *id, struct error *err) {
        int r;

        if (container->root_fd < 0 || container->dir_fd < 0)
                return -err->code;
        error_clear(err);
        container->state.id = id;
        if (!container->arena)
                container->arena = arena_new();
        r = state_lock(container->dir_fd, STATE_LOCK_TIMEOUT_MS, err);
        return r < 0 ? r : container_destroy(container, err);
}

static int check_deletable(const struct container *container, struct error *err) {
        enum container_status status = container_status(container);

        if (status == CONTAINER_STOPPED || status == CONTAINER_CREATED)
                return 0;
        error_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", container->state.id,
                  container_status_name(status));
        return error_hint(err, "delete --force kills it first");
}

static int delete_container(const char *root, const char *id, const void *data, struct error *err) {
        const bool force = ((const struct options *) data)->force;
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int r = container_open(root, id, &container, err);

        if (r == -ENOENT && force && container.dir_fd < 0)
                return 0;
        if (r < 0)
                return force && container.dir_fd >= 0 ? remove_wreck(&container, id, err) : r;
        if (!force && (r = check_deletable(&container, err)) < 0)
                return r;
        /* Killed before the lock is taken: a create that hangs in a hook holds the lock, and ends with its init. */
        if ((r = container_kill(&container, err)) < 0)
                return r;
        r = state_lock(container.dir_fd, STATE_LOCK_TIMEOUT_MS, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        /* A create that was under way had no process yet when the state was read. */
        if (container.state.pid == 0 &&
            ((r = container_refresh(&container, err)) < 0 || (r = container_kill(&container, err)) < 0))
                return r;
        return container_destroy(&container, err);
}

int cmd_delete(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        struct options options = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        return cmd_each(runtime->root, argv[0], options.regex, delete_container, &options);
}
