#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"
#include "../../lib/str.h"

static int run_shell(const char *script, struct process_options options, struct process_result *result,
                     struct error *err) {
        const char *const argv[] = {"sh", "-c", script, NULL};

        options.argv = argv;
        return process_run(&options, result, err);
}

static void exchanges_data_larger_than_a_pipe(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        size_t size = 600000;
        _cleanup_free_ char *input = xcalloc(size + 1, 1);
        struct process_options options = {.input = input, .input_size = size, .capture_output = true};

        (void) state;
        memset(input, 'x', size);
        assert_int_equal(run_shell("cat; exit 3", options, &result, NULL), 0);
        assert_int_equal(WEXITSTATUS(result.status), 3);
        assert_string_equal(result.output, input);
}

static void keeps_output_and_errors_apart(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        struct process_options options = {.capture_output = true, .capture_errors = true};

        (void) state;
        assert_int_equal(run_shell("echo out; echo err >&2; kill -9 $$", options, &result, NULL), 0);
        assert_string_equal(result.output, "out\n");
        assert_string_equal(result.errors, "err\n");
        assert_int_equal(process_exit_code(result.status), 137);
}

static void does_not_wait_for_a_daemon_it_left_behind(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        struct process_options options = {.capture_output = true, .timeout_ns = 20000000000};
        long pid;

        (void) state;
        assert_int_equal(run_shell("sleep 60 & echo $!", options, &result, NULL), 0);
        pid = strtol(result.output, NULL, 10);
        assert_true(pid > 1);
        assert_int_equal(kill((pid_t) pid, SIGKILL), 0);
}

static void kills_at_the_timeout(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        struct error err = {0};

        (void) state;
        assert_int_equal(run_shell("exec sleep 60", (struct process_options){.timeout_ns = 50000000}, &result, &err),
                         -ETIMEDOUT);
        assert_string_equal(err.message, "sh: did not finish within 0.05 s");
}

static void names_a_program_that_is_not_there(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        const char *const argv[] = {"/no/such/program", NULL};
        struct error err = {0};

        (void) state;
        assert_int_equal(process_run(&(struct process_options){.argv = argv}, &result, &err), -ENOENT);
        assert_string_equal(err.message, "/no/such/program: No such file or directory");
}

static void bounds_what_it_keeps(void **state) {
        _cleanup_process_result_ struct process_result result = {0};
        struct process_options options = {.capture_output = true, .output_max = 1000};

        (void) state;
        assert_int_equal(run_shell("yes", options, &result, NULL), -EFBIG);
}

static void knows_when_a_process_started(void **state) {
        uint64_t first = 0;
        uint64_t second = 0;

        (void) state;
        assert_int_equal(process_start_time(getpid(), &first), 0);
        assert_int_equal(process_start_time(getpid(), &second), 0);
        assert_true(first > 0 && first == second);
        assert_int_equal(process_state(getpid()), 'R');
        assert_int_equal(process_start_time(0x3fffffff, &first), -ESRCH);
}

static void numbers_of_processes_do_not_come_again(void **state) {
        _cleanup_fd_ int first = process_pidfd(getpid());
        _cleanup_fd_ int again = process_pidfd(getpid());
        _cleanup_fd_ int parent = process_pidfd(getppid());

        (void) state;
        if (process_number(first) == 0)
                skip(); /* before Linux 6.9 */
        assert_true(process_number(first) == process_number(again));
        assert_true(process_number(first) != process_number(parent));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exchanges_data_larger_than_a_pipe),
                cmocka_unit_test(keeps_output_and_errors_apart),
                cmocka_unit_test(does_not_wait_for_a_daemon_it_left_behind),
                cmocka_unit_test(kills_at_the_timeout),
                cmocka_unit_test(names_a_program_that_is_not_there),
                cmocka_unit_test(bounds_what_it_keeps),
                cmocka_unit_test(knows_when_a_process_started),
                cmocka_unit_test(numbers_of_processes_do_not_come_again),
        };

        return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
