/* A container's cgroup: found, made, limited and entered through the driver that the host calls for. */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "cgroup_private.h"
#include "procfs.h"

struct cgroup *cgroup_new(const struct cgroup_driver *driver) {
        struct arena *arena = arena_new();
        struct cgroup *cgroup = arena_alloc(arena, 1, sizeof(*cgroup));

        cgroup->arena = arena;
        cgroup->driver = driver;
        cgroup->unified = -1;
        for (size_t i = 0; i < CGROUP_HIERARCHY_MAX; i++)
                cgroup->places[i] = (struct cgroup_place){.fd = -1};
        return cgroup;
}

void cgroup_free(struct cgroup *cgroup) {
        if (!cgroup)
                return;
        for (size_t i = 0; i < cgroup->total; i++)
                fd_close_at(&cgroup->places[i].fd);
        arena_free(cgroup->arena);
}

int cgroup_add_hierarchy(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy, bool kept,
                         struct error *err) {
        if (cgroup->total == CGROUP_HIERARCHY_MAX)
                return error_set(err, E2BIG, "cgroups: more than %d hierarchies", CGROUP_HIERARCHY_MAX);
        cgroup->hierarchies[cgroup->total] = *hierarchy;
        cgroup->places[cgroup->total].kept = kept;
        if (!kept)
                cgroup->count = cgroup->total + 1;
        if (hierarchy->v2)
                cgroup->unified = (int) cgroup->total;
        cgroup->total++;
        return 0;
}

void cgroup_drop_hierarchy(struct cgroup *cgroup, size_t index) {
        fd_close_at(&cgroup->places[index].fd);
        for (size_t i = index + 1; i < cgroup->total; i++) {
                cgroup->hierarchies[i - 1] = cgroup->hierarchies[i];
                cgroup->places[i - 1] = cgroup->places[i];
        }
        cgroup->places[cgroup->total - 1] = (struct cgroup_place){.fd = -1};
        cgroup->count -= index < cgroup->count;
        cgroup->total--;
        cgroup->unified = -1;
        for (size_t i = 0; i < cgroup->total; i++)
                if (cgroup->hierarchies[i].v2)
                        cgroup->unified = (int) i;
}

