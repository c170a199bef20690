#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../container/record.h"
#include "cli.h"
#include "columns.h"
#include "commands.h"

#define FILE_MAX ((size_t) 1024 * 1024)

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

static const struct column columns[] = {
        {"UID", "UID", false},   {"PID", "PID", false}, {"PPID", "PPID", false}, {"STAT", "Stat", false},
        {"TIME", "Time", false}, {"CMD", "Cmd", false}, {NULL, NULL, false},
};

/* What proc_pid_stat(5) says of a process. */
struct process_line {
        int ppid;
        char state;
        unsigned long ticks;
};

static bool read_stat(const char *pid, struct process_line *out) {
        _cleanup_free_ char *path = str_format("/proc/%s/stat", pid), *text = NULL;
        unsigned long user, system;
        const char *rest;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) < 0 || !(rest = strrchr(text, ')')) ||
            sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &out->state, &out->ppid, &user,
                   &system) != 4)
                return false;
        out->ticks = user + system;
        return true;
}

static char *command_of(const char *pid) {
        _cleanup_free_ char *path = str_format("/proc/%s/cmdline", pid);
        char *text = NULL;
        size_t size = 0;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, &size, NULL) < 0)
                return xstrdup("");
        for (size_t i = 0; i + 1 < size; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        return text;
}

static void add_row(const char *pid, struct str_list *cells) {
        _cleanup_free_ char *path = str_format("/proc/%s", pid);
        long second = sysconf(_SC_CLK_TCK);
        struct process_line line;
        struct stat status;
        unsigned long seconds;

        if (stat(path, &status) < 0 || !read_stat(pid, &line))
                return;
        seconds = line.ticks / (unsigned long) second;
        str_list_printf(cells, "%u", status.st_uid);
        str_list_add(cells, pid);
        str_list_printf(cells, "%d", line.ppid);
        str_list_printf(cells, "%c", line.state);
        str_list_printf(cells, "%02lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
        str_list_take(cells, command_of(pid));
}

/* The processes in the pid namespace of the container's init. */
static int list(const struct container *container, struct str_list *cells, struct error *err) {
        _cleanup_free_ char *init = str_format("/proc/%d/ns/pid", (int) container->state.pid);
        _cleanup_dir_ DIR *directory = opendir("/proc");
        const struct dirent *entry;
        struct stat wanted, own;

        if (!directory || stat(init, &wanted) < 0)
                return error_errno(err, errno, "processes of container %s", container->name);
        while ((entry = readdir(directory))) {
                _cleanup_free_ char *path = str_format("/proc/%s/ns/pid", entry->d_name);

                if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && stat(path, &own) == 0 &&
                    own.st_ino == wanted.st_ino && own.st_dev == wanted.st_dev)
                        add_row(entry->d_name, cells);
        }
        return 0;
}

int cli_top(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        _cleanup_(cleanup_container) struct container *container = NULL;
        _cleanup_str_list_ struct str_list cells = {0};
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0 && argc > 1)
                r = error_set(&err, ENOTSUP, "top: ps options: not supported in this build");
        if (r == 0 && !container_is_running(container))
                r = error_set(&err, EINVAL, "container %s is not running", argv[0]);
        if (r == 0)
                r = list(container, &cells, &err);
        if (r == 0)
                r = columns_print(columns, &cells, NULL, &err);
        return r < 0 ? cli_fail(&err) : 0;
}
