/* Dockerfile instructions of `commit --change` and `import --change`, one a line. */
#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../manager/image/store.h"
#include "../../spec/image.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_str_list_ struct str_list changes = {0};
        struct image_config config = {.architecture = "amd64", .os = "linux"}, again = {0};
        struct json_writer writer = {0};
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct error err = {0};
        static const char *const none[] = {NULL};

        config.diff_ids = none;
        str_list_split(&changes, fuzz_text(arena, data, size), '\n');
        if (!fuzz_accepted(dockerfile_changes_apply(arena, (const char *const *) changes.items, &config.config, &err),
                           &err))
                return 0;
        image_config_write(&writer, &config);
        first = json_writer_take(&writer);
        fuzz_require(image_config_parse(arena, fuzz_parse_own(arena, first), &again, &err) >= 0,
                     "refuses the config it made: %s\n%s", err.message, first);
        image_config_write(&writer, &again);
        second = json_writer_take(&writer);
        fuzz_same("config", first, second);
        return 0;
}
