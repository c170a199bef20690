#include "checkpoint.h"

#include <errno.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "container.h"
#include "external.h"

/* Podman and runc have theirs in the second place. */
#define CRIU_CONFIG "/etc/criu/myrun.conf"
#define CRIU_CONFIG_OF_RUNC "/etc/criu/runc.conf"

const char *checkpoint_criu_config(const struct runtime_pairs *annotations) {
        for (size_t i = 0; i < annotations->count; i++)
                if (str_equal(annotations->items[i].key, "org.criu.config"))
                        return str_empty(annotations->items[i].value) ? NULL : annotations->items[i].value;
        return access(CRIU_CONFIG, F_OK) == 0 ? CRIU_CONFIG : CRIU_CONFIG_OF_RUNC;
}

static int check_status(const struct container *container, struct error *err) {
        enum container_status status = container_status(container);

        if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED)
                return 0;
        return error_set(err, EINVAL, "a container that is %s cannot be checkpointed", container_status_name(status));
}

static int save(const struct container *container, const struct criu_options *options, struct error *err) {
        const char *freezer = container->cgroup ? cgroup_freezer_directory(container->cgroup) : NULL;
        _cleanup_criu_ struct criu criu = CRIU_INIT;
        struct runtime_config config = {0};
        int r;

        if ((r = container_config(container, &config, err)) < 0 ||
            (r = criu_begin(&criu, options->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, options, err)) < 0)
                return r;
        criu_put_process(&criu, container->state.pid, freezer);
        criu_put_root(&criu, container->state.rootfs);
        if (!options->pre_dump && (r = external_put_dump(&criu, container, &config, err)) < 0)
                return r;
        return criu_run(&criu, err);
}

int container_checkpoint(const char *root, const char *id, const struct criu_options *options, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct criu_options all = *options;
        bool frozen;
        int r;

        if ((r = container_open(root, id, &container, err)) < 0 ||
            (r = state_lock(container.dir_fd, STATE_LOCK_TIMEOUT_MS, err)) < 0 ||
            (r = container_refresh(&container, err)) < 0 || (r = check_status(&container, err)) < 0)
                return r;
        all.config_file = checkpoint_criu_config(&container.state.annotations);
        frozen = container_status(&container) == CONTAINER_PAUSED;
        r = save(&container, &all, err);
        /* criu thaws what it froze, unless something ended it on the way. */
        if (r < 0 && !frozen && container.cgroup && cgroup_frozen(container.cgroup, NULL) == 1)
                (void) cgroup_freeze(container.cgroup, false, NULL);
        if (r < 0 || options->leave_running || options->pre_dump)
                return r;
        r = container_kill(&container, err);
        return r < 0 ? r : container_destroy(&container, err);
}
