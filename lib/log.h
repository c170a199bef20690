/*
 * log.h: messages to people and to callers' log files. The level and the
 * destination are the only global state in the house.
 */
#pragma once

#include <stdbool.h>

#include "error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_options {
        const char *program;    /* the prefix on standard error */
        const char *path;       /* a file to append to beside standard error; NULL for none */
        enum log_format format; /* of the file: one JSON object {level, msg, time} a line, or text */
        enum log_level level;
};

/** Opens the log. Called once, by main. */
int log_open(const struct log_options *options, struct error *err);

/** Text for a level: "error", "warning", "info", "debug". -EINVAL for another. */
int log_level_parse(const char *text, enum log_level *out);

void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/** Reports a failure with its hint: "program: message (hint: ...)". */
void log_error(const struct error *err);
