#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool str_starts_with(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix) {
        size_t length = strlen(text);
        size_t tail = strlen(suffix);

        return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static char *format_text(const char *format, va_list args) {
        va_list again;
        char *text;
        int length;

        va_copy(again, args);
        length = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (length < 0)
                abort(); /* only a wrong format string gets here */
        text = xcalloc((size_t) length + 1, 1);
        (void) vsnprintf(text, (size_t) length + 1, format, args);
        return text;
}

char *str_format(const char *format, ...) {
        va_list args;
        char *text;

        va_start(args, format);
        text = format_text(format, args);
        va_end(args);
        return text;
}

uint64_t str_hash(const void *data, size_t size) {
        const unsigned char *bytes = data;
        uint64_t hash = 0xcbf29ce484222325;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ bytes[i]) * 0x100000001b3;
        return hash;
}

char *str_shorten(const char *text, size_t max) {
        size_t size = strlen(text);

        if (size <= max)
                return xstrdup(text);
        return str_format("%.*s~%016llx", (int) max - 17, text, (unsigned long long) str_hash(text, size));
}

void str_buf_free(struct str_buf *buf) {
        free(buf->data);
        *buf = (struct str_buf){0};
}

void str_buf_add_bytes(struct str_buf *buf, const void *data, size_t size) {
        if (size >= buf->room - buf->size || buf->room == 0) {
                size_t room = buf->room ? buf->room : 64;

                while (room - buf->size <= size)
                        room *= 2;
                buf->data = xrealloc(buf->data, room, 1);
                buf->room = room;
        }
        if (size > 0)
                memcpy(buf->data + buf->size, data, size);
        buf->size += size;
        buf->data[buf->size] = '\0';
}

void str_buf_add(struct str_buf *buf, const char *text) {
        str_buf_add_bytes(buf, text, strlen(text));
}

void str_buf_printf(struct str_buf *buf, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;

        va_start(args, format);
        text = format_text(format, args);
        va_end(args);
        str_buf_add(buf, text);
}

char *str_buf_take(struct str_buf *buf) {
        char *text = buf->data ? buf->data : xstrdup("");

        *buf = (struct str_buf){0};
        return text;
}

void str_list_free(struct str_list *list) {
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct str_list){0};
}

void str_list_take(struct str_list *list, char *text) {
        if (list->count + 1 >= list->room) {
                list->room = list->room ? list->room * 2 : 8;
                list->items = xrealloc(list->items, list->room, sizeof(*list->items));
        }
        list->items[list->count++] = text;
        list->items[list->count] = NULL;
}

void str_list_add(struct str_list *list, const char *text) {
        str_list_take(list, xstrdup(text));
}

void str_list_printf(struct str_list *list, const char *format, ...) {
        va_list args;

        va_start(args, format);
        str_list_take(list, format_text(format, args));
        va_end(args);
}

bool str_list_contains(const struct str_list *list, const char *text) {
        for (size_t i = 0; i < list->count; i++)
                if (str_equal(list->items[i], text))
                        return true;
        return false;
}

void str_list_add_once(struct str_list *list, const char *text) {
        if (text[0] && !str_list_contains(list, text))
                str_list_add(list, text);
}

void str_list_split(struct str_list *list, const char *text, char separator) {
        if (text[0] == '\0')
                return;
        for (;;) {
                const char *end = strchr(text, separator);

                if (!end) {
                        str_list_add(list, text);
                        return;
                }
                str_list_take(list, xstrndup(text, (size_t) (end - text)));
                text = end + 1;
        }
}

char *str_list_join(const struct str_list *list, const char *separator) {
        struct str_buf buf = {0};

        for (size_t i = 0; i < list->count; i++) {
                if (i > 0)
                        str_buf_add(&buf, separator);
                str_buf_add(&buf, list->items[i]);
        }
        return str_buf_take(&buf);
}

int str_to_u64_base(const char *text, int base, uint64_t max, uint64_t *out) {
        unsigned long long value;
        char *end;

        /* strtoull takes spaces and signs; a number in a document or option has none. */
        if (!text || !isxdigit((unsigned char) text[0]))
                return -EINVAL;
        errno = 0;
        value = strtoull(text, &end, base);
        if (*end != '\0')
                return -EINVAL;
        if (errno == ERANGE || value > max)
                return -ERANGE;
        *out = value;
        return 0;
}

int str_to_u64(const char *text, uint64_t max, uint64_t *out) {
        bool too_large = false;
        uint64_t value = 0;

        if (str_empty(text))
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                too_large |= __builtin_mul_overflow(value, 10, &value);
                too_large |= __builtin_add_overflow(value, (uint64_t) (*text - '0'), &value);
        }
        if (too_large || value > max)
                return -ERANGE;
        *out = value;
        return 0;
}

