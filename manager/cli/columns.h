/*
 * columns.h: what list commands print: a table with aligned columns, or one
 * line a row made from a template, and numbers as people read them.
 */
#pragma once

#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/str.h"

/* One column: its heading and the name a template uses for it. */
struct column {
        const char *heading; /* "IMAGE ID" */
        const char *field;   /* "ID", as in {{.ID}} */
        bool hidden;         /* for templates only */
};

/**
 * Prints rows as a table, or by a template.
 * @columns: ends with a NULL heading
 * @cells: row after row, one cell a column
 * @format: NULL for the table; "json" for one object a line; else text with {{.Field}},
 *          with "table " in front for a table of such columns
 * Returns 0, or -EINVAL for an unknown field.
 */
int columns_print(const struct column *columns, const struct str_list *cells, const char *format, struct error *err);

/** "5.6MB": as docker writes sizes, in powers of 1000; the caller frees it. */
char *human_size(uint64_t bytes);

/** "3 weeks ago" for a time in seconds since 1970; "N/A" for 0; the caller frees it. */
char *human_age(int64_t since);
