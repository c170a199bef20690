/* lib/json: any document, and what is written of it. */
#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "fuzz.h"

static const struct json_limits limits = {.size = 4096, .depth = 8, .members = 16};

static size_t depth_of(const struct json *value) {
        size_t deepest = 0;

        json_for_each (child, value) {
                size_t depth = depth_of(child);

                deepest = depth > deepest ? depth : deepest;
        }
        return deepest + (value->type == JSON_OBJECT || value->type == JSON_ARRAY);
}

static void check_tree(const struct json *value, struct arena *arena) {
        size_t count = 0;

        fuzz_require(json_path(value, arena), "a value without a place");
        if (value->type == JSON_OBJECT)
                fuzz_require(value->count <= limits.members, "%u members", value->count);
        json_for_each (child, value) {
                fuzz_require(child->parent == value && child->index == count, "a child that is not its parent's");
                fuzz_require(value->type != JSON_OBJECT || child->type == JSON_NULL ||
                                     json_get(value, child->key) == child,
                             "%s is not found by its name", child->key);
                check_tree(child, arena);
                count++;
        }
        fuzz_require(count == value->count, "%zu children are said to be %u", count, value->count);
}

static char *write_document(const struct json *root, int indent) {
        struct json_writer writer = {.indent = indent};

        json_put_value(&writer, NULL, root);
        return json_writer_take(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *first = NULL, *second = NULL, *pretty = NULL;
        const struct json *root = NULL;
        struct error err = {0};
        int r = json_parse(arena, (const char *) data, size, &limits, &root, &err);

        if (size > limits.size)
                fuzz_require(r == -EFBIG, "%zu bytes are not too many", size);
        if (!fuzz_accepted(r, &err))
                return 0;
        fuzz_require(depth_of(root) <= limits.depth, "%zu levels", depth_of(root));
        check_tree(root, arena);
        first = write_document(root, 0);
        second = write_document(fuzz_parse_own(arena, first), 0);
        fuzz_same("document", first, second);
        pretty = write_document(root, 2);
        free(second);
        second = write_document(fuzz_parse_own(arena, pretty), 0);
        fuzz_same("indented document", first, second);
        return 0;
}
