#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../../runtime/linux/seccomp_private.h"

/* A number that no kernel will give to a system call soon. */
#define FUTURE_CALL 9000

static const struct runtime_seccomp *parse(struct arena *arena, const char *text) {
        _cleanup_free_ char *document = str_format("{\"ociVersion\":\"1.0.0\",\"linux\":{\"seccomp\":%s}}", text);
        struct runtime_config *config = arena_alloc(arena, 1, sizeof(*config));
        const struct json *root = NULL;
        struct error err = {0};

        if (json_parse(arena, document, strlen(document), NULL, &root, &err) < 0 ||
            runtime_config_parse(arena, root, config, &err) < 0)
                fail_msg("%s", err.message);
        return config->linux_.seccomp;
}

static void assert_refused(const char *text, const char *message) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct seccomp_program program;
        struct error err = {0};

        assert_true(seccomp_compile(parse(arena, text), -1, &program, &err) < 0);
        if (!strstr(err.message, message))
                fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
}

/*
 * Without the C library's _exit(), where a sanitizer would look for leaks by calls that the filter refuses; and not
 * declared noreturn, before which it would ask for the signal stack.
 */
static void exit_with_result(long number, unsigned long argument) {
        syscall(SYS_exit_group, syscall(number, argument, 0, 0, 0) < 0 ? errno : 0);
}

/* cmocka catches these to go on with the next test, which is not the child's business. */
static void take_signals_as_they_are(void) {
        (void) signal(SIGSYS, SIG_DFL);
        (void) signal(SIGSEGV, SIG_DFL);
}

/*
 * The result of system calls under a filter, made in a child: 0, or the errno.
 * Results are passed as exit statuses, so the filter must let exit_group pass.
 */
static int call_under(const char *text, long number, unsigned long argument) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct seccomp_program program;
        struct error err = {0};
        int status = 0;
        pid_t pid;

        if (seccomp_compile(parse(arena, text), -1, &program, &err) < 0)
                fail_msg("%s", err.message);
        pid = fork();
        if (pid == 0) {
                take_signals_as_they_are();
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_program_load(&program, NULL) < 0)
                        _exit(255);
                exit_with_result(number, argument);
        }
        seccomp_program_free(&program);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define DENY "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"

static void denies_by_name_and_leaves_the_rest(void **state) {
        static const char text[] = DENY "[{\"names\":[\"getpid\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";

        (void) state;
        assert_int_equal(call_under(text, SYS_getpid, 0), EPERM);
        assert_int_equal(call_under(text, SYS_getppid, 0), 0);
}

static void returns_the_errno_that_was_asked_for(void **state) {
        (void) state;
        assert_int_equal(call_under(DENY "[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":95}]}",
                                    SYS_getpid, 0),
                         95);
}

static void kills_where_told_to(void **state) {
        (void) state;
        assert_int_equal(
                call_under(DENY "[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}]}", SYS_getpid, 0),
                -SIGSYS);
}

static void compares_arguments(void **state) {
        static const char text[] = DENY "[{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
                                        "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]}]}";

        (void) state;
        assert_int_equal(call_under(text, SYS_personality, 8), EPERM);
        assert_int_equal(call_under(text, SYS_personality, 0xffffffff), 0);
}

static void takes_conditions_on_one_argument_as_alternatives(void **state) {
        static const char text[] = DENY "[{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
                                        "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},"
                                        "{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"}]}]}";

        (void) state;
        assert_int_equal(call_under(text, SYS_personality, 8), EPERM);
        assert_int_equal(call_under(text, SYS_personality, 16), EPERM);
        assert_int_equal(call_under(text, SYS_personality, 0xffffffff), 0);
}

static void compares_masked_arguments(void **state) {
        static const char text[] = DENY "[{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
                                        "{\"index\":0,\"value\":255,\"valueTwo\":8,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}";

        (void) state;
        assert_int_equal(call_under(text, SYS_personality, 0x108), EPERM);
        assert_int_equal(call_under(text, SYS_personality, 0xffffffff), 0);
}

static void knows_every_operator(void **state) {
        /* personality(16) fails where 16 OP 16 or 16 OP 20 holds. */
        static const struct {
                const char *op;
                int equal;
                int less;
        } rows[] = {{"NE", 0, EPERM}, {"LT", 0, EPERM}, {"LE", EPERM, EPERM},
                    {"EQ", EPERM, 0}, {"GE", EPERM, 0}, {"GT", 0, 0}};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                for (int value = 16; value <= 20; value += 4) {
                        _cleanup_free_ char *text =
                                str_format(DENY "[{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
                                                "{\"index\":0,\"value\":%d,\"op\":\"SCMP_CMP_%s\"}]}]}",
                                           value, rows[i].op);

                        assert_int_equal(call_under(text, SYS_personality, 16),
                                         value == 16 ? rows[i].equal : rows[i].less);
                }
        }
}

