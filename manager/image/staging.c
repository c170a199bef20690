/*
 * Staging directories: everything new is made in one and renamed into place as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "store_internal.h"

#define BLOBS "blobs"
#define LAYERS "layers"

/* Made and locked under the store's lock, so that no sweep sees it unlocked. */
static int make_locked(struct store *store, const char *name, struct error *err) {
        _cleanup_fd_ int lock = store_lock(store, err);
        _cleanup_fd_ int fd = -1;

        if (lock < 0)
                return lock;
        if (mkdirat(store->staging_fd, name, 0700) < 0)
                return error_errno(err, errno, "%s/staging/%s", store->root, name);
        fd = openat(store->staging_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return error_errno(err, errno, "%s/staging/%s", store->root, name);
        return take_fd(&fd);
}

static int make_inside(int fd, const char *name, struct error *err) {
        int made;

        if (mkdirat(fd, name, 0700) < 0)
                return error_errno(err, errno, "staging directory");
        made = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return made < 0 ? error_errno(err, errno, "staging directory") : made;
}

int staging_begin(struct store *store, struct staging *out, struct error *err) {
        uint64_t random = 0;
        int r;

        *out = (struct staging) STAGING_EMPTY;
        out->store = store;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t) sizeof(random))
                return error_errno(err, errno, "random number");
        out->name = str_format("%d-%016llx", (int) getpid(), (unsigned long long) random);
        r = make_locked(store, out->name, err);
        if (r < 0) {
                free(take_ptr(out->name));
                return r;
        }
        out->fd = r;
        out->blobs_fd = r = make_inside(out->fd, BLOBS, err);
        if (r >= 0)
                out->layers_fd = r = make_inside(out->fd, LAYERS, err);
        return r < 0 ? r : 0;
}

void staging_end(struct staging *staging) {
        struct error err = {0};

        fd_close_at(&staging->blobs_fd);
        fd_close_at(&staging->layers_fd);
        /* The lock goes last: no sweep may work on the same tree. */
        if (staging->name)
                (void) path_remove_tree(staging->store->staging_fd, staging->name, &err);
        fd_close_at(&staging->fd);
        free(take_ptr(staging->name));
}

static void sweep_one(struct store *store, const char *name) {
        _cleanup_fd_ int fd = openat(store->staging_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
                (void) path_remove_tree(store->staging_fd, name, NULL);
}

/* The names in a directory; what comes and goes meanwhile does not matter. */
static void list_names(int dir_fd, struct str_list *names) {
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir) {
                fd_close_at(&fd);
                return;
        }
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        str_list_add(names, entry->d_name);
}

void staging_sweep(struct store *store) {
        _cleanup_str_list_ struct str_list names = {0};
        _cleanup_str_list_ struct str_list files = {0};
        _cleanup_fd_ int lock = -1;

        list_names(store->staging_fd, &names);
        if (names.count == 0)
                return;
        lock = store_lock(store, NULL);
        if (lock < 0)
                return;
        for (size_t i = 0; i < names.count; i++)
                sweep_one(store, names.items[i]);
        /* Under the lock, a staged index is nobody's. */
        list_names(store->images_fd, &files);
        for (size_t i = 0; i < files.count; i++)
                if (str_starts_with(files.items[i], "index.json.") && str_ends_with(files.items[i], ".tmp"))
                        (void) unlinkat(store->images_fd, files.items[i], 0);
}

int staging_file(struct staging *staging, char name[32], struct error *err) {
        int fd;

        (void) snprintf(name, 32, "file-%u", staging->files++);
        fd = openat(staging->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? error_errno(err, errno, "staging file") : fd;
}

int staging_keep_blob(struct staging *staging, const char *name, const char *digest, struct error *err) {
        if (renameat(staging->fd, name, staging->blobs_fd, digest) < 0)
                return error_errno(err, errno, "blob sha256:%s", digest);
        return 0;
}

/* Not synced: store_publish() syncs everything staged at once. What is there already has the same content. */
static int write_staged(int dir_fd, const char *name, const char *data, size_t size, struct error *err) {
        _cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        int r;

        if (fd < 0)
                return errno == EEXIST ? 0 : error_errno(err, errno, "staged file %s", name);
        r = fd_write_all(fd, data, size);
        return r < 0 ? error_errno(err, -r, "staged file %s", name) : 0;
}

int staging_put_blob(struct staging *staging, const char *data, size_t size, char digest[SHA256_HEX_SIZE],
                     struct error *err) {
        sha256_of(data, size, digest);
        return write_staged(staging->blobs_fd, digest, data, size, err);
}

int staging_note_size(struct staging *staging, const char *diff_id, uint64_t size, struct error *err) {
        _cleanup_free_ char *name = str_format("%s.size", diff_id);
        _cleanup_free_ char *text = str_format("%llu\n", (unsigned long long) size);

        return write_staged(staging->layers_fd, name, text, strlen(text), err);
}
