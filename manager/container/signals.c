#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"

int signal_parse(const char *text) {
        int64_t number;

        if (str_empty(text))
                return SIGTERM;
        if (str_to_i64(text, 0, 64, &number) == 0)
                return (int) number;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int signal = 1; signal < 32; signal++)
                if (sigabbrev_np(signal) && strcasecmp(sigabbrev_np(signal), text) == 0)
                        return signal;
        if (strncasecmp(text, "RTMIN+", 6) == 0 && str_to_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) == 0)
                return SIGRTMIN + (int) number;
        if (strncasecmp(text, "RTMAX-", 6) == 0 && str_to_i64(text + 6, 0, SIGRTMAX - SIGRTMIN, &number) == 0)
                return SIGRTMAX - (int) number;
        return -EINVAL;
}
