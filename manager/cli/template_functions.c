#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "template_internal.h"

const struct json *template_text(struct run *run, const char *text) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_STRING;
        value->text = text;
        return value;
}

const struct json *template_number(struct run *run, size_t number) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_NUMBER;
        value->text = arena_printf(run->arena, "%zu", number);
        return value;
}

const struct json *template_bool(struct run *run, bool boolean) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_BOOL;
        value->boolean = boolean;
        return value;
}

bool template_is_true(const struct json *value) {
        if (!value || value->type == JSON_NULL)
                return false;
        if (value->type == JSON_BOOL)
                return value->boolean;
        if (value->type == JSON_STRING)
                return value->text[0] != '\0';
        if (value->type == JSON_NUMBER)
                return strtod(value->text, NULL) != 0;
        return value->count > 0;
}

/* As Go prints: maps as map[a:1 b:2], lists as [a b]. */
void template_print(struct str_buf *out, const struct json *value) {
        if (!value || value->type == JSON_NULL) {
                str_buf_add(out, "<no value>");
                return;
        }
        if (value->type == JSON_BOOL) {
                str_buf_add(out, value->boolean ? "true" : "false");
                return;
        }
        if (value->type == JSON_STRING || value->type == JSON_NUMBER) {
                str_buf_add(out, value->text);
                return;
        }
        str_buf_add(out, value->type == JSON_OBJECT ? "map[" : "[");
        json_for_each (child, value) {
                if (child->index > 0)
                        str_buf_add(out, " ");
                if (value->type == JSON_OBJECT)
                        str_buf_printf(out, "%s:", child->key);
                template_print(out, child);
        }
        str_buf_add(out, "]");
}

static const struct json *call_json(struct expression *expression, const struct arguments *arguments) {
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        if (!arguments->values[0])
                return template_text(expression->run, "null");
        json_put_value(&writer, NULL, arguments->values[0]);
        text = json_writer_take(&writer);
        return template_text(expression->run, arena_strdup(expression->run->arena, text));
}

static const struct json *call_index(struct expression *expression, const struct arguments *arguments) {
        const struct json *value = arguments->values[0];

        for (size_t i = 1; i < arguments->count; i++) {
                const struct json *key = arguments->values[i], *found = NULL;

                if (!value || !key)
                        return NULL;
                if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
                        return template_fail(expression, "index of what is no map or list",
                                             json_type_name(value->type));
                json_for_each (child, value) {
                        if (value->type == JSON_OBJECT ? str_equal(child->key, key->text)
                                                       : key->text && child->index == strtoul(key->text, NULL, 10))
                                found = child;
                }
                if (!found && value->type == JSON_ARRAY)
                        return template_fail(expression, "index out of range", key->text ? key->text : "");
                value = found;
        }
        return value;
}

static const struct json *call_len(struct expression *expression, const struct arguments *arguments) {
        const struct json *value = arguments->values[0];

        if (!value)
                return template_number(expression->run, 0);
        return template_number(expression->run, value->type == JSON_STRING ? strlen(value->text) : value->count);
}

static const struct json *call_join(struct expression *expression, const struct arguments *arguments) {
        const struct json *list = arguments->values[0], *separator = arguments->values[1];
        _cleanup_str_buf_ struct str_buf text = {0};

        if (list)
                json_for_each (item, list) {
                        if (item->index > 0 && separator)
                                str_buf_add(&text, separator->text);
                        template_print(&text, item);
                }
        return template_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static const struct json *change_case(struct expression *expression, const struct json *value, int (*change)(int),
                                      bool first_only) {
        _cleanup_str_buf_ struct str_buf text = {0};

        template_print(&text, value);
        for (size_t i = 0; i < text.size && (!first_only || i < 1); i++)
                text.data[i] = (char) change((unsigned char) text.data[i]);
        return template_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static const struct json *call_upper(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], toupper, false);
}

static const struct json *call_lower(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], tolower, false);
}

static const struct json *call_title(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], toupper, true);
}

static const struct json *call_println(struct expression *expression, const struct arguments *arguments) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < arguments->count; i++) {
                if (i > 0)
                        str_buf_add(&text, " ");
                template_print(&text, arguments->values[i]);
        }
        str_buf_add(&text, "\n");
        return template_text(expression->run, arena_strdup(expression->run->arena, text.data));
}

static const struct json *call_print(struct expression *expression, const struct arguments *arguments) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < arguments->count; i++)
                template_print(&text, arguments->values[i]);
        return template_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static bool same(const struct json *a, const struct json *b) {
        if (!a || !b)
                return a == b;
        if (a->type == JSON_BOOL || b->type == JSON_BOOL)
                return a->type == b->type && a->boolean == b->boolean;
        return str_equal(a->text, b->text);
}

static const struct json *call_eq(struct expression *expression, const struct arguments *arguments) {
        return template_bool(expression->run, same(arguments->values[0], arguments->values[1]));
}

static const struct json *call_ne(struct expression *expression, const struct arguments *arguments) {
        return template_bool(expression->run, !same(arguments->values[0], arguments->values[1]));
}

static const struct json *call_not(struct expression *expression, const struct arguments *arguments) {
        return template_bool(expression->run, !template_is_true(arguments->values[0]));
}

static const struct json *call_and(struct expression *expression, const struct arguments *arguments) {
        (void) expression;
        for (size_t i = 0; i + 1 < arguments->count; i++)
                if (!template_is_true(arguments->values[i]))
                        return arguments->values[i];
        return arguments->values[arguments->count - 1];
}

static const struct json *call_or(struct expression *expression, const struct arguments *arguments) {
        (void) expression;
        for (size_t i = 0; i + 1 < arguments->count; i++)
                if (template_is_true(arguments->values[i]))
                        return arguments->values[i];
        return arguments->values[arguments->count - 1];
}

static const struct template_function functions[] = {
        {"json", 1, call_json},   {"index", 2, call_index}, {"len", 1, call_len},     {"join", 2, call_join},
        {"upper", 1, call_upper}, {"lower", 1, call_lower}, {"title", 1, call_title}, {"println", 0, call_println},
        {"print", 0, call_print}, {"eq", 2, call_eq},       {"ne", 2, call_ne},       {"not", 1, call_not},
        {"and", 1, call_and},     {"or", 1, call_or},
};

const struct template_function *template_find_function(const char *text, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
                if (strlen(functions[i].name) == size && strncmp(functions[i].name, text, size) == 0)
                        return &functions[i];
        return NULL;
}
