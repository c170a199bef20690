#include "document.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "runtime_config.h"

/* One row a kind: how it is read, whether there is anything to write, and how it is written. */
struct kind_handler {
        int (*parse)(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                     struct error *err);
        bool (*present)(const struct document_field *field, const char *item);
        void (*write)(struct json_writer *writer, const struct document_field *field, const char *item);
};

static const struct kind_handler kind_handlers[];

/* The member of `item` that the row describes, as an lvalue of the given type. */
#define MEMBER(item, field, type) (*(type *) (void *) ((item) + (field)->offset))
#define CONST_MEMBER(item, field, type) (*(const type *) (const void *) ((item) + (field)->offset))
#define COUNT(item, field) (*(size_t *) (void *) ((item) + (field)->count))
#define CONST_COUNT(item, field) (*(const size_t *) (const void *) ((item) + (field)->count))

int document_check_name(const struct json *value, const char *const *names, struct error *err) {
        for (size_t i = 0; names[i]; i++)
                if (str_equal(names[i], value->text))
                        return 0;

        return json_error(value, err, EINVAL, "unknown value \"%s\"", value->text);
}

static int check_string(const struct document_field *field, const struct json *value, struct error *err) {
        if ((field->flags & DOCUMENT_ABSOLUTE) && value->text[0] != '/')
                return json_error(value, err, EINVAL, "\"%s\" is not an absolute path", value->text);

        return field->names ? document_check_name(value, field->names, err) : 0;
}

static int string_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                        struct error *err) {
        int r = json_expect(value, JSON_STRING, err);

        (void) arena;
        if (r < 0)
                return r;
        if (value->text[0] == '\0') {
                if (field->flags & DOCUMENT_REQUIRED)
                        return json_error(value, err, EINVAL, "must not be empty");
                return 0;
        }

        r = check_string(field, value, err);
        if (r < 0)
                return r;
        MEMBER(item, field, const char *) = value->text;
        return 0;
}

static bool string_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, char *) != NULL;
}

static void string_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const char *text = CONST_MEMBER(item, field, char *);

        json_put_string(writer, field->name, text ? text : "");
}

static int strings_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                         struct error *err) {
        int r = json_get_strings(arena, value->parent, field->name, &MEMBER(item, field, const char **), NULL, err);

        if (r < 0)
                return r;
        json_for_each (element, value) {
                r = check_string(field, element, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void strings_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        json_put_strings(writer, field->name, CONST_MEMBER(item, field, char *const *const));
}

static int char_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                      struct error *err) {
        int r = json_expect(value, JSON_STRING, err);

        (void) arena;
        if (r < 0)
                return r;
        if (value->text[0] == '\0' && !(field->flags & DOCUMENT_REQUIRED))
                return 0;
        if (strlen(value->text) != 1 || !strchr(field->letters, value->text[0]))
                return json_error(value, err, EINVAL, "\"%s\" is not one of the letters \"%s\"", value->text,
                                  field->letters);
        MEMBER(item, field, char) = value->text[0];
        return 0;
}

static bool char_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, char) != '\0';
}

static void char_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const char text[2] = {CONST_MEMBER(item, field, char), '\0'};

        json_put_string(writer, field->name, text);
}

static int bool_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                      struct error *err) {
        int r = json_expect(value, JSON_BOOL, err);

        (void) arena;
        if (r < 0)
                return r;
        MEMBER(item, field, bool) = value->boolean;
        return 0;
}

static bool bool_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, bool);
}

static void bool_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        json_put_bool(writer, field->name, CONST_MEMBER(item, field, bool));
}

/* The four plain number kinds differ in their C type alone. */
#define DEFINE_NUMBER(prefix, type, wide, reader, writer_call, ...)                                                    \
        static int prefix##_parse(struct arena *arena, const struct document_field *field, const struct json *value,   \
                                  char *item, struct error *err) {                                                     \
                wide number = 0;                                                                                       \
                int r = reader(value, __VA_ARGS__, &number, err);                                                      \
                                                                                                                       \
                (void) arena;                                                                                          \
                if (r < 0)                                                                                             \
                        return r;                                                                                      \
                MEMBER(item, field, type) = (type) number;                                                             \
                return 0;                                                                                              \
        }                                                                                                              \
        static bool prefix##_present(const struct document_field *field, const char *item) {                           \
                return CONST_MEMBER(item, field, type) != 0;                                                           \
        }                                                                                                              \
        static void prefix##_write(struct json_writer *writer, const struct document_field *field, const char *item) { \
                writer_call(writer, field->name, CONST_MEMBER(item, field, type));                                     \
        }

