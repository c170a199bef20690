/*
 * From text to tree. yajl's streaming parser calls back for each token; the
 * tree and all its limits are ours.
 */
#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"

#define DEFAULT_SIZE ((size_t) 16 * 1024 * 1024)
/* So that `count` in struct json has room. */
#define GREATEST_SIZE ((size_t) 128 * 1024 * 1024)
#define DEFAULT_DEPTH 64
#define DEFAULT_MEMBERS 16384
/* Up to so many members of an object are compared one by one, which for most is the faster way. */
#define FEW_MEMBERS 32

/* So many names that were read lately are remembered: those of a list of alike objects are kept once. */
#define NAMES 32

struct name {
        const char *text; /* NULL: none */
        size_t size;
};

/* The members of large objects by object and name; without it, time grows with the square of their number. */
struct member_table {
        const struct json **slots; /* a power of two of them, at most half in use */
        size_t room;
        size_t count;
};

struct json_builder {
        struct arena *arena;
        struct member_table table;
        struct json_limits limits;
        struct json *root;
        struct json *open; /* the innermost object or array not yet ended */
        struct json *last; /* its last child; NULL: it has none */
        size_t depth;
        struct name names[NAMES];
        const char *key;   /* of the member whose value comes next */
        struct error *err; /* always there, so that a callback's refusal is told from yajl's */
};

/* FNV-1a. */
static uint32_t hash_key(const char *key) {
        uint32_t hash = 2166136261U;

        for (; *key; key++)
                hash = (hash ^ (unsigned char) *key) * 16777619U;
        return hash;
}

/* Where the member is, or the free slot where it would be. */
static const struct json **find_slot(const struct member_table *table, const struct json *object, const char *key) {
        uint64_t mixed = ((uint64_t) (uintptr_t) object ^ hash_key(key)) * UINT64_C(0x9e3779b97f4a7c15);

        for (size_t i = (size_t) (mixed >> 32);; i++) {
                const struct json **slot = &table->slots[i & (table->room - 1)];

                if (!*slot || ((*slot)->parent == object && str_equal((*slot)->key, key)))
                        return slot;
        }
}

static void table_add(struct member_table *table, const struct json *member) {
        if (table->count * 2 >= table->room) {
                struct member_table larger = {.room = table->room ? table->room * 2 : 1024, .count = table->count};

                larger.slots = xcalloc(larger.room, sizeof(*larger.slots));
                for (size_t i = 0; i < table->room; i++)
                        if (table->slots[i])
                                *find_slot(&larger, table->slots[i]->parent, table->slots[i]->key) = table->slots[i];
                free(table->slots);
                *table = larger;
        }
        *find_slot(table, member->parent, member->key) = member;
        table->count++;
}

/* The member of the object being read whose name is that of the builder. */
static const struct json *find_member(struct json_builder *builder) {
        const struct json *object = builder->open;

        if (object->count > FEW_MEMBERS)
                return *find_slot(&builder->table, object, builder->key);
        json_for_each (member, object)
                if (member->key[0] == builder->key[0] && str_equal(member->key, builder->key))
                        return member;
        return NULL;
}

/* Once an object is large, its members are in the table. */
static void note_member(struct json_builder *builder, const struct json *value) {
        const struct json *object = value->parent;

        if (object->count > FEW_MEMBERS + 1)
                table_add(&builder->table, value);
        else if (object->count == FEW_MEMBERS + 1)
                json_for_each (member, object)
                        table_add(&builder->table, member);
}

static struct json *add_value(struct json_builder *builder, enum json_type type) {
        struct json *value = arena_alloc(builder->arena, 1, sizeof(*value));
        struct json *parent = builder->open;

        value->type = type;
        value->folds = builder->limits.fold_keys;
        value->parent = parent;
        if (!parent) {
                builder->root = value;
                return value;
        }
        if (parent->type == JSON_OBJECT)
                value->key = builder->key;
        value->index = parent->count++;
        if (builder->last)
                builder->last->next = value;
        else
                parent->first = value;
        builder->last = value;
        if (parent->type == JSON_OBJECT)
                note_member(builder, value);
        return value;
}

static int on_null(void *context) {
        (void) add_value(context, JSON_NULL);
        return 1;
}

static int on_boolean(void *context, int boolean) {
        add_value(context, JSON_BOOL)->boolean = boolean;
        return 1;
}

static int on_number(void *context, const char *text, size_t size) {
        struct json_builder *builder = context;

        add_value(builder, JSON_NUMBER)->text = arena_strndup(builder->arena, text, size);
        return 1;
}

/* A NUL would end a path or name early, so that what is checked differs from what is used. */
static int check_text(struct json_builder *builder, const unsigned char *text, size_t size) {
        if (!memchr(text, '\0', size))
                return 1;
        (void) error_set(builder->err, EINVAL, "a string holds a NUL character");
        return 0;
}

static int on_string(void *context, const unsigned char *text, size_t size) {
        struct json_builder *builder = context;

        if (!check_text(builder, text, size))
                return 0;
        add_value(builder, JSON_STRING)->text = arena_strndup(builder->arena, (const char *) text, size);
        return 1;
}

