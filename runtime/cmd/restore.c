#include "cmd.h"

#include <signal.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../container/foreground.h"
#include "../container/restore.h"

struct options {
        struct create_options create;
        struct criu_options criu;
        struct str_list empty_namespaces;
        bool keep;
        bool no_subreaper;
};

#define AT(field) offsetof(struct options, field)

const struct option_row restore_options_table[] = {
        CREATE_ROWS,
        {"detach", 'd', NULL, OPTION_FLAG, AT(create.detach), NULL, "do not wait for the container's end"},
        {"keep", 0, NULL, OPTION_FLAG, AT(keep), NULL, "do not delete the container when it ends"},
        {"no-subreaper", 0, NULL, OPTION_FLAG, AT(no_subreaper), NULL, "accepted; this program is no subreaper"},
        {"no-pivot", 0, NULL, OPTION_FLAG, AT(create.no_pivot), NULL, "accepted; criu makes the root"},
        {"image-path", 0, NULL, OPTION_STRING, AT(criu.image_path), "DIR",
         "where the container was saved (default: checkpoint, in the current directory)"},
        {"work-path", 0, NULL, OPTION_STRING, AT(criu.work_path), "DIR",
         "where criu writes its log (default: --image-path)"},
        {"tcp-established", 0, NULL, OPTION_FLAG, AT(criu.tcp_established), NULL, "restore open TCP connections"},
        {"tcp-close", 0, NULL, OPTION_FLAG, AT(criu.tcp_close), NULL, "restore TCP connections as closed"},
        {"ext-unix-sk", 0, NULL, OPTION_FLAG, AT(criu.ext_unix_sockets), NULL,
         "allow Unix sockets that lead out of the container"},
        {"shell-job", 0, NULL, OPTION_FLAG, AT(criu.shell_job), NULL,
         "give a shell's job the session it is restored from"},
        {"file-locks", 0, NULL, OPTION_FLAG, AT(criu.file_locks), NULL, "restore file locks"},
        {"manage-cgroups-mode", 0, NULL, OPTION_STRING, AT(criu.cgroup_mode), "MODE",
         "what to restore of cgroups: soft, full, strict or ignore (default: soft)"},
        {"network-lock", 0, NULL, OPTION_STRING, AT(criu.network_lock), "METHOD", "as for checkpoint"},
        {"empty-ns", 0, NULL, OPTION_LIST, AT(empty_namespaces), "NAMESPACE",
         "accepted for network, of which no settings are restored anyway"},
        {"auto-dedup", 0, NULL, OPTION_FLAG, AT(criu.auto_dedup), NULL, "remove from the files what has been restored"},
        {"lazy-pages", 0, NULL, OPTION_FLAG, AT(criu.lazy_pages), NULL,
         "load memory when it is used, from a \"criu lazy-pages\" that runs in --work-path"},
        {"lsm-profile", 0, NULL, OPTION_STRING, AT(criu.lsm_profile), "TYPE:NAME",
         "AppArmor profile or SELinux label instead of the saved one"},
        {"lsm-mount-context", 0, NULL, OPTION_STRING, AT(criu.lsm_mount_context), "CONTEXT",
         "SELinux context of mounts instead of the saved one"},
        {0},
};

static int restore(const struct create_options *request, const struct criu_options *criu, bool keep) {
        struct created created = {.pidfd = -1, .terminal = -1, .notify = -1};
        struct error err = {0};
        int status = 0;

        if (container_restore(request, criu, &created, &err) < 0)
                return cmd_fail(&err);
        if (!request->detach)
                status = cmd_stay(request, &created, keep);
        fd_close_at(&created.pidfd);
        fd_close_at(&created.terminal);
        return status;
}

static int prepare(const struct runtime *runtime, struct options *options, const char *id) {
        struct create_options *create = &options->create;
        _cleanup_free_ char *image_path = NULL;
        struct error err = {0};
        sigset_t mask;

        if (cmd_create_request(runtime, id, create, &err) < 0 ||
            path_absolute(options->criu.image_path, &image_path, &err) < 0)
                return cmd_fail(&err);
        options->criu.program = runtime->criu;
        options->criu.image_path = image_path;
        options->criu.empty_namespaces = (const char *const *) options->empty_namespaces.items;
        if (!create->detach)
                foreground_block_signals(&mask);
        return restore(create, &options->criu, options->keep);
}

int cmd_restore(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.create = CREATE_DEFAULTS, .criu = {.image_path = "checkpoint", .status_fd = -1}};
        int status = cmd_parse(command, &options, &argc, &argv);

        if (status < 0)
                status = prepare(context, &options, argv[0]);
        str_list_free(&options.empty_namespaces);
        return status;
}
