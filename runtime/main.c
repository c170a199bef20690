/*
 * myrun: an OCI runtime. This file is the table of commands and the global
 * options; everything else is in cmd/ and below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "cmd/cmd.h"
#include "linux/idmap.h"
#include "linux/self.h"

#define AT(field) offsetof(struct runtime, field)

static const struct option_row global_options[] = {
        {"root", 0, NULL, OPTION_STRING, AT(root), "DIR",
         "where the state of containers is (default: " DEFAULT_ROOT ")"},
        {"log", 0, NULL, OPTION_STRING, AT(log), "FILE",
         "append messages to this file; errors go to standard error, too"},
        {"log-format", 0, NULL, OPTION_STRING, AT(log_format), "FORMAT", "of that file: text or json (default: text)"},
        {"log-level", 0, NULL, OPTION_STRING, AT(log_level), "LEVEL",
         "error, warning, info or debug (default: warning)"},
        {"debug", 0, NULL, OPTION_FLAG, AT(debug), NULL, "the same as --log-level debug"},
        {"systemd-cgroup", 0, NULL, OPTION_FLAG, AT(systemd_cgroup), NULL,
         "let systemd make cgroups; cgroupsPath is then slice:prefix:name"},
        {"cgroup-manager", 0, NULL, OPTION_STRING, AT(cgroup_manager), "MANAGER",
         "cgroupfs, systemd (as --systemd-cgroup) or disabled (default: cgroupfs)"},
        {"rootless", 0, NULL, OPTION_STRING, AT(rootless), "WHEN",
         "do without cgroups that may not be made: true, false or auto (default: auto)"},
        {"criu", 0, NULL, OPTION_STRING, AT(criu), "PROGRAM",
         "criu, for checkpoint and restore (default: criu, in PATH)"},
        {"version", 'v', NULL, OPTION_FLAG, AT(version), NULL, "show the version"},
        {0},
};

static const struct command commands[] = {
        {"checkpoint", NULL, "[OPTIONS] CONTAINER", "save a running container to files", checkpoint_options_table, 1, 1,
         true, cmd_checkpoint},
        {"create", NULL, "[OPTIONS] CONTAINER", "create a container from a bundle", create_options_table, 1, 1, true,
         cmd_create},
        {"delete", NULL, "[OPTIONS] CONTAINER", "remove what a container holds", delete_options_table, 1, 1, true,
         cmd_delete},
        {"events", NULL, "[OPTIONS] CONTAINER", "show what a container uses", events_options_table, 1, 1, true,
         cmd_events},
        {"exec", NULL, "[OPTIONS] CONTAINER [COMMAND] [ARG...]", "run another program in a container",
         exec_options_table, 1, -1, false, cmd_exec},
        {"features", NULL, "", "show what this build can do, as JSON", NULL, 0, 0, false, cmd_features},
        {"kill", NULL, "[OPTIONS] CONTAINER [SIGNAL]", "signal a container (default: SIGTERM)", kill_options_table, 1,
         2, true, cmd_kill},
        {"list", NULL, "[OPTIONS]", "list containers", list_options_table, 0, 0, true, cmd_list},
        {"pause", NULL, "CONTAINER", "suspend all processes of a container", NULL, 1, 1, true, cmd_pause},
        {"ps", NULL, "[OPTIONS] CONTAINER [PS OPTIONS]", "list the processes of a container", ps_options_table, 1, -1,
         false, cmd_ps},
        {"restore", NULL, "[OPTIONS] CONTAINER", "run a container from where it was saved", restore_options_table, 1, 1,
         true, cmd_restore},
        {"resume", NULL, "CONTAINER", "let a paused container go on", NULL, 1, 1, true, cmd_resume},
        {"run", NULL, "[OPTIONS] CONTAINER", "create a container and start it", run_options_table, 1, 1, true, cmd_run},
        {"spec", NULL, "[OPTIONS]", "write a config.json to begin with", spec_options_table, 0, 0, true, cmd_spec},
        {"start", NULL, "CONTAINER", "start the program of a created container", NULL, 1, 1, true, cmd_start},
        {"state", NULL, "CONTAINER", "show the state of a container, as JSON", NULL, 1, 1, true, cmd_state},
        {"update", NULL, "[OPTIONS] CONTAINER", "change the limits of a container", update_options_table, 1, 1, true,
         cmd_update},
        {0},
};

/* Commands of which a process ends up inside the container. */
static bool enters_container(const struct command *command) {
        return command->run == cmd_create || command->run == cmd_run || command->run == cmd_exec;
}

