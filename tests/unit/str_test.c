#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/error.h"
#include "../../lib/str.h"

static void reads_whole_numbers_only(void **state) {
        uint64_t u = 9;
        int64_t i = 9;

        (void) state;
        assert_int_equal(str_to_u64("18446744073709551615", UINT64_MAX, &u), 0);
        assert_true(u == UINT64_MAX);
        assert_int_equal(str_to_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
        assert_int_equal(str_to_u64("256", 255, &u), -ERANGE);
        assert_int_equal(str_to_u64("", 255, &u), -EINVAL);
        assert_int_equal(str_to_u64(" 1", 255, &u), -EINVAL);
        assert_int_equal(str_to_u64("+1", 255, &u), -EINVAL);
        assert_int_equal(str_to_u64("-1", 255, &u), -EINVAL);
        assert_int_equal(str_to_u64("1x", 255, &u), -EINVAL);
        assert_int_equal(str_to_u64_base("0755", 8, 07777, &u), 0);
        assert_int_equal(u, 0755);
        assert_int_equal(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i), 0);
        assert_true(i == INT64_MIN);
        assert_int_equal(str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i), -ERANGE);
        assert_int_equal(str_to_i64("--1", INT64_MIN, INT64_MAX, &i), -EINVAL);
}

static void reads_sizes_as_docker_writes_them(void **state) {
        static const struct {
                const char *text;
                int64_t bytes;
        } cases[] = {{"512", 512},      {"1b", 1},      {"100m", 104857600},   {"64kb", 65536},
                     {"1GiB", 1 << 30}, {"1.5K", 1536}, {"2T", 2199023255552}, {"0", 0}};
        static const char *const bad[] = {"", "m", "1x", "1mm", "-1", "1 m", "0x10", "1e3", "inf", "9999999p"};
        int64_t bytes = 0;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(str_to_bytes(cases[i].text, &bytes), 0);
                assert_true(bytes == cases[i].bytes);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_true(str_to_bytes(bad[i], &bytes) < 0);
}

static void reads_spans_as_docker_writes_them(void **state) {
        static const char *const bad[] = {"", "s", "1x", "1s2", "1m 2s"};
        int64_t ns = 0;

        (void) state;
        assert_int_equal(str_to_duration("90", &ns), 0);
        assert_true(ns == 90000000000);
        assert_int_equal(str_to_duration("1m30s", &ns), 0);
        assert_true(ns == 90000000000);
        assert_int_equal(str_to_duration("1.5h", &ns), 0);
        assert_true(ns == 5400000000000);
        assert_int_equal(str_to_duration("300ms", &ns), 0);
        assert_true(ns == 300000000);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(str_to_duration(bad[i], &ns), -EINVAL);
}

static void reads_lists_of_numbers(void **state) {
        unsigned long bits[STR_BITS_WORDS(70)];
        static const char *const bad[] = {"x", "1,", ",1", "1-", "-1", "3-1", "1 2", "0x1", "1--2", "1-2-3", "1;2"};

        (void) state;
        assert_int_equal(str_to_bits("0-2,5, 64 - 65", 70, bits), 0);
        assert_true(bits[0] == 0x27);
        assert_true(bits[1] == 3);
        assert_int_equal(str_to_bits(" ", 70, bits), 0);
        assert_true(bits[0] == 0 && bits[1] == 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(str_to_bits(bad[i], 70, NULL), -EINVAL);
        assert_int_equal(str_to_bits("69", 70, NULL), 0);
        assert_int_equal(str_to_bits("70", 70, NULL), -ERANGE);
        assert_int_equal(str_to_bits("0-99999999999999999999999", 70, bits), -ERANGE);
}

static void splits_and_joins_lists(void **state) {
        _cleanup_str_list_ struct str_list list = {0};
        _cleanup_free_ char *joined = NULL;

        (void) state;
        str_list_split(&list, "", ',');
        assert_int_equal(list.count, 0);
        str_list_split(&list, "a,,b", ',');
        assert_int_equal(list.count, 3);
        assert_string_equal(list.items[1], "");
        assert_null(list.items[3]);
        assert_true(str_list_contains(&list, "b"));
        joined = str_list_join(&list, "-");
        assert_string_equal(joined, "a--b");
        str_list_add_once(&list, "b");
        assert_int_equal(list.count, 3);
        str_list_add_once(&list, "c");
        assert_int_equal(list.count, 4);
        str_list_add_once(&list, "");
        assert_int_equal(list.count, 4);
}

static void grows_text(void **state) {
        _cleanup_str_buf_ struct str_buf buf = {0};

        (void) state;
        for (int i = 0; i < 1000; i++)
                str_buf_printf(&buf, "%d,", i);
        assert_int_equal(buf.size, 3890);
        assert_int_equal(strlen(buf.data), 3890);
}

static void shortens_to_a_size(void **state) {
        _cleanup_free_ char *whole = str_shorten("a-name-of-twenty-bytes", 22),
                            *one = str_shorten("a-name-of-twenty-bytes", 21),
                            *other = str_shorten("a-name-of-twenty-bytez", 21);

        (void) state;
        assert_string_equal(whole, "a-name-of-twenty-bytes");
        assert_int_equal(strlen(one), 21);
        assert_memory_equal(one, "a-na~", 5);
        assert_string_not_equal(one, other);
}

static void tells_what_is_utf8(void **state) {
        static const char *const good[] = {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
        /* Cut short, overlong, a surrogate, beyond the last character, a byte that never occurs. */
        static const char *const bad[] = {"\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xff"};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(str_is_utf8(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(str_is_utf8(bad[i]));
}

static void errors_read_outside_in(void **state) {
        _cleanup_free_ char *text = NULL;
        struct error err = {0};

        (void) state;
        assert_int_equal(error_errno(&err, ENOENT, "source %s", "/no/such"), -ENOENT);
        assert_int_equal(error_wrap(&err, "mounts[%d]", 3), -ENOENT);
        assert_int_equal(error_hint(&err, "make %s first", "it"), -ENOENT);
        text = error_text(&err);
        assert_string_equal(text, "mounts[3]: source /no/such: No such file or directory (hint: make it first)");
        for (int i = 0; i < 500; i++)
                (void) error_wrap(&err, "a context that is long");
        assert_true(strlen(err.message) < sizeof(err.message));
        assert_int_equal(error_set(NULL, EPERM, "nobody reads this"), -EPERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_whole_numbers_only),
                cmocka_unit_test(reads_sizes_as_docker_writes_them),
                cmocka_unit_test(reads_spans_as_docker_writes_them),
                cmocka_unit_test(reads_lists_of_numbers),
                cmocka_unit_test(splits_and_joins_lists),
                cmocka_unit_test(grows_text),
                cmocka_unit_test(shortens_to_a_size),
                cmocka_unit_test(tells_what_is_utf8),
                cmocka_unit_test(errors_read_outside_in),
        };

        return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
