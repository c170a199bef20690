/*
 * document.h: JSON documents as tables: one row a member of a C structure. The
 * row gives the parser, the checks and the writer, so that they cannot differ.
 *
 * A null member counts as absent, and so does an empty string where the member
 * is optional: callers written in Go leave both behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"

/* How a member is kept in the structure at `offset`. */
enum document_kind {
        DOCUMENT_STRING,   /* const char *; NULL when absent */
        DOCUMENT_STRINGS,  /* const char *const *, NULL-terminated; NULL when absent */
        DOCUMENT_CHAR,     /* char, one of `letters`; unchanged when absent */
        DOCUMENT_BOOL,     /* bool */
        DOCUMENT_I32,      /* int32_t */
        DOCUMENT_I64,      /* int64_t */
        DOCUMENT_U32,      /* uint32_t */
        DOCUMENT_U64,      /* uint64_t */
        DOCUMENT_OPT_BOOL, /* struct opt_bool */
        DOCUMENT_OPT_I64,  /* struct opt_i64 */
        DOCUMENT_OPT_U64,  /* struct opt_u64, at most `max` */
        DOCUMENT_U32S,     /* const uint32_t *, and a size_t at `count` */
        DOCUMENT_GROUP,    /* an object whose members are kept in the structure at `offset` itself */
        DOCUMENT_POINTER,  /* an object kept as a pointer to its structure; NULL when absent */
        DOCUMENT_LIST,     /* an array of objects: a pointer, and a size_t at `count` */
        DOCUMENT_MAP,      /* an object of objects, kept as a list; the name goes to the first member of each */
        DOCUMENT_PAIRS,    /* an object of strings: struct runtime_pairs */
        DOCUMENT_CUSTOM,   /* by the functions of `custom` */
};

enum document_flag {
        DOCUMENT_REQUIRED = 1, /* absent is an error; implies DOCUMENT_ALWAYS */
        DOCUMENT_ALWAYS = 2,   /* written also when it is zero or empty */
        DOCUMENT_ABSOLUTE = 4, /* a string (or each of the strings) must be an absolute path */
};

/* A member that no kind describes. */
struct document_custom {
        int (*parse)(struct arena *arena, const struct json *value, void *member, struct error *err);
        bool (*present)(const void *member);
        void (*write)(struct json_writer *writer, const char *key, const void *member);
};

struct document_field {
        const char *name;
        enum document_kind kind;
        unsigned int flags; /* of enum document_flag */
        size_t offset;
        size_t count;                     /* lists: where their count is */
        uint64_t max;                     /* DOCUMENT_OPT_U64, U32, U32S: 0 for no other bound than the type's */
        const char *letters;              /* DOCUMENT_CHAR */
        const char *const *names;         /* strings: the known ones, NULL-terminated; NULL: any */
        const struct document_type *type; /* kinds made of objects */
        const struct document_custom *custom;
};

struct document_type {
        const struct document_field *fields;
        size_t field_count;
        size_t size; /* of the structure */
        /* Checks and completes what the rows cannot say; may be NULL. */
        int (*finish)(struct arena *arena, const struct json *object, void *item, struct error *err);
};

/**
 * Reads an object into a structure. Members the table does not name are ignored,
 * as the OCI specifications want (extensibility).
 * @item: zeroed by the caller, or holding defaults
 * Returns 0, or a negative errno with the member's place in the message.
 */
int document_parse(struct arena *arena, const struct json *object, const struct document_type *type, void *item,
                   struct error *err);

/** Writes a structure as an object. */
void document_write(struct json_writer *writer, const char *key, const struct document_type *type, const void *item);

/** An error unless the string value is one of `names` (NULL-terminated). */
int document_check_name(const struct json *value, const char *const *names, struct error *err);

/** Turns an object of strings into pairs. The arena owns the list, the texts are the document's. */
struct runtime_pairs;
int document_pairs(struct arena *arena, const struct json *object, struct runtime_pairs *out, struct error *err);
