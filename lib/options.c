#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static const struct option_row *find_letter(const struct option_row *rows, char letter) {
        for (const struct option_row *row = rows; row && row->name; row++)
                if (row->letter == letter && letter != '\0')
                        return row;
        return NULL;
}

static bool name_matches(const char *name, const char *text, size_t size) {
        return name && strlen(name) == size && strncmp(name, text, size) == 0;
}

static const struct option_row *find_name(const struct option_row *rows, const char *text, size_t size) {
        for (const struct option_row *row = rows; row && row->name; row++)
                if (name_matches(row->name, text, size) || name_matches(row->alias, text, size))
                        return row;
        return NULL;
}

static int bad_value(const struct option_row *row, const char *value, const char *expected, struct error *err) {
        return error_set(err, EINVAL, "invalid argument \"%s\" for --%s: expected %s", value, row->name, expected);
}

static int store_flag(const struct option_row *row, bool *out, const char *value, struct error *err) {
        if (!value || str_equal(value, "true") || str_equal(value, "1"))
                *out = true;
        else if (str_equal(value, "false") || str_equal(value, "0"))
                *out = false;
        else
                return bad_value(row, value, "true or false", err);
        return 0;
}

static int store_double(const struct option_row *row, double *out, const char *value, struct error *err) {
        char *end;
        double number;

        errno = 0;
        number = strtod(value, &end);
        /* strtod also takes "inf", "nan" and hexadecimal. */
        if (errno != 0 || end == value || *end != '\0' || strspn(value, "0123456789.") != strlen(value))
                return bad_value(row, value, "a number", err);
        *out = number;
        return 0;
}

static int store(const struct option_row *row, void *target, const char *value, struct error *err) {
        void *variable = (char *) target + row->offset;

        switch (row->type) {
        case OPTION_FLAG:
                return store_flag(row, variable, value, err);
        case OPTION_STRING:
                *(const char **) variable = value;
                return 0;
        case OPTION_LIST:
                str_list_add(variable, value);
                return 0;
        case OPTION_INT:
                if (str_to_i64(value, INT64_MIN, INT64_MAX, variable) < 0)
                        return bad_value(row, value, "a whole number", err);
                return 0;
        case OPTION_BYTES:
                if (str_equal(value, "-1"))
                        *(int64_t *) variable = -1;
                else if (str_to_bytes(value, variable) < 0)
                        return bad_value(row, value, "a size such as 512m", err);
                return 0;
        case OPTION_DOUBLE:
                return store_double(row, variable, value, err);
        }
        return error_set(err, EINVAL, "--%s: unknown kind of option", row->name);
}

/* The arguments still to be read. */
struct cursor {
        const struct option_row *rows;
        void *target;
        char **argv;
        int argc;
        int next;
};

/* An option whose value may be in the argument itself ("inline_value") or be the next one. */
static int take_option(struct cursor *cursor, const struct option_row *row, const char *inline_value,
                       struct error *err) {
        if (row->type == OPTION_FLAG || inline_value)
                return store(row, cursor->target, inline_value, err);
        if (cursor->next >= cursor->argc)
                return error_set(err, EINVAL, "flag needs an argument: --%s", row->name);
        return store(row, cursor->target, cursor->argv[cursor->next++], err);
}