DEFINE_NUMBER(i32, int32_t, int64_t, json_to_i64, json_put_int, INT32_MIN, INT32_MAX)
DEFINE_NUMBER(i64, int64_t, int64_t, json_to_i64, json_put_int, INT64_MIN, INT64_MAX)
DEFINE_NUMBER(u32, uint32_t, uint64_t, json_to_u64, json_put_uint, field->max ? field->max : UINT32_MAX)
DEFINE_NUMBER(u64, uint64_t, uint64_t, json_to_u64, json_put_uint, UINT64_MAX)

static int opt_bool_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                          struct error *err) {
        int r = json_expect(value, JSON_BOOL, err);

        (void) arena;
        if (r < 0)
                return r;
        MEMBER(item, field, struct opt_bool) = (struct opt_bool){.set = true, .value = value->boolean};
        return 0;
}

static bool opt_bool_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, struct opt_bool).set;
}

static void opt_bool_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        json_put_bool(writer, field->name, CONST_MEMBER(item, field, struct opt_bool).value);
}

static int opt_i64_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                         struct error *err) {
        struct opt_i64 number = {.set = true};
        int r = json_to_i64(value, INT64_MIN, INT64_MAX, &number.value, err);

        (void) arena;
        if (r < 0)
                return r;
        MEMBER(item, field, struct opt_i64) = number;
        return 0;
}

static bool opt_i64_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, struct opt_i64).set;
}

static void opt_i64_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        json_put_int(writer, field->name, CONST_MEMBER(item, field, struct opt_i64).value);
}

static int opt_u64_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                         struct error *err) {
        struct opt_u64 number = {.set = true};
        int r = json_to_u64(value, field->max ? field->max : UINT64_MAX, &number.value, err);

        (void) arena;
        if (r < 0)
                return r;
        MEMBER(item, field, struct opt_u64) = number;
        return 0;
}

static bool opt_u64_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, struct opt_u64).set;
}

static void opt_u64_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        json_put_uint(writer, field->name, CONST_MEMBER(item, field, struct opt_u64).value);
}

static int u32s_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                      struct error *err) {
        int r = json_expect(value, JSON_ARRAY, err);
        uint32_t *list;
        size_t i = 0;

        if (r < 0)
                return r;
        list = arena_alloc(arena, value->count, sizeof(*list));
        json_for_each (element, value) {
                uint64_t number = 0;

                r = json_to_u64(element, field->max ? field->max : UINT32_MAX, &number, err);
                if (r < 0)
                        return r;
                list[i++] = (uint32_t) number;
        }
        MEMBER(item, field, const uint32_t *) = list;
        COUNT(item, field) = i;
        return 0;
}

static bool list_present(const struct document_field *field, const char *item) {
        return CONST_COUNT(item, field) > 0;
}

static void u32s_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const uint32_t *list = CONST_MEMBER(item, field, uint32_t *const);

        json_begin_array(writer, field->name);
        for (size_t i = 0; i < CONST_COUNT(item, field); i++)
                json_put_uint(writer, NULL, list[i]);
        json_end_array(writer);
}

static int group_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                       struct error *err) {
        return document_parse(arena, value, field->type, item + field->offset, err);
}

static bool group_present(const struct document_field *field, const char *item) {
        for (size_t i = 0; i < field->type->field_count; i++) {
                const struct document_field *member = &field->type->fields[i];

                if (kind_handlers[member->kind].present(member, item + field->offset))
                        return true;
        }
        return false;
}

static void group_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        document_write(writer, field->name, field->type, item + field->offset);
}

static int pointer_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                         struct error *err) {
        void *target = arena_alloc(arena, 1, field->type->size);
        int r = document_parse(arena, value, field->type, target, err);

        if (r < 0)
                return r;
        MEMBER(item, field, void *) = target;
        return 0;
}

static void pointer_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        document_write(writer, field->name, field->type, CONST_MEMBER(item, field, void *const));
}

/* Lists and maps alike: every child becomes one item. */
static int children_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                          struct error *err) {
        bool named = field->kind == DOCUMENT_MAP;
        int r = json_expect(value, named ? JSON_OBJECT : JSON_ARRAY, err);
        size_t size = field->type->size, used = 0;
        char *list;

        if (r < 0)
                return r;
        list = arena_alloc(arena, value->count, size);
        json_for_each (child, value) {
                if (named && child->type == JSON_NULL)
                        continue;
                if (named)
                        *(const char **) (void *) (list + used * size) = child->key;
                r = document_parse(arena, child, field->type, list + used * size, err);
                if (r < 0)
                        return r;
                used++;
        }
        MEMBER(item, field, void *) = list;
        COUNT(item, field) = used;
        return 0;
}

static void list_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const char *list = CONST_MEMBER(item, field, char *const);

        json_begin_array(writer, field->name);
        for (size_t i = 0; i < CONST_COUNT(item, field); i++)
                document_write(writer, NULL, field->type, list + i * field->type->size);
        json_end_array(writer);
}

