/*
 * Kills one process of a command with SIGKILL as it enters its N-th system call.
 *
 *     kill_at [-c] [-p PID] ROLE N COMMAND [ARG...]
 *
 * ROLE is a process by its order of birth: 0 is the command, 1 the first process it makes, and so
 * on. With -p, role 1 is the process PID, which is there already. strace's injection counts each
 * kind of call by itself and hits whoever gets there first; here every call of every process is a
 * point of its own. A killed call does not happen, so N+1 is "right after the N-th". With -c only
 * calls that can change something outside the process count: those between leave the same state.
 *
 * Prints the pids of all processes seen, then the name of the call, on one line.
 * Exit status: 0 killed there; 3 the process made fewer calls before it executed another program,
 * ended or went to sleep for good; 1 with a message when something is wrong or hangs. What still
 * runs then is let go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROLES_MAX 16
#define HANGS_S 20
/* Once the command has ended, a process that makes no call for so long waits for something. */
#define QUIET_MS 50
#define ENDED_EARLY 3
#define OPTIONS                                                                                                        \
        (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

struct tracer {
        pid_t roles[ROLES_MAX];
        size_t count;
        size_t target;
        long wanted;
        long calls;    /* the target has entered */
        bool changes;  /* -c: count only calls that change something */
        bool executed; /* role 0 has become the command */
        bool ended;    /* role 0 */
        char where[64];
        char hangs[128]; /* what to say when it hangs: a signal handler may not format it */
        size_t hangs_size;
};

static void __attribute__((noreturn)) fail(const char *what) {
        (void) fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

static size_t role_of(const struct tracer *tracer, pid_t pid) {
        size_t role = 0;

        while (role < tracer->count && tracer->roles[role] != pid)
                role++;
        return role;
}

static size_t add_role(struct tracer *tracer, pid_t pid) {
        size_t role = role_of(tracer, pid);

        if (role == tracer->count && tracer->count < ROLES_MAX)
                tracer->roles[tracer->count++] = pid;
        return role;
}

static void seize(pid_t pid) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *) OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                fail("cannot trace");
}

/* The command, stopped until it is traced. */
static pid_t launch(char **argv) {
        int gate[2];
        char byte;
        pid_t pid;

        if (pipe(gate) < 0 || (pid = fork()) < 0)
                fail("cannot start the command");
        if (pid == 0) {
                (void) close(gate[1]);
                (void) !read(gate[0], &byte, 1);
                (void) close(gate[0]);
                /* Who reads our line must not wait for all that the command leaves running. */
                (void) dup2(STDERR_FILENO, STDOUT_FILENO);
                (void) execvp(argv[0], argv);
                fail(argv[0]);
        }
        (void) close(gate[0]);
        seize(pid);
        (void) close(gate[1]);
        return pid;
}

static bool opens_to_change(pid_t pid, const struct __ptrace_syscall_info *info) {
        unsigned long long flags = info->entry.args[2];

        if (info->entry.nr == SYS_openat2) {
                struct open_how how = {0};
                struct iovec here = {&how, sizeof(how)}, there = {(void *) info->entry.args[2], sizeof(how)};

                (void) process_vm_readv(pid, &here, 1, &there, 1, 0);
                flags = how.flags;
        }
        return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* True for a call that can change something outside the process. */
static bool changes(pid_t pid, const struct __ptrace_syscall_info *info) {
        static const unsigned long long calls[] = {
                SYS_sendto,   SYS_sendmsg,   SYS_write,     SYS_pwrite64, SYS_writev,    SYS_link,    SYS_linkat,
                SYS_symlink,  SYS_symlinkat, SYS_unlink,    SYS_unlinkat, SYS_mkdir,     SYS_mkdirat, SYS_rename,
                SYS_renameat, SYS_renameat2, SYS_ftruncate, SYS_fork,     SYS_vfork,     SYS_clone,   SYS_clone3,
                SYS_setns,    SYS_flock,     SYS_mount,     SYS_execve,   SYS_exit_group};

        if (info->entry.nr == SYS_openat || info->entry.nr == SYS_openat2)
                return opens_to_change(pid, info);
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                if (info->entry.nr == calls[i])
                        return true;
        return false;
}

static void say_if_it_hangs(struct tracer *tracer) {
        int size = snprintf(tracer->hangs, sizeof(tracer->hangs), "kill_at: hangs %s call %ld (%s)\n",
                            tracer->where[0] ? "after the kill at" : "before", tracer->wanted,
                            tracer->where[0] ? tracer->where : "not reached");

        tracer->hangs_size = (size_t) size < sizeof(tracer->hangs) ? (size_t) size : sizeof(tracer->hangs) - 1;
}

/* True when the target is to die in this call. */
static bool enters_wanted_call(struct tracer *tracer, pid_t pid, size_t role) {
        struct __ptrace_syscall_info info;

        if (role != tracer->target || (role == 0 && !tracer->executed) || tracer->where[0])
                return false;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof(info), &info) <= 0 ||
            info.op != PTRACE_SYSCALL_INFO_ENTRY || (tracer->changes && !changes(pid, &info)) ||
            ++tracer->calls != tracer->wanted)
                return false;
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int) info.entry.nr);

        (void) snprintf(tracer->where, sizeof(tracer->where), "%s", name ? name : "unknown");
        free(name);
        say_if_it_hangs(tracer);
        return true;
}

