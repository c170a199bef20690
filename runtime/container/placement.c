#include "placement.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../linux/idmap.h"

static bool mounts_cgroups(const struct runtime_config *config) {
        for (size_t i = 0; i < config->mount_count; i++)
                if (str_equal(config->mounts[i].type, "cgroup"))
                        return true;
        return false;
}

/* Root of a user namespace only looks like root. */
static bool is_rootless(const struct create_options *options, int proc_fd) {
        if (options->rootless.set)
                return options->rootless.value;
        return geteuid() != 0 || idmap_is_inside(proc_fd);
}

int placement_begin(struct placement *placement, const struct create_options *options,
                    const struct runtime_config *config, int proc_fd, struct error *err) {
        int r;

        if (options->no_cgroup)
                return 0;
        placement->request = (struct cgroup_request){
                .container_id = options->id,
                .cgroups_path = config->linux_.cgroups_path,
                .systemd = options->systemd_cgroup,
                .rootless = is_rootless(options, proc_fd),
                .insists = !options->rootless.set && geteuid() != 0 && config->linux_.cgroups_path,
                .resources = config->linux_.resources,
                .annotations = &config->annotations,
                .complete = mounts_cgroups(config),
        };
        r = cgroup_begin(&placement->request, &placement->cgroup, err);
        /* Without rights only trying shows which hierarchies there will be, and init has to know them. */
        return r == 0 && placement->request.rootless ? placement_finish(placement, err) : r;
}

int placement_finish(struct placement *placement, struct error *err) {
        int r = 0;

        if (placement->cgroup && !placement->finished)
                r = cgroup_finish(placement->cgroup, &placement->request, err);
        placement->finished = r == 0;
        return r;
}

static void close_tasks(struct placement *placement) {
        while (placement->task_count > 0)
                fd_close(placement->task_fds[--placement->task_count]);
}

/* The files that init needs to move itself, opened here because the rights of who opens them count. */
static bool open_tasks(struct placement *placement) {
        const struct cgroup_hierarchy *hierarchies = NULL;
        size_t count = cgroup_hierarchies(placement->cgroup, &hierarchies);

        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *path = NULL;
                int fd;

                if (hierarchies[i].v2 && placement->born_inside)
                        continue;
                path = path_join(hierarchies[i].directory, "tasks");
                fd = hierarchies[i].v2 || placement->task_count == PLACEMENT_TASKS_MAX
                             ? -1
                             : open(path, O_WRONLY | O_CLOEXEC);
                if (fd < 0) {
                        close_tasks(placement);
                        return false;
                }
                placement->task_fds[placement->task_count++] = fd;
        }
        return true;
}

static bool is_readonly(const char *const *options) {
        bool readonly = false;

        for (; *options; options++)
                if (str_equal(*options, "ro") || str_equal(*options, "rw"))
                        readonly = str_equal(*options, "ro");
        return readonly;
}

/* The user who runs the container may divide its cgroup when it is mounted for writing in a namespace of its own. */
static int delegate(const struct runtime_config *config, const struct cgroup *cgroup, struct error *err) {
        const struct runtime_namespace *namespaces = config->linux_.namespaces;
        uint32_t uid = config->process->user.uid;
        bool writable = false;

        if (!namespaces[NAMESPACE_CGROUP].present || namespaces[NAMESPACE_CGROUP].path || !cgroup_host_unified())
                return 0;
        for (size_t i = 0; i < config->mount_count; i++)
                if (str_equal(config->mounts[i].type, "cgroup") &&
                    str_equal(config->mounts[i].destination, "/sys/fs/cgroup"))
                        writable = !is_readonly(config->mounts[i].options);
        if (namespaces[NAMESPACE_USER].present && !idmap_to_host(&config->linux_.uid_mappings, uid, 1, &uid))
                return 0;
        return writable && uid != geteuid() ? cgroup_delegate(cgroup, uid, err) : 0;
}

int placement_enter(struct placement *placement, const struct runtime_config *config, pid_t pid, struct error *err) {
        int r = 0;

        if (!placement->cgroup)
                return 0;
        if (!open_tasks(placement))
                r = cgroup_attach(placement->cgroup, pid, err);
        return r < 0 ? r : delegate(config, placement->cgroup, err);
}

void placement_undo(struct placement *placement) {
        struct error ignored;

        if (placement->cgroup)
                (void) cgroup_remove(placement->cgroup, &ignored);
}

void placement_close(struct placement *placement) {
        close_tasks(placement);
        cgroup_free(placement->cgroup);
        placement->cgroup = NULL;
}