static const char *keep_name(struct json_builder *builder, const char *text, size_t size) {
        size_t place = size ? (size_t) (unsigned char) text[0] + 3 * (unsigned char) text[size / 2] + 5 * size : 0;
        struct name *name = &builder->names[place % NAMES];

        if (!name->text || name->size != size || memcmp(name->text, text, size) != 0)
                *name = (struct name){arena_strndup(builder->arena, text, size), size};
        return name->text;
}

static int on_key(void *context, const unsigned char *text, size_t size) {
        struct json_builder *builder = context;
        const struct json *twin;

        if (!check_text(builder, text, size))
                return 0;
        if (builder->open->count >= builder->limits.members) {
                (void) json_error(builder->open, builder->err, E2BIG, "more than %zu members", builder->limits.members);
                return 0;
        }
        builder->key = keep_name(builder, (const char *) text, size);
        twin = find_member(builder);
        if (!twin)
                return 1;
        (void) json_error(twin, builder->err, EINVAL, "given twice");
        return 0;
}

static int on_start(struct json_builder *builder, enum json_type type) {
        if (builder->depth >= builder->limits.depth) {
                (void) error_set(builder->err, E2BIG, "nested more than %zu levels deep", builder->limits.depth);
                return 0;
        }
        builder->open = add_value(builder, type);
        builder->last = NULL;
        builder->depth++;
        return 1;
}

static int on_start_object(void *context) {
        return on_start(context, JSON_OBJECT);
}

static int on_start_array(void *context) {
        return on_start(context, JSON_ARRAY);
}

static int on_end(void *context) {
        struct json_builder *builder = context;

        /* The tree is read-only for its users; while it is built, its values are ours to change. */
        builder->last = builder->open;
        builder->open = (struct json *) (uintptr_t) builder->open->parent;
        builder->depth--;
        return 1;
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_start_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_start_array,
        .yajl_end_array = on_end,
};

/* "parse error: trailing garbage" and the like, with the line: yajl's own excerpt may hold anything. */
static int syntax_error(yajl_handle parser, const char *text, size_t size, struct error *err) {
        size_t consumed = yajl_get_bytes_consumed(parser);
        unsigned char *message = yajl_get_error(parser, 0, (const unsigned char *) text, size);
        const char *reason = (const char *) message;
        size_t line = 1;
        size_t column = 1;

        for (size_t i = 0; i < size && i < consumed; i++) {
                column++;
                if (text[i] == '\n') {
                        line++;
                        column = 1;
                }
        }
        for (const char *colon = strchr(reason, ':'); colon && colon[1] == ' '; colon = strchr(reason, ':'))
                reason = colon + 2;
        (void) error_set(err, EINVAL, "line %zu, column %zu: not valid JSON: %.*s", line, column,
                         (int) strcspn(reason, "\n"), reason);
        yajl_free_error(parser, message);
        return -EINVAL;
}

DEFINE_CLEANUP(cleanup_yajl, yajl_handle, yajl_free);

int json_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
               const struct json **out, struct error *err) {
        struct error refusal = {0};
        struct json_builder builder = {.arena = arena, .err = &refusal};
        _cleanup_(cleanup_yajl) yajl_handle parser = NULL;
        yajl_status status;

        if (limits)
                builder.limits = *limits;
        builder.limits.size = builder.limits.size ? builder.limits.size : DEFAULT_SIZE;
        builder.limits.depth = builder.limits.depth ? builder.limits.depth : DEFAULT_DEPTH;
        builder.limits.members = builder.limits.members ? builder.limits.members : DEFAULT_MEMBERS;
        if (builder.limits.size > GREATEST_SIZE)
                builder.limits.size = GREATEST_SIZE;
        if (size > builder.limits.size)
                return error_set(err, EFBIG, "larger than %zu bytes", builder.limits.size);

        parser = yajl_alloc(&callbacks, NULL, &builder);
        if (!parser)
                return error_errno(err, ENOMEM, "cannot parse JSON");
        status = yajl_parse(parser, (const unsigned char *) text, size);
        if (status == yajl_status_ok)
                status = yajl_complete_parse(parser);
        free(builder.table.slots);
        if (status == yajl_status_client_canceled) {
                if (err)
                        *err = refusal;
                return -refusal.code;
        }
        if (status != yajl_status_ok)
                return syntax_error(parser, text, size, err);
        *out = builder.root;
        return 0;
}

int json_parse_file(struct arena *arena, int dir_fd, const char *path, const struct json_limits *limits,
                    const struct json **out, struct error *err) {
        _cleanup_free_ char *text = NULL;
        size_t max = limits && limits->size ? limits->size : DEFAULT_SIZE;
        size_t size;
        int r;

        r = file_read(dir_fd, path, max, &text, &size, err);
        if (r < 0)
                return r;
        r = json_parse(arena, text, size, limits, out, err);
        return r < 0 ? error_wrap(err, "%s", path) : 0;
}
