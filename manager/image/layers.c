/*
 * Unpacked layers: made once from their blobs, found again by diffID.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "store_internal.h"
#include "stream.h"
#include "unpack.h"

/* An image without layers still needs a lowerdir. */
#define EMPTY_LAYER "empty"

DEFINE_CLEANUP(cleanup_stream, struct layer_stream *, layer_stream_free);
#define _cleanup_stream_ _cleanup_(cleanup_stream)

bool store_has_layer(struct store *store, const char *diff_id) {
        return faccessat(store->layers_fd, diff_id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The blob, staged or in the store, with the size its manifest says. */
static int open_blob(struct staging *staging, const struct image_descriptor *layer, struct error *err) {
        _cleanup_fd_ int fd = openat(staging->blobs_fd, layer->digest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 && errno == ENOENT)
                fd = openat(staging->store->blobs_fd, layer->digest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return error_set(err, ENOENT, "its blob sha256:%s is missing", layer->digest);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "its blob sha256:%s", layer->digest);
        if ((uint64_t) st.st_size != layer->size)
                return error_set(err, EBADMSG, "its blob sha256:%s has %lld bytes, but the manifest says %llu",
                                 layer->digest, (long long) st.st_size, (unsigned long long) layer->size);
        return take_fd(&fd);
}

int staging_unpack_stream(struct staging *staging, struct layer_stream *stream, struct layer_stream_result *result,
                          struct error *err) {
        char name[32];
        _cleanup_fd_ int fd = -1;
        uint64_t size = 0;
        int r;

        (void) snprintf(name, sizeof(name), "new-%u", staging->files++);
        if (mkdirat(staging->layers_fd, name, 0755) < 0)
                return error_errno(err, errno, "cannot make the layer's directory");
        fd = openat(staging->layers_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchmod(fd, 0755) < 0)
                return error_errno(err, errno, "cannot make the layer's directory");
        r = layer_unpack(stream, fd, NULL, &size, err);
        if (r == 0)
                r = layer_stream_finish(stream, result, err);
        if (r < 0)
                return r;
        if (renameat(staging->layers_fd, name, staging->layers_fd, result->diff_id) < 0) {
                /* An image may hold the same layer twice. */
                if (errno != EEXIST && errno != ENOTEMPTY)
                        return error_errno(err, errno, "cannot name the layer's directory");
                return path_remove_tree(staging->layers_fd, name, err);
        }
        return staging_note_size(staging, result->diff_id, size, err);
}

static int unpack_blob(struct staging *staging, const struct image_descriptor *layer, const char *diff_id,
                       struct error *err) {
        _cleanup_fd_ int fd = open_blob(staging, layer, err);
        _cleanup_stream_ struct layer_stream *stream = NULL;
        struct layer_stream_result result;
        int r;

        if (fd < 0)
                return fd;
        r = layer_stream_open(&(struct layer_stream_options){.fd = fd, .copy_fd = -1}, &stream, err);
        if (r == 0)
                r = staging_unpack_stream(staging, stream, &result, err);
        if (r == 0 && !str_equal(result.diff_id, diff_id))
                r = error_set(err, EBADMSG, "its content has the digest sha256:%s", result.diff_id);
        return r;
}

int staging_unpack_layers(struct staging *staging, const struct image_manifest *manifest,
                          const struct image_config *config, struct error *err) {
        for (size_t i = 0; i < manifest->layer_count; i++) {
                const struct image_descriptor *layer = &manifest->layers[i];
                const char *diff_id = config->diff_ids[i];
                int r = 0;

                if (store_has_layer(staging->store, diff_id) ||
                    faccessat(staging->layers_fd, diff_id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                if (layer->media_type && strstr(layer->media_type, "+encrypted"))
                        r = error_set(err, ENOTSUP, "encrypted layers: not supported in this build");
                else if (image_media_kind(layer->media_type) != IMAGE_KIND_LAYER)
                        r = error_set(err, EINVAL, "\"%s\" is not a layer of a container image",
                                      layer->media_type ? layer->media_type : "");
                else
                        r = unpack_blob(staging, layer, diff_id, err);
                if (r < 0)
                        return error_wrap(err, "layer sha256:%s", diff_id);
        }
        return 0;
}

/* Layers are missing when another tool wrote the image into the layout, or after layers/ was lost. */
static int unpack_missing(struct store *store, const struct image *image, struct error *err) {
        _cleanup_staging_ struct staging staging = STAGING_EMPTY;
        _cleanup_fd_ int lock = -1;
        struct image_manifest manifest;
        struct image_config config;
        int r = blob_read_image(store->blobs_fd, image->arena, image->manifest_digest, &manifest, &config, err);

        if (r == 0)
                r = staging_begin(store, &staging, err);
        if (r == 0)
                r = staging_unpack_layers(&staging, &manifest, &config, err);
        if (r == 0)
                r = lock = store_lock(store, err);
        r = r < 0 ? r : 0;
        for (size_t i = 0; r == 0 && i < config.diff_id_count; i++)
                r = staging_move_layer(&staging, config.diff_ids[i], err);
        return r;
}

static bool hides_all_below(struct store *store, const char *diff_id) {
        _cleanup_fd_ int fd = openat(store->layers_fd, diff_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        char value;

        return fd >= 0 && fgetxattr(fd, LAYER_OPAQUE_XATTR, &value, 1) == 1 && value == 'y';
}

static int add_empty(struct store *store, struct str_list *directories, struct error *err) {
        if (mkdirat(store->layers_fd, EMPTY_LAYER, 0755) < 0 && errno != EEXIST)
                return error_errno(err, errno, "%s/layers/" EMPTY_LAYER, store->root);
        str_list_printf(directories, "%s/layers/" EMPTY_LAYER, store->root);
        return 0;
}

int image_layer_directories(struct store *store, const struct image *image, struct str_list *directories,
                            struct error *err) {
        size_t count = 0;
        size_t first = 0;
        bool missing = false;

        for (; image->diff_ids[count]; count++)
                missing = missing || !store_has_layer(store, image->diff_ids[count]);
        if (missing && unpack_missing(store, image, err) < 0)
                return error_wrap(err, "image %.12s", image->id);
        for (size_t i = 0; i < count; i++)
                if (hides_all_below(store, image->diff_ids[i]))
                        first = i;
        for (size_t i = first; i < count; i++) {
                bool again = false;

                /* Overlay refuses the same directory twice; only the topmost of equal layers shows. */
                for (size_t j = i + 1; j < count && !again; j++)
                        again = str_equal(image->diff_ids[i], image->diff_ids[j]);
                if (!again)
                        str_list_printf(directories, "%s/layers/%s", store->root, image->diff_ids[i]);
        }
        return count == 0 ? add_empty(store, directories, err) : 0;
}
