/* state.json, which a crash or another version may have left in any state: read, its cgroup too, and written again. */
#include <errno.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../runtime/container/state.h"
#include "../../runtime/linux/cgroup.h"
#include "fuzz.h"

static char *read_file(int dir_fd) {
        struct error err = {0};
        char *text = NULL;

        fuzz_require(file_read(dir_fd, STATE_FILE, STATE_CONFIG_MAX, &text, NULL, &err) >= 0, "%s", err.message);
        return text;
}

static void read_cgroup(struct arena *arena, const struct json *value) {
        _cleanup_json_writer_ struct json_writer first = {0}, second = {0};
        struct cgroup *cgroup = NULL, *again = NULL;
        struct error err = {0};

        if (!fuzz_accepted(cgroup_read(value, &cgroup, &err), &err))
                return;
        cgroup_write(cgroup, &first, NULL);
        cgroup_free(cgroup);
        fuzz_require(cgroup_read(fuzz_parse_own(arena, first.out.data), &again, &err) >= 0,
                     "refuses the cgroup it wrote: %s\n%s", err.message, first.out.data);
        cgroup_write(again, &second, NULL);
        cgroup_free(again);
        fuzz_same("cgroup", first.out.data, second.out.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct state state = {0}, again = {0};
        struct error err = {0};
        int fd;

        (void) fuzz_directory(&fd);
        fuzz_write(fd, STATE_FILE, data, size);
        if (!fuzz_accepted(state_read(fd, arena, &state, &err), &err))
                return 0;
        fuzz_require(state.id && state.bundle && state.pid >= 0, "a state without id, bundle or pid");
        (void) fuzz_accepted(state_check_id(state.id, &err), &err);
        error_clear(&err);
        if (state.cgroup)
                read_cgroup(arena, state.cgroup);
        fuzz_require(state_write(fd, &state, NULL, NULL, &err) >= 0, "%s", err.message);
        first = read_file(fd);
        fuzz_require(state_read(fd, arena, &again, &err) >= 0, "refuses the state it wrote: %s\n%s", err.message,
                     first);
        fuzz_require(state_write(fd, &again, NULL, NULL, &err) >= 0, "%s", err.message);
        second = read_file(fd);
        fuzz_same("state", first, second);
        return 0;
}
