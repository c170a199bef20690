/*
 * `commit`: a container's changes made the top layer of a new image.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "layer_tar.h"
#include "store_internal.h"
#include "stream.h"

DEFINE_CLEANUP(cleanup_stream, struct layer_stream *, layer_stream_free);
#define _cleanup_stream_ _cleanup_(cleanup_stream)

struct new_layer {
        char digest[SHA256_HEX_SIZE];
        uint64_t size;
        struct layer_stream_result unpacked;
};

/* The tar goes through the same door as everybody's: what is in layers/ was always made by the unpacker. */
static int make_layer(struct staging *staging, const char *upper, struct new_layer *out, struct error *err) {
        char name[32];
        _cleanup_fd_ int upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_fd_ int fd = -1;
        _cleanup_stream_ struct layer_stream *stream = NULL;
        int r;

        if (upper_fd < 0)
                return error_errno(err, errno, "%s", upper);
        fd = staging_file(staging, name, err);
        if (fd < 0)
                return fd;
        r = layer_tar_write(upper_fd, fd, out->digest, &out->size, err);
        if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
                r = error_errno(err, errno, "staged layer");
        if (r == 0)
                r = layer_stream_open(&(struct layer_stream_options){.fd = fd, .copy_fd = -1}, &stream, err);
        if (r == 0)
                r = staging_unpack_stream(staging, stream, &out->unpacked, err);
        return r == 0 ? staging_keep_blob(staging, name, out->digest, err) : r;
}

/* Docker's media types have OCI's meaning, but an OCI manifest should not name them. */
static const char *oci_layer_type(const char *media_type) {
        if (str_equal(media_type, "application/vnd.docker.image.rootfs.diff.tar.gzip"))
                return IMAGE_MEDIA_LAYER_GZIP;
        if (str_equal(media_type, "application/vnd.docker.image.rootfs.diff.tar"))
                return IMAGE_MEDIA_LAYER;
        return media_type;
}

static const struct image_descriptor *layers_with(struct arena *arena, const struct image_manifest *base,
                                                  const struct new_layer *layer) {
        struct image_descriptor *layers = arena_alloc(arena, base->layer_count + 1, sizeof(*layers));

        for (size_t i = 0; i < base->layer_count; i++) {
                layers[i] = base->layers[i];
                layers[i].media_type = oci_layer_type(layers[i].media_type);
        }
        layers[base->layer_count] = (struct image_descriptor){
                .media_type = IMAGE_MEDIA_LAYER_GZIP, .digest = layer->digest, .size = layer->size};
        return layers;
}

static void extend_config(struct arena *arena, struct image_config *config, const struct image_commit *commit,
                          const char *diff_id) {
        const char **diff_ids = arena_alloc(arena, config->diff_id_count + 2, sizeof(*diff_ids));
        struct image_history *history = arena_alloc(arena, config->history_count + 1, sizeof(*history));
        char created[TIMESTAMP_MAX];

        for (size_t i = 0; i < config->diff_id_count; i++)
                diff_ids[i] = config->diff_ids[i];
        diff_ids[config->diff_id_count++] = diff_id;
        config->diff_ids = diff_ids;
        config->created = arena_strdup(arena, timestamp_format(timestamp_now(), false, created));
        if (config->history_count > 0)
                memcpy(history, config->history, config->history_count * sizeof(*history));
        history[config->history_count++] = (struct image_history){
                .created = config->created,
                .author = commit->author,
                .created_by = "mymgr commit",
                .comment = commit->message,
        };
        config->history = history;
        config->config = *commit->config;
        if (!str_empty(commit->author))
                config->author = commit->author;
}

int image_commit(struct store *store, const struct image_commit *commit, char id[65], struct error *err) {
        _cleanup_staging_ struct staging staging = STAGING_EMPTY;
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *normal = NULL;
        struct image_manifest manifest;
        struct image_config config;
        struct new_layer layer;
        int r = commit->reference ? reference_normalize(commit->reference, &normal, err) : 0;

        if (r == 0)
                r = blob_read_image(store->blobs_fd, arena, commit->base->manifest_digest, &manifest, &config, err);
        if (r == 0 && manifest.layer_count >= IMAGE_LAYERS_MAX)
                r = error_set(err, E2BIG, "the image has %zu layers already", manifest.layer_count);
        if (r == 0)
                r = staging_begin(store, &staging, err);
        if (r < 0)
                return r;
        r = make_layer(&staging, commit->upper, &layer, err);
        if (r < 0)
                return error_wrap(err, "commit");
        extend_config(arena, &config, commit, layer.unpacked.diff_id);
        return staging_finish_image(&staging, &config, layers_with(arena, &manifest, &layer), normal, id, err);
}
