/*
 * timestamp.h: points in time as the documents write them (RFC 3339).
 *
 * In UTC, by arithmetic alone: gmtime(3) reads the file of the time zone first,
 * which a program that runs for milliseconds would notice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Room for timestamp_format(). */
#define TIMESTAMP_MAX 40

/** Nanoseconds a second: times are nanoseconds since 1970. */
#define TIMESTAMP_SECOND INT64_C(1000000000)

/** The time now. */
int64_t timestamp_now(void);

/**
 * Writes a time as "2024-01-02T03:04:05Z".
 * @time: nanoseconds since 1970
 * @fraction: with nine digits of nanoseconds, too
 * Returns `buffer`.
 */
const char *timestamp_format(int64_t time, bool fraction, char buffer[TIMESTAMP_MAX]);

/**
 * Reads a time with any number of digits of a fraction, and with an offset or "Z".
 * @out: nanoseconds since 1970
 * Returns 0, or -EINVAL for any other text, for NULL, and for years outside of 1678 to 2261.
 */
int timestamp_parse(const char *text, int64_t *out);
