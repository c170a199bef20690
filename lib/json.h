/*
 * json.h: JSON documents: a read-only tree made by yajl's streaming parser
 * (the only file that sees yajl is json_parse.c), typed access whose errors
 * name the field, and a writer.
 *
 * Documents come from outside, so size, depth and number of members are
 * bounded, and duplicate keys and NUL characters in strings are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "memory.h"
#include "str.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_OBJECT, JSON_ARRAY };

/* One value of the tree. Read the public fields; the tree belongs to the arena it was parsed into. */
struct json {
        const char *text;          /* JSON_STRING: the characters; JSON_NUMBER: as written */
        const char *key;           /* the member's name when the parent is an object */
        const struct json *first;  /* first child */
        const struct json *next;   /* next sibling */
        const struct json *parent; /* NULL at the root */
        uint32_t index;            /* position within the parent */
        uint32_t count : 27;       /* JSON_OBJECT, JSON_ARRAY: number of children */
        enum json_type type : 3;
        uint32_t boolean : 1; /* JSON_BOOL */
        uint32_t folds : 1;   /* JSON_OBJECT: of json_limits.fold_keys */
};

/* The most a document may hold, and how it is read. Zero fields mean the default. */
struct json_limits {
        size_t size;    /* bytes, default 16 MiB; 128 MiB at most */
        size_t depth;   /* nested objects and arrays, default 64 */
        size_t members; /* members of one object, default 16384 */
        bool fold_keys; /* json_get() takes a member whose name differs in case alone where no other has the name */
};

/**
 * Parses one document.
 * @arena: owns the tree afterwards
 * @limits: may be NULL for the defaults
 * @out: set to the root
 * Returns 0, -EINVAL for bad JSON (the message says where), -EFBIG or -E2BIG beyond a limit.
 */
int json_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
               const struct json **out, struct error *err);

/** Reads and parses a file; the message starts with its path. */
int json_parse_file(struct arena *arena, int dir_fd, const char *path, const struct json_limits *limits,
                    const struct json **out, struct error *err);

#define json_for_each(child, parent_) for (const struct json *child = (parent_)->first; child; child = child->next)

/** "object", "string", … for messages. */
const char *json_type_name(enum json_type type);

/** Sets an error that starts with the value's place in the document: "mounts[3].source: ...". Returns -code. */
int json_error(const struct json *value, struct error *err, int code, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/** The value's place in the document, such as "linux.namespaces[2].type"; the root gives "". */
const char *json_path(const struct json *value, struct arena *arena);

/** The member `key` of an object; NULL when it is not there or null, or when `object` is NULL. */
const struct json *json_get(const struct json *object, const char *key);

/** True if the object has the member, be it null. */
bool json_has(const struct json *object, const char *key);

/** As json_get(), but a missing or null member is an error: "process.args: required, but missing". */
int json_require(const struct json *object, const char *key, const struct json **out, struct error *err);

/** -EINVAL unless the value has the type: "process.args: expected an array, not a string". */
int json_expect(const struct json *value, enum json_type type, struct error *err);

/*
 * Typed members of an object. A missing or null member leaves *out as it was and
 * is no error; a wrong type or a number out of range is. Strings point into the tree.
 */
int json_get_string(const struct json *object, const char *key, const char **out, struct error *err);
int json_get_bool(const struct json *object, const char *key, bool *out, struct error *err);
int json_get_i64(const struct json *object, const char *key, int64_t min, int64_t max, int64_t *out, struct error *err);
int json_get_u64(const struct json *object, const char *key, uint64_t max, uint64_t *out, struct error *err);
int json_get_u32(const struct json *object, const char *key, uint32_t *out, struct error *err);
int json_get_int(const struct json *object, const char *key, int *out, struct error *err);
int json_get_double(const struct json *object, const char *key, double *out, struct error *err);
int json_get_object(const struct json *object, const char *key, const struct json **out, struct error *err);
int json_get_array(const struct json *object, const char *key, const struct json **out, struct error *err);
/** An array of strings as a NULL-terminated list in the arena; *count may be NULL. */
int json_get_strings(struct arena *arena, const struct json *object, const char *key, const char ***out, size_t *count,
                     struct error *err);

/** The value itself as a number: for array elements. */
int json_to_i64(const struct json *value, int64_t min, int64_t max, int64_t *out, struct error *err);
int json_to_u64(const struct json *value, uint64_t max, uint64_t *out, struct error *err);

/*
 * Writes a document member by member. `key` is the member's name inside an
 * object and NULL inside an array or at the root. Initialise with {0}, or
 * {.indent = 2} for text that people read.
 */
struct json_writer {
        struct str_buf out;
        int indent; /* spaces a level; 0 for one line */
        int depth;
        bool follows; /* a value stands before the next one at this level */
};

void json_begin_object(struct json_writer *writer, const char *key);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer, const char *key);
void json_end_array(struct json_writer *writer);
/** A string member; NULL writes nothing (an absent optional member). */
void json_put_string(struct json_writer *writer, const char *key, const char *value);
void json_put_bool(struct json_writer *writer, const char *key, bool value);
void json_put_int(struct json_writer *writer, const char *key, int64_t value);
void json_put_uint(struct json_writer *writer, const char *key, uint64_t value);
void json_put_double(struct json_writer *writer, const char *key, double value);
void json_put_null(struct json_writer *writer, const char *key);
/** An array of strings; NULL writes nothing. `list` is NULL-terminated. */
void json_put_strings(struct json_writer *writer, const char *key, const char *const *list);
/** A copy of a parsed value with all below it; NULL writes nothing. */
void json_put_value(struct json_writer *writer, const char *key, const struct json *value);
/** The document, which the caller frees; the writer is empty again. */
char *json_writer_take(struct json_writer *writer);
void json_writer_free(struct json_writer *writer);

#define _cleanup_json_writer_ _cleanup_(json_writer_free)