int str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out) {
        bool negative = text && text[0] == '-';
        uint64_t magnitude;
        int64_t value;
        int r;

        r = str_to_u64(text && negative ? text + 1 : text, negative ? (uint64_t) INT64_MAX + 1 : INT64_MAX, &magnitude);
        if (r < 0)
                return r;
        value = negative ? (int64_t) (0 - magnitude) : (int64_t) magnitude;
        if (value < min || value > max)
                return -ERANGE;
        *out = value;
        return 0;
}

static const char *skip_spaces(const char *text) {
        return text + strspn(text, " ");
}

/* A number of a list, with *text moved behind it. */
static int list_number(const char **text, size_t count, size_t *out) {
        size_t length = strspn(*text, "0123456789");
        size_t value = 0;

        if (length == 0)
                return -EINVAL;
        for (size_t i = 0; i < length; i++) {
                value = value * 10 + (size_t) ((*text)[i] - '0');
                if (value >= count)
                        return -ERANGE;
        }
        *text = skip_spaces(*text + length);
        *out = value;
        return 0;
}

int str_to_bits(const char *text, size_t count, unsigned long *bits) {
        if (bits)
                memset(bits, 0, STR_BITS_WORDS(count) * sizeof(*bits));
        text = skip_spaces(text);
        while (*text) {
                size_t first;
                size_t last;
                int r = list_number(&text, count, &first);

                last = first;
                if (r == 0 && *text == '-') {
                        text = skip_spaces(text + 1);
                        r = list_number(&text, count, &last);
                }
                if (r < 0)
                        return r;
                if (last < first || (*text && *text != ','))
                        return -EINVAL;
                for (size_t i = first; bits && i <= last; i++)
                        bits[i / STR_BITS_WORD] |= 1UL << i % STR_BITS_WORD;
                if (*text == ',') {
                        text = skip_spaces(text + 1);
                        if (!*text)
                                return -EINVAL;
                }
        }
        return 0;
}

/* A decimal with an optional fraction; *end is set behind it. Spaces, signs, exponents and hex are no part of it. */
static int parse_decimal(const char *text, const char **end, long double *out) {
        long double value = 0;
        long double place = 0.1L;

        if (!isdigit((unsigned char) *text))
                return -EINVAL;
        for (; isdigit((unsigned char) *text); text++)
                value = value * 10 + (*text - '0');
        if (*text == '.' && isdigit((unsigned char) text[1]))
                for (text++; isdigit((unsigned char) *text); text++, place /= 10)
                        value += (*text - '0') * place;
        *end = text;
        *out = value;
        return 0;
}

int str_to_bytes(const char *text, int64_t *out) {
        static const char units[] = "bkmgtp";
        const char *end;
        long double value;
        int r;

        if (!text)
                return -EINVAL;
        r = parse_decimal(text, &end, &value);
        if (r < 0)
                return r;
        if (*end != '\0') {
                const char *unit = strchr(units, tolower((unsigned char) *end));

                if (!unit)
                        return -EINVAL;
                for (const char *u = units; u < unit; u++)
                        value *= 1024;
                end++;
                if (unit != units) {
                        if (*end == 'i')
                                end++;
                        if (*end == 'b' || *end == 'B')
                                end++;
                }
                if (*end != '\0')
                        return -EINVAL;
        }
        if (value >= 9223372036854775808.0L)
                return -ERANGE;
        *out = (int64_t) value;
        return 0;
}

int str_to_duration(const char *text, int64_t *out) {
        static const struct {
                const char *unit;
                long double nanoseconds;
        } units[] = {{"ns", 1}, {"us", 1e3L}, {"ms", 1e6L}, {"s", 1e9L}, {"m", 60e9L}, {"h", 3600e9L}};
        long double total = 0;

        if (str_empty(text))
                return -EINVAL;
        while (*text) {
                const char *end;
                long double value;
                size_t length;
                size_t i;
                int r = parse_decimal(text, &end, &value);

                if (r < 0)
                        return r;
                length = strspn(end, "numsh");
                if (length == 0 && *end == '\0' && total == 0) {
                        total = value * 1e9L;
                        break;
                }
                for (i = 0; i < ARRAY_SIZE(units); i++)
                        if (strlen(units[i].unit) == length && strncmp(units[i].unit, end, length) == 0)
                                break;
                if (i == ARRAY_SIZE(units))
                        return -EINVAL;
                total += value * units[i].nanoseconds;
                text = end + length;
        }
        if (total >= 9223372036854775808.0L)
                return -ERANGE;
        *out = (int64_t) (total + 0.5L);
        return 0;
}

size_t str_utf8_length(const char *text) {
        const unsigned char *byte = (const unsigned char *) text;
        size_t length = byte[0] < 0x80 ? 1 : byte[0] < 0xc2 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;

        if (byte[0] > 0xf4)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((byte[i] & 0xc0) != 0x80)
                        return 0;
        /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
        if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
            (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
                return 0;
        return length;
}

bool str_is_utf8(const char *text) {
        while (*text) {
                size_t length = str_utf8_length(text);

                if (length == 0)
                        return false;
                text += length;
        }
        return true;
}
