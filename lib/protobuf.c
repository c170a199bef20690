#include "protobuf.h"

#include <errno.h>
#include <string.h>

/* The wire types of the format; the kinds 3 and 4 are not used any more. */
enum { KIND_NUMBER = 0, KIND_64_BITS = 1, KIND_BYTES = 2, KIND_32_BITS = 5 };

/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
static void put_varint(struct str_buf *message, uint64_t value) {
        do {
                unsigned char byte = (unsigned char) (value & 0x7f);

                value >>= 7;
                byte |= value ? 0x80 : 0;
                str_buf_add_bytes(message, &byte, 1);
        } while (value);
}

static void put_bytes(struct str_buf *message, unsigned int field, const char *data, size_t size) {
        put_varint(message, (uint64_t) field << 3 | KIND_BYTES);
        put_varint(message, size);
        if (size > 0)
                str_buf_add_bytes(message, data, size);
}

void protobuf_put_number(struct str_buf *message, unsigned int field, uint64_t value) {
        put_varint(message, (uint64_t) field << 3 | KIND_NUMBER);
        put_varint(message, value);
}

void protobuf_put_string(struct str_buf *message, unsigned int field, const char *text) {
        if (text)
                put_bytes(message, field, text, strlen(text));
}

void protobuf_put_message(struct str_buf *message, unsigned int field, const struct str_buf *value) {
        put_bytes(message, field, value->data, value->size);
}

static int take_varint(struct protobuf_reader *reader, uint64_t *out) {
        uint64_t value = 0;

        for (unsigned int shift = 0; shift < 64 && reader->size > 0; shift += 7) {
                unsigned char byte = (unsigned char) *reader->data++;

                reader->size--;
                value |= (uint64_t) (byte & 0x7f) << shift;
                if (!(byte & 0x80)) {
                        *out = value;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int take_bytes(struct protobuf_reader *reader, uint64_t size, struct protobuf_field *out) {
        if (size > reader->size)
                return -EBADMSG;
        out->data = reader->data;
        out->size = (size_t) size;
        reader->data += size;
        reader->size -= (size_t) size;
        return 0;
}

int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *out) {
        while (reader->size > 0) {
                uint64_t key;
                uint64_t size = 0;

                *out = (struct protobuf_field){0};
                if (take_varint(reader, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
                        return -EBADMSG;
                out->number = (unsigned int) (key >> 3);
                switch (key & 7) {
                case KIND_NUMBER:
                        out->is_number = true;
                        return take_varint(reader, &out->value) < 0 ? -EBADMSG : 1;
                case KIND_BYTES:
                        return take_varint(reader, &size) < 0 || take_bytes(reader, size, out) < 0 ? -EBADMSG : 1;
                case KIND_64_BITS:
                case KIND_32_BITS:
                        if (take_bytes(reader, (key & 7) == KIND_64_BITS ? 8 : 4, out) < 0)
                                return -EBADMSG;
                        break;
                default:
                        return -EBADMSG;
                }
        }
        return 0;
}
