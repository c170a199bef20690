#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../../lib/timestamp.h"
#include "record_json.h"

#define LOCK_WAIT_STEP_NS (5 * 1000 * 1000)
#define LOCK_WAIT_STEPS 2000

static const char *const status_names[] = {
        [STATUS_CREATED] = "created",       [STATUS_RUNNING] = "running", [STATUS_PAUSED] = "paused",
        [STATUS_RESTARTING] = "restarting", [STATUS_EXITED] = "exited",   [STATUS_DEAD] = "dead",
};

const char *container_status_name(enum container_status status) {
        return status_names[status];
}

static void set_directories(const struct manager *manager, struct container *container) {
        container->directory = arena_printf(container->arena, "%s/containers/%s", manager->root, container->id);
        container->run_directory = arena_printf(container->arena, "%s/containers/%s", manager->run_root, container->id);
}

struct container *container_new(const struct manager *manager) {
        static const struct container_options defaults = CONTAINER_OPTIONS_DEFAULT;
        struct container *container = xcalloc(1, sizeof(*container));
        unsigned char bytes[(CONTAINER_ID_SIZE - 1) / 2];

        container->arena = arena_new();
        container->options = defaults;
        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                abort();
        for (size_t i = 0; i < sizeof(bytes); i++)
                (void) snprintf(container->id + 2 * i, 3, "%02x", bytes[i]);
        container->created = timestamp_now();
        set_directories(manager, container);
        return container;
}

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

void container_free(struct container *container) {
        if (!container)
                return;
        container_options_free(&container->options);
        arena_free(container->arena);
        free(container);
}

/* The link <root>/names/<name> -> id. Returns 0 with the id, or -ENOENT. */
static int read_name(const struct manager *manager, const char *name, char id[CONTAINER_ID_SIZE]) {
        _cleanup_free_ char *path = str_format("%s/names/%s", manager->root, name);
        ssize_t size = readlink(path, id, CONTAINER_ID_SIZE);

        if (size != CONTAINER_ID_SIZE - 1)
                return -ENOENT;
        id[size] = '\0';
        return 0;
}

static bool exists(const struct manager *manager, const char *id) {
        _cleanup_free_ char *path = str_format("%s/containers/%s/config.json", manager->root, id);

        return access(path, F_OK) == 0;
}

/* Makes names/<name>. The caller holds the lock over all names. */
static int take_name(const struct manager *manager, const char *name, const char *id, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/names/%s", manager->root, name);
        char holder[CONTAINER_ID_SIZE];

        if (read_name(manager, name, holder) == 0 && exists(manager, holder)) {
                error_set(err, EEXIST, "the container name \"/%s\" is already in use by container \"%s\"", name,
                          holder);
                return error_hint(err, "remove or rename that container to be able to reuse the name");
        }
        /* A name without a container was left by a create that was killed. */
        (void) unlink(path);
        if (symlink(id, path) < 0)
                return error_errno(err, errno, "%s", path);
        return 0;
}

static int lock_names(const struct manager *manager, struct error *err) {
        static const char *const needed[] = {"containers", "names"};
        _cleanup_free_ char *lock = str_format("%s/names.lock", manager->root);

        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
                _cleanup_free_ char *path = str_format("%s/%s", manager->root, needed[i]);
                int r = path_make_trusted_dirs(path, 0711, err);

                if (r < 0)
                        return r;
        }
        return file_lock(AT_FDCWD, lock, FILE_LOCK_EXCLUSIVE, err);
}

