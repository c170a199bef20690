#include "columns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../lib/json.h"

#define GAP 3

/* Bytes are close enough to columns of a terminal here: ids, names, numbers. */
static void print_aligned(const struct str_list *cells, size_t width) {
        size_t *widths = xcalloc(width, sizeof(*widths));

        for (size_t i = 0; i < cells->count; i++)
                if (strlen(cells->items[i]) > widths[i % width])
                        widths[i % width] = strlen(cells->items[i]);
        for (size_t i = 0; i < cells->count; i++) {
                if ((i + 1) % width == 0)
                        (void) printf("%s\n", cells->items[i]);
                else
                        (void) printf("%-*s", (int) widths[i % width] + GAP, cells->items[i]);
        }
        free(widths);
}

static size_t column_count(const struct column *columns) {
        size_t count = 0;

        while (columns[count].heading)
                count++;
        return count;
}

static void print_table(const struct column *columns, const struct str_list *cells) {
        _cleanup_str_list_ struct str_list shown = {0};
        size_t count = column_count(columns);
        size_t width = 0;

        for (size_t i = 0; i < count; i++) {
                if (columns[i].hidden)
                        continue;
                str_list_add(&shown, columns[i].heading);
                width++;
        }
        for (size_t i = 0; count > 0 && i < cells->count; i++)
                if (!columns[i % count].hidden)
                        str_list_add(&shown, cells->items[i]);
        print_aligned(&shown, width);
}

static void print_json(const struct column *columns, const struct str_list *cells) {
        size_t count = column_count(columns);

        for (size_t row = 0; row < cells->count; row += count) {
                _cleanup_json_writer_ struct json_writer writer = {0};
                _cleanup_free_ char *text = NULL;

                json_begin_object(&writer, NULL);
                for (size_t i = 0; i < count; i++)
                        json_put_string(&writer, columns[i].field, cells->items[row + i]);
                json_end_object(&writer);
                text = json_writer_take(&writer);
                (void) printf("%s\n", text);
        }
}

/* The column that "{{ .Field }}" at `text` names; *size is set to the length of all of it. */
static const struct column *field_at(const struct column *columns, const char *text, size_t *size, struct error *err) {
        const char *end = strstr(text, "}}");
        const char *name = text + 2 + strspn(text + 2, " ");
        size_t length;

        if (!end) {
                (void) error_set(err, EINVAL, "format: \"{{\" without \"}}\"");
                return NULL;
        }
        *size = (size_t) (end - text) + 2;
        length = strcspn(name, " }");
        for (; *name == '.' && columns->heading; columns++)
                if (strlen(columns->field) == length - 1 && strncmp(columns->field, name + 1, length - 1) == 0)
                        return columns;
        (void) error_set(err, EINVAL, "format: unknown field: %.*s", (int) *size, text);
        return NULL;
}

/* One row through the template; `cells` NULL gives the headings. */
static int expand(const struct column *columns, char *const *cells, const char *format, struct str_buf *out,
                  struct error *err) {
        while (*format) {
                size_t size = 1;

                if (format[0] == '{' && format[1] == '{') {
                        const struct column *column = field_at(columns, format, &size, err);

                        if (!column)
                                return -EINVAL;
                        str_buf_add(out, cells ? cells[column - columns] : column->heading);
                } else if (format[0] == '\\' && (format[1] == 't' || format[1] == 'n')) {
                        str_buf_add(out, format[1] == 't' ? "\t" : "\n");
                        size = 2;
                } else {
                        str_buf_add_bytes(out, format, 1);
                }
                format += size;
        }
        return 0;
}

static int print_template(const struct column *columns, const struct str_list *cells, const char *format, bool table,
                          struct error *err) {
        _cleanup_str_list_ struct str_list shown = {0};
        size_t count = column_count(columns);
        size_t width = 0;

        for (size_t row = 0; row < cells->count + (table ? count : 0); row += count) {
                _cleanup_str_buf_ struct str_buf line = {0};
                char *const *values = !table ? &cells->items[row] : row == 0 ? NULL : &cells->items[row - count];
                int r = expand(columns, values, format, &line, err);

                if (r < 0)
                        return r;
                if (!table) {
                        (void) printf("%s\n", line.data ? line.data : "");
                        continue;
                }
                str_list_split(&shown, line.data ? line.data : "", '\t');
                width = width ? width : shown.count;
        }
        if (table && width > 0)
                print_aligned(&shown, width);
        return 0;
}

int columns_print(const struct column *columns, const struct str_list *cells, const char *format, struct error *err) {
        if (str_empty(format) || str_equal(format, "table"))
                print_table(columns, cells);
        else if (str_equal(format, "json") || str_equal(format, "{{json .}}"))
                print_json(columns, cells);
        else if (str_starts_with(format, "table "))
                return print_template(columns, cells, format + strlen("table "), true, err);
        else
                return print_template(columns, cells, format, false, err);
        return 0;
}

char *human_size(uint64_t bytes) {
        static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
        double size = (double) bytes;
        size_t unit = 0;

        while (size >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
                size /= 1000;
                unit++;
        }
        return str_format("%.3g%s", size, units[unit]);
}

static const struct {
        int64_t seconds;
        int64_t until; /* the next unit begins here */
        const char *name;
} units_of_time[] = {
        {1, 60, "second"},
        {60, 3600, "minute"},
        {3600, 48 * 3600, "hour"},
        {24 * 3600, 14 * 24 * 3600, "day"},
        {7 * 24 * 3600, 60 * 24 * 3600, "week"},
        {30 * 24 * 3600, 730 * 24 * 3600, "month"},
        {365 * 24 * 3600, INT64_MAX, "year"},
};

char *human_age(int64_t since) {
        int64_t age = (int64_t) time(NULL) - since;
        size_t i = 0;

        if (since <= 0)
                return xstrdup("N/A");
        if (age < 1)
                return xstrdup("Less than a second ago");
        while (age >= units_of_time[i].until)
                i++;
        return str_format("%lld %s%s ago", (long long) (age / units_of_time[i].seconds), units_of_time[i].name,
                          age / units_of_time[i].seconds == 1 ? "" : "s");
}
