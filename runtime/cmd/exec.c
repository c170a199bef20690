#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../container/bundle.h"
#include "../container/exec.h"
#include "../container/foreground.h"

/* As runc: what the program returns is below, so callers can tell the two apart. */
#define EXEC_FAILED 255

struct options {
        const char *console_socket;
        const char *cwd;
        struct str_list env;
        bool tty;
        const char *user;
        struct str_list additional_gids;
        const char *process;
        bool detach;
        const char *pid_file;
        const char *pidfd_socket;
        const char *process_label;
        const char *apparmor;
        bool no_new_privs;
        struct str_list caps;
        int64_t preserve_fds;
        struct str_list cgroups;
        bool ignore_paused;
};

#define AT(field) offsetof(struct options, field)

const struct option_row exec_options_table[] = {
        {"console-socket", 0, NULL, OPTION_STRING, AT(console_socket), "SOCKET",
         "Unix socket that gets the master side of the terminal"},
        {"cwd", 0, NULL, OPTION_STRING, AT(cwd), "DIR", "working directory in the container"},
        {"env", 'e', NULL, OPTION_LIST, AT(env), "NAME=VALUE", "add to the environment"},
        {"tty", 't', NULL, OPTION_FLAG, AT(tty), NULL, "give the process a terminal"},
        {"user", 'u', NULL, OPTION_STRING, AT(user), "UID[:GID]", "run as this user"},
        {"additional-gids", 'g', NULL, OPTION_LIST, AT(additional_gids), "GID", "add a supplementary group"},
        {"process", 'p', NULL, OPTION_STRING, AT(process), "FILE", "read all about the process from this JSON file"},
        {"detach", 'd', NULL, OPTION_FLAG, AT(detach), NULL, "do not wait for the process's end"},
        {"pid-file", 0, NULL, OPTION_STRING, AT(pid_file), "FILE", "write the pid of the process there"},
        {"pidfd-socket", 0, NULL, OPTION_STRING, AT(pidfd_socket), "SOCKET",
         "Unix socket that gets a pidfd of the process"},
        {"process-label", 0, NULL, OPTION_STRING, AT(process_label), "LABEL", "SELinux label of the process"},
        {"apparmor", 0, NULL, OPTION_STRING, AT(apparmor), "PROFILE", "AppArmor profile of the process"},
        {"no-new-privs", 0, NULL, OPTION_FLAG, AT(no_new_privs), NULL, "let the process gain no privileges"},
        {"cap", 'c', NULL, OPTION_LIST, AT(caps), "CAPABILITY",
         "add a capability; an ambient one where the config has made it inheritable"},
        {"preserve-fds", 0, NULL, OPTION_INT, AT(preserve_fds), "N", "pass the file descriptors 3 to 2+N on"},
        {"cgroup", 0, NULL, OPTION_LIST, AT(cgroups), "[CONTROLLER:]PATH", "start in a cgroup below the container's"},
        {"ignore-paused", 0, NULL, OPTION_FLAG, AT(ignore_paused), NULL, "exec in a paused container, too"},
        {0},
};

/* Lists are options' own; all else belongs to the arena. */
static const char *const *joined(struct arena *arena, const char *const *first, const struct str_list *second) {
        const char **all;
        size_t count = 0;

        while (first && first[count])
                count++;
        all = arena_alloc(arena, count + second->count + 1, sizeof(*all));
        for (size_t i = 0; i < count; i++)
                all[i] = first[i];
        for (size_t i = 0; i < second->count; i++)
                all[count + i] = second->items[i];
        return all;
}

static int parse_id(const char *option, const char *text, uint32_t *out, struct error *err) {
        uint64_t value;

        /* UINT32_MAX is "no change" to setresuid(2), that is, root. */
        if (str_to_u64(text, UINT32_MAX - 1, &value) < 0)
                return error_set(err, EINVAL, "%s: \"%s\" is not a numeric id", option, text);
        *out = (uint32_t) value;
        return 0;
}

