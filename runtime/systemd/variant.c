#include "variant.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"

/* The length of the first complete type in `type`: 1 for "s", 2 for "as", 4 for "(ss)". 0: none. */
static size_t type_size(const char *type) {
        size_t depth = 0, i = 0;

        while (type[i] == 'a')
                i++;
        do {
                if (type[i] == '\0')
                        return 0;
                depth += type[i] == '(';
                depth -= type[i] == ')' && depth > 0;
                i++;
        } while (depth > 0);
        return i;
}

static int bus_failed(struct error *err, int r) {
        return r < 0 ? error_errno(err, -r, "cannot make the request") : 0;
}

static int append_integer(sd_bus_message *message, char type, const struct json *value, struct error *err) {
        static const struct {
                char type;
                int64_t min, max;
        } ranges[] = {{'y', 0, UINT8_MAX},         {'i', INT32_MIN, INT32_MAX}, {'u', 0, UINT32_MAX},
                      {'x', INT64_MIN, INT64_MAX}, {'n', INT16_MIN, INT16_MAX}, {'q', 0, UINT16_MAX}};
        int64_t number = 0;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
                union {
                        uint8_t y;
                        int16_t n;
                        uint16_t q;
                        int32_t i;
                        uint32_t u;
                        int64_t x;
                } basic;

                if (ranges[i].type != type)
                        continue;
                r = json_to_i64(value, ranges[i].min, ranges[i].max, &number, err);
                if (r < 0)
                        return r;
                /* Little and big endian alike: each type through a member of its own width. */
                switch (type) {
                case 'y':
                        basic.y = (uint8_t) number;
                        break;
                case 'n':
                        basic.n = (int16_t) number;
                        break;
                case 'q':
                        basic.q = (uint16_t) number;
                        break;
                case 'i':
                        basic.i = (int32_t) number;
                        break;
                case 'u':
                        basic.u = (uint32_t) number;
                        break;
                default:
                        basic.x = number;
                        break;
                }
                return bus_failed(err, sd_bus_message_append_basic(message, type, &basic));
        }
        return json_error(value, err, EINVAL, "a value of type \"%c\" cannot be given", type);
}

static int append_basic(sd_bus_message *message, char type, const struct json *value, struct error *err) {
        uint64_t number = 0;
        int flag, r;

        switch (type) {
        case 's':
        case 'o':
                r = json_expect(value, JSON_STRING, err);
                return r < 0 ? r : bus_failed(err, sd_bus_message_append_basic(message, type, value->text));
        case 'b':
                r = json_expect(value, JSON_BOOL, err);
                flag = value->boolean;
                return r < 0 ? r : bus_failed(err, sd_bus_message_append_basic(message, type, &flag));
        case 't':
                r = json_to_u64(value, UINT64_MAX, &number, err);
                return r < 0 ? r : bus_failed(err, sd_bus_message_append_basic(message, type, &number));
        default:
                return append_integer(message, type, value, err);
        }
}

/* The children of a JSON array as the elements of an array or the fields of a structure. */
static int append_container(sd_bus_message *message, const char *type, size_t size, const struct json *value,
                            struct error *err) {
        bool array = type[0] == 'a';
        _cleanup_free_ char *contents = array ? xstrndup(type + 1, size - 1) : xstrndup(type + 1, size - 2);
        const char *element = contents;
        int r = json_expect(value, JSON_ARRAY, err);

        if (r == 0)
                r = bus_failed(err, sd_bus_message_open_container(
                                            message, array ? SD_BUS_TYPE_ARRAY : SD_BUS_TYPE_STRUCT, contents));
        for (const struct json *child = value->first; r == 0 && child; child = child->next) {
                r = variant_append(message, element, child, err);
                if (!array)
                        element += type_size(element);
        }
        return r < 0 ? r : bus_failed(err, sd_bus_message_close_container(message));
}

int variant_append(sd_bus_message *message, const char *type, const struct json *value, struct error *err) {
        size_t size = type_size(type);

        if (size == 0)
                return json_error(value, err, EINVAL, "\"%s\" is no type", type);
        if (size == 1)
                return append_basic(message, type[0], value, err);
        return append_container(message, type, size, value, err);
}

static int append_property(sd_bus_message *message, const char *name, const char *type, const struct json *value,
                           struct error *err) {
        int r = sd_bus_message_open_container(message, SD_BUS_TYPE_STRUCT, "sv");

        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', name);
        if (r >= 0)
                r = sd_bus_message_open_container(message, SD_BUS_TYPE_VARIANT, type);
        if (r < 0)
                return bus_failed(err, r);
        r = variant_append(message, type, value, err);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(message);
        return bus_failed(err, r < 0 ? r : sd_bus_message_close_container(message));
}

int variant_append_properties(sd_bus_message *message, const struct json *properties, uint64_t version,
                              struct error *err) {
        int r = bus_failed(err, sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "(sv)"));

        for (const struct json *item = properties ? properties->first : NULL; r == 0 && item; item = item->next) {
                const struct json *type = item->first ? item->first->next : NULL;
                const struct json *value = type ? type->next : NULL;
                const struct json *since = value ? value->next : NULL;
                uint64_t oldest = 0;

                if (!value || json_expect(item->first, JSON_STRING, err) < 0 || json_expect(type, JSON_STRING, err) < 0)
                        return json_error(item, err, EINVAL, "is not [name, type, value]");
                if (since && json_to_u64(since, UINT32_MAX, &oldest, err) < 0)
                        return -EINVAL;
                if (version < oldest)
                        continue;
                r = append_property(message, item->first->text, type->text, value, err);
                if (r < 0)
                        return error_wrap(err, "%s", item->first->text);
        }
        return r < 0 ? r : bus_failed(err, sd_bus_message_close_container(message));
}
