#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

static void add_line(struct json_writer *writer) {
        if (writer->indent == 0)
                return;
        str_buf_add_bytes(&writer->out, "\n", 1);
        for (int i = 0; i < writer->depth * writer->indent; i++)
                str_buf_add_bytes(&writer->out, " ", 1);
}

/* Bytes that are not UTF-8, as a container may print them, become U+FFFD: a document stays readable for all. */
static void add_quoted(struct str_buf *out, const char *text) {
        static const char hex[] = "0123456789abcdef";
        const char *start = text;

        str_buf_add_bytes(out, "\"", 1);
        for (;; text++) {
                unsigned char c = (unsigned char) *text;
                size_t length = c < 0x80 ? 1 : str_utf8_length(text);
                const char *escape = length == 0 ? "\xef\xbf\xbd" : NULL;
                char code[] = "\\u00xx";

                if (length > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
                        text += length - 1;
                        continue;
                }
                str_buf_add_bytes(out, start, (size_t) (text - start));
                if (c == '\0')
                        break;
                start = text + 1;
                if (c == '"')
                        escape = "\\\"";
                else if (c == '\\')
                        escape = "\\\\";
                else if (c == '\n')
                        escape = "\\n";
                else if (c == '\r')
                        escape = "\\r";
                else if (c == '\t')
                        escape = "\\t";
                if (!escape) {
                        code[4] = hex[c >> 4];
                        code[5] = hex[c & 15];
                        escape = code;
                }
                str_buf_add(out, escape);
        }
        str_buf_add_bytes(out, "\"", 1);
}

/* What stands before every value: the comma, the line, the name. */
static void begin_value(struct json_writer *writer, const char *key) {
        if (writer->follows)
                str_buf_add_bytes(&writer->out, ",", 1);
        if (writer->depth > 0)
                add_line(writer);
        if (key) {
                add_quoted(&writer->out, key);
                str_buf_add(&writer->out, writer->indent ? ": " : ":");
        }
        writer->follows = true;
}

static void begin_container(struct json_writer *writer, const char *key, const char *bracket) {
        begin_value(writer, key);
        str_buf_add(&writer->out, bracket);
        writer->depth++;
        writer->follows = false;
}

static void end_container(struct json_writer *writer, const char *bracket) {
        writer->depth--;
        if (writer->follows)
                add_line(writer);
        str_buf_add(&writer->out, bracket);
        writer->follows = true;
}

void json_begin_object(struct json_writer *writer, const char *key) {
        begin_container(writer, key, "{");
}

void json_end_object(struct json_writer *writer) {
        end_container(writer, "}");
}

void json_begin_array(struct json_writer *writer, const char *key) {
        begin_container(writer, key, "[");
}

void json_end_array(struct json_writer *writer) {
        end_container(writer, "]");
}

static void put_token(struct json_writer *writer, const char *key, const char *token) {
        begin_value(writer, key);
        str_buf_add(&writer->out, token);
}

void json_put_string(struct json_writer *writer, const char *key, const char *value) {
        if (!value)
                return;
        begin_value(writer, key);
        add_quoted(&writer->out, value);
}

void json_put_bool(struct json_writer *writer, const char *key, bool value) {
        put_token(writer, key, value ? "true" : "false");
}

void json_put_int(struct json_writer *writer, const char *key, int64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRId64, value);
        put_token(writer, key, text);
}

void json_put_uint(struct json_writer *writer, const char *key, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        put_token(writer, key, text);
}

void json_put_double(struct json_writer *writer, const char *key, double value) {
        char text[40];

        /* JSON has no word for infinity or not-a-number. */
        (void) snprintf(text, sizeof(text), "%.15g", isfinite(value) ? value : 0.0);
        put_token(writer, key, text);
}

void json_put_null(struct json_writer *writer, const char *key) {
        put_token(writer, key, "null");
}

void json_put_strings(struct json_writer *writer, const char *key, const char *const *list) {
        if (!list)
                return;
        json_begin_array(writer, key);
        for (; *list; list++)
                json_put_string(writer, NULL, *list);
        json_end_array(writer);
}

void json_put_value(struct json_writer *writer, const char *key, const struct json *value) {
        if (!value)
                return;
        switch (value->type) {
        case JSON_NULL:
                json_put_null(writer, key);
                break;
        case JSON_BOOL:
                json_put_bool(writer, key, value->boolean);
                break;
        case JSON_NUMBER:
                put_token(writer, key, value->text);
                break;
        case JSON_STRING:
                json_put_string(writer, key, value->text);
                break;
        case JSON_OBJECT:
        case JSON_ARRAY:
                begin_container(writer, key, value->type == JSON_OBJECT ? "{" : "[");
                json_for_each (child, value)
                        json_put_value(writer, child->key, child);
                end_container(writer, value->type == JSON_OBJECT ? "}" : "]");
                break;
        }
}

char *json_writer_take(struct json_writer *writer) {
        char *text = str_buf_take(&writer->out);

        *writer = (struct json_writer){.indent = writer->indent};
        return text;
}

void json_writer_free(struct json_writer *writer) {
        str_buf_free(&writer->out);
        *writer = (struct json_writer){.indent = writer->indent};
}
