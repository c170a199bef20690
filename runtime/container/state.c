#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"

#define STATE_STAGE "state.json.new"
#define LOCK_POLL_MS 5

int state_open_root(const char *path, bool make, struct error *err) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0 && errno == ENOENT && make) {
                r = path_make_trusted_dirs(path, 0700, err);
                if (r < 0)
                        return error_wrap(err, "--root");
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (fd < 0)
                return error_errno(err, errno, "--root: %s", path);
        return fd;
}

int state_check_id(const char *id, struct error *err) {
        const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

        if (!path_is_name(id) || id[strspn(id, allowed)] != '\0') {
                error_set(err, EINVAL, "invalid container ID format: \"%s\"", id);
                return error_hint(err, "use letters, digits and _ + - .");
        }
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int state_list(const char *root, struct str_list *ids, struct error *err) {
        _cleanup_dir_ DIR *dir = opendir(root);
        const struct dirent *entry;

        if (!dir && errno == ENOENT)
                return 0;
        if (!dir)
                return error_errno(err, errno, "--root: %s", root);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
                        str_list_add(ids, entry->d_name);
        if (ids->count > 0)
                qsort(ids->items, ids->count, sizeof(*ids->items), compare);
        return 0;
}

int state_make(int root_fd, const char *id, struct error *err) {
        _cleanup_fd_ int fd = -1;

        if (mkdirat(root_fd, id, 0711) < 0) {
                if (errno == EEXIST)
                        return error_set(err, EEXIST, "container with id exists: %s", id);
                return error_errno(err, errno, "cannot keep the container's state");
        }
        fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return error_errno(err, errno, "cannot keep the container's state");
        return take_fd(&fd);
}

int state_open(int root_fd, const char *id, struct error *err) {
        int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return error_set(err, ENOENT, "container does not exist: %s", id);
        if (fd < 0)
                return error_errno(err, errno, "cannot open the container's state");
        return fd;
}

int state_lock(int dir_fd, int timeout_ms, struct error *err) {
        struct stat st;

        for (int waited = 0; flock(dir_fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_POLL_MS) {
                if (errno != EWOULDBLOCK)
                        return error_errno(err, errno, "cannot lock the container");
                if (waited >= timeout_ms)
                        return error_set(err, ETIMEDOUT, "another command is changing the container");
                (void) poll(NULL, 0, LOCK_POLL_MS);
        }
        if (fstat(dir_fd, &st) == 0 && st.st_nlink == 0)
                return error_set(err, ENOENT, "container does not exist");
        return 0;
}

void state_unlock(int dir_fd) {
        (void) flock(dir_fd, LOCK_UN);
}

bool state_is_locked(int dir_fd) {
        if (flock(dir_fd, LOCK_SH | LOCK_NB) < 0)
                return true;
        (void) flock(dir_fd, LOCK_UN);
        return false;
}

static int read_annotations(struct arena *arena, const struct json *object, struct runtime_pairs *out,
                            struct error *err) {
        struct string_pair *items;
        size_t count = 0;

        if (!object)
                return 0;
        items = arena_alloc(arena, object->count + 1, sizeof(*items));
        json_for_each (child, object) {
                int r = json_expect(child, JSON_STRING, err);

                if (r < 0)
                        return r;
                items[count++] = (struct string_pair){.key = child->key, .value = child->text};
        }
        *out = (struct runtime_pairs){.items = items, .count = count};
        return 0;
}

static int read_members(struct arena *arena, const struct json *root, struct state *out, struct error *err) {
        const struct json *annotations = NULL;
        int pid = 0;
        int r;

        if ((r = json_expect(root, JSON_OBJECT, err)) < 0 ||
            (r = json_get_string(root, "ociVersion", &out->oci_version, err)) < 0 ||
            (r = json_get_string(root, "id", &out->id, err)) < 0 || (r = json_get_int(root, "pid", &pid, err)) < 0 ||
            (r = json_get_u64(root, "startTime", UINT64_MAX, &out->start_time, err)) < 0 ||
            (r = json_get_u64(root, "processNumber", UINT64_MAX, &out->process_number, err)) < 0 ||
            (r = json_get_string(root, "bundle", &out->bundle, err)) < 0 ||
            (r = json_get_string(root, "rootfs", &out->rootfs, err)) < 0 ||
            (r = json_get_string(root, "created", &out->created, err)) < 0 ||
            (r = json_get_u32(root, "owner", &out->owner, err)) < 0 ||
            (r = json_get_bool(root, "systemdCgroup", &out->systemd_cgroup, err)) < 0 ||
            (r = json_get_bool(root, "oldKeyring", &out->old_keyring, err)) < 0 ||
            (r = json_get_bool(root, "sharesPids", &out->shares_pids, err)) < 0 ||
            (r = json_get_u64(root, "hostMount", UINT64_MAX, &out->host_mount, err)) < 0 ||
            (r = json_get_string(root, "rdtGroup", &out->rdt_group, err)) < 0 ||
            (r = json_get_bool(root, "rdtMade", &out->rdt_made, err)) < 0 ||
            (r = json_get_string(root, "cgroupsPath", &out->cgroups_path, err)) < 0 ||
            (r = json_get_object(root, "cgroup", &out->cgroup, err)) < 0 ||
            (r = json_get_object(root, "annotations", &annotations, err)) < 0 ||
            (r = read_annotations(arena, annotations, &out->annotations, err)) < 0)
                return r;
        if (!out->id || !out->bundle || pid < 0)
                return error_set(err, EINVAL, "id, bundle or pid is missing");
        out->pid = pid;
        return 0;
}

int state_read(int dir_fd, struct arena *arena, struct state *out, struct error *err) {
        const struct json *root;
        int r = json_parse_file(arena, dir_fd, STATE_FILE, NULL, &root, err);

        *out = (struct state){0};
        if (r >= 0)
                r = read_members(arena, root, out, err);
        if (r < 0) {
                error_wrap(err, "the container's state cannot be read");
                error_hint(err, "delete --force removes what is left of it");
        }
        return r;
}

/* Not synced to disk: the state is about processes, and none of them survives a crash of the machine. */
static int replace_file(int dir_fd, const char *text, size_t size, struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, STATE_STAGE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "cannot write the container's state");
        r = fd_write_all(fd, text, size);
        if (r < 0)
                return error_errno(err, -r, "cannot write the container's state");
        if (renameat(dir_fd, STATE_STAGE, dir_fd, STATE_FILE) < 0)
                return error_errno(err, errno, "cannot write the container's state");
        return 0;
}

int state_version(int dir_fd) {
        return openat(dir_fd, STATE_FILE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

bool state_is_current(int version) {
        struct stat st;

        return fstat(version, &st) == 0 && st.st_nlink > 0;
}

int state_write(int dir_fd, const struct state *state, void (*put_cgroup)(struct json_writer *writer, const void *data),
                const void *data, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "ociVersion", state->oci_version);
        json_put_string(&writer, "id", state->id);
        json_put_int(&writer, "pid", state->pid);
        json_put_uint(&writer, "startTime", state->start_time);
        if (state->process_number != 0)
                json_put_uint(&writer, "processNumber", state->process_number);
        json_put_string(&writer, "bundle", state->bundle);
        json_put_string(&writer, "rootfs", state->rootfs);
        json_put_string(&writer, "created", state->created);
        json_put_uint(&writer, "owner", state->owner);
        json_put_bool(&writer, "systemdCgroup", state->systemd_cgroup);
        json_put_bool(&writer, "oldKeyring", state->old_keyring);
        json_put_bool(&writer, "sharesPids", state->shares_pids);
        json_put_string(&writer, "rdtGroup", state->rdt_group);
        json_put_bool(&writer, "rdtMade", state->rdt_made);
        if (state->host_mount != 0)
                json_put_uint(&writer, "hostMount", state->host_mount);
        json_put_string(&writer, "cgroupsPath", state->cgroups_path);
        if (put_cgroup)
                put_cgroup(&writer, data);
        else
                json_put_value(&writer, "cgroup", state->cgroup);
        if (state->annotations.count > 0) {
                json_begin_object(&writer, "annotations");
                for (size_t i = 0; i < state->annotations.count; i++)
                        json_put_string(&writer, state->annotations.items[i].key, state->annotations.items[i].value);
                json_end_object(&writer);
        }
        json_end_object(&writer);
        return replace_file(dir_fd, writer.out.data, writer.out.size, err);
}

int state_remove(int root_fd, int dir_fd, const char *id, struct error *err) {
        static const char *const names[] = {STATE_FILE, STATE_STAGE, STATE_CONFIG_FILE, STATE_SOCKET};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                (void) unlinkat(dir_fd, names[i], 0);
        if (unlinkat(root_fd, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
                return 0;
        return path_remove_tree(root_fd, id, err);
}
