#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/process.h"

#define LOG_MAX ((size_t) 1024 * 1024)

extern char **environ;

void oci_arguments(const struct manager *manager, const char *log, struct str_list *argv) {
        str_list_add(argv, manager->runtime);
        str_list_add(argv, "--root");
        str_list_printf(argv, "%s/runtime", manager->run_root);
        str_list_add(argv, "--log");
        str_list_add(argv, log);
        str_list_add(argv, "--log-format");
        str_list_add(argv, "json");
}

static int code_of(const char *message) {
        static const struct {
                const char *text;
                int code;
        } codes[] = {
                {"executable file not found", ENOENT}, {"no such file or directory", ENOENT},
                {"permission denied", EACCES},         {"is a directory", EACCES},
                {"exec format error", ENOEXEC},
        };

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                if (strcasestr(message, codes[i].text))
                        return codes[i].code;
        return EIO;
}

int oci_exit_code(const struct error *err) {
        if (strcasestr(err->message, "executable file not found") ||
            strcasestr(err->message, "no such file or directory"))
                return 127;
        return strcasestr(err->message, "permission denied") || strcasestr(err->message, "exec format error") ? 126
                                                                                                              : 125;
}

int oci_error(const char *log, const char *command, int status, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_free_ char *text = NULL, *how = process_status_text(status);
        const char *message = NULL;

        if (file_read(AT_FDCWD, log, LOG_MAX, &text, NULL, NULL) == 0)
                str_list_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.count; i++) {
                const struct json *entry;
                const char *level = NULL;

                if (json_parse(arena, lines.items[i], strlen(lines.items[i]), NULL, &entry, NULL) < 0)
                        continue;
                (void) json_get_string(entry, "level", &level, NULL);
                if (str_equal(level, "error") || str_equal(level, "fatal"))
                        (void) json_get_string(entry, "msg", &message, NULL);
        }
        if (!message)
                return error_set(err, EIO, "the runtime's %s %s", command, how);
        return error_set(err, code_of(message), "%s", message);
}

pid_t oci_spawn(const char *const *argv, const struct oci_stdio *stdio, struct error *err) {
        const int fds[3] = {stdio->input, stdio->output, stdio->errors};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        pid_t pid;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        for (int i = 0; i < 3; i++) {
                if (fds[i] >= 0)
                        (void) posix_spawn_file_actions_adddup2(&actions, fds[i], i);
                else
                        (void) posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
        }
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &all);
        r = posix_spawnp(&pid, argv[0], &actions, &attributes, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        if (r != 0) {
                error_errno(err, r, "runtime %s", argv[0]);
                return error_hint(err, "--runtime PATH names another");
        }
        return pid;
}

/* Runs one command of the runtime; `arguments` follow the command, the id comes last. */
static int run(const struct manager *manager, const struct container *container, const char *command,
               const struct str_list *arguments, const struct oci_stdio *stdio, struct error *err) {
        static const struct oci_stdio nothing = {-1, -1, -1};
        _cleanup_str_list_ struct str_list argv = {0};
        _cleanup_free_ char *log = str_format("%s/runtime.log", container->run_directory);
        int status;
        pid_t pid;

        (void) unlink(log);
        oci_arguments(manager, log, &argv);
        str_list_add(&argv, command);
        for (size_t i = 0; arguments && i < arguments->count; i++)
                str_list_add(&argv, arguments->items[i]);
        str_list_add(&argv, container->id);
        pid = oci_spawn((const char *const *) argv.items, stdio ? stdio : &nothing, err);
        if (pid < 0)
                return pid;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_errno(err, errno, "runtime %s", command);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return oci_error(log, command, status, err);
}

int oci_create(const struct manager *manager, const struct container *container, const struct oci_stdio *stdio,
               const char *console_socket, struct error *err) {
        _cleanup_str_list_ struct str_list arguments = {0};

        str_list_add(&arguments, "--bundle");
        str_list_printf(&arguments, "%s/bundle", container->run_directory);
        str_list_add(&arguments, "--pid-file");
        str_list_printf(&arguments, "%s/pid", container->run_directory);
        if (console_socket) {
                str_list_add(&arguments, "--console-socket");
                str_list_add(&arguments, console_socket);
        }
        return run(manager, container, "create", &arguments, stdio, err);
}

int oci_start(const struct manager *manager, const struct container *container, struct error *err) {
        return run(manager, container, "start", NULL, NULL, err);
}

int oci_pause(const struct manager *manager, const struct container *container, bool pause, struct error *err) {
        return run(manager, container, pause ? "pause" : "resume", NULL, NULL, err);
}

int oci_kill_all(const struct manager *manager, const struct container *container, int signal, struct error *err) {
        _cleanup_str_list_ struct str_list argv = {0};
        _cleanup_free_ char *log = str_format("%s/runtime.log", container->run_directory);
        struct process_options options = {0};
        _cleanup_process_result_ struct process_result result = {0};
        int r;

        /* The signal comes behind the id, unlike any other command's arguments. */
        oci_arguments(manager, log, &argv);
        str_list_add(&argv, "kill");
        str_list_add(&argv, "--all");
        str_list_add(&argv, container->id);
        str_list_printf(&argv, "%d", signal);
        options.argv = (const char *const *) argv.items;
        options.capture_output = options.capture_errors = true;
        r = process_run(&options, &result, err);
        return r < 0 || result.status == 0 ? r : oci_error(log, "kill", result.status, err);
}

int oci_delete(const struct manager *manager, const struct container *container, struct error *err) {
        _cleanup_str_list_ struct str_list arguments = {0};
        _cleanup_free_ char *state = str_format("%s/runtime/%s", manager->run_root, container->id);

        if (access(state, F_OK) < 0 && errno == ENOENT)
                return 0;
        str_list_add(&arguments, "--force");
        return run(manager, container, "delete", &arguments, NULL, err);
}