/* Fills the directory of a container that is not visible yet. */
static int write_new_directory(const char *directory, const struct container *container, struct error *err) {
        static const char *const needed[] = {"upper", "work", "merged"};
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL, *path = str_format("%s/config.json", directory);

        if (mkdir(directory, 0711) < 0)
                return error_errno(err, errno, "%s", directory);
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
                _cleanup_free_ char *subdirectory = str_format("%s/%s", directory, needed[i]);

                if (mkdir(subdirectory, i == 1 ? 0700 : 0755) < 0)
                        return error_errno(err, errno, "%s", subdirectory);
        }
        container_record_write(&writer, container);
        text = json_writer_take(&writer);
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int container_save_new(const struct manager *manager, struct container *container, struct error *err) {
        _cleanup_free_ char *staged = str_format("%s/containers/.new-%s", manager->root, container->id);
        _cleanup_free_ char *staged_name = str_format(".new-%s", container->id);
        _cleanup_free_ char *containers = str_format("%s/containers", manager->root);
        _cleanup_fd_ int lock = lock_names(manager, err), directory = -1;
        int r;

        if (lock < 0)
                return lock;
        r = take_name(manager, container->name, container->id, err);
        if (r < 0)
                return r;
        directory = open(containers, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = write_new_directory(staged, container, err);
        if (r == 0 && rename(staged, container->directory) < 0)
                r = error_errno(err, errno, "%s", container->directory);
        if (r < 0) {
                _cleanup_free_ char *name = str_format("%s/names/%s", manager->root, container->name);

                (void) path_remove_tree(directory, staged_name, NULL);
                (void) unlink(name);
        }
        return r;
}

static int load(const struct manager *manager, const char *id, struct container **out, struct error *err) {
        _cleanup_(cleanup_container) struct container *container = container_new(manager);
        const struct json *root;
        _cleanup_free_ char *path = NULL;
        int r;

        (void) snprintf(container->id, sizeof(container->id), "%s", id);
        set_directories(manager, container);
        path = str_format("%s/config.json", container->directory);
        r = json_parse_file(container->arena, AT_FDCWD, path, NULL, &root, err);
        if (r < 0)
                return r;
        r = container_record_read(container, root, err);
        if (r < 0) {
                (void) error_wrap(err, "%s", path);
                return error_hint(err, "when nothing of it runs any more, its directory can be removed");
        }
        r = container_refresh(container, err);
        if (r < 0)
                return r;
        *out = take_ptr(container);
        return 0;
}

bool container_is_running(const struct container *container) {
        uint64_t start;

        return container->state.pid > 0 && process_start_time(container->state.pid, &start) == 0 &&
               start == container->state.pid_start && process_state(container->state.pid) != 'Z';
}

bool container_has_monitor(const struct container *container) {
        uint64_t start;

        return container->state.monitor > 0 && process_start_time(container->state.monitor, &start) == 0 &&
               start == container->state.monitor_start && process_state(container->state.monitor) != 'Z';
}

int container_refresh(struct container *container, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/state.json", container->directory);
        struct container_state *state = &container->state;
        const struct json *root;
        struct error own = {0};
        int r = json_parse_file(container->arena, AT_FDCWD, path, NULL, &root, &own);

        *state = (struct container_state){0};
        if (r == 0)
                r = container_state_read(state, root, &own);
        if (r < 0 && r != -ENOENT) {
                if (err)
                        *err = own;
                return r;
        }
        if (state->status != STATUS_RUNNING && state->status != STATUS_RESTARTING)
                return 0;
        if (!container_is_running(container) && !container_has_monitor(container)) {
                state->status = STATUS_DEAD;
                state->pid = 0;
                state->exit_code = 137;
                if (!state->error)
                        state->error = "the container's monitor was killed";
        } else if (container_is_marked(container, CONTAINER_MARK_PAUSED)) {
                state->status = STATUS_PAUSED;
        }
        return 0;
}

int container_save_state(const struct container *container, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL, *path = str_format("%s/state.json", container->directory);

        container_state_write(&writer, &container->state);
        text = json_writer_take(&writer);
        /* After a crash of the machine nothing runs any more, whatever the last state on disk was. */
        return file_write_volatile(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static int list_ids(const struct manager *manager, struct str_list *ids, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/containers", manager->root);
        _cleanup_dir_ DIR *directory = opendir(path);
        const struct dirent *entry;

        if (!directory)
                return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
        while ((entry = readdir(directory)))
                if (strlen(entry->d_name) == CONTAINER_ID_SIZE - 1 && entry->d_name[0] != '.')
                        str_list_add(ids, entry->d_name);
        return 0;
}

/* The one id that starts with `prefix`. */
static int find_prefix(const struct manager *manager, const char *prefix, char id[CONTAINER_ID_SIZE],
                       struct error *err) {
        _cleanup_str_list_ struct str_list ids = {0};
        size_t found = 0;
        int r = list_ids(manager, &ids, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ids.count; i++)
                if (str_starts_with(ids.items[i], prefix)) {
                        (void) snprintf(id, CONTAINER_ID_SIZE, "%s", ids.items[i]);
                        found++;
                }
        if (found > 1)
                return error_set(err, EINVAL, "%s: more than one container id starts so", prefix);
        return found == 1 ? 0 : -ENOENT;
}

int container_find(const struct manager *manager, const char *name, struct container **out, struct error *err) {
        char id[CONTAINER_ID_SIZE];
        int r;

        if (name[0] == '/')
                name++;
        if (!path_is_id(name))
                return error_set(err, ENOENT, "No such container: %s", name);
        r = read_name(manager, name, id);
        if (r < 0 || !exists(manager, id))
                r = find_prefix(manager, name, id, err);
        if (r == 0)
                r = load(manager, id, out, err);
        return r == -ENOENT ? error_set(err, ENOENT, "No such container: %s", name) : r;
}

static int newest_first(const void *a, const void *b) {
        const struct container *const *left = a, *const *right = b;

        return ((*left)->created < (*right)->created) - ((*left)->created > (*right)->created);
}

int container_list(const struct manager *manager, struct container ***out, size_t *count, struct error *err) {
        _cleanup_str_list_ struct str_list ids = {0};
        int failed = list_ids(manager, &ids, err);
        struct container **list = xcalloc(ids.count + 1, sizeof(struct container *));

        *count = 0;
        for (size_t i = 0; i < ids.count; i++) {
                struct error own = {0};
                int r = load(manager, ids.items[i], &list[*count], &own);

                if (r == 0) {
                        (*count)++;
                } else if (r != -ENOENT && failed == 0) { /* not gone in the meantime */
                        failed = r;
                        if (err)
                                *err = own;
                }
        }
        qsort(list, *count, sizeof(*list), newest_first);
        *out = list;
        return failed;
}

void container_list_free(struct container **containers, size_t count) {
        for (size_t i = 0; i < count; i++)
                container_free(containers[i]);
        free(containers);
}

int container_lock(struct container *container, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/lock", container->directory);
        _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno == ENOENT ? error_set(err, ENOENT, "No such container: %s", container->name)
                                       : error_errno(err, errno, "%s", path);
        for (int step = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; step++) {
                const struct timespec pause = {.tv_nsec = LOCK_WAIT_STEP_NS};
                int r = container_refresh(container, err);

                if (r < 0)
                        return r;
                if (container_has_monitor(container) || step == LOCK_WAIT_STEPS)
                        return error_set(err, EBUSY, "container %s is in use by another command", container->name);
                (void) nanosleep(&pause, NULL);
        }
        /* It may have been removed while this waited. */
        if (access(container->directory, F_OK) < 0)
                return error_set(err, ENOENT, "No such container: %s", container->name);
        return container_refresh(container, err) < 0 ? -EIO : take_fd(&fd);
}

int container_rename(const struct manager *manager, struct container *container, const char *name, struct error *err) {
        _cleanup_free_ char *old = str_format("%s/names/%s", manager->root, container->name);
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL, *path = str_format("%s/config.json", container->directory);
        _cleanup_fd_ int lock = lock_names(manager, err);
        int r;

        if (lock < 0)
                return lock;
        if (!path_is_id(name))
                return error_set(err, EINVAL, "invalid container name (%s): letters, digits, \"_\", \".\" and \"-\"",
                                 name);
        r = take_name(manager, name, container->id, err);
        if (r < 0)
                return r;
        container->name = arena_strdup(container->arena, name);
        container_record_write(&writer, container);
        text = json_writer_take(&writer);
        r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, err);
        if (r == 0)
                (void) unlink(old);
        return r;
}

int container_remove_files(const struct manager *manager, struct container *container, struct error *err) {
        _cleanup_free_ char *containers = str_format("%s/containers", manager->root);
        _cleanup_free_ char *runs = str_format("%s/containers", manager->run_root);
        _cleanup_free_ char *name = str_format("%s/names/%s", manager->root, container->name);
        _cleanup_free_ char *removed = str_format(".old-%s", container->id);
        _cleanup_free_ char *removed_path = str_format("%s/%s", containers, removed);
        _cleanup_fd_ int names = lock_names(manager, err), root = -1, run = -1;
        char holder[CONTAINER_ID_SIZE];

        if (names < 0)
                return names;
        run = open(runs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (run >= 0)
                (void) path_remove_tree(run, container->id, NULL);
        /* Out of sight first, in one step: a half-removed container is never listed. */
        if (rename(container->directory, removed_path) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s", container->directory);
        if (read_name(manager, container->name, holder) == 0 && str_equal(holder, container->id))
                (void) unlink(name);
        fd_close_at(&names);
        root = open(containers, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return root < 0 ? 0 : path_remove_tree(root, removed, err);
}

void container_mark(const struct container *container, const char *mark, bool set) {
        _cleanup_free_ char *path = str_format("%s/%s", container->directory, mark);

        if (set)
                fd_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        else
                (void) unlink(path);
}

bool container_is_marked(const struct container *container, const char *mark) {
        _cleanup_free_ char *path = str_format("%s/%s", container->directory, mark);

        return access(path, F_OK) == 0;
}