static void map_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const char *list = CONST_MEMBER(item, field, char *const);

        json_begin_object(writer, field->name);
        for (size_t i = 0; i < CONST_COUNT(item, field); i++) {
                const char *entry = list + i * field->type->size;

                document_write(writer, *(const char *const *) (const void *) entry, field->type, entry);
        }
        json_end_object(writer);
}

int document_pairs(struct arena *arena, const struct json *object, struct runtime_pairs *out, struct error *err) {
        int r = json_expect(object, JSON_OBJECT, err);
        struct string_pair *list;
        size_t used = 0;

        if (r < 0)
                return r;
        list = arena_alloc(arena, object->count, sizeof(*list));
        json_for_each (child, object) {
                if (child->type == JSON_NULL)
                        continue;
                if (child->key[0] == '\0')
                        return json_error(object, err, EINVAL, "a name must not be empty");
                r = json_expect(child, JSON_STRING, err);
                if (r < 0)
                        return r;
                list[used++] = (struct string_pair){.key = child->key, .value = child->text};
        }
        *out = (struct runtime_pairs){.items = list, .count = used};
        return 0;
}

static int pairs_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                       struct error *err) {
        return document_pairs(arena, value, &MEMBER(item, field, struct runtime_pairs), err);
}

static bool pairs_present(const struct document_field *field, const char *item) {
        return CONST_MEMBER(item, field, struct runtime_pairs).count > 0;
}

static void pairs_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        const struct runtime_pairs *pairs = &CONST_MEMBER(item, field, struct runtime_pairs);

        json_begin_object(writer, field->name);
        for (size_t i = 0; i < pairs->count; i++)
                json_put_string(writer, pairs->items[i].key, pairs->items[i].value);
        json_end_object(writer);
}

static int custom_parse(struct arena *arena, const struct document_field *field, const struct json *value, char *item,
                        struct error *err) {
        return field->custom->parse(arena, value, item + field->offset, err);
}

static bool custom_present(const struct document_field *field, const char *item) {
        return field->custom->present(item + field->offset);
}

static void custom_write(struct json_writer *writer, const struct document_field *field, const char *item) {
        field->custom->write(writer, field->name, item + field->offset);
}

static const struct kind_handler kind_handlers[] = {
        [DOCUMENT_STRING] = {string_parse, string_present, string_write},
        [DOCUMENT_STRINGS] = {strings_parse, string_present, strings_write},
        [DOCUMENT_CHAR] = {char_parse, char_present, char_write},
        [DOCUMENT_BOOL] = {bool_parse, bool_present, bool_write},
        [DOCUMENT_I32] = {i32_parse, i32_present, i32_write},
        [DOCUMENT_I64] = {i64_parse, i64_present, i64_write},
        [DOCUMENT_U32] = {u32_parse, u32_present, u32_write},
        [DOCUMENT_U64] = {u64_parse, u64_present, u64_write},
        [DOCUMENT_OPT_BOOL] = {opt_bool_parse, opt_bool_present, opt_bool_write},
        [DOCUMENT_OPT_I64] = {opt_i64_parse, opt_i64_present, opt_i64_write},
        [DOCUMENT_OPT_U64] = {opt_u64_parse, opt_u64_present, opt_u64_write},
        [DOCUMENT_U32S] = {u32s_parse, list_present, u32s_write},
        [DOCUMENT_GROUP] = {group_parse, group_present, group_write},
        [DOCUMENT_POINTER] = {pointer_parse, string_present, pointer_write},
        [DOCUMENT_LIST] = {children_parse, list_present, list_write},
        [DOCUMENT_MAP] = {children_parse, list_present, map_write},
        [DOCUMENT_PAIRS] = {pairs_parse, pairs_present, pairs_write},
        [DOCUMENT_CUSTOM] = {custom_parse, custom_present, custom_write},
};

int document_parse(struct arena *arena, const struct json *object, const struct document_type *type, void *item,
                   struct error *err) {
        int r = json_expect(object, JSON_OBJECT, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < type->field_count; i++) {
                const struct document_field *field = &type->fields[i];
                const struct json *value = json_get(object, field->name);

                if (!value) {
                        if (!(field->flags & DOCUMENT_REQUIRED))
                                continue;
                        return json_require(object, field->name, &value, err);
                }
                r = kind_handlers[field->kind].parse(arena, field, value, item, err);
                if (r < 0)
                        return r;
        }
        return type->finish ? type->finish(arena, object, item, err) : 0;
}

void document_write(struct json_writer *writer, const char *key, const struct document_type *type, const void *item) {
        json_begin_object(writer, key);
        for (size_t i = 0; i < type->field_count; i++) {
                const struct document_field *field = &type->fields[i];

                if ((field->flags & (DOCUMENT_REQUIRED | DOCUMENT_ALWAYS)) ||
                    kind_handlers[field->kind].present(field, item))
                        kind_handlers[field->kind].write(writer, field, item);
        }
        json_end_object(writer);
}
