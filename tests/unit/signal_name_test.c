/* Unit tests of lib/signal_name: every signal of the kernel, by all its names. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/signal_name.h"
#include "unit.h"

static void knows_every_name(void **state) {
        static const char *const names =
                "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN "
                "TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
        char list[256];
        char *save = NULL;
        int number = 1;

        (void) state;
        (void) snprintf(list, sizeof(list), "%s", names);
        for (char *name = strtok_r(list, " ", &save); name; name = strtok_r(NULL, " ", &save), number++) {
                char text[32];

                assert_int_equal(signal_number(name), number);
                (void) snprintf(text, sizeof(text), "SIG%s", name);
                assert_int_equal(signal_number(text), number);
                (void) snprintf(text, sizeof(text), "%d", number);
                assert_int_equal(signal_number(text), number);
        }
        assert_int_equal(number, 32);
        assert_int_equal(signal_number("sigterm"), SIGTERM);
        assert_int_equal(signal_number("POLL"), SIGIO);
        assert_int_equal(signal_number("IOT"), SIGABRT);
        assert_int_equal(signal_number("CLD"), SIGCHLD);
}

static void knows_realtime_signals(void **state) {
        (void) state;
        assert_int_equal(signal_number("RTMIN"), SIGRTMIN);
        assert_int_equal(signal_number("SIGRTMIN+3"), SIGRTMIN + 3);
        assert_int_equal(signal_number("RTMAX"), SIGRTMAX);
        assert_int_equal(signal_number("rtmax-1"), SIGRTMAX - 1);
        assert_int_equal(signal_number("64"), 64);
}

static void takes_nothing_for_term_and_zero_for_a_question(void **state) {
        (void) state;
        assert_int_equal(signal_number(NULL), SIGTERM);
        assert_int_equal(signal_number(""), SIGTERM);
        assert_int_equal(signal_number("0"), 0);
}

static void refuses_what_is_no_signal(void **state) {
        static const char *const words[] = {"65",       "-1",      "NONSENSE", "SIG", "SIGSIGTERM", "RTMIN-1",
                                            "RTMIN+99", "RTMAX+1", "RTMIN+",   "15 ", "0x9"};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                assert_int_equal(signal_number(words[i]), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(knows_every_name),
                cmocka_unit_test(knows_realtime_signals),
                cmocka_unit_test(takes_nothing_for_term_and_zero_for_a_question),
                cmocka_unit_test(refuses_what_is_no_signal),
        };

        return cmocka_run_group_tests_name("signal_name", tests, NULL, NULL);
}