/* Handles one stop. Returns the signal to pass on. */
static int handle_stop(struct tracer *tracer, pid_t pid, int status, size_t role) {
        int event = status >> 16;
        int signal = WSTOPSIG(status);

        if (event == PTRACE_EVENT_EXEC) {
                if (role == 0)
                        tracer->executed = true;
                else if (role == tracer->target && !tracer->where[0])
                        exit(ENDED_EARLY);
        } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
                unsigned long child = 0;

                if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0)
                        (void) add_role(tracer, (pid_t) child);
        } else if (signal == (SIGTRAP | 0x80)) {
                if (enters_wanted_call(tracer, pid, role))
                        return SIGKILL;
        } else if (event == 0) {
                return signal;
        }
        return 0;
}

/* Waits for one event. Returns the pid, or 0 when all is quiet after the command's end. */
static pid_t wait_event(const struct tracer *tracer, int *status) {
        for (int waited = 0;; waited++) {
                const struct timespec pause = {.tv_nsec = 1000000};
                pid_t pid = waitpid(-1, status, __WALL | (tracer->ended ? WNOHANG : 0));

                if (pid < 0 && errno == EINTR)
                        continue;
                if (pid < 0 && errno == ECHILD)
                        return 0;
                if (pid < 0)
                        fail("cannot wait");
                if (pid > 0)
                        return pid;
                if (waited == QUIET_MS)
                        return 0;
                (void) nanosleep(&pause, NULL);
        }
}

/* Returns when the target has been killed and the command has ended. */
static void follow(struct tracer *tracer) {
        bool killed = false;

        while (!killed || !tracer->ended) {
                int status = 0;
                pid_t pid = wait_event(tracer, &status);
                size_t role;

                if (pid == 0)
                        exit(ENDED_EARLY);
                role = add_role(tracer, pid);
                if (WIFSTOPPED(status)) {
                        int signal = handle_stop(tracer, pid, status, role);

                        if (signal == SIGKILL)
                                (void) kill(pid, SIGKILL);
                        (void) ptrace(tracer->where[0] ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL,
                                      (void *) (intptr_t) (signal == SIGKILL ? 0 : signal));
                        continue;
                }
                if (role == 0)
                        tracer->ended = true;
                if (role == tracer->target) {
                        if (!tracer->where[0])
                                exit(ENDED_EARLY);
                        killed = true;
                }
        }
}

static struct tracer tracer;

static void hangs(int signal) {
        (void) signal;
        (void) !write(STDERR_FILENO, tracer.hangs, tracer.hangs_size);
        _exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
        pid_t attached = 0;
        pid_t command;

        if (argc > 1 && strcmp(argv[1], "-c") == 0) {
                tracer.changes = true;
                argc--;
                argv++;
        }
        if (argc > 2 && strcmp(argv[1], "-p") == 0) {
                attached = (pid_t) atoi(argv[2]);
                argc -= 2;
                argv += 2;
        }
        if (argc < 4) {
                (void) fprintf(stderr, "usage: kill_at [-c] [-p PID] ROLE N COMMAND [ARG...]\n");
                return 2;
        }
        tracer.target = (size_t) atoi(argv[1]);
        tracer.wanted = atol(argv[2]);
        say_if_it_hangs(&tracer);
        (void) signal(SIGALRM, hangs);
        (void) alarm(HANGS_S);
        /* What the command leaves behind is not ours to reap, and must not wait for us. */
        command = launch(argv + 3);
        (void) add_role(&tracer, command);
        if (attached) {
                seize(attached);
                (void) add_role(&tracer, attached);
        }
        follow(&tracer);
        for (size_t i = 0; i < tracer.count; i++)
                (void) printf("%d ", (int) tracer.roles[i]);
        (void) printf("%s\n", tracer.where);
        return 0;
}
