/* `exec --process`: a process object alone, with what exec checks of it before it makes a process. */
#include "../../lib/cleanup.h"
#include "../../runtime/container/bundle.h"
#include "../../runtime/linux/capabilities.h"
#include "../../spec/runtime_config.h"
#include "fuzz.h"

static char *write_process(const struct runtime_process *process) {
        struct json_writer writer = {0};

        runtime_process_write(&writer, NULL, process);
        return json_writer_take(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *first = NULL, *second = NULL;
        const struct json *root = fuzz_parse(arena, data, size);
        struct runtime_process process = {0}, again = {0};
        struct capability_sets sets = {0}, inside = {0};
        struct error err = {0};

        if (!root || !fuzz_accepted(runtime_process_parse(arena, root, &process, &err), &err))
                return 0;
        first = write_process(&process);
        fuzz_require(runtime_process_parse(arena, fuzz_parse_own(arena, first), &again, &err) >= 0,
                     "refuses the process it wrote: %s\n%s", err.message, first);
        second = write_process(&again);
        fuzz_same("process", first, second);

        if (fuzz_accepted(bundle_check_process(&process, &err), &err))
                fuzz_require(process.args && process.args[0] && process.cwd[0] == '/', "a process without a program");
        error_clear(&err);
        if (fuzz_accepted(capabilities_resolve(&process, false, &sets, &err), &err) &&
            fuzz_accepted(capabilities_resolve(&process, true, &inside, &err), &err))
                fuzz_require((sets.permitted & ~inside.permitted) == 0, "a capability that no user namespace gives");
        return 0;
}