int cgroup_directory(const struct cgroup *cgroup, size_t index) {
        /* The fd is a cache: opening it changes nothing a caller could see. */
        int *fd = (int *) &cgroup->places[index].fd;

        if (*fd < 0)
                *fd = open(cgroup->hierarchies[index].directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *fd < 0 ? -errno : *fd;
}

int cgroup_find_controller(const struct cgroup *cgroup, const char *controller) {
        size_t size = strlen(controller);

        for (size_t i = 0; i < cgroup->total; i++)
                for (const char *at = cgroup->hierarchies[i].name; (at = strstr(at, controller)); at += size)
                        if ((at == cgroup->hierarchies[i].name || at[-1] == ',') &&
                            (at[size] == ',' || at[size] == '\0'))
                                return (int) i;
        return -1;
}

static int make_parents(const struct cgroup_hierarchy *hierarchy, unsigned int *parents) {
        _cleanup_free_ char *path = xstrdup(hierarchy->directory);

        for (char *slash = path + strlen(hierarchy->mount); (slash = strchr(slash + 1, '/'));) {
                *slash = '\0';
                if (mkdir(path, 0755) == 0)
                        (*parents)++;
                else if (errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* The end of another container may take an empty parent away meanwhile. */
#define MAKE_TRIES 10

int cgroup_make_path(const struct cgroup_hierarchy *hierarchy, unsigned int *parents) {
        int r = 0;

        for (int try = 0; try < MAKE_TRIES && (r == 0 || r == -ENOENT); try++) {
                if (mkdir(hierarchy->directory, 0755) == 0)
                        return 1;
                if (errno != ENOENT)
                        return errno == EEXIST ? 0 : -errno;
                *parents = 0;
                r = make_parents(hierarchy, parents);
        }
        return r < 0 ? r : -ENOENT;
}

/* A cgroup made by somebody else is used when nothing lives in it. */
static int check_empty(const struct cgroup *cgroup, size_t index, struct error *err) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;
        int dir_fd = cgroup_directory(cgroup, index);
        int r = dir_fd < 0 ? dir_fd : cgroup_tree_pids(dir_fd, &pids, &count);

        if (r < 0 && r != -ENOENT)
                return error_errno(err, -r, "%s", cgroup->hierarchies[index].directory);
        if (count == 0)
                return 0;
        error_set(err, EBUSY,
                  "linux.cgroupsPath: the container's cgroup is not empty: %s has %zu process(es), pid %d first",
                  cgroup->hierarchies[index].directory, count, (int) pids[0]);
        return error_hint(err, "choose another path, or end the processes");
}

/* A process that enters a frozen cgroup stops there, and with it whoever waits for it. */
static int check_thawed(const struct cgroup *cgroup, size_t index, struct error *err) {
        const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[index];
        int frozen = 0;

        if (hierarchy->v2)
                frozen = cgroup_v2_frozen(cgroup, err);
        else if (cgroup_find_controller(cgroup, "freezer") == (int) index)
                frozen = cgroup_v1_frozen(cgroup, err);
        if (frozen <= 0)
                return frozen;
        error_set(err, EBUSY, "linux.cgroupsPath: the container's cgroup unexpectedly frozen: %s",
                  hierarchy->directory);
        return error_hint(err, "thaw it, or choose another path");
}

int cgroup_make_directory(struct cgroup *cgroup, size_t index, struct error *err) {
        int made = cgroup_make_path(&cgroup->hierarchies[index], &cgroup->places[index].parents);

        if (made == -EACCES) {
                /* Callers of runc know this fault by its words. */
                error_set(err, EACCES, "unable to apply cgroup configuration: cannot make %s: permission denied",
                          cgroup->hierarchies[index].directory);
                return error_hint(err, "without linux.cgroupsPath, or with --rootless=true, there is no cgroup");
        }
        if (made < 0)
                return error_errno(err, -made, "cannot make the cgroup %s", cgroup->hierarchies[index].directory);
        cgroup->places[index].made = made > 0;
        if (made)
                return 0;
        made = check_empty(cgroup, index, err);
        return made < 0 ? made : check_thawed(cgroup, index, err);
}

static const struct cgroup_driver *choose_driver(const struct cgroup_request *request) {
        if (request->systemd)
                return &cgroup_systemd_driver;
        return cgroup_host_unified() ? &cgroup_v2_driver : &cgroup_v1_driver;
}

int cgroup_begin(const struct cgroup_request *request, struct cgroup **out, struct error *err) {
        _cleanup_(cgroup_free_at) struct cgroup *cgroup = cgroup_new(choose_driver(request));
        int r;

        cgroup->rootless = request->rootless;
        r = cgroup->driver->create(cgroup, request, err);
        if (r < 0) {
                cgroup_undo(cgroup);
                return r;
        }
        *out = take_ptr(cgroup);
        return 0;
}

int cgroup_finish(struct cgroup *cgroup, const struct cgroup_request *request, struct error *err) {
        static const struct runtime_resources none;
        const struct cgroup_driver *driver = cgroup->driver;
        int r = 0;

        cgroup->rootless = request->rootless;
        if (driver->finish)
                r = driver->finish(cgroup, request, err);
        if (r == 0)
                r = driver->apply(cgroup, request->resources ? request->resources : &none, true, err);
        cgroup->complete = r == 0;
        return r;
}

int cgroup_find(const struct cgroup_request *request, struct cgroup **out, struct error *err) {
        _cleanup_(cgroup_free_at) struct cgroup *cgroup = cgroup_new(choose_driver(request));
        int r = cgroup->driver->locate(cgroup, request, err);

        cgroup->found = cgroup->complete = true;
        if (r < 0)
                return r;
        *out = take_ptr(cgroup);
        return 0;
}

/* CLONE_INTO_CGROUP came with Linux 5.7. */
static bool can_clone_into(void) {
        struct utsname name;
        int major = 0, minor = 0;

        if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
                return false;
        return major > 5 || (major == 5 && minor >= 7);
}

int cgroup_clone_fd(const struct cgroup *cgroup) {
        int fd;

        if (cgroup->unified < 0 || cgroup->pending || !can_clone_into())
                return -1;
        fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        return fd < 0 ? -1 : fd;
}

static int attach_error(const struct cgroup *cgroup, size_t index, int code, struct error *err) {
        return error_errno(err, code, "cannot put the process into the cgroup %s",
                           cgroup->hierarchies[index].directory);
}

bool cgroup_refuses_clone(int r) {
        /* EAGAIN: its limit of processes, which moving there does not ask for. */
        return r == -EBUSY || r == -EOPNOTSUPP || r == -EACCES || r == -EBADF || r == -EAGAIN;
}

static int attach_unified(const struct cgroup *cgroup, pid_t pid, struct error *err) {
        char text[16];
        int dir_fd, r;

        if (cgroup->unified < 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        r = dir_fd < 0 ? dir_fd : cgroup_file_put(dir_fd, "cgroup.procs", text);
        return r < 0 ? attach_error(cgroup, (size_t) cgroup->unified, -r, err) : 0;
}

/*
 * A single-threaded process that moves itself ("0" to v1's tasks) spares the
 * kernel the lock that stops every fork on the machine, which costs most of a
 * millisecond when it has not been used lately.
 */
int cgroup_attach_v1(const struct cgroup *cgroup, size_t index, pid_t pid) {
        char text[16];
        int dir_fd;

        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        dir_fd = cgroup_directory(cgroup, index);
        if (dir_fd < 0)
                return dir_fd;
        return cgroup_file_put(dir_fd, pid == 0 ? "tasks" : "cgroup.procs", text);
}

int cgroup_attach(struct cgroup *cgroup, pid_t pid, struct error *err) {
        if (cgroup->pending)
                return cgroup->driver->attach(cgroup, pid, err);
        for (size_t i = 0; i < cgroup->total; i++) {
                int r;

                if (cgroup->hierarchies[i].v2)
                        continue;
                r = cgroup_attach_v1(cgroup, i, pid);
                /* Kept for later and not needed up to now. */
                if (r == -ENOENT && cgroup->places[i].kept)
                        continue;
                if (r < 0)
                        return attach_error(cgroup, i, -r, err);
        }
        return attach_unified(cgroup, pid, err);
}

int cgroup_open_of_process(const struct cgroup *cgroup, int proc_fd, pid_t pid, struct error *err) {
        const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[cgroup->unified];
        char name[PROCFS_PATH_MAX];
        _cleanup_fd_ int file = -1;
        _cleanup_fd_ int mount = -1;
        _cleanup_free_ char *text = NULL;
        char *path;
        int r;

        (void) snprintf(name, sizeof(name), "%d/cgroup", (int) pid);
        file = procfs_open_file(proc_fd, name, O_RDONLY, err);
        if (file < 0)
                return file;
        r = fd_read_all(file, 1 << 20, &text, NULL);
        path = r < 0 ? NULL : str_starts_with(text, "0::") ? text : strstr(text, "\n0::");
        if (!path)
                return error_errno(err, r < 0 ? -r : ENOENT, "/proc/%s", name);
        path = strstr(path, "0::") + strlen("0::");
        path[strcspn(path, "\n")] = '\0';
        mount = open(hierarchy->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (mount < 0)
                return error_errno(err, errno, "%s", hierarchy->mount);
        return path_open(mount, path, PATH_NO_SYMLINKS, O_PATH | O_DIRECTORY, 0, err);
}

/* The files a delegated cgroup is worked with: cgroups(7). Older kernels have no list of them. */
#define DELEGATE_FILE "/sys/kernel/cgroup/delegate"
#define DELEGATE_DEFAULT "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n"

int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, struct error *err) {
        _cleanup_free_ char *text = NULL;
        int dir_fd;
        char *save = NULL;

        if (cgroup->unified < 0)
                return 0;
        dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        if (dir_fd < 0 || fchown(dir_fd, uid, (gid_t) -1) < 0)
                return error_errno(err, dir_fd < 0 ? -dir_fd : errno, "cannot give %s to user %u",
                                   cgroup->hierarchies[cgroup->unified].directory, uid);
        if (file_read(AT_FDCWD, DELEGATE_FILE, 65536, &text, NULL, NULL) < 0)
                text = xstrdup(DELEGATE_DEFAULT);
        for (char *file = strtok_r(text, "\n", &save); file; file = strtok_r(NULL, "\n", &save))
                /* Files of controllers that this cgroup has not got are in the list, too. */
                if (path_is_name(file) && fchownat(dir_fd, file, uid, (gid_t) -1, AT_SYMLINK_NOFOLLOW) < 0 &&
                    errno != ENOENT)
                        return error_errno(err, errno, "cannot give %s of the container's cgroup to user %u", file,
                                           uid);
        return 0;
}

int cgroup_update(const struct cgroup *cgroup, const struct runtime_resources *resources, struct error *err) {
        /* Only the caches of directory fds change. */
        return cgroup->driver->apply((struct cgroup *) cgroup, resources, false, err);
}

int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        return cgroup->driver->freeze(cgroup, frozen, err);
}

int cgroup_frozen(const struct cgroup *cgroup, struct error *err) {
        return cgroup->driver->frozen(cgroup, err);
}

int cgroup_stats(const struct cgroup *cgroup, struct json_writer *writer, struct error *err) {
        return cgroup->driver->stats(cgroup, writer, err);
}

size_t cgroup_hierarchies(const struct cgroup *cgroup, const struct cgroup_hierarchy **out) {
        *out = cgroup->hierarchies;
        return cgroup->count;
}