static void knows_every_action(void **state) {
        static const struct {
                const char *action;
                int result; /* an errno, or a signal below 0 */
        } rows[] = {{"SCMP_ACT_KILL", -SIGSYS},
                    {"SCMP_ACT_KILL_THREAD", -SIGSYS},
                    {"SCMP_ACT_KILL_PROCESS", -SIGSYS},
                    {"SCMP_ACT_TRAP", -SIGSYS},
                    {"SCMP_ACT_ERRNO", EPERM},
                    {"SCMP_ACT_TRACE", ENOSYS},
                    {"SCMP_ACT_ALLOW", 0},
                    {"SCMP_ACT_LOG", 0}};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_free_ char *text =
                        str_format(DENY "[{\"names\":[\"getppid\"],\"action\":\"%s\"}]}", rows[i].action);

                assert_int_equal(call_under(text, SYS_getppid, 0), rows[i].result);
        }
}

static void knows_every_flag(void **state) {
        static const char *const names[] = {"TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *text =
                        str_format("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_%s\"],"
                                   "\"syscalls\":[{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
                                   names[i]);

                assert_int_equal(call_under(text, SYS_getppid, 0), EPERM);
        }
}

#ifdef __x86_64__
/* getppid() as a 32-bit program calls it: another number by another gate. */
static int getppid_of_32_bits(const char *text) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct seccomp_program program = {0};
        struct error err = {0};
        int status = 0;
        pid_t pid;

        if (text && seccomp_compile(parse(arena, text), -1, &program, &err) < 0)
                fail_msg("%s", err.message);
        pid = fork();
        if (pid == 0) {
                long result;

                take_signals_as_they_are();
                if (text && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_program_load(&program, NULL) < 0))
                        _exit(255);
                __asm__ volatile("int $0x80" : "=a"(result) : "a"(64L) : "memory", "r8", "r9", "r10", "r11");
                exit_with_result(result < 0 ? SYS_close : SYS_getpid, (unsigned long) -1);
        }
        seccomp_program_free(&program);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void filters_each_architecture_by_its_own_numbers(void **state) {
        (void) state;
        if (getppid_of_32_bits(NULL) != 0)
                skip(); /* this kernel runs no 32-bit programs */
        assert_int_equal(getppid_of_32_bits("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
                                            "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":"
                                            "[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"),
                         EBADF);
        assert_int_equal(getppid_of_32_bits("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
                                            "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":"
                                            "[\"semtimedop\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"),
                         0);
        /* An architecture that the profile does not name is a way around it. */
        assert_int_equal(getppid_of_32_bits(DENY "[{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"),
                         -SIGSYS);
}
#endif

static void leaves_new_calls_to_a_tracer(void **state) {
        (void) state;
        /* Without one, the kernel says ENOSYS itself; the errno of the action would be the tracer's. */
        assert_int_equal(call_under("{\"defaultAction\":\"SCMP_ACT_TRACE\",\"syscalls\":[{\"names\":[\"exit_group\"],"
                                    "\"action\":\"SCMP_ACT_ALLOW\"}]}",
                                    SYS_getppid, 0),
                         ENOSYS);
}

static void answers_calls_newer_than_the_profile_with_enosys(void **state) {
        static const char allow[] =
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\","
                "\"SCMP_ARCH_X32\"],\"syscalls\":[{\"names\":[\"exit_group\",\"faccessat2\"],"
                "\"action\":\"SCMP_ACT_ALLOW\"}]}";

        (void) state;
        assert_int_equal(call_under(allow, FUTURE_CALL, 0), ENOSYS);
        assert_int_equal(call_under(allow, SYS_getpid, 0), EPERM);
}

static void ignores_rules_that_repeat_the_default(void **state) {
        (void) state;
        assert_int_equal(call_under(DENY "[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}", SYS_getpid, 0),
                         0);
}

static void names_what_it_does_not_know(void **state) {
        (void) state;
        assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}", "SCMP_ARCH_Z80");
        assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}",
                       "SECCOMP_FILTER_FLAG_X");
}

/* ---- The cache ---- */

struct cache {
        char path[64];
        int fd;
};

static void cache_open(struct cache *cache) {
        (void) snprintf(cache->path, sizeof(cache->path), "/tmp/myrun-unit-XXXXXX");
        assert_non_null(mkdtemp(cache->path));
        cache->fd = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(cache->fd >= 0);
}

static void cache_close(struct cache *cache) {
        fd_close(cache->fd);
        assert_int_equal(path_remove_tree(AT_FDCWD, cache->path, NULL), 0);
}

/* Compiles with the cache; returns the program's size and the number of files kept then. */
static size_t compile_cached(const struct cache *cache, const char *text, size_t *files) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *path = str_format("%s/.seccomp", cache->path);
        _cleanup_dir_ DIR *dir = NULL;
        struct seccomp_program program;
        struct error err = {0};
        size_t size;

        if (seccomp_compile(parse(arena, text), cache->fd, &program, &err) < 0)
                fail_msg("%s", err.message);
        size = program.size;
        seccomp_program_free(&program);
        dir = opendir(path);
        assert_non_null(dir);
        *files = 0;
        for (const struct dirent *entry; (entry = readdir(dir));)
                *files += entry->d_name[0] != '.';
        return size;
}

