/*
 * Annotations org.systemd.property.NAME as properties of the container's unit.
 * Their values are GVariant text, as runc and crun read it:
 *
 *   'text'   "text"   true   5   uint64 5   byte 0x01   ['a', 'b']   @as []
 */
#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_systemd.h"

#define ANNOTATION "org.systemd.property."
#define USEC_PER_SEC UINT64_C(1000000)
#define NAME_MIN 3

/* Type words before a number, and the ranges of the types. */
static const struct number_type {
        const char *word;
        char type;
        int64_t min, max;
} number_types[] = {
        {"byte", 'y', 0, UINT8_MAX},    {"int16", 'n', INT16_MIN, INT16_MAX},
        {"uint16", 'q', 0, UINT16_MAX}, {"int32", 'i', INT32_MIN, INT32_MAX},
        {"uint32", 'u', 0, UINT32_MAX}, {"int64", 'x', INT64_MIN, INT64_MAX},
        {"uint64", 't', 0, INT64_MAX}, /* above that, see parse_number() */
};

struct parser {
        const char *at;
        struct json_writer value; /* the value as JSON */
        char type;                /* of the last simple value */
        int64_t number;           /* likewise, when it is a number */
};

static void skip_space(struct parser *parser) {
        parser->at += strspn(parser->at, " \t\n");
}

/* Takes the word when it stands here alone. */
static bool take_word(struct parser *parser, const char *word) {
        size_t size = strlen(word);

        if (strncmp(parser->at, word, size) != 0 || (parser->at[size] != '\0' && !strchr(" \t\n,]", parser->at[size])))
                return false;
        parser->at += size;
        skip_space(parser);
        return true;
}

static int parse_string(struct parser *parser) {
        _cleanup_str_buf_ struct str_buf text = {0};
        char quote = *parser->at++;

        while (*parser->at && *parser->at != quote) {
                if (*parser->at == '\\' && parser->at[1])
                        parser->at++;
                str_buf_add_bytes(&text, parser->at++, 1);
        }
        if (*parser->at != quote)
                return -EINVAL;
        parser->at++;
        parser->type = 's';
        json_put_string(&parser->value, NULL, text.data ? text.data : "");
        return 0;
}

static int parse_number(struct parser *parser, const struct number_type *type) {
        size_t size = strcspn(parser->at, " \t\n,]");
        _cleanup_free_ char *text = xstrndup(parser->at, size);
        bool negative = text[0] == '-';
        uint64_t magnitude;

        if (str_to_u64_base(text + negative, 0, UINT64_MAX, &magnitude) < 0)
                return -EINVAL;
        parser->at += size;
        parser->type = type->type;
        if (type->type == 't' && !negative) {
                parser->number = magnitude > INT64_MAX ? INT64_MAX : (int64_t) magnitude;
                json_put_uint(&parser->value, NULL, magnitude);
                return 0;
        }
        if (magnitude > INT64_MAX)
                return -ERANGE;
        parser->number = negative ? -(int64_t) magnitude : (int64_t) magnitude;
        if (parser->number < type->min || parser->number > type->max)
                return -ERANGE;
        json_put_int(&parser->value, NULL, parser->number);
        return 0;
}

static int parse_simple(struct parser *parser) {
        const struct number_type *type = &number_types[3]; /* a bare number is an int32 */

        if (*parser->at == '\'' || *parser->at == '"')
                return parse_string(parser);
        for (int flag = 0; flag < 2; flag++) {
                if (!take_word(parser, flag ? "true" : "false"))
                        continue;
                parser->type = 'b';
                json_put_bool(&parser->value, NULL, flag);
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(number_types); i++)
                if (take_word(parser, number_types[i].word)) {
                        type = &number_types[i];
                        break;
                }
        return parse_number(parser, type);
}

/* "['a', 'b']"; an empty array needs its type before it: "@as []". */
static int parse_array(struct parser *parser, char *element) {
        json_begin_array(&parser->value, NULL);
        parser->at++;
        for (;;) {
                int r;

                skip_space(parser);
                if (*parser->at == ']')
                        break;
                r = parse_simple(parser);
                if (r < 0)
                        return r;
                if (*element && *element != parser->type)
                        return -EINVAL;
                *element = parser->type;
                skip_space(parser);
                if (*parser->at == ',')
                        parser->at++;
                else if (*parser->at != ']')
                        return -EINVAL;
        }
        parser->at++;
        json_end_array(&parser->value);
        return *element ? 0 : -EINVAL;
}

/* Sets `type` to the D-Bus type ("as") of the text, whose value is in the parser afterwards. */
static int parse(struct parser *parser, char type[3]) {
        char element = '\0';
        int r;

        skip_space(parser);
        if (parser->at[0] == '@' && parser->at[1] == 'a' && parser->at[2] && strchr("sbynqiuxt", parser->at[2])) {
                element = parser->at[2];
                parser->at += 3;
                skip_space(parser);
                if (*parser->at != '[')
                        return -EINVAL;
        }
        if (*parser->at == '[') {
                r = parse_array(parser, &element);
                type[0] = 'a';
                type[1] = element;
                type[2] = '\0';
        } else {
                r = parse_simple(parser);
                type[0] = parser->type;
                type[1] = '\0';
        }
        skip_space(parser);
        return r < 0 ? r : *parser->at ? -EINVAL : 0;
}

static bool is_name(const char *name) {
        return strlen(name) >= NAME_MIN &&
               name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

static void begin(struct json_writer *writer, const char *name, const char *type) {
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, name);
        json_put_string(writer, NULL, type);
}

static int put_annotation(struct json_writer *writer, const char *name, const char *text, struct error *err) {
        struct parser parser = {.at = text};
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *value = NULL;
        const struct json *tree = NULL;
        char type[3];
        int r = is_name(name) ? parse(&parser, type) : -EINVAL;

        value = json_writer_take(&parser.value);
        if (r == 0)
                r = json_parse(arena, value, strlen(value), NULL, &tree, NULL);
        if (r < 0) {
                error_set(err, EINVAL, "annotations: " ANNOTATION "%s: \"%s\" is not a value", name, text);
                return error_hint(err, "values are written as GVariant text: 'text', true, uint64 5, ['a', 'b']");
        }
        /* On the bus every span of time is in microseconds: TimeoutStopSec is TimeoutStopUSec there. */
        if (str_ends_with(name, "Sec") && !str_ends_with(name, "USec") && type[1] == '\0' &&
            strchr("nqiuxty", type[0]) && parser.number >= 0) {
                _cleanup_free_ char *in_usec = str_format("%.*sUSec", (int) (strlen(name) - strlen("Sec")), name);

                if ((uint64_t) parser.number > UINT64_MAX / USEC_PER_SEC)
                        return error_set(err, ERANGE, "annotations: " ANNOTATION "%s: %s is too long", name, text);
                begin(writer, in_usec, "t");
                json_put_uint(writer, NULL, (uint64_t) parser.number * USEC_PER_SEC);
        } else {
                begin(writer, name, type);
                json_put_value(writer, NULL, tree);
        }
        json_end_array(writer);
        return 0;
}

int cgroup_unit_put_annotations(struct json_writer *writer, const struct runtime_pairs *annotations,
                                struct error *err) {
        int r = 0;

        for (size_t i = 0; r == 0 && annotations && i < annotations->count; i++) {
                const char *key = annotations->items[i].key;

                if (str_starts_with(key, ANNOTATION))
                        r = put_annotation(writer, key + strlen(ANNOTATION), annotations->items[i].value, err);
        }
        return r;
}
