#include "signal_name.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "str.h"

/* Second names of signals: the C library has one of each. */
static const struct {
        const char *name;
        int number;
} aliases[] = {{"IO", SIGIO}, {"IOT", SIGIOT}, {"CLD", SIGCHLD}};

static int find_name(const char *name) {
        for (int signal = 1; signal < NSIG; signal++) {
                const char *known = sigabbrev_np(signal);

                if (known && strcasecmp(known, name) == 0)
                        return signal;
        }
        for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
                if (strcasecmp(aliases[i].name, name) == 0)
                        return aliases[i].number;
        return -EINVAL;
}

/* "RTMIN", "RTMIN+3", "RTMAX-3" */
static int find_realtime(const char *name) {
        int64_t distance = 0;
        bool minimum = strncasecmp(name, "RTMIN", 5) == 0;

        if (!minimum && strncasecmp(name, "RTMAX", 5) != 0)
                return -EINVAL;
        if (name[5] != '\0' &&
            (name[5] != (minimum ? '+' : '-') || str_to_i64(name + 6, 0, SIGRTMAX - SIGRTMIN, &distance) < 0))
                return -EINVAL;
        return minimum ? SIGRTMIN + (int) distance : SIGRTMAX - (int) distance;
}

int signal_number(const char *text) {
        int64_t number;
        int r;

        if (str_empty(text))
                return SIGTERM;
        if (str_to_i64(text, 0, SIGRTMAX, &number) == 0)
                return (int) number;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        r = find_name(text);
        return r < 0 ? find_realtime(text) : r;
}
