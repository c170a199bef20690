#include "ipam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"
#include "../lib/process.h"
#include "../lib/str.h"

/* A delegate that does not answer must not hold the network for ever. */
#define DELEGATE_TIMEOUT_NS (60 * 1000000000LL)

static int ipam_type(const struct plugin_call *call, const char **out, struct error *err) {
        const struct json *ipam = NULL;
        const char *type = NULL;
        int r;

        *out = NULL;
        r = json_get_object(call->conf, "ipam", &ipam, err);
        if (r >= 0 && ipam)
                r = json_get_string(ipam, "type", &type, err);
        if (r < 0 || str_empty(type))
                return r;
        if (!path_is_name(type))
                return json_error(json_get(ipam, "type"), err, EINVAL, "'%s' is not the name of a plugin", type);
        *out = type;
        return 0;
}

bool ipam_is_wanted(const struct plugin_call *call) {
        const char *type;

        return ipam_type(call, &type, NULL) >= 0 && type;
}

/* Where the delegate is, and whether it is this very program. */
struct delegate {
        char *path; /* NULL: not found */
        const struct plugin *plugin;
};

static void delegate_free(struct delegate *delegate) {
        free(delegate->path);
}

#define _cleanup_delegate_ _cleanup_(delegate_free)

static bool is_this_program(const struct stat *candidate) {
        struct stat own;

        return stat("/proc/self/exe", &own) == 0 && own.st_dev == candidate->st_dev && own.st_ino == candidate->st_ino;
}

static int find_delegate(struct plugin_call *call, const char *type, struct delegate *out, struct error *err) {
        _cleanup_str_list_ struct str_list directories = {0};

        str_list_split(&directories, call->path, ':');
        for (size_t i = 0; i < directories.count; i++) {
                _cleanup_free_ char *path = path_join(directories.items[i], type);
                struct stat info;

                if (stat(path, &info) < 0 || !S_ISREG(info.st_mode))
                        continue;
                out->path = take_ptr(path);
                if (!is_this_program(&info))
                        return 0;
                break;
        }
        /* By hand, without CNI_PATH, ours will do. */
        out->plugin = plugin_find(type);
        if (out->plugin && !out->plugin->is_ipam)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "ipam.type: %s is no plugin for addresses", type);
        if (out->plugin || out->path)
                return 0;
        (void) plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, ENOENT, "ipam.type: no plugin %s in CNI_PATH (%s)", type,
                           call->path[0] ? call->path : "not set");
        return error_hint(err, "add the directory of that plugin to CNI_PATH");
}

bool ipam_needs_link(struct plugin_call *call) {
        _cleanup_delegate_ struct delegate delegate = {0};
        const char *type;

        return ipam_type(call, &type, NULL) >= 0 && type && find_delegate(call, type, &delegate, NULL) >= 0 &&
               !delegate.plugin;
}

/* Executes the delegate with the same environment and input as ours, but for the command. */
static int execute(struct plugin_call *call, const struct delegate *delegate, const char *command,
                   struct process_result *result, struct error *err) {
        const char *const argv[] = {delegate->path, NULL};
        const struct process_options options = {.argv = argv,
                                                .input = call->input,
                                                .input_size = call->input_size,
                                                .capture_output = true,
                                                .timeout_ns = DELEGATE_TIMEOUT_NS};
        int r;

        if (setenv("CNI_COMMAND", command, 1) < 0)
                return error_errno(err, errno, "cannot run %s", delegate->path);
        r = process_run(&options, result, err);
        if (r < 0)
                return error_wrap(err, "%s", delegate->path);
        if (process_exit_code(result->status) != 0) {
                const char *output = result->output ? result->output : "";

                call->code = cni_error_parse(output, strlen(output), err);
                return error_wrap(err, "%s", delegate->path);
        }
        return 0;
}

int ipam_add(struct plugin_call *call, struct cni_result *out, struct error *err) {
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_delegate_ struct delegate delegate = {0};
        const char *type;
        int r;

        *out = (struct cni_result){0};
        r = ipam_type(call, &type, err);
        if (r >= 0 && type)
                r = find_delegate(call, type, &delegate, err);
        if (r < 0 || !type)
                return r;
        if (delegate.plugin)
                return delegate.plugin->add(call, out, err);
        r = execute(call, &delegate, "ADD", &result, err);
        /* Nobody knows how far it got. */
        if (r == -ETIMEDOUT)
                ipam_undo(call);
        if (r < 0)
                return r;
        /* The result points into its text. */
        r = cni_result_parse_text(call->arena, arena_strdup(call->arena, result.output ? result.output : ""),
                                  result.output ? strlen(result.output) : 0, out, err);
        if (r < 0) {
                (void) error_wrap(err, "%s: its result", delegate.path);
                ipam_undo(call);
        }
        return r;
}

static int pass_on(struct plugin_call *call, enum plugin_command command, const char *name, struct error *err) {
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_delegate_ struct delegate delegate = {0};
        const char *type;
        int r;

        r = ipam_type(call, &type, err);
        if (r >= 0 && type)
                r = find_delegate(call, type, &delegate, err);
        if (r < 0 || !type)
                return r;
        if (!delegate.plugin)
                return execute(call, &delegate, name, &result, err);
        switch (command) {
        case PLUGIN_DEL:
                return delegate.plugin->del(call, err);
        case PLUGIN_CHECK:
                return delegate.plugin->check(call, err);
        case PLUGIN_STATUS:
                return delegate.plugin->status(call, err);
        case PLUGIN_GC:
                return delegate.plugin->gc(call, err);
        default:
                return 0;
        }
}

int ipam_pass_on(struct plugin_call *call, struct error *err) {
        return pass_on(call, call->command, call->command_name, err);
}

void ipam_undo(struct plugin_call *call) {
        int code = call->code;

        (void) pass_on(call, PLUGIN_DEL, "DEL", NULL);
        call->code = code;
}
