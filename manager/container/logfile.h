/*
 * logfile.h: a container's output on disk in docker's json-file format: one
 * line {"log":"text\n","stream":"stdout","time":"2024-01-01T00:00:00.000000000Z"}
 * a line of output. Bytes that are not UTF-8 become U+FFFD.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/str.h"

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_COUNT };

struct logfile;

/** Opens the log at `path` for appending, making it if need be. */
int logfile_open(const char *path, struct logfile **out, struct error *err);

/** Adds output; what does not end in a newline waits for the rest of its line, up to 16 KiB. */
void logfile_add(struct logfile *log, enum log_stream stream, const char *data, size_t size);

/** Writes what waits, and closes. NULL is allowed. */
void logfile_close(struct logfile *log);

/* One line read back. */
struct log_line {
        enum log_stream stream;
        int64_t time;     /* nanoseconds since 1970 */
        const char *text; /* with its newline; may hold NUL bytes */
        size_t size;
        const char *time_text; /* NUL-terminated */
};

/**
 * Reads one line of the file, given without its newline.
 * @buffer: replaced; holds what `out` points at
 * Returns 0, or -EINVAL for a damaged line.
 */
int logfile_parse(const char *line, size_t size, struct str_buf *buffer, struct log_line *out);
