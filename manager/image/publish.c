/*
 * From the staging directory into the store: renames and one change of the index, under the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "store_internal.h"

static int move_blob(struct staging *staging, const char *digest, struct error *err) {
        if (renameat(staging->blobs_fd, digest, staging->store->blobs_fd, digest) == 0)
                return 0;
        if (errno != ENOENT)
                return error_errno(err, errno, "blob sha256:%s", digest);
        if (faccessat(staging->store->blobs_fd, digest, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return error_set(err, ENOENT, "blob sha256:%s is missing", digest);
}

int staging_move_layer(struct staging *staging, const char *diff_id, struct error *err) {
        _cleanup_free_ char *size = str_format("%s.size", diff_id);

        if (faccessat(staging->layers_fd, diff_id, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (renameat(staging->layers_fd, size, staging->store->layers_fd, size) < 0)
                return error_errno(err, errno, "layer sha256:%s", diff_id);
        /* Somebody else may have brought the same layer meanwhile: theirs stays, ours goes with the staging directory.
         */
        if (renameat2(staging->layers_fd, diff_id, staging->store->layers_fd, diff_id, RENAME_NOREPLACE) < 0 &&
            errno != EEXIST)
                return error_errno(err, errno, "layer sha256:%s", diff_id);
        return 0;
}

static int move_image(struct staging *staging, struct arena *arena, const char *digest, struct error *err) {
        struct image_manifest manifest;
        struct image_config config;
        int r = blob_read_image(staging->blobs_fd, arena, digest, &manifest, &config, err);

        /* Layers that were in the store when we looked may have been removed since: no longer under the lock. */
        if (r == 0)
                r = staging_unpack_layers(staging, &manifest, &config, err);
        for (size_t i = 0; r == 0 && i < manifest.layer_count; i++) {
                r = staging_move_layer(staging, config.diff_ids[i], err);
                if (r == 0)
                        r = move_blob(staging, manifest.layers[i].digest, err);
        }
        return r;
}

/* The index entry, its manifest and config last: an image is there when everything below it is. */
static int move_documents(struct staging *staging, struct arena *arena, const char *digest, struct error *err) {
        const struct json *root;
        struct image_manifest manifest;
        int r = blob_read_json(staging->blobs_fd, arena, digest, &root, err);

        if (r == -ENOENT)
                return move_blob(staging, digest, err); /* named twice in one archive, so moved already */
        if (r == 0)
                r = image_manifest_parse(arena, root, &manifest, err);
        if (r == 0)
                r = move_blob(staging, manifest.config.digest, err);
        return r == 0 ? move_blob(staging, digest, err) : r;
}

int store_publish(struct staging *staging, const struct image_addition *additions, size_t count, struct error *err) {
        struct store *store = staging->store;
        _cleanup_arena_ struct arena *arena = arena_new();
        struct image_index index;
        _cleanup_fd_ int lock = -1;
        int r;

        /* Before the lock: once the index names an image, a crash must not find its files empty. */
        if (syncfs(staging->fd) < 0)
                return error_errno(err, errno, "%s/staging", store->root);
        lock = store_lock(store, err);
        if (lock < 0)
                return lock;
        r = store_index_read(store, arena, &index, err);
        for (size_t i = 0; r == 0 && i < count; i++)
                r = move_image(staging, arena, additions[i].descriptor.digest, err);
        for (size_t i = 0; r == 0 && i < count; i++) {
                r = move_documents(staging, arena, additions[i].descriptor.digest, err);
                if (r == 0)
                        index_add(arena, &index, &additions[i].descriptor, additions[i].reference);
        }
        return r == 0 ? store_index_write(store, &index, err) : r;
}

int staging_finish_image(struct staging *staging, const struct image_config *config,
                         const struct image_descriptor *layers, const char *reference, char id[SHA256_HEX_SIZE],
                         struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *config_text = NULL;
        _cleanup_free_ char *manifest_text = NULL;
        char digest[SHA256_HEX_SIZE];
        struct image_manifest manifest = {
                .media_type = IMAGE_MEDIA_MANIFEST,
                .layers = layers,
                .layer_count = config->diff_id_count,
        };
        struct image_addition addition = {.reference = reference};
        int r;

        image_config_write(&writer, config);
        config_text = json_writer_take(&writer);
        r = staging_put_blob(staging, config_text, strlen(config_text), id, err);
        if (r < 0)
                return r;
        manifest.config =
                (struct image_descriptor){.media_type = IMAGE_MEDIA_CONFIG, .digest = id, .size = strlen(config_text)};
        image_manifest_write(&writer, &manifest);
        manifest_text = json_writer_take(&writer);
        r = staging_put_blob(staging, manifest_text, strlen(manifest_text), digest, err);
        if (r < 0)
                return r;
        addition.descriptor = (struct image_descriptor){
                .media_type = IMAGE_MEDIA_MANIFEST, .digest = digest, .size = strlen(manifest_text)};
        return store_publish(staging, &addition, 1, err);
}
