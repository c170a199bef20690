#include "chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"

#define PLUGIN_TIMEOUT_NS (60LL * 1000 * 1000 * 1000)

static int find_plugin(const struct chain_request *request, const char *type, char **out, struct error *err) {
        _cleanup_free_ char *places = NULL;

        for (size_t i = 0; i < request->plugin_dirs->count; i++) {
                _cleanup_free_ char *path = str_format("%s/%s", request->plugin_dirs->items[i], type);

                if (access(path, X_OK) == 0) {
                        *out = take_ptr(path);
                        return 0;
                }
        }
        places = str_list_join(request->plugin_dirs, ", ");
        error_set(err, ENOENT, "network plugin \"%s\" not found in %s", type, places);
        return error_hint(err, "--cni-path DIR names another place");
}

static void fill_environment(const struct chain_request *request, const char *command, struct str_list *env) {
        _cleanup_free_ char *path = str_list_join(request->plugin_dirs, ":");
        const char *search = getenv("PATH");

        str_list_printf(env, "CNI_COMMAND=%s", command);
        str_list_printf(env, "CNI_CONTAINERID=%s", request->container_id);
        str_list_printf(env, "CNI_NETNS=%s", request->netns ? request->netns : "");
        str_list_printf(env, "CNI_IFNAME=%s", request->interface);
        str_list_printf(env, "CNI_PATH=%s", path);
        if (request->arguments)
                str_list_printf(env, "CNI_ARGS=%s", request->arguments);
        str_list_printf(env, "PATH=%s", search ? search : "/usr/sbin:/usr/bin:/sbin:/bin");
}

static int run_plugin(const struct chain_request *request, const struct cni_plugin *plugin, const char *command,
                      const struct json *previous, char **output, struct error *err) {
        const struct cni_request document = {
                .list = request->list,
                .plugin = plugin,
                .capability_args = request->capability_args,
                .prev_result = previous,
        };
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_free_ char *input = cni_request_write(&document), *path = NULL;
        _cleanup_str_list_ struct str_list env = {0};
        struct process_options options = {.capture_output = true, .capture_errors = true};
        int r = find_plugin(request, plugin->type, &path, err);

        if (r < 0)
                return r;
        fill_environment(request, command, &env);
        options.argv = (const char *const[]){path, NULL};
        options.env = (const char *const *) env.items;
        options.input = input;
        options.input_size = strlen(input);
        options.timeout_ns = PLUGIN_TIMEOUT_NS;
        r = process_run(&options, &result, err);
        if (r < 0)
                return error_wrap(err, "network plugin %s", plugin->type);
        if (result.status != 0) {
                _cleanup_free_ char *how = process_status_text(result.status);

                if (!str_empty(result.output)) {
                        (void) cni_error_parse(result.output, strlen(result.output), err);
                        return -(err && err->code ? err->code : EIO);
                }
                return error_set(err, EIO, "network plugin %s %s %s%s%s", plugin->type, command, how,
                                 str_empty(result.errors) ? "" : ": ", result.errors ? result.errors : "");
        }
        if (output)
                *output = take_ptr(result.output);
        return 0;
}

int chain_add(const struct chain_request *request, struct arena *arena, const struct json **result, struct error *err) {
        const struct json *previous = NULL;

        for (size_t i = 0; i < request->list->plugin_count; i++) {
                const struct cni_plugin *plugin = &request->list->plugins[i];
                _cleanup_free_ char *output = NULL;
                int r = run_plugin(request, plugin, "ADD", previous, &output, err);

                if (r == 0) {
                        r = json_parse(arena, output ? output : "", output ? strlen(output) : 0, NULL, &previous, err);
                        if (r < 0)
                                error_wrap(err, "result of network plugin %s", plugin->type);
                }
                if (r < 0) {
                        struct chain_request undo = *request;
                        struct error ignored = {0};

                        undo.result = previous;
                        (void) chain_delete(&undo, &ignored);
                        return r;
                }
        }
        *result = previous;
        return 0;
}

int chain_delete(const struct chain_request *request, struct error *err) {
        int first = 0;

        for (size_t i = request->list->plugin_count; i-- > 0;) {
                struct error own = {0};
                int r = run_plugin(request, &request->list->plugins[i], "DEL", request->result, NULL, &own);

                if (r < 0 && first == 0) {
                        first = r;
                        if (err)
                                *err = own;
                }
        }
        return first;
}
