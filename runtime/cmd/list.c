#include "cmd.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"

struct options {
        const char *format;
        bool quiet;
};

#define AT(field) offsetof(struct options, field)

const struct option_row list_options_table[] = {
        {"format", 'f', NULL, OPTION_STRING, AT(format), "FORMAT", "table or json (default: table)"},
        {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet), NULL, "show the ids only"},
        {0},
};

struct view {
        const struct options *options;
        struct json_writer writer;
        struct str_list rows; /* six cells a row */
        char *owner;          /* the name of the last row's, and its uid: most rows have the same */
        uint32_t owner_uid;
};

/* The name of a uid from /etc/passwd, or "#uid"; no name service is loaded into a static program. */
static char *owner_name(uint32_t uid) {
        _cleanup_file_ FILE *file = fopen("/etc/passwd", "re");
        struct passwd *entry;

        while (file && (entry = fgetpwent(file)))
                if (entry->pw_uid == uid)
                        return xstrdup(entry->pw_name);
        return str_format("#%u", uid);
}

static const char *owner_of(struct view *view, const struct state *state) {
        if (!view->owner || view->owner_uid != state->owner) {
                free(view->owner);
                view->owner = owner_name(state->owner);
                view->owner_uid = state->owner;
        }
        return view->owner;
}

static void add_row(struct view *view, const struct container *container) {
        const struct state *state = &container->state;
        enum container_status status = container_status(container);
        pid_t pid = status == CONTAINER_STOPPED ? 0 : state->pid;
        const char *owner = owner_of(view, state);

        if (str_equal(view->options->format, "json")) {
                json_begin_object(&view->writer, NULL);
                container_put_state(&view->writer, state, container_status_name(status), pid);
                json_put_string(&view->writer, "owner", owner);
                json_end_object(&view->writer);
                return;
        }
        str_list_add(&view->rows, state->id);
        str_list_printf(&view->rows, "%d", pid);
        str_list_add(&view->rows, container_status_name(status));
        str_list_add(&view->rows, state->bundle);
        str_list_add(&view->rows, state->created ? state->created : "");
        str_list_add(&view->rows, owner);
}

static void print_table(const struct str_list *rows) {
        static const char *const titles[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
        size_t columns = ARRAY_SIZE(titles);
        size_t widths[ARRAY_SIZE(titles)];

        for (size_t i = 0; i < columns; i++)
                widths[i] = 9;
        for (size_t i = 0; i < rows->count; i++)
                if (strlen(rows->items[i]) > widths[i % columns])
                        widths[i % columns] = strlen(rows->items[i]);
        for (size_t i = 0; i < columns; i++)
                (void) printf("%-*s%s", i + 1 < columns ? (int) widths[i] + 3 : 0, titles[i],
                              i + 1 < columns ? "" : "\n");
        for (size_t i = 0; i < rows->count; i++) {
                size_t column = i % columns;

                (void) printf("%-*s%s", column + 1 < columns ? (int) widths[column] + 3 : 0, rows->items[i],
                              column + 1 < columns ? "" : "\n");
        }
}

static int list(const struct runtime *runtime, struct view *view, struct error *err) {
        _cleanup_str_list_ struct str_list ids = {0};
        int r = state_list(runtime->root, &ids, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ids.count; i++) {
                _cleanup_container_ struct container container = CONTAINER_INIT;
                struct error reason = {0};

                if (view->options->quiet) {
                        (void) printf("%s\n", ids.items[i]);
                        continue;
                }
                r = container_open(runtime->root, ids.items[i], &container, &reason);
                if (r == 0)
                        add_row(view, &container);
                else if (r != -ENOENT)
                        log_warning("%s: %s", ids.items[i], reason.message);
        }
        return 0;
}

int cmd_list(const struct command *command, void *context, int argc, char **argv) {
        const struct runtime *runtime = context;
        struct options options = {.format = "table"};
        struct view view = {.options = &options};
        struct error err = {0};
        bool json;
        int r = cmd_parse(command, &options, &argc, &argv);

        if (r >= 0)
                return r;
        json = str_equal(options.format, "json");
        if (!json && !str_equal(options.format, "table")) {
                error_set(&err, EINVAL, "invalid format option: %s", options.format);
                return cmd_fail(&err);
        }
        json_begin_array(&view.writer, NULL);
        if (list(runtime, &view, &err) < 0)
                return cmd_fail(&err);
        json_end_array(&view.writer);
        if (json && !options.quiet)
                (void) printf("%s\n", view.writer.out.data);
        else if (!options.quiet)
                print_table(&view.rows);
        json_writer_free(&view.writer);
        str_list_free(&view.rows);
        free(view.owner);
        return 0;
}