/* As in config.json; runc's callers know the fault by these words. */
static int check_env(const struct str_list *env, struct error *err) {
        for (size_t i = 0; i < env->count; i++)
                if (env->items[i][0] == '=' || !strchr(env->items[i], '='))
                        return error_set(err, EINVAL, "--env: invalid environment variable: \"%s\" is not NAME=VALUE",
                                         env->items[i]);
        return 0;
}

static int apply_user(const struct options *options, struct runtime_process *process, struct error *err) {
        const char *colon;
        _cleanup_free_ char *uid = NULL;
        int r;

        if (!options->user)
                return 0;
        colon = strchr(options->user, ':');
        uid = colon ? xstrndup(options->user, (size_t) (colon - options->user)) : xstrdup(options->user);
        r = parse_id("--user", uid, &process->user.uid, err);
        return r < 0 || !colon ? r : parse_id("--user", colon + 1, &process->user.gid, err);
}

static int apply_groups(struct arena *arena, const struct options *options, struct runtime_process *process,
                        struct error *err) {
        size_t count = process->user.additional_gid_count;
        uint32_t *all;

        if (options->additional_gids.count == 0)
                return 0;
        all = arena_alloc(arena, count + options->additional_gids.count, sizeof(*all));
        for (size_t i = 0; i < count; i++)
                all[i] = process->user.additional_gids[i];
        for (size_t i = 0; i < options->additional_gids.count; i++) {
                int r = parse_id("--additional-gids", options->additional_gids.items[i], &all[count + i], err);

                if (r < 0)
                        return r;
        }
        process->user.additional_gids = all;
        process->user.additional_gid_count = count + options->additional_gids.count;
        return 0;
}

static bool contains(const char *const *names, const char *name) {
        for (; names && *names; names++)
                if (strcasecmp(*names, name) == 0)
                        return true;
        return false;
}

/*
 * Not inheritable: that would give them to every program the process runs (CVE-2022-29162). Ambient only
 * where the config has made them inheritable itself.
 */
static void apply_capabilities(struct arena *arena, const struct options *options, struct runtime_process *process) {
        struct str_list inheritable = {0};
        struct runtime_capabilities *all;

        if (options->caps.count == 0)
                return;
        all = arena_alloc(arena, 1, sizeof(*all));
        if (process->capabilities)
                *all = *process->capabilities;
        all->bounding = joined(arena, all->bounding, &options->caps);
        all->effective = joined(arena, all->effective, &options->caps);
        all->permitted = joined(arena, all->permitted, &options->caps);
        inheritable.items = arena_alloc(arena, options->caps.count, sizeof(*inheritable.items));
        for (size_t i = 0; i < options->caps.count; i++)
                if (contains(all->inheritable, options->caps.items[i]))
                        inheritable.items[inheritable.count++] = options->caps.items[i];
        all->ambient = joined(arena, all->ambient, &inheritable);
        process->capabilities = all;
}

/* What the file does not speak of is as for the container's own process, as with runc. */
static void complete_process(struct runtime_process *process, const struct runtime_process *own) {
        if (!process->capabilities)
                process->capabilities = own->capabilities;
        if (process->rlimit_count == 0) {
                process->rlimits = own->rlimits;
                process->rlimit_count = own->rlimit_count;
        }
        if (!process->apparmor_profile)
                process->apparmor_profile = own->apparmor_profile;
        if (!process->selinux_label)
                process->selinux_label = own->selinux_label;
        if (!process->oom_score_adj.set)
                process->oom_score_adj = own->oom_score_adj;
        if (!process->scheduler.policy)
                process->scheduler = own->scheduler;
        if (!process->io_priority_class) {
                process->io_priority_class = own->io_priority_class;
                process->io_priority = own->io_priority;
        }
        if (!process->exec_cpu_affinity_initial && !process->exec_cpu_affinity_final) {
                process->exec_cpu_affinity_initial = own->exec_cpu_affinity_initial;
                process->exec_cpu_affinity_final = own->exec_cpu_affinity_final;
        }
}

