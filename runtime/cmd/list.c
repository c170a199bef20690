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

enum { COLUMN_ID, COLUMN_PID, COLUMN_STATUS, COLUMN_BUNDLE, COLUMN_CREATED, COLUMN_OWNER, COLUMN_COUNT };

/* A line of the table. */
struct row {
        struct row *next;
        const char *cells[COLUMN_COUNT];
};

struct view {
        const struct options *options;
        struct json_writer writer;
        struct arena *arena; /* has the rows and what is in them */
        struct row *rows, *last;
        const char *owner; /* the name of the last row's, and its uid: most rows have the same */
        uint32_t owner_uid;
};

/* The name of a uid from /etc/passwd, or "#uid"; no name service is loaded into a static program. */
static const char *owner_name(struct arena *arena, uint32_t uid) {
        _cleanup_file_ FILE *file = fopen("/etc/passwd", "re");
        struct passwd *entry;

        while (file && (entry = fgetpwent(file)))
                if (entry->pw_uid == uid)
                        return arena_strdup(arena, entry->pw_name);
        return arena_printf(arena, "#%u", uid);
}

static const char *owner_of(struct view *view, const struct state *state) {
        if (!view->owner || view->owner_uid != state->owner) {
                view->owner = owner_name(view->arena, state->owner);
                view->owner_uid = state->owner;
        }
        return view->owner;
}

static void add_row(struct view *view, const struct container *container) {
        const struct state *state = &container->state;
        enum container_status status = container_status(container);
        pid_t pid = status == CONTAINER_STOPPED ? 0 : state->pid;
        const char *owner = owner_of(view, state);
        struct row *row;

        if (str_equal(view->options->format, "json")) {
                json_begin_object(&view->writer, NULL);
                container_put_state(&view->writer, state, container_status_name(status), pid);
                json_put_string(&view->writer, "owner", owner);
                json_end_object(&view->writer);
                return;
        }
        row = arena_alloc(view->arena, 1, sizeof(*row));
        row->cells[COLUMN_ID] = arena_strdup(view->arena, state->id);
        row->cells[COLUMN_PID] = arena_printf(view->arena, "%d", pid);
        row->cells[COLUMN_STATUS] = container_status_name(status);
        row->cells[COLUMN_BUNDLE] = arena_strdup(view->arena, state->bundle);
        row->cells[COLUMN_CREATED] = arena_strdup(view->arena, state->created ? state->created : "");
        row->cells[COLUMN_OWNER] = owner;
        *(view->last ? &view->last->next : &view->rows) = row;
        view->last = row;
}

static void print_row(const char *const *cells, const size_t *widths) {
        for (size_t i = 0; i + 1 < COLUMN_COUNT; i++)
                (void) printf("%-*s", (int) widths[i] + 3, cells[i]);
        (void) printf("%s\n", cells[COLUMN_COUNT - 1]);
}

static void print_table(const struct row *rows) {
        static const char *const titles[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
        size_t widths[COLUMN_COUNT];

        for (size_t i = 0; i < COLUMN_COUNT; i++)
                widths[i] = 9;
        for (const struct row *row = rows; row; row = row->next)
                for (size_t i = 0; i < COLUMN_COUNT; i++)
                        if (strlen(row->cells[i]) > widths[i])
                                widths[i] = strlen(row->cells[i]);
        print_row(titles, widths);
        for (const struct row *row = rows; row; row = row->next)
                print_row(row->cells, widths);
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
        view.arena = arena_new();
        json_begin_array(&view.writer, NULL);
        if (list(runtime, &view, &err) < 0)
                return cmd_fail(&err);
        json_end_array(&view.writer);
        if (json && !options.quiet)
                (void) printf("%s\n", view.writer.out.data);
        else if (!options.quiet)
                print_table(view.rows);
        json_writer_free(&view.writer);
        arena_free(view.arena);
        return 0;
}
