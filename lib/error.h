/*
 * error.h: one error object, filled where a thing fails and wrapped on the way out.
 *
 * A function that can fail returns 0 (or an fd, or a count) on success and a
 * negative errno on failure, and takes `struct error *err` last. Success never
 * touches it. The message reads outside in, the hint is the remedy:
 * "mounts[3] /data: source /no/such: No such file or directory (hint: ...)".
 */
#pragma once

#include <stdarg.h>

/*
 * The text is stored in place, so that an error can be written as it is over a
 * socket from the container's init process to its parent.
 */
struct error {
        int code; /* a positive errno; 0 while nothing failed */
        char message[1024];
        char hint[256];
};

/**
 * Sets the error, replacing what it held.
 * @err: may be NULL when the caller does not want the text
 * @code: a positive errno that says what kind of failure this is
 * @format: names the thing and the cause
 * Returns -code, so that it can stand in a return statement.
 */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** error_set() whose message ends in ": " and the description of `code` (strerror(3)). */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Puts "context: " before the message. Returns -err->code (or -EIO when err is NULL). */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Sets the remedy, shown in parentheses after the message. Returns like error_wrap(). */
int error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Forgets the error: afterwards it is as initialised. */
void error_clear(struct error *err);

/** The whole text, hint included, for a log or an error document; the caller frees it. */
char *error_text(const struct error *err);
