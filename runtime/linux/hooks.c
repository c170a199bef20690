#include "hooks.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"
#include "../../lib/str.h"

#define NANOSECONDS ((int64_t) 1000000000)

/* The last line a hook wrote to its standard error: mostly the reason why it failed. */
static const char *last_line(char *text) {
        size_t end = text ? strlen(text) : 0;
        const char *newline;

        while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
                text[--end] = '\0';
        if (end == 0)
                return NULL;
        newline = strrchr(text, '\n');
        return newline ? newline + 1 : text;
}

static int run_hook(const struct runtime_hook *hook, const char *state, const char *const *env, struct error *err) {
        const char *const plain_args[] = {hook->path, NULL};
        struct process_options options = {
                .path = hook->path,
                .argv = hook->args && hook->args[0] ? hook->args : plain_args,
                .env = hook->env ? hook->env : env,
                .input = state,
                .input_size = strlen(state),
                .capture_output = true,
                .capture_errors = true,
                .timeout_ns = hook->timeout.set ? hook->timeout.value * NANOSECONDS : 0,
        };
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_free_ char *status = NULL;
        const char *reason;
        int r = process_run(&options, &result, err);

        if (r == -ETIMEDOUT)
                return error_set(err, ETIMEDOUT, "%s: did not end within its timeout of %lld seconds", hook->path,
                                 (long long) hook->timeout.value);
        if (r < 0)
                return error_wrap(err, "%s", hook->path);
        if (result.status == 0)
                return 0;
        status = process_status_text(result.status);
        reason = last_line(result.errors);
        return error_set(err, EIO, "error running hook %s: %s%s%s", hook->path, status, reason ? ": " : "",
                         reason ? reason : "");
}

int hooks_run(const struct runtime_hooks *hooks, enum runtime_hook_point point, const char *state,
              const char *const *env, struct error *err) {
        for (size_t i = 0; i < hooks->count; i++) {
                int r = run_hook(&hooks->items[i], state, env, err);

                if (r < 0)
                        return error_wrap(err, "hooks.%s[%zu]", runtime_hook_point_name(point), i);
        }
        return 0;
}

void hooks_run_all(const struct runtime_hooks *hooks, enum runtime_hook_point point, const char *state) {
        for (size_t i = 0; i < hooks->count; i++) {
                struct error err = {0};

                if (run_hook(&hooks->items[i], state, NULL, &err) < 0)
                        log_warning("hooks.%s[%zu]: %s", runtime_hook_point_name(point), i, err.message);
        }
}
