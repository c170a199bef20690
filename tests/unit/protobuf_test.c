#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/protobuf.h"

/* The examples of the format's own description. */
static void writes_numbers_and_texts(void **state) {
        static const unsigned char expected[] = {0x08, 0x96, 0x01, 0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'};
        _cleanup_str_buf_ struct str_buf message = {0};

        (void) state;
        protobuf_put_number(&message, 1, 150);
        protobuf_put_string(&message, 2, "testing");
        protobuf_put_string(&message, 3, NULL);
        assert_int_equal(message.size, sizeof(expected));
        assert_memory_equal(message.data, expected, sizeof(expected));
}

static void a_negative_number_has_ten_bytes(void **state) {
        static const unsigned char expected[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
        _cleanup_str_buf_ struct str_buf message = {0};

        (void) state;
        protobuf_put_number(&message, 1, (uint64_t) -1);
        assert_int_equal(message.size, sizeof(expected));
        assert_memory_equal(message.data, expected, sizeof(expected));
}

static void reads_what_it_writes(void **state) {
        _cleanup_str_buf_ struct str_buf inner = {0}, outer = {0};
        struct protobuf_reader reader, nested;
        struct protobuf_field field;

        (void) state;
        protobuf_put_number(&inner, 2, UINT64_MAX);
        protobuf_put_message(&outer, 64, &inner);
        protobuf_put_string(&outer, 1, "");
        reader = (struct protobuf_reader){outer.data, outer.size};
        assert_int_equal(protobuf_next(&reader, &field), 1);
        assert_int_equal(field.number, 64);
        assert_false(field.is_number);
        nested = (struct protobuf_reader){field.data, field.size};
        assert_int_equal(protobuf_next(&reader, &field), 1);
        assert_int_equal(field.number, 1);
        assert_int_equal(field.size, 0);
        assert_int_equal(protobuf_next(&reader, &field), 0);
        assert_int_equal(protobuf_next(&nested, &field), 1);
        assert_true(field.is_number && field.value == UINT64_MAX);
        assert_int_equal(protobuf_next(&nested, &field), 0);
}

static void passes_over_fixed_numbers(void **state) {
        static const char message[] = "\x0d"
                                      "abcd"
                                      "\x11"
                                      "abcdefgh"
                                      "\x18\x05";
        struct protobuf_reader reader = {message, sizeof(message) - 1};
        struct protobuf_field field;

        (void) state;
        assert_int_equal(protobuf_next(&reader, &field), 1);
        assert_int_equal(field.number, 3);
        assert_int_equal(field.value, 5);
        assert_int_equal(protobuf_next(&reader, &field), 0);
}

static void refuses_what_is_cut_off_or_no_message(void **state) {
        static const struct {
                const char *data;
                size_t size;
        } bad[] = {
                {"\x08", 1},                                              /* no number */
                {"\x08\x80", 2},                                          /* half a number */
                {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* too long a number */
                {"\x12\x05te", 4},                                        /* half a text */
                {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01te", 13},   /* a text of 2^64 - 1 bytes */
                {"\x0d"
                 "ab",
                 3},             /* half a fixed number */
                {"\x00\x01", 2}, /* field 0 */
                {"\x0b", 1},     /* a group */
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct protobuf_reader reader = {bad[i].data, bad[i].size};
                struct protobuf_field field;

                assert_int_equal(protobuf_next(&reader, &field), -EBADMSG);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_numbers_and_texts),
                cmocka_unit_test(a_negative_number_has_ten_bytes),
                cmocka_unit_test(reads_what_it_writes),
                cmocka_unit_test(passes_over_fixed_numbers),
                cmocka_unit_test(refuses_what_is_cut_off_or_no_message),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
