/*
 * Where this program begins, before libc's own _start.
 *
 * The commands that put a process into a container first execute the program again (self.h).
 * Done here, the process that is thrown away has not yet set libc up: that is most of what an
 * execution of a small static program costs. Whatever does not work here is left to
 * self_protect(), which does the same with error messages and is the one that guarantees it.
 *
 * Neither libc nor the stack protector's canary exists yet, so all of it is plain system calls.
 * The Makefile makes self_entry the entry point on the architectures below.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "self.h"

#if !defined(SANITIZE) && (defined(__x86_64__) || defined(__aarch64__))

#ifdef __x86_64__
__asm__(".text\n"
        ".globl self_entry\n"
        ".type self_entry, @function\n"
        "self_entry:\n"
        "        mov %rsp, %rdi\n" /* argc, argv and the environment, as the kernel laid them out */
        "        sub $8, %rsp\n"
        "        push %rdx\n" /* belongs to _start; the two together keep the stack aligned */
        "        call self_entry_run\n"
        "        pop %rdx\n"
        "        add $8, %rsp\n"
        "        jmp _start\n"
        ".size self_entry, . - self_entry\n");

static long system_call(long number, long a, long b, long c, long d, long e) {
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                         : "rcx", "r11", "memory");
        return result;
}
#else
__asm__(".text\n"
        ".globl self_entry\n"
        ".type self_entry, %function\n"
        "self_entry:\n"
        "        str x0, [sp, #-16]!\n"
        "        add x0, sp, #16\n"
        "        bl self_entry_run\n"
        "        ldr x0, [sp], #16\n"
        "        b _start\n"
        ".size self_entry, . - self_entry\n");

static long system_call(long number, long a, long b, long c, long d, long e) {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = e;

        __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
}
#endif

static bool equal(const char *a, const char *b) {
        while (*a && *a == *b)
                a++, b++;
        return *a == *b;
}

/* A command of which a process ends up in the container. A word that only looks like one costs nothing but time. */
static bool enters_container(long argc, char *const *argv) {
        for (long i = 1; i < argc; i++)
                if (equal(argv[i], "run") || equal(argv[i], "create") || equal(argv[i], "exec"))
                        return true;
        return false;
}

/* Executed by fd: then by the program itself, or by somebody who leaves it to self_protect(). */
static bool was_executed_by_fd(char *const *environment) {
        static const char start[] = "/dev/fd/";
        const long *auxiliary;

        while (*environment)
                environment++;
        for (auxiliary = (const long *) (environment + 1); auxiliary[0] != AT_NULL; auxiliary += 2) {
                const char *name = (const char *) (intptr_t) auxiliary[1];
                size_t same = 0;

                if (auxiliary[0] != AT_EXECFN)
                        continue;
                while (start[same] && name[same] == start[same])
                        same++;
                return start[same] == '\0';
        }
        return false;
}

static bool is_readonly(long fd) {
        struct statfs fs;

        return system_call(SYS_fstatfs, fd, (long) (intptr_t) &fs, 0, 0, 0) == 0 && (fs.f_flags & ST_RDONLY);
}

/* @stack: what the kernel gave the program: argc, argv[], NULL, environment[], NULL */
void self_entry_run(const long *stack);
void __attribute__((used, no_stack_protector)) self_entry_run(const long *stack) {
        static const char self[] = "/proc/self/exe";
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
        long argc = stack[0];
        char *const *argv = (char *const *) (stack + 1);
        long empty = (long) (intptr_t) "";
        long exe;
        long tree;

        if (!enters_container(argc, argv) || was_executed_by_fd(argv + argc + 1))
                return;
        exe = system_call(SYS_openat, AT_FDCWD, (long) (intptr_t) self, O_PATH | O_CLOEXEC, 0, 0);
        if (exe >= 0 && !is_readonly(exe)) {
                tree = system_call(SYS_open_tree, exe, empty, AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0,
                                   0);
                if (tree >= 0 && system_call(SYS_mount_setattr, tree, empty, AT_EMPTY_PATH, (long) (intptr_t) &attr,
                                             sizeof(attr)) == 0) {
                        /* Stays open, for self_protect() to find; beyond what callers pass on. */
                        long handle = system_call(SYS_fcntl, tree, F_DUPFD, SELF_HANDLE_MIN, 0, 0);

                        if (handle >= 0) {
                                (void) system_call(SYS_execveat, handle, empty, (long) (intptr_t) argv,
                                                   (long) (intptr_t) (argv + argc + 1), AT_EMPTY_PATH);
                                (void) system_call(SYS_close, handle, 0, 0, 0, 0);
                        }
                }
                if (tree >= 0)
                        (void) system_call(SYS_close, tree, 0, 0, 0, 0);
        }
        if (exe >= 0)
                (void) system_call(SYS_close, exe, 0, 0, 0, 0);
}

#endif
