/*
 * Typed access to a parsed tree. A value knows its parent, so every error can
 * say where in the document it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"

static const char *const type_names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",   [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
};

const char *json_type_name(enum json_type type) {
        return type_names[type];
}

static void add_path(struct str_buf *buf, const struct json *value) {
        if (!value->parent)
                return;
        add_path(buf, value->parent);
        if (value->key)
                str_buf_printf(buf, "%s%s", buf->size ? "." : "", value->key);
        else
                str_buf_printf(buf, "[%u]", value->index);
}

const char *json_path(const struct json *value, struct arena *arena) {
        _cleanup_str_buf_ struct str_buf buf = {0};

        add_path(&buf, value);
        return arena_strdup(arena, buf.data ? buf.data : "");
}

int json_error(const struct json *value, struct error *err, int code, const char *format, ...) {
        _cleanup_str_buf_ struct str_buf path = {0};
        char message[sizeof(err->message)];
        va_list args;

        if (!err)
                return -code;
        va_start(args, format);
        (void) vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        add_path(&path, value);
        if (path.size == 0)
                return error_set(err, code, "%s", message);
        return error_set(err, code, "%s: %s", path.data, message);
}

static const struct json *find_member(const struct json *object, const char *key) {
        if (!object || object->type != JSON_OBJECT)
                return NULL;
        json_for_each (member, object)
                if (member->key[0] == key[0] && str_equal(member->key, key))
                        return member;
        if (object->folds)
                json_for_each (member, object)
                        if (((member->key[0] ^ key[0]) & ~0x20) == 0 && strcasecmp(member->key, key) == 0)
                                return member;
        return NULL;
}

const struct json *json_get(const struct json *object, const char *key) {
        const struct json *member = find_member(object, key);

        return member && member->type != JSON_NULL ? member : NULL;
}

bool json_has(const struct json *object, const char *key) {
        return find_member(object, key);
}

int json_require(const struct json *object, const char *key, const struct json **out, struct error *err) {
        const struct json *member;
        int r = json_expect(object, JSON_OBJECT, err);

        if (r < 0)
                return r;
        member = json_get(object, key);
        if (!member) {
                _cleanup_str_buf_ struct str_buf path = {0};

                add_path(&path, object);
                return error_set(err, EINVAL, "%s%s%s: required, but missing", path.data ? path.data : "",
                                 path.data ? "." : "", key);
        }
        *out = member;
        return 0;
}

int json_expect(const struct json *value, enum json_type type, struct error *err) {
        if (value->type == type)
                return 0;
        return json_error(value, err, EINVAL, "expected %s, not %s", type_names[type], type_names[value->type]);
}

/* 1 with *out set if the member is there and has the type, 0 if it is absent, or -EINVAL. */
static int get_typed(const struct json *object, const char *key, enum json_type type, const struct json **out,
                     struct error *err) {
        const struct json *member = json_get(object, key);
        int r;

        if (!member)
                return 0;
        r = json_expect(member, type, err);
        if (r < 0)
                return r;
        *out = member;
        return 1;
}

int json_get_string(const struct json *object, const char *key, const char **out, struct error *err) {
        const struct json *member;
        int r = get_typed(object, key, JSON_STRING, &member, err);

        if (r > 0)
                *out = member->text;
        return r < 0 ? r : 0;
}

int json_get_bool(const struct json *object, const char *key, bool *out, struct error *err) {
        const struct json *member;
        int r = get_typed(object, key, JSON_BOOL, &member, err);

        if (r > 0)
                *out = member->boolean;
        return r < 0 ? r : 0;
}

static int number_error(const struct json *value, int r, struct error *err) {
        if (r == -ERANGE)
                return json_error(value, err, ERANGE, "%s is out of range", value->text);
        return json_error(value, err, EINVAL, "%s is not a whole number", value->text);
}

int json_to_i64(const struct json *value, int64_t min, int64_t max, int64_t *out, struct error *err) {
        int r = json_expect(value, JSON_NUMBER, err);

        if (r < 0)
                return r;
        r = str_to_i64(value->text, min, max, out);
        return r < 0 ? number_error(value, r, err) : 0;
}

int json_to_u64(const struct json *value, uint64_t max, uint64_t *out, struct error *err) {
        int r = json_expect(value, JSON_NUMBER, err);

        if (r < 0)
                return r;
        r = value->text[0] == '-' ? -ERANGE : str_to_u64(value->text, max, out);
        return r < 0 ? number_error(value, r, err) : 0;
}

int json_get_i64(const struct json *object, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct error *err) {
        const struct json *member = json_get(object, key);

        return member ? json_to_i64(member, min, max, out, err) : 0;
}

int json_get_u64(const struct json *object, const char *key, uint64_t max, uint64_t *out, struct error *err) {
        const struct json *member = json_get(object, key);

        return member ? json_to_u64(member, max, out, err) : 0;
}

int json_get_u32(const struct json *object, const char *key, uint32_t *out, struct error *err) {
        uint64_t value = *out;
        int r = json_get_u64(object, key, UINT32_MAX, &value, err);

        if (r == 0)
                *out = (uint32_t) value;
        return r;
}

int json_get_int(const struct json *object, const char *key, int *out, struct error *err) {
        int64_t value = *out;
        int r = json_get_i64(object, key, INT32_MIN, INT32_MAX, &value, err);

        if (r == 0)
                *out = (int) value;
        return r;
}

int json_get_double(const struct json *object, const char *key, double *out, struct error *err) {
        const struct json *member;
        int r = get_typed(object, key, JSON_NUMBER, &member, err);

        if (r > 0)
                *out = strtod(member->text, NULL);
        return r < 0 ? r : 0;
}

int json_get_object(const struct json *object, const char *key, const struct json **out, struct error *err) {
        int r = get_typed(object, key, JSON_OBJECT, out, err);

        return r < 0 ? r : 0;
}

int json_get_array(const struct json *object, const char *key, const struct json **out, struct error *err) {
        int r = get_typed(object, key, JSON_ARRAY, out, err);

        return r < 0 ? r : 0;
}

int json_get_strings(struct arena *arena, const struct json *object, const char *key, const char ***out, size_t *count,
                     struct error *err) {
        const struct json *array;
        const char **list;
        int r = get_typed(object, key, JSON_ARRAY, &array, err);

        if (r <= 0)
                return r;
        list = arena_alloc(arena, array->count + 1, sizeof(*list));
        json_for_each (item, array) {
                r = json_expect(item, JSON_STRING, err);
                if (r < 0)
                        return r;
                list[item->index] = item->text;
        }
        *out = list;
        if (count)
                *count = array->count;
        return 0;
}
