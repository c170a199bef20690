#include "timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "str.h"

#define DAY (24 * 60 * 60)
/* The calendar repeats after 400 years. Counted from 1 March, a leap day is the last of its year. */
#define ERA_DAYS 146097
#define EPOCH_DAYS 719468 /* from 1 March of the year 0 to 1 January 1970 */

struct date {
        long long year;
        uint8_t month; /* 1 to 12 */
        uint8_t day;   /* 1 to 31 */
};

static struct date date_of_day(long long days) {
        long long since = days + EPOCH_DAYS;
        long long era = (since >= 0 ? since : since - ERA_DAYS + 1) / ERA_DAYS;
        int day_of_era = (int) (since - era * ERA_DAYS);
        int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int month = (5 * day_of_year + 2) / 153; /* 0 is March */

        return (struct date){
                .year = era * 400 + year_of_era + (month >= 10),
                .month = (uint8_t) (month < 10 ? month + 3 : month - 9),
                .day = (uint8_t) (day_of_year - (153 * month + 2) / 5 + 1),
        };
}

int64_t timestamp_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec * TIMESTAMP_SECOND + now.tv_nsec;
}

/* Division that rounds down, for times before 1970. */
static int64_t divide(int64_t number, int64_t by, int64_t *rest) {
        *rest = (number % by + by) % by;
        return (number - *rest) / by;
}

const char *timestamp_format(int64_t time, bool fraction, char buffer[TIMESTAMP_MAX]) {
        int64_t nanoseconds;
        int64_t in_day;
        struct date date = date_of_day(divide(divide(time, TIMESTAMP_SECOND, &nanoseconds), DAY, &in_day));
        unsigned int second = (unsigned int) in_day; /* of the day */

        (void) snprintf(buffer, TIMESTAMP_MAX, "%04lld-%02d-%02dT%02u:%02u:%02u", date.year, date.month, date.day,
                        second / 3600 % 24, second / 60 % 60, second % 60);
        if (fraction)
                (void) snprintf(buffer + strlen(buffer), TIMESTAMP_MAX - strlen(buffer), ".%09lldZ",
                                (long long) nanoseconds);
        else
                (void) strncat(buffer, "Z", TIMESTAMP_MAX - strlen(buffer) - 1);
        return buffer;
}

int timestamp_parse(const char *text, int64_t *out) {
        struct tm parts = {0};
        const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
        int64_t unit = TIMESTAMP_SECOND;
        int64_t seconds;
        int64_t nanoseconds = 0;
        int hours = 0;
        int minutes = 0;

        if (!rest)
                return -EINVAL;
        seconds = timegm(&parts);
        if (*rest == '.')
                for (rest++; *rest >= '0' && *rest <= '9'; rest++)
                        nanoseconds += (*rest - '0') * (unit /= 10);
        if (*rest == '+' || *rest == '-') {
                if (sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
                        return -EINVAL;
                seconds += (*rest == '+' ? -1 : 1) * (hours * 3600 + minutes * 60);
        } else if (!str_equal(rest, "Z") && !str_equal(rest, "z")) {
                return -EINVAL;
        }
        return __builtin_mul_overflow(seconds, TIMESTAMP_SECOND, out) || __builtin_add_overflow(*out, nanoseconds, out)
                       ? -EINVAL
                       : 0;
}
