/* Unit tests of lib/timestamp: the calendar both ways, against libc's. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "unit.h"

static void writes_what_libc_would(void **state) {
        (void) state;
        /* Prime steps over 400 years either side of 1970 meet every kind of year and hour. */
        for (int64_t seconds = -9000000000; seconds < 9000000000; seconds += 7654321) {
                time_t when = (time_t) seconds;
                char expected[TIMESTAMP_MAX];
                char text[TIMESTAMP_MAX];
                struct tm parts;

                assert_non_null(gmtime_r(&when, &parts));
                assert_true(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &parts) > 0);
                assert_string_equal(timestamp_format(seconds * TIMESTAMP_SECOND, false, text), expected);
        }
}

static void knows_leap_days(void **state) {
        char text[TIMESTAMP_MAX];

        (void) state;
        assert_string_equal(timestamp_format(INT64_C(951782400) * TIMESTAMP_SECOND, false, text),
                            "2000-02-29T00:00:00Z");
        assert_string_equal(timestamp_format(INT64_C(4107542399) * TIMESTAMP_SECOND, false, text),
                            "2100-02-28T23:59:59Z");
        assert_string_equal(timestamp_format(INT64_C(4107542400) * TIMESTAMP_SECOND, false, text),
                            "2100-03-01T00:00:00Z");
}

static void keeps_nanoseconds(void **state) {
        char text[TIMESTAMP_MAX];
        int64_t time;

        (void) state;
        assert_int_equal(timestamp_parse("2024-01-02T03:04:05.000000007Z", &time), 0);
        assert_string_equal(timestamp_format(time, true, text), "2024-01-02T03:04:05.000000007Z");
        assert_string_equal(timestamp_format(-1, true, text), "1969-12-31T23:59:59.999999999Z");
        assert_int_equal(timestamp_parse("1970-01-01T00:00:10.5Z", &time), 0);
        assert_int_equal(time, 10 * TIMESTAMP_SECOND + TIMESTAMP_SECOND / 2);
}

static void reads_every_zone(void **state) {
        int64_t time = 1;

        (void) state;
        assert_int_equal(timestamp_parse("1970-01-01T02:00:00+02:00", &time), 0);
        assert_int_equal(time, 0);
        assert_int_equal(timestamp_parse("1969-12-31T19:00:01-05:00", &time), 0);
        assert_int_equal(time, TIMESTAMP_SECOND);
}

static void refuses_what_is_no_time(void **state) {
        static const char *const cases[] = {"yesterday",
                                            "",
                                            "2024-01-02",
                                            "2024-01-02T03:04:05",
                                            "2024-01-02T03:04:05Zulu",
                                            "2024-01-02T03:04:05+",
                                            "0001-01-01T00:00:00Z",
                                            NULL};
        int64_t time;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(timestamp_parse(cases[i], &time), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_what_libc_would),  cmocka_unit_test(knows_leap_days),
                cmocka_unit_test(keeps_nanoseconds),       cmocka_unit_test(reads_every_zone),
                cmocka_unit_test(refuses_what_is_no_time),
        };

        return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
