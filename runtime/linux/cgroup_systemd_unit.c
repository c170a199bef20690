/* Names of units and slices, and the helper program that talks to systemd. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/process.h"
#include "../../lib/str.h"
#include "cgroup_systemd.h"

#define HELPER "libexec/myrun/systemd"
/* The helper itself waits up to 30 s for each of its calls. */
#define HELPER_TIMEOUT_NS INT64_C(100000000000)

static int bad_path(const struct cgroup_request *request, struct error *err) {
        error_set(err, EINVAL,
                  "linux.cgroupsPath: \"%s\" is not of the form \"slice:prefix:name\" that --systemd-cgroup needs",
                  request->cgroups_path);
        return error_hint(err, "for example \"system.slice:docker:web\"");
}

/* "a-b.slice" is below "a.slice": systemd.slice(5). */
static char *slice_path(const char *slice) {
        size_t size = strlen(slice) - strlen(".slice");
        struct str_buf path = {0};

        /* "-.slice" is the root. */
        if (str_equal(slice, "-.slice"))
                return xstrdup("");
        for (size_t i = 1; i <= size; i++)
                if (i == size || slice[i] == '-')
                        str_buf_printf(&path, "/%.*s.slice", (int) i, slice);
        return str_buf_take(&path);
}

static bool is_slice(const char *slice) {
        size_t size = strlen(slice);

        if (str_equal(slice, "-.slice"))
                return true;
        return str_ends_with(slice, ".slice") && size > strlen(".slice") && slice[0] != '-' &&
               slice[size - strlen(".slice") - 1] != '-' && !strstr(slice, "--") && !strchr(slice, '/');
}

int cgroup_unit_parse(struct arena *arena, const struct cgroup_request *request, struct cgroup_unit *out,
                      struct error *err) {
        _cleanup_str_list_ struct str_list parts = {0};
        const char *slice = "", *prefix = "myrun", *name = request->container_id;
        _cleanup_free_ char *directory = NULL;

        if (!str_empty(request->cgroups_path)) {
                str_list_split(&parts, request->cgroups_path, ':');
                if (parts.count != 3 || str_empty(parts.items[2]) || strchr(parts.items[1], '/') ||
                    strchr(parts.items[2], '/'))
                        return bad_path(request, err);
                slice = parts.items[0];
                prefix = parts.items[1];
                name = parts.items[2];
        }
        if (str_empty(slice))
                slice = request->rootless ? "user.slice" : "system.slice";
        if (!is_slice(slice))
                return error_set(err, EINVAL,
                                 "linux.cgroupsPath: \"%s\" is not the name of a slice such as \"a-b.slice\"", slice);
        if (str_ends_with(name, ".slice"))
                return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" is a slice, which holds no processes", name);
        directory = slice_path(slice);
        out->slice = arena_strdup(arena, slice);
        out->name = arena_printf(arena, "%s%s%s.scope", prefix, str_empty(prefix) ? "" : "-", name);
        out->path = arena_printf(arena, "%s/%s", directory, out->name);
        return 0;
}

/* ---- The helper ---- */

/* DIRECTORY/bin/myrun has its helper in DIRECTORY/libexec/myrun. */
static char *beside(const char *program) {
        _cleanup_free_ char *real = realpath(program, NULL);
        char *slash = real ? strrchr(real, '/') : NULL;
        _cleanup_free_ char *helper = NULL;

        if (!slash)
                return NULL;
        *slash = '\0';
        helper = str_format("%s/../" HELPER, real);
        return access(helper, X_OK) == 0 ? take_ptr(helper) : NULL;
}

/* By the name this program was called with: /proc/self/exe may be the protected copy. */
static char *beside_caller(void) {
        const char *path = getenv("PATH");
        _cleanup_str_list_ struct str_list directories = {0};

        if (strchr(program_invocation_name, '/'))
                return beside(program_invocation_name);
        str_list_split(&directories, path ? path : "", ':');
        for (size_t i = 0; i < directories.count; i++) {
                _cleanup_free_ char *program = path_join(directories.items[i], program_invocation_name);
                char *found = access(program, X_OK) == 0 ? beside(program) : NULL;

                if (found)
                        return found;
        }
        return NULL;
}

static char *find_helper(void) {
        char *found = beside("/proc/self/exe");

        if (!found)
                found = beside_caller();
        if (!found && access(PREFIX "/" HELPER, X_OK) == 0)
                found = xstrdup(PREFIX "/" HELPER);
        return found;
}

bool cgroup_systemd_available(void) {
        _cleanup_free_ char *helper = find_helper();

        return helper != NULL;
}

static int refused(const struct json *answer, struct error *err) {
        const char *message = NULL, *hint = NULL;
        int64_t code = EIO;
        struct error ignored;

        (void) json_get_string(answer, "error", &message, &ignored);
        (void) json_get_string(answer, "hint", &hint, &ignored);
        (void) json_get_i64(answer, "code", 1, 4095, &code, &ignored);
        error_set(err, (int) code, "systemd cgroup driver: %s", message ? message : "the helper program failed");
        if (hint)
                error_hint(err, "%s", hint);
        return -(int) code;
}

int cgroup_systemd_call(const char *request, struct arena *arena, const struct json **answer, struct error *err) {
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_free_ char *helper = find_helper();
        const char *argv[] = {helper, NULL};
        const struct process_options options = {
                .argv = argv,
                .input = request,
                .input_size = strlen(request),
                .capture_output = true,
                .timeout_ns = HELPER_TIMEOUT_NS,
        };
        const char *text;
        int r;

        if (!helper) {
                error_set(err, ENOENT, "systemd cgroup driver: its helper program " PREFIX "/" HELPER " is missing");
                return error_hint(err, "make install puts it there; without systemd leave --systemd-cgroup out");
        }
        r = process_run(&options, &result, err);
        if (r < 0)
                return error_wrap(err, "systemd cgroup driver");
        text = arena_strdup(arena, result.output ? result.output : "");
        r = json_parse(arena, text, strlen(text), NULL, answer, err);
        if (r < 0)
                return error_set(err, EIO, "systemd cgroup driver: %s gave no answer", helper);
        return result.status == 0 ? 0 : refused(*answer, err);
}