static void show_version(void) {
        (void) printf(PROGRAM " version " VERSION "\nspec: " SPEC_VERSION "\n");
}

static int open_log(const struct runtime *runtime, struct error *err) {
        struct log_options options = {.program = PROGRAM, .path = runtime->log, .level = LOG_LEVEL_WARNING};

        if (str_equal(runtime->log_format, "json"))
                options.format = LOG_FORMAT_JSON;
        else if (runtime->log_format && !str_equal(runtime->log_format, "text"))
                return error_set(err, EINVAL, "--log-format: \"%s\" is neither text nor json", runtime->log_format);
        if (runtime->log_level && log_level_parse(runtime->log_level, &options.level) < 0)
                return error_set(err, EINVAL, "--log-level: unknown level \"%s\"", runtime->log_level);
        if (runtime->debug)
                options.level = LOG_LEVEL_DEBUG;
        return log_open(&options, err);
}

static int choose_cgroups(struct runtime *runtime, struct error *err) {
        const char *manager = runtime->cgroup_manager;

        if (str_equal(manager, "systemd"))
                runtime->systemd_cgroup = true;
        else if (str_equal(manager, "disabled"))
                runtime->no_cgroup = true;
        else if (manager && !str_equal(manager, "cgroupfs"))
                return error_set(err, EINVAL, "--cgroup-manager: \"%s\" is none of cgroupfs, systemd, disabled",
                                 manager);
        return 0;
}

/*
 * Root of a user namespace that an ordinary user made, as rootless Podman is. Who became root by way of sudo
 * may have the variables of a user, and containers run by root have root as USER: as runc decides it.
 */
static bool is_root_of_a_user(void) {
        const char *user = getenv("USER");
        _cleanup_fd_ int proc_fd = -1;

        if (geteuid() != 0 || str_equal(user, "root"))
                return false;
        proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return proc_fd >= 0 && idmap_is_inside(proc_fd);
}

/* Where a user who may not write to /run keeps containers; the caller frees it, NULL: in the usual place. */
static char *own_root(void) {
        const char *directory = getenv("XDG_RUNTIME_DIR");

        if (str_empty(directory) || (geteuid() == 0 && !is_root_of_a_user()))
                return NULL;
        return path_join(directory, PROGRAM);
}

static int help(FILE *out) {
        command_list_help(out, PROGRAM " [OPTIONS] COMMAND", global_options, commands);
        return 0;
}

static int usage_error(const struct error *err) {
        log_error(err);
        return 1;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *root = own_root();
        struct runtime runtime = {.root = root ? root : DEFAULT_ROOT, .self_handle = -1};
        const struct command *command;
        struct error err = {0};
        int first;

        (void) log_open(&(struct log_options){.program = PROGRAM, .level = LOG_LEVEL_WARNING}, NULL);
        first = options_parse(global_options, &runtime, argc, argv, false, &err);
        if (first == -ECANCELED)
                return help(stdout);
        if (first < 0)
                return usage_error(&err);
        if (runtime.version) {
                show_version();
                return 0;
        }
        if (first == argc || str_equal(argv[first], "help"))
                return help(stdout);
        command = command_find(commands, argv[first]);
        if (!command) {
                error_set(&err, EINVAL, "unknown command: %s", argv[first]);
                error_hint(&err, PROGRAM " --help lists them");
                return usage_error(&err);
        }
        if (open_log(&runtime, &err) < 0 || choose_cgroups(&runtime, &err) < 0 ||
            (enters_container(command) && self_protect(argv, &runtime.self_handle, &err) < 0))
                return usage_error(&err);
        /* exec puts a process among those of the container. */
        if (command->run == cmd_exec)
                fd_close_at(&runtime.self_handle);
        return command->run(command, &runtime, argc - first, argv + first);
}
