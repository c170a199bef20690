/*
 * libseccomp's time grows with the square of a call's rules, and where they have several conditions each (but for
 * tests of equality), sevenfold with every rule: five of them, a kilobyte of config.json, are hours and all memory.
 * Such profiles are compiled where both are bounded.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "namespaces.h"
#include "seccomp_private.h"

/* Beyond these a profile is not quick. */
#define QUICK_RULES 2048
#define QUICK_SEVERAL 2

#define MEMORY_MAX ((rlim_t) 1 << 30)
/* More than the kernel takes; what the library makes is checked later. */
#define CODE_MAX ((size_t) 16 * 1024 * 1024)

/* What the child writes, the code behind it. */
struct answer {
        int r;
        struct error err;
};

bool seccomp_is_quick(const struct runtime_seccomp *seccomp) {
        size_t rules = 0, several = 0;

        for (size_t i = 0; i < seccomp->rule_count; i++)
                for (const char *const *name = seccomp->rules[i].names; *name; name++) {
                        rules += 1 + seccomp->rules[i].arg_count;
                        several += seccomp->rules[i].arg_count > 1;
                }
        return rules <= QUICK_RULES && several <= QUICK_SEVERAL;
}

static int compile_to(int fd, const struct runtime_seccomp *seccomp, seccomp_compiler compile, unsigned int seconds) {
        const struct rlimit processor = {seconds, seconds}, memory = {MEMORY_MAX, MEMORY_MAX};
        struct seccomp_program program = {0};
        struct answer answer = {0};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Refused only where a lower limit holds already, which does as well. */
        (void) setrlimit(RLIMIT_CPU, &processor);
#ifndef SANITIZE
        /* A sanitizer's own tables are larger than that. */
        (void) setrlimit(RLIMIT_AS, &memory);
#else
        (void) memory;
#endif
        answer.r = compile(seccomp, &program, &answer.err);
        if (fd_write_all(fd, &answer, sizeof(answer)) < 0 || fd_write_all(fd, program.code, program.size) < 0)
                return EXIT_FAILURE;
        return EXIT_SUCCESS;
}

static int read_answer(int fd, struct seccomp_program *out, struct error *err) {
        _cleanup_free_ char *content = NULL;
        struct answer answer = {0};
        size_t size = 0;
        int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_read_all(fd, CODE_MAX, &content, &size);

        if (r < 0 || size < sizeof(answer))
                return error_set(err, EIO, "linux.seccomp: cannot read the compiled filter");
        memcpy(&answer, content, sizeof(answer));
        if (answer.r < 0) {
                if (err)
                        *err = answer.err;
                return answer.r;
        }
        out->size = size - sizeof(answer);
        out->code = xcalloc(1, out->size);
        memcpy(out->code, content + sizeof(answer), out->size);
        return 0;
}

int seccomp_compile_apart(const struct runtime_seccomp *seccomp, seccomp_compiler compile, unsigned int seconds,
                          struct seccomp_program *out, struct error *err) {
        _cleanup_fd_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
        int status = 0;
        pid_t pid;

        if (fd < 0)
                return error_errno(err, errno, "linux.seccomp: no room for the filter");
        /* Without a signal at its end, which the caller's own handling of children would not expect. */
        pid = namespaces_clone(0, -1, 0);
        if (pid < 0)
                return error_errno(err, -pid, "linux.seccomp: no process to compile the filter in");
        if (pid == 0)
                _exit(compile_to(fd, seccomp, compile, seconds));
        while (waitpid(pid, &status, __WALL) < 0)
                if (errno != EINTR)
                        return error_errno(err, errno, "linux.seccomp: cannot wait for the compiled filter");
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return read_answer(fd, out, err);
        (void) error_set(err, E2BIG, "linux.seccomp.syscalls: not compiled after %u seconds", seconds);
        return error_hint(err, "use fewer rules, and fewer with several conditions for the same system call");
}