static void keeps_one_program_a_profile(void **state) {
        static const char one[] = DENY "[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
        static const char other[] = DENY "[{\"names\":[\"getpid\",\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
        struct cache cache = {.fd = -1};
        size_t first, files = 0;

        (void) state;
        cache_open(&cache);
        first = compile_cached(&cache, one, &files);
        assert_int_equal(files, 1);
        assert_int_equal(compile_cached(&cache, one, &files), first);
        assert_int_equal(files, 1);
        assert_int_not_equal(compile_cached(&cache, other, &files), first);
        assert_int_equal(files, 2);
        cache_close(&cache);
}

/* Changes the one file kept: its first byte, its length or its mode. */
static void spoil(const struct cache *cache, int how) {
        _cleanup_free_ char *path = str_format("%s/.seccomp", cache->path);
        _cleanup_dir_ DIR *dir = opendir(path);

        assert_non_null(dir);
        for (const struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_fd_ int fd = -1;

                if (entry->d_name[0] == '.')
                        continue;
                fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC);
                assert_true(fd >= 0);
                if (how == 0)
                        assert_int_equal(write(fd, "x", 1), 1);
                else if (how == 1)
                        assert_int_equal(ftruncate(fd, 100), 0);
                else
                        assert_int_equal(fchmod(fd, 0666), 0);
        }
}

static void does_not_trust_a_file_that_was_tampered_with(void **state) {
        static const char text[] = DENY "[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";

        (void) state;
        for (int how = 0; how < 3; how++) {
                struct cache cache = {.fd = -1};
                size_t size, files = 0;

                cache_open(&cache);
                size = compile_cached(&cache, text, &files);
                spoil(&cache, how);
                assert_int_equal(compile_cached(&cache, text, &files), size);
                /* And it is good again. */
                assert_int_equal(compile_cached(&cache, text, &files), size);
                assert_int_equal(files, 1);
                cache_close(&cache);
        }
}

#define SEVERAL(call, value)                                                                                           \
        "{\"names\":[\"" call "\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["                                           \
        "{\"index\":0,\"value\":" value ",\"op\":\"SCMP_CMP_GE\"},{\"index\":1,\"value\":" value                       \
        ",\"op\":\"SCMP_CMP_GE\"}]}"

static void compiles_apart_what_may_take_long(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct runtime_seccomp *quick, *slow;
        struct seccomp_program program;
        struct error err = {0};

        (void) state;
        quick = parse(arena, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" SEVERAL("read", "7") "]}");
        slow = parse(arena, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" SEVERAL("read", "7") "," SEVERAL(
                                    "read", "8") "," SEVERAL("write", "9") "]}");
        assert_true(seccomp_is_quick(quick));
        assert_false(seccomp_is_quick(slow));
        assert_int_equal(seccomp_compile(slow, -1, &program, &err), 0);
        assert_true(program.size > 0);
        seccomp_program_free(&program);
}

static int never_compile(const struct runtime_seccomp *seccomp, struct seccomp_program *out, struct error *err) {
        volatile bool forever = true;

        (void) seccomp;
        (void) out;
        (void) err;
        while (forever)
                ;
        return 0;
}

static int refuse_to_compile(const struct runtime_seccomp *seccomp, struct seccomp_program *out, struct error *err) {
        (void) seccomp;
        (void) out;
        return error_set(err, EINVAL, "for a reason");
}

static void stops_compiling_after_a_while(void **state) {
        struct runtime_seccomp seccomp = {0};
        struct seccomp_program program = {0};
        struct error err = {0};

        (void) state;
        assert_int_equal(seccomp_compile_apart(&seccomp, never_compile, 1, &program, &err), -E2BIG);
        assert_non_null(strstr(err.message, "linux.seccomp.syscalls: not compiled after 1 seconds"));
        assert_int_equal(seccomp_compile_apart(&seccomp, refuse_to_compile, 1, &program, &err), -EINVAL);
        assert_string_equal(err.message, "for a reason");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(denies_by_name_and_leaves_the_rest),
                cmocka_unit_test(returns_the_errno_that_was_asked_for),
                cmocka_unit_test(kills_where_told_to),
                cmocka_unit_test(compares_arguments),
                cmocka_unit_test(takes_conditions_on_one_argument_as_alternatives),
                cmocka_unit_test(compares_masked_arguments),
                cmocka_unit_test(knows_every_operator),
                cmocka_unit_test(knows_every_action),
                cmocka_unit_test(knows_every_flag),
#ifdef __x86_64__
                cmocka_unit_test(filters_each_architecture_by_its_own_numbers),
#endif
                cmocka_unit_test(leaves_new_calls_to_a_tracer),
                cmocka_unit_test(answers_calls_newer_than_the_profile_with_enosys),
                cmocka_unit_test(ignores_rules_that_repeat_the_default),
                cmocka_unit_test(compiles_apart_what_may_take_long),
                cmocka_unit_test(stops_compiling_after_a_while),
                cmocka_unit_test(names_what_it_does_not_know),
                cmocka_unit_test(keeps_one_program_a_profile),
                cmocka_unit_test(does_not_trust_a_file_that_was_tampered_with),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
