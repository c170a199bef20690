#include "cmd.h"

#include <errno.h>
#include <regex.h>

#include "../../lib/log.h"
#include "../../lib/str.h"
#include "../container/foreground.h"

int cmd_parse(const struct command *command, void *options, int *argc, char ***argv) {
        struct error err = {0};
        int r = command_parse(command, PROGRAM, options, argc, argv, &err);

        if (r == -ECANCELED)
                return 0;
        return r < 0 ? cmd_fail(&err) : -1;
}

int cmd_fail(const struct error *err) {
        log_error(err);
        return 1;
}

int cmd_rootless(const struct runtime *runtime, struct opt_bool *out, struct error *err) {
        const char *word = runtime->rootless;

        *out = (struct opt_bool){.set = word && !str_equal(word, "auto"), .value = str_equal(word, "true")};
        if (out->set && !out->value && !str_equal(word, "false"))
                return error_set(err, EINVAL, "--rootless: \"%s\" is none of true, false and auto", word);
        return 0;
}

int cmd_check_count(const char *option, int64_t value, struct error *err) {
        if (value < 0 || value > 1024)
                return error_set(err, EINVAL, "%s: %lld is not in the range 0 to 1024", option, (long long) value);
        return 0;
}

int cmd_create_request(const struct runtime *runtime, const char *id, struct create_options *request,
                       struct error *err) {
        int r = cmd_rootless(runtime, &request->rootless, err);

        request->root = runtime->root;
        request->id = id;
        request->self_handle = runtime->self_handle;
        request->systemd_cgroup = runtime->systemd_cgroup;
        request->no_cgroup = runtime->no_cgroup;
        return r < 0 ? r : cmd_check_count("--preserve-fds", request->preserve_fds, err);
}

static int match_ids(const char *root, const char *pattern, struct str_list *out, struct error *err) {
        _cleanup_str_list_ struct str_list ids = {0};
        regex_t compiled;
        int r = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);

        if (r != 0) {
                char reason[128];

                (void) regerror(r, &compiled, reason, sizeof(reason));
                return error_set(err, EINVAL, "--regex: \"%s\": %s", pattern, reason);
        }
        r = state_list(root, &ids, err);
        for (size_t i = 0; i < ids.count; i++)
                if (regexec(&compiled, ids.items[i], 0, NULL, 0) == 0)
                        str_list_add(out, ids.items[i]);
        regfree(&compiled);
        return r;
}

int cmd_each(const char *root, const char *id, bool regex, cmd_action action, const void *data) {
        _cleanup_str_list_ struct str_list ids = {0};
        struct error err = {0};
        int status = 0;

        if (!regex)
                str_list_add(&ids, id);
        else if (match_ids(root, id, &ids, &err) < 0)
                return cmd_fail(&err);
        for (size_t i = 0; i < ids.count; i++) {
                error_clear(&err);
                if (action(root, ids.items[i], data, &err) < 0)
                        status = cmd_fail(&err);
        }
        return status;
}

/* Deleted by somebody else: nothing is left to do, even if the id has come to name another container. */
static int finish_by_name(const struct create_options *request, pid_t pid, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int r = container_open(request->root, request->id, &container, err);

        if (r == -ENOENT && container.dir_fd < 0)
                return 0;
        if (r < 0)
                return r;
        r = state_lock(container.dir_fd, STATE_LOCK_TIMEOUT_MS, err);
        if (r == -ENOENT || container.state.pid != pid)
                return 0;
        return r < 0 ? r : container_destroy(&container, err);
}

static int finish(const struct create_options *request, struct created *created, struct error *err) {
        struct container *container = &created->container;
        int r;

        if (!created->config)
                return finish_by_name(request, created->pid, err);
        r = state_lock(container->dir_fd, STATE_LOCK_TIMEOUT_MS, err);
        if (r == -ENOENT)
                return 0;
        /* An update may have put more into it that is to be removed. */
        if (r == 0 && !state_is_current(created->state_version))
                r = container_refresh(container, err);
        return r < 0 ? r : container_destroy_with(container, created->config, err);
}

int cmd_stay(const struct create_options *request, struct created *created, bool keep) {
        struct error err = {0};
        struct error end_error = {0};
        int status = foreground_wait(created, &err);

        if (!keep && finish(request, created, &end_error) < 0) {
                log_error(&end_error);
                if (status == 0)
                        status = 1;
        }
        return status < 0 ? cmd_fail(&err) : status;
}