static int read_process(struct arena *arena, const char *path, const struct runtime_process *own,
                        struct runtime_process *out, struct error *err) {
        const struct json *root;
        int r = json_parse_file(arena, AT_FDCWD, path, NULL, &root, err);

        if (r < 0)
                return r;
        r = runtime_process_parse(arena, root, out, err);
        if (r < 0)
                return error_wrap(err, "--process %s", path);
        complete_process(out, own);
        return 0;
}

/* The process as the container's own one, changed by the options. */
static int derive_process(struct arena *arena, const struct runtime_config *config, const struct options *options,
                          char **args, struct runtime_process *out, struct error *err) {
        int r;

        *out = *config->process;
        if (!args[0])
                return error_set(err, EINVAL, "process args cannot be empty");
        if ((r = check_env(&options->env, err)) < 0)
                return r;
        out->args = (const char *const *) args;
        out->terminal = options->tty;
        out->env = joined(arena, out->env, &options->env);
        if (options->cwd)
                out->cwd = options->cwd;
        if (options->no_new_privs)
                out->no_new_privileges = true;
        if (options->apparmor)
                out->apparmor_profile = options->apparmor;
        if (options->process_label)
                out->selinux_label = options->process_label;
        apply_capabilities(arena, options, out);
        r = apply_user(options, out, err);
        return r < 0 ? r : apply_groups(arena, options, out, err);
}

static int start(const struct runtime *runtime, const struct options *options, char **argv, const sigset_t *mask,
                 struct created *created, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct runtime_config config = {0};
        struct runtime_process process = {0};
        struct exec_options request = {
                .config = &config,
                .process = &process,
                .console_socket = options->console_socket,
                .pid_file = options->pid_file,
                .pidfd_socket = options->pidfd_socket,
                .cgroups = (const char *const *) options->cgroups.items,
                .preserve_fds = (int) options->preserve_fds,
                .detach = options->detach,
                .ignore_paused = options->ignore_paused,
                .signal_mask = mask,
        };
        int r;

        if ((r = cmd_check_count("--preserve-fds", options->preserve_fds, err)) < 0 ||
            (r = container_open(runtime->root, argv[0], &container, err)) < 0 ||
            (r = container_config(&container, &config, err)) < 0)
                return r;
        if (!config.process)
                config.process = &bundle_no_process;
        r = options->process ? read_process(container.arena, options->process, config.process, &process, err)
                             : derive_process(container.arena, &config, options, argv + 1, &process, err);
        if (r < 0 || (r = bundle_check_process(&process, err)) < 0)
                return r;
        return container_exec(&container, &request, created, err);
}

static int exec(const struct runtime *runtime, const struct options *options, char **argv) {
        struct created created = {.pidfd = -1, .terminal = -1, .notify = -1};
        struct error err = {0};
        sigset_t mask;
        int status = 0;

        (void) sigprocmask(SIG_SETMASK, NULL, &mask);
        if (!options->detach)
                foreground_block_signals(&mask);
        if (start(runtime, options, argv, &mask, &created, &err) < 0) {
                error_wrap(&err, "exec failed");
                log_error(&err);
                return EXEC_FAILED;
        }
        if (!options->detach) {
                status = foreground_wait(&created, &err);
                if (status < 0) {
                        log_error(&err);
                        status = EXEC_FAILED;
                }
        }
        fd_close_at(&created.pidfd);
        fd_close_at(&created.terminal);
        return status;
}

int cmd_exec(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int status = cmd_parse(command, &options, &argc, &argv);

        if (status < 0)
                status = exec(context, &options, argv);
        str_list_free(&options.env);
        str_list_free(&options.additional_gids);
        str_list_free(&options.caps);
        str_list_free(&options.cgroups);
        return status;
}
