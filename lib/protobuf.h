/*
 * protobuf.h: messages in the wire format of Protocol Buffers, which criu(8)
 * takes and gives: fields one after the other, each a number that says what it
 * is, and a value. Only the two kinds of value that criu uses are known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

/** Appends a number; a negative one is given as (uint64_t) of its int64_t, an enum or bool as it is. */
void protobuf_put_number(struct str_buf *message, unsigned int field, uint64_t value);

/** Appends a text; NULL appends nothing. */
void protobuf_put_string(struct str_buf *message, unsigned int field, const char *text);

/** Appends a message as the value of a field of another one. */
void protobuf_put_message(struct str_buf *message, unsigned int field, const struct str_buf *value);

/* One field of a message that is read. */
struct protobuf_field {
        unsigned int number;
        bool is_number;
        uint64_t value;   /* of a number */
        const char *data; /* of a text or message: points into what is read, without a NUL behind it */
        size_t size;
};

struct protobuf_reader {
        const char *data;
        size_t size;
};

/**
 * Reads the next field. A value of a kind that is not known is passed over.
 * Returns 1, 0 at the end, or -EBADMSG.
 */
int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *out);