/* -d, -it, -p80:80, -p 80:80, -p=80:80 */
static int take_letters(struct cursor *cursor, const char *letters, struct error *err) {
        for (const char *letter = letters; *letter; letter++) {
                const struct option_row *row = find_letter(cursor->rows, *letter);
                const char *rest = letter + 1;
                int r;

                if (!row && *letter == 'h')
                        return error_set(err, ECANCELED, "help");
                if (!row)
                        return error_set(err, EINVAL, "unknown shorthand flag: '%c' in -%s", *letter, letters);
                if (row->type != OPTION_FLAG) {
                        if (*rest == '=')
                                rest++;
                        return take_option(cursor, row, *rest ? rest : NULL, err);
                }
                if (*rest == '=')
                        return take_option(cursor, row, rest + 1, err);
                r = take_option(cursor, row, NULL, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_argument(struct cursor *cursor, const char *argument, struct error *err) {
        bool two_dashes = argument[1] == '-';
        const char *name = argument + (two_dashes ? 2 : 1);
        size_t size = strcspn(name, "=");
        const struct option_row *row = NULL;

        /* A one-letter word after one dash is a letter, even where a name is one letter long. */
        if (two_dashes || size > 1)
                row = find_name(cursor->rows, name, size);
        if (row)
                return take_option(cursor, row, name[size] == '=' ? name + size + 1 : NULL, err);
        if (name_matches("help", name, size))
                return error_set(err, ECANCELED, "help");
        if (two_dashes)
                return error_set(err, EINVAL, "unknown flag: %s", argument);
        return take_letters(cursor, name, err);
}

/* Moves argv[from] down to argv[to], keeping the order of those between. */
static void move_down(char **argv, int from, int to) {
        char *moved = argv[from];

        memmove(argv + to + 1, argv + to, (size_t) (from - to) * sizeof(*argv));
        argv[to] = moved;
}

int options_parse(const struct option_row *rows, void *target, int argc, char **argv, bool interspersed,
                  struct error *err) {
        struct cursor cursor = {.rows = rows, .target = target, .argv = argv, .argc = argc, .next = 1};
        int positional = 1; /* where the positional arguments seen so far begin */

        while (cursor.next < argc) {
                const char *argument = argv[cursor.next];
                int first = cursor.next;
                bool is_option = argument[0] == '-' && argument[1] != '\0';
                int r;

                if (!is_option && !interspersed)
                        break;
                cursor.next++;
                if (!is_option)
                        continue;
                if (!str_equal(argument, "--")) {
                        r = take_argument(&cursor, argument, err);
                        if (r < 0)
                                return r;
                }
                for (int i = first; i < cursor.next; i++)
                        move_down(argv, i, positional++);
                if (str_equal(argument, "--"))
                        break;
        }
        return positional;
}

const struct command *command_find(const struct command *commands, const char *name) {
        for (const struct command *command = commands; command->name; command++)
                if (str_equal(command->name, name) || str_equal(command->alias, name))
                        return command;
        return NULL;
}

static void options_help(FILE *out, const struct option_row *rows) {
        if (!rows || !rows->name)
                return;
        (void) fprintf(out, "\nOptions:\n");
        for (const struct option_row *row = rows; row->name; row++) {
                _cleanup_free_ char *name =
                        str_format("--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");

                if (row->letter)
                        (void) fprintf(out, "  -%c, %-26s %s\n", row->letter, name, row->help);
                else
                        (void) fprintf(out, "      %-26s %s\n", name, row->help);
        }
}

static void command_help(FILE *out, const char *program, const struct command *command) {
        (void) fprintf(out, "Usage: %s %s%s%s\n\n%s\n", program, command->name, *command->arguments ? " " : "",
                       command->arguments, command->summary);
        options_help(out, command->options);
}

void command_list_help(FILE *out, const char *usage, const struct option_row *options, const struct command *commands) {
        int width = 0;

        (void) fprintf(out, "Usage: %s\n", usage);
        options_help(out, options);
        (void) fprintf(out, "\nCommands:\n");
        for (const struct command *command = commands; command->name; command++)
                if ((int) strlen(command->name) > width)
                        width = (int) strlen(command->name);
        for (const struct command *command = commands; command->name; command++)
                (void) fprintf(out, "  %-*s  %s\n", width, command->name, command->summary);
}

int command_parse(const struct command *command, const char *program, void *target, int *argc, char ***argv,
                  struct error *err) {
        int first = options_parse(command->options, target, *argc, *argv, command->interspersed, err);
        int count;

        if (first == -ECANCELED) {
                command_help(stdout, program, command);
                return first;
        }
        if (first < 0) {
                (void) error_wrap(err, "%s", command->name);
                return error_hint(err, "see '%s %s --help'", program, command->name);
        }
        count = *argc - first;
        if (count < command->min_arguments || (command->max_arguments >= 0 && count > command->max_arguments)) {
                (void) error_set(err, EINVAL, "%s: %s (usage: %s %s %s)", command->name,
                                 count < command->min_arguments ? "too few arguments" : "too many arguments", program,
                                 command->name, command->arguments);
                return -EINVAL;
        }
        *argc -= first;
        *argv += first;
        return 0;
}
