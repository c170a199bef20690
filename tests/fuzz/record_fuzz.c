/* A container's config.json and state.json as mymgr keeps them, which a crash or another version may have changed. */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../manager/container/record_json.h"
#include "fuzz.h"

static const struct manager manager = {.root = "/var/lib/fuzz", .run_root = "/run/fuzz"};

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);
#define _cleanup_record_ _cleanup_(cleanup_container)

static char *write_record(const struct container *container) {
        struct json_writer writer = {0};

        container_record_write(&writer, container);
        return json_writer_take(&writer);
}

static void read_record(struct arena *arena, const struct json *root) {
        _cleanup_record_ struct container *container = container_new(&manager), *again = container_new(&manager);
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct error err = {0};

        if (!fuzz_accepted(container_record_read(container, root, &err), &err))
                return;
        for (size_t i = 0; i < container->mount_count; i++)
                fuzz_require(container->mounts[i].type && container->mounts[i].destination,
                             "a mount without its parts");
        first = write_record(container);
        memcpy(again->id, container->id, sizeof(again->id));
        fuzz_require(container_record_read(again, fuzz_parse_own(arena, first), &err) >= 0,
                     "refuses the record it wrote: %s\n%s", err.message, first);
        second = write_record(again);
        fuzz_same("record", first, second);
}

static char *write_state(const struct container_state *state) {
        struct json_writer writer = {0};

        container_state_write(&writer, state);
        return json_writer_take(&writer);
}

static void read_state(struct arena *arena, const struct json *root) {
        struct container_state state = {0}, again = {0};
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct error err = {0};

        if (!fuzz_accepted(container_state_read(&state, root, &err), &err))
                return;
        /* Those are signalled. */
        fuzz_require(state.pid >= 0 && state.monitor >= 0, "processes %d and %d", state.pid, state.monitor);
        first = write_state(&state);
        fuzz_require(container_state_read(&again, fuzz_parse_own(arena, first), &err) >= 0,
                     "refuses the state it wrote: %s\n%s", err.message, first);
        second = write_state(&again);
        fuzz_same("state", first, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = fuzz_parse(arena, data, size);

        if (!root)
                return 0;
        read_record(arena, root);
        read_state(arena, root);
        return 0;
}
