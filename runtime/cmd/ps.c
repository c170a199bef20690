#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"

struct options {
        const char *format;
};

const struct option_row ps_options_table[] = {
        {"format", 'f', NULL, OPTION_STRING, offsetof(struct options, format), "FORMAT",
         "table or json (default: table)"},
        {0},
};

static void print_json(const pid_t *pids, size_t count) {
        (void) printf("[");
        for (size_t i = 0; i < count; i++)
                (void) printf("%s%d", i ? "," : "", pids[i]);
        (void) printf("]\n");
}

static bool contains(const pid_t *pids, size_t count, int64_t pid) {
        for (size_t i = 0; i < count; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

/* The n-th word of a line, and which word of the titles is "PID". */
static char *word_at(const char *line, size_t n) {
        for (;; n--) {
                line += strspn(line, " ");
                if (n == 0)
                        return xstrndup(line, strcspn(line, " "));
                line += strcspn(line, " ");
                if (!*line)
                        return NULL;
        }
}

static int pid_column(const char *titles) {
        for (size_t i = 0; i < 64; i++) {
                _cleanup_free_ char *word = word_at(titles, i);

                if (!word || !*word)
                        return -1;
                if (str_equal(word, "PID"))
                        return (int) i;
        }
        return -1;
}

/* Lets ps(1) print, and keeps its titles and the container's lines. */
static int print_table(const pid_t *pids, size_t count, char **arguments, int argument_count, struct error *err) {
        _cleanup_str_list_ struct str_list argv = {0};
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_process_result_ struct process_result result = {0};
        struct process_options options = {.capture_output = true, .output_max = (size_t) 16 * 1024 * 1024};
        int column;
        int r;

        str_list_add(&argv, "ps");
        for (int i = 0; i < argument_count; i++)
                str_list_add(&argv, arguments[i]);
        if (argument_count == 0)
                str_list_add(&argv, "-ef");
        options.argv = (const char *const *) argv.items;
        r = process_run(&options, &result, err);
        if (r < 0)
                return error_wrap(err, "ps");
        if (result.status != 0)
                return error_set(err, EIO, "ps failed with exit code %d", process_exit_code(result.status));
        str_list_split(&lines, result.output, '\n');
        column = lines.count > 0 ? pid_column(lines.items[0]) : -1;
        if (column < 0)
                return error_set(err, EINVAL, "the output of ps has no column PID");
        (void) printf("%s\n", lines.items[0]);
        for (size_t i = 1; i < lines.count; i++) {
                _cleanup_free_ char *word = word_at(lines.items[i], (size_t) column);
                int64_t pid;

                if (word && str_to_i64(word, 1, INT32_MAX, &pid) == 0 && contains(pids, count, pid))
                        (void) printf("%s\n", lines.items[i]);
        }
        return 0;
}

static int ps(const struct runtime *runtime, const struct options *options, int argc, char **argv, struct error *err) {
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;
        bool json = str_equal(options->format, "json");
        int r;

        if (!json && !str_equal(options->format, "table"))
                return error_set(err, EINVAL, "invalid format option: %s", options->format);
        r = container_open(runtime->root, argv[0], &container, err);
        if (r < 0)
                return r;
        if (container.cgroup && (r = cgroup_pids(container.cgroup, &pids, &count, err)) < 0)
                return r;
        if (!json)
                return print_table(pids, count, argv + 1, argc - 1, err);
        print_json(pids, count);
        return 0;
}

int cmd_ps(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.format = "table"};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        return ps(context, &options, argc, argv, &err) < 0 ? cmd_fail(&err) : 0;
}
