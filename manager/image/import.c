/*
 * `import`: a root file system's tar made an image of one layer. The tar is
 * unpacked and kept as a blob in the same pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "store_internal.h"
#include "stream.h"

DEFINE_CLEANUP(cleanup_stream, struct layer_stream *, layer_stream_free);
#define _cleanup_stream_ _cleanup_(cleanup_stream)

static int import_layer(struct staging *staging, int fd, struct layer_stream_result *result, struct error *err) {
        char name[32];
        _cleanup_fd_ int copy = staging_file(staging, name, err);
        _cleanup_stream_ struct layer_stream *stream = NULL;
        int r = copy < 0 ? copy : 0;

        if (r == 0)
                r = layer_stream_open(&(struct layer_stream_options){.fd = fd, .copy_fd = copy}, &stream, err);
        if (r == 0)
                r = staging_unpack_stream(staging, stream, result, err);
        if (r == 0 && result->size == 0) {
                (void) error_set(err, EINVAL, "the input is empty");
                return error_hint(err, "a tar of a root file system is needed, plain or compressed");
        }
        return r == 0 ? staging_keep_blob(staging, name, result->copy_digest, err) : r;
}

int image_import(struct store *store, int fd, const char *reference, const char *const *changes, const char *message,
                 char id[65], struct error *err) {
        _cleanup_staging_ struct staging staging = STAGING_EMPTY;
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *normal = NULL;
        struct layer_stream_result result;
        const char *diff_ids[] = {result.diff_id, NULL};
        char created[TIMESTAMP_MAX];
        struct image_history history = {.comment = message,
                                        .created = timestamp_format(timestamp_now(), false, created)};
        struct image_config config = {
                .created = created,
                .architecture = image_host_architecture(),
                .os = "linux",
                .diff_ids = diff_ids,
                .diff_id_count = 1,
                .history = &history,
                .history_count = 1,
        };
        struct image_descriptor layer;
        int r = reference ? reference_normalize(reference, &normal, err) : 0;

        /* What the user wrote is checked before a long stream is read. */
        if (r == 0)
                r = dockerfile_changes_apply(arena, changes, &config.config, err);
        if (r == 0)
                r = staging_begin(store, &staging, err);
        if (r < 0)
                return r;
        r = import_layer(&staging, fd, &result, err);
        if (r < 0)
                return error_wrap(err, "import");
        if (str_empty(message))
                history.comment = "imported";
        layer = (struct image_descriptor){
                .media_type = result.copy_media_type, .digest = result.copy_digest, .size = result.copy_size};
        return staging_finish_image(&staging, &config, &layer, normal, id, err);
}
