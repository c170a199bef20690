/* The documents of an image, as they come in an archive: index, manifest, config, docker's list, layout. */
#include "../../lib/cleanup.h"
#include "../../spec/image.h"
#include "fuzz.h"

#define WRITE_AGAIN(kind)                                                                                              \
        static char *write_##kind(const struct image_##kind *value) {                                                  \
                struct json_writer writer = {0};                                                                       \
                                                                                                                       \
                image_##kind##_write(&writer, value);                                                                  \
                return json_writer_take(&writer);                                                                      \
        }                                                                                                              \
                                                                                                                       \
        static void read_##kind(struct arena *arena, const struct json *root) {                                        \
                struct image_##kind value = {0}, again = {0};                                                          \
                _cleanup_free_ char *first = NULL, *second = NULL;                                                     \
                struct error err = {0};                                                                                \
                                                                                                                       \
                if (!fuzz_accepted(image_##kind##_parse(arena, root, &value, &err), &err))                             \
                        return;                                                                                        \
                first = write_##kind(&value);                                                                          \
                fuzz_require(image_##kind##_parse(arena, fuzz_parse_own(arena, first), &again, &err) >= 0,             \
                             "refuses the " #kind " it wrote: %s\n%s", err.message, first);                            \
                second = write_##kind(&again);                                                                         \
                fuzz_same(#kind, first, second);                                                                       \
        }                                                                                                              \
        struct read_##kind##_needs_a_semicolon

WRITE_AGAIN(index);
WRITE_AGAIN(manifest);
WRITE_AGAIN(config);

static void read_archive(struct arena *arena, const struct json *root) {
        const struct docker_archive_item *items = NULL;
        struct error err = {0};
        size_t count = 0;

        if (!fuzz_accepted(docker_archive_parse(arena, root, &items, &count, &err), &err))
                return;
        for (size_t i = 0; i < count; i++)
                for (size_t n = 0; n < items[i].layer_count; n++)
                        fuzz_require(items[i].config && items[i].layers[n], "an image without its parts");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = fuzz_parse(arena, data, size);
        struct error err = {0};

        if (!root)
                return 0;
        read_index(arena, root);
        read_manifest(arena, root);
        read_config(arena, root);
        read_archive(arena, root);
        (void) fuzz_accepted(image_layout_check(root, &err), &err);
        return 0;
}
