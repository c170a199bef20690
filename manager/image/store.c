/*
 * The store's directories, its lock and index.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "store_internal.h"

#define INDEX_FILE "index.json"
#define LAYOUT_FILE "oci-layout"
#define LOCK_FILE ".lock"

static int open_directory(const char *path, int *out, struct error *err) {
        int r = path_make_trusted_dirs(path, 0700, err);

        if (r < 0)
                return r;
        *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *out < 0 ? error_errno(err, errno, "%s", path) : 0;
}

/* A new store gets an empty index; the lock keeps two first commands from both writing one. */
static int make_layout(struct store *store, struct error *err) {
        static const struct image_index empty = {.media_type = IMAGE_MEDIA_INDEX};
        _cleanup_fd_ int lock = -1;
        int r;

        if (faccessat(store->images_fd, INDEX_FILE, F_OK, 0) == 0)
                return 0;
        lock = store_lock(store, err);
        if (lock < 0)
                return lock;
        if (faccessat(store->images_fd, INDEX_FILE, F_OK, 0) == 0)
                return 0;
        r = file_write_atomic(store->images_fd, LAYOUT_FILE, IMAGE_LAYOUT_TEXT, strlen(IMAGE_LAYOUT_TEXT), 0644, err);
        return r < 0 ? r : store_index_write(store, &empty, err);
}

static int open_store(struct store *store, struct error *err) {
        const struct {
                const char *name;
                int *fd;
        } directories[] = {
                {"images", &store->images_fd},
                {"images/blobs/sha256", &store->blobs_fd},
                {"layers", &store->layers_fd},
                {"staging", &store->staging_fd},
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                _cleanup_free_ char *path = path_join(store->root, directories[i].name);

                r = open_directory(path, directories[i].fd, err);
                if (r < 0)
                        return r;
        }
        r = make_layout(store, err);
        if (r == 0)
                staging_sweep(store);
        return r;
}

int store_open(const char *root, struct store **out, struct error *err) {
        struct store *store = xcalloc(1, sizeof(*store));
        int r;

        *store = (struct store){.images_fd = -1, .blobs_fd = -1, .layers_fd = -1, .staging_fd = -1};
        r = path_absolute(root, &store->root, err);
        if (r == 0)
                r = open_store(store, err);
        if (r < 0) {
                store_free(store);
                return error_wrap(err, "image store");
        }
        *out = store;
        return 0;
}

void store_free(struct store *store) {
        if (!store)
                return;
        fd_close_at(&store->images_fd);
        fd_close_at(&store->blobs_fd);
        fd_close_at(&store->layers_fd);
        fd_close_at(&store->staging_fd);
        free(store->root);
        free(store);
}

int store_lock(struct store *store, struct error *err) {
        return file_lock(store->images_fd, LOCK_FILE, FILE_LOCK_EXCLUSIVE, err);
}

int store_index_read(struct store *store, struct arena *arena, struct image_index *out, struct error *err) {
        const struct json *root;
        int r = json_parse_file(arena, store->images_fd, INDEX_FILE, NULL, &root, err);

        if (r == 0)
                r = image_index_parse(arena, root, out, err);
        return r < 0 ? error_wrap(err, "%s/images", store->root) : 0;
}

int store_index_write(struct store *store, const struct image_index *index, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        image_index_write(&writer, index);
        text = json_writer_take(&writer);
        return file_write_atomic(store->images_fd, INDEX_FILE, text, strlen(text), 0644, err);
}

int blob_read_json(int blobs_fd, struct arena *arena, const char *digest, const struct json **out, struct error *err) {
        _cleanup_free_ char *text = NULL;
        char actual[SHA256_HEX_SIZE];
        size_t size;
        int r;

        if (faccessat(blobs_fd, digest, F_OK, 0) < 0 && errno == ENOENT)
                return error_set(err, ENOENT, "blob sha256:%s is missing", digest);
        r = file_read(blobs_fd, digest, IMAGE_DOCUMENT_MAX, &text, &size, err);
        if (r < 0)
                return error_wrap(err, "blob");
        sha256_of(text, size, actual);
        if (!str_equal(actual, digest))
                return error_set(err, EBADMSG, "blob sha256:%s: its content does not match its digest", digest);
        r = json_parse(arena, text, size, NULL, out, err);
        return r < 0 ? error_wrap(err, "blob sha256:%s", digest) : 0;
}

int blob_read_image(int blobs_fd, struct arena *arena, const char *digest, struct image_manifest *manifest,
                    struct image_config *config, struct error *err) {
        const struct json *root;
        int r = blob_read_json(blobs_fd, arena, digest, &root, err);

        if (r < 0)
                return r;
        r = image_manifest_parse(arena, root, manifest, err);
        if (r < 0)
                return error_wrap(err, "manifest sha256:%s", digest);
        r = blob_read_json(blobs_fd, arena, manifest->config.digest, &root, err);
        if (r < 0)
                return r;
        r = image_config_parse(arena, root, config, err);
        if (r < 0)
                return error_wrap(err, "image config sha256:%s", manifest->config.digest);
        if (config->diff_id_count != manifest->layer_count)
                return error_set(err, EINVAL, "manifest sha256:%s has %zu layers, but its config names %zu", digest,
                                 manifest->layer_count, config->diff_id_count);
        return 0;
}
