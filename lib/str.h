/*
 * str.h: growing strings and lists, and numbers read from text without surprises.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"

static inline bool str_equal(const char *a, const char *b) {
        return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}

static inline bool str_empty(const char *text) {
        return !text || text[0] == '\0';
}

bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);

/** printf into new memory; the caller frees it. Never NULL. */
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/** A number that keeps texts, or keys, apart (FNV-1a). Nothing may depend on its strength. */
uint64_t str_hash(const void *data, size_t size);

/**
 * A text of `max` bytes at most: a longer one ends in "~" and the 16 digits of its hash. The caller frees it.
 * @max: more than 17
 */
char *str_shorten(const char *text, size_t max) __attribute__((returns_nonnull));

/* Text that grows. Initialise with {0}; `data` is NULL or NUL-terminated. */
struct str_buf {
        char *data;
        size_t size; /* bytes used, without the NUL */
        size_t room;
};

void str_buf_free(struct str_buf *buf);
void str_buf_add(struct str_buf *buf, const char *text);
void str_buf_add_bytes(struct str_buf *buf, const void *data, size_t size);
void str_buf_printf(struct str_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The text, never NULL; the caller frees it and the buffer is empty again. */
char *str_buf_take(struct str_buf *buf);

#define _cleanup_str_buf_ _cleanup_(str_buf_free)

/* A list of strings it owns. Initialise with {0}; `items` is NULL or NULL-terminated, usable as argv. */
struct str_list {
        char **items;
        size_t count;
        size_t room;
};

void str_list_free(struct str_list *list);
void str_list_add(struct str_list *list, const char *text);
/** Adds a string and takes it over. */
void str_list_take(struct str_list *list, char *text);
void str_list_printf(struct str_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool str_list_contains(const struct str_list *list, const char *text);
/** Adds a text that is not empty, unless the list contains it. */
void str_list_add_once(struct str_list *list, const char *text);
/** Splits at every `separator`; empty parts are kept ("" gives no part). Adds to the list. */
void str_list_split(struct str_list *list, const char *text, char separator);
/** The items with `separator` between them; the caller frees it. */
char *str_list_join(const struct str_list *list, const char *separator);

#define _cleanup_str_list_ _cleanup_(str_list_free)

/** The whole text as a decimal number within [min, max]; -EINVAL or -ERANGE otherwise, *out untouched. */
int str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out);
int str_to_u64(const char *text, uint64_t max, uint64_t *out);
/** As above in the given base (0: C prefixes, 8: file modes). */
int str_to_u64_base(const char *text, int base, uint64_t max, uint64_t *out);

/**
 * Numbers and ranges as the kernel lists processors and memory nodes: "0-3,7"; spaces are passed over.
 * @count: how many bits there are; a number that is not below it gives -ERANGE
 * @bits: their bits are set here, all others cleared; NULL to check the text alone
 * Returns 0 or a negative errno (-EINVAL: not such a list).
 */
int str_to_bits(const char *text, size_t count, unsigned long *bits);

#define STR_BITS_WORD (8 * sizeof(unsigned long))
/** How many words str_to_bits() needs for `count` bits. */
#define STR_BITS_WORDS(count) (((count) + STR_BITS_WORD - 1) / STR_BITS_WORD)

/** A size as docker writes it: "512", "100m", "1.5g", "64kb", "1GiB" (powers of 1024), in bytes. */
int str_to_bytes(const char *text, int64_t *out);

/** A span as docker writes it: "90", "1m30s", "1.5h", "300ms", in nanoseconds; a bare number is seconds. */
int str_to_duration(const char *text, int64_t *out);

/** The length of the well-formed UTF-8 sequence at `text` (RFC 3629), or 0 if there is none. */
size_t str_utf8_length(const char *text);

/** False for text that a JSON document cannot hold as it is. */
bool str_is_utf8(const char *text);
