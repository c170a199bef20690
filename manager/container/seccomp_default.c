#include <linux/personality.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "seccomp_policy.h"

/* Calls that need no right beyond being in a container. */
static const char *const always[] = {
        "accept",
        "accept4",
        "access",
        "adjtimex",
        "alarm",
        "bind",
        "brk",
        "cachestat",
        "capget",
        "capset",
        "chdir",
        "chmod",
        "chown",
        "chown32",
        "clock_adjtime",
        "clock_adjtime64",
        "clock_getres",
        "clock_getres_time64",
        "clock_gettime",
        "clock_gettime64",
        "clock_nanosleep",
        "clock_nanosleep_time64",
        "close",
        "close_range",
        "connect",
        "copy_file_range",
        "creat",
        "dup",
        "dup2",
        "dup3",
        "epoll_create",
        "epoll_create1",
        "epoll_ctl",
        "epoll_ctl_old",
        "epoll_pwait",
        "epoll_pwait2",
        "epoll_wait",
        "epoll_wait_old",
        "eventfd",
        "eventfd2",
        "execve",
        "execveat",
        "exit",
        "exit_group",
        "faccessat",
        "faccessat2",
        "fadvise64",
        "fadvise64_64",
        "fallocate",
        "fanotify_mark",
        "fchdir",
        "fchmod",
        "fchmodat",
        "fchmodat2",
        "fchown",
        "fchown32",
        "fchownat",
        "fcntl",
        "fcntl64",
        "fdatasync",
        "fgetxattr",
        "flistxattr",
        "flock",
        "fork",
        "fremovexattr",
        "fsetxattr",
        "fstat",
        "fstat64",
        "fstatat64",
        "fstatfs",
        "fstatfs64",
        "fsync",
        "ftruncate",
        "ftruncate64",
        "futex",
        "futex_requeue",
        "futex_time64",
        "futex_wait",
        "futex_waitv",
        "futex_wake",
        "futimesat",
        "get_robust_list",
        "get_thread_area",
        "getcpu",
        "getcwd",
        "getdents",
        "getdents64",
        "getegid",
        "getegid32",
        "geteuid",
        "geteuid32",
        "getgid",
        "getgid32",
        "getgroups",
        "getgroups32",
        "getitimer",
        "getpeername",
        "getpgid",
        "getpgrp",
        "getpid",
        "getppid",
        "getpriority",
        "getrandom",
        "getresgid",
        "getresgid32",
        "getresuid",
        "getresuid32",
        "getrlimit",
        "getrusage",
        "getsid",
        "getsockname",
        "getsockopt",
        "gettid",
        "gettimeofday",
        "getuid",
        "getuid32",
        "getxattr",
        "getxattrat",
        "inotify_add_watch",
        "inotify_init",
        "inotify_init1",
        "inotify_rm_watch",
        "io_cancel",
        "io_destroy",
        "io_getevents",
        "io_pgetevents",
        "io_pgetevents_time64",
        "io_setup",
        "io_submit",
        "ioctl",
        "ioprio_get",
        "ioprio_set",
        "ipc",
        "kill",
        "landlock_add_rule",
        "landlock_create_ruleset",
        "landlock_restrict_self",
        "lchown",
        "lchown32",
        "lgetxattr",
        "link",
        "linkat",
        "listen",
        "listmount",
        "listxattr",
        "listxattrat",
        "llistxattr",
        "_llseek",
        "lremovexattr",
        "lseek",
        "lsetxattr",
        "lstat",
        "lstat64",
        "madvise",
        "map_shadow_stack",
        "membarrier",
        "memfd_create",
        "memfd_secret",
        "mincore",
        "mkdir",
        "mkdirat",
        "mknod",
        "mknodat",
        "mlock",
        "mlock2",
        "mlockall",
        "mmap",
        "mmap2",
        "mprotect",
        "mq_getsetattr",
        "mq_notify",
        "mq_open",
        "mq_timedreceive",
        "mq_timedreceive_time64",
        "mq_timedsend",
        "mq_timedsend_time64",
        "mq_unlink",
        "mremap",
        "mseal",
        "msgctl",
        "msgget",
        "msgrcv",
        "msgsnd",
        "msync",
        "munlock",
        "munlockall",
        "munmap",
        "name_to_handle_at",
        "nanosleep",
        "newfstatat",
        "_newselect",
        "open",
        "openat",
        "openat2",
        "pause",
        "pidfd_open",
        "pidfd_send_signal",
        "pipe",
        "pipe2",
        "pkey_alloc",
        "pkey_free",
        "pkey_mprotect",
        "poll",
        "ppoll",
        "ppoll_time64",
        "prctl",
        "pread64",
        "preadv",
        "preadv2",
        "prlimit64",
        "process_mrelease",
        "pselect6",
        "pselect6_time64",
        "pwrite64",
        "pwritev",
        "pwritev2",
        "read",
        "readahead",
        "readlink",
        "readlinkat",
        "readv",
        "recv",
        "recvfrom",
        "recvmmsg",
        "recvmmsg_time64",
        "recvmsg",
        "remap_file_pages",
        "removexattr",
        "removexattrat",
        "rename",
        "renameat",
        "renameat2",
        "restart_syscall",
        "riscv_hwprobe",
        "rmdir",
        "rseq",
        "rt_sigaction",
        "rt_sigpending",
        "rt_sigprocmask",
        "rt_sigqueueinfo",
        "rt_sigreturn",
        "rt_sigsuspend",
        "rt_sigtimedwait",
        "rt_sigtimedwait_time64",
        "rt_tgsigqueueinfo",
        "sched_getaffinity",
        "sched_getattr",
        "sched_getparam",
        "sched_get_priority_max",
        "sched_get_priority_min",
        "sched_getscheduler",
        "sched_rr_get_interval",
        "sched_rr_get_interval_time64",
        "sched_setaffinity",
        "sched_setattr",
        "sched_setparam",
        "sched_setscheduler",
        "sched_yield",
        "seccomp",
        "select",
        "semctl",
        "semget",
        "semop",
        "semtimedop",
        "semtimedop_time64",
        "send",
        "sendfile",
        "sendfile64",
        "sendmmsg",
        "sendmsg",
        "sendto",
        "setfsgid",
        "setfsgid32",
        "setfsuid",
        "setfsuid32",
        "setgid",
        "setgid32",
        "setgroups",
        "setgroups32",
        "setitimer",
        "setpgid",
        "setpriority",
        "setregid",
        "setregid32",
        "setresgid",
        "setresgid32",
        "setresuid",
        "setresuid32",
        "setreuid",
        "setreuid32",
        "setrlimit",
        "set_robust_list",
        "setsid",
        "setsockopt",
        "set_thread_area",
        "set_tid_address",
        "setuid",
        "setuid32",
        "setxattr",
        "setxattrat",
        "shmat",
        "shmctl",
        "shmdt",
        "shmget",
        "shutdown",
        "sigaltstack",
        "signalfd",
        "signalfd4",
        "sigprocmask",
        "sigreturn",
        "socketcall",
        "socketpair",
        "splice",
        "stat",
        "stat64",
        "statfs",
        "statfs64",
        "statmount",
        "statx",
        "symlink",
        "symlinkat",
        "sync",
        "sync_file_range",
        "syncfs",
        "sysinfo",
        "tee",
        "tgkill",
        "time",
        "timer_create",
        "timer_delete",
        "timer_getoverrun",
        "timer_gettime",
        "timer_gettime64",
        "timer_settime",
        "timer_settime64",
        "timerfd_create",
        "timerfd_gettime",
        "timerfd_gettime64",
        "timerfd_settime",
        "timerfd_settime64",
        "times",
        "tkill",
        "truncate",
        "truncate64",
        "ugetrlimit",
        "umask",
        "uname",
        "unlink",
        "unlinkat",
        "uretprobe",
        "utime",
        "utimensat",
        "utimensat_time64",
        "utimes",
        "vfork",
        "vmsplice",
        "wait4",
        "waitid",
        "waitpid",
        "write",
        "writev",
        /* Since Linux 4.8 a seccomp filter is checked after ptrace changed a call. */
        "process_vm_readv",
        "process_vm_writev",
        "ptrace",
        NULL,
};

/* Calls an architecture needs. */
#if defined(__x86_64__)
static const char *const by_architecture[] = {"arch_prctl", "modify_ldt", NULL};
static const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
#elif defined(__aarch64__)
static const char *const by_architecture[] = {
        "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls", NULL};
static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
#else
static const char *const by_architecture[] = {NULL};
static const char *const architectures[] = {NULL};
#endif

/* Calls that a capability brings with it. */
static const struct {
        const char *capability;
        const char *const *names;
} by_capability[] = {
        {"CAP_DAC_READ_SEARCH", (const char *const[]){"open_by_handle_at", NULL}},
        {"CAP_SYS_ADMIN",
         (const char *const[]){
                 "bpf",       "clone",           "clone3",         "fanotify_init", "fsconfig",      "fsmount",
                 "fsopen",    "fspick",          "lookup_dcookie", "mount",         "mount_setattr", "move_mount",
                 "open_tree", "perf_event_open", "quotactl",       "quotactl_fd",   "setdomainname", "sethostname",
                 "setns",     "syslog",          "umount",         "umount2",       "unshare",       NULL}},
        {"CAP_SYS_BOOT", (const char *const[]){"reboot", NULL}},
        {"CAP_SYS_CHROOT", (const char *const[]){"chroot", NULL}},
        {"CAP_SYS_MODULE", (const char *const[]){"delete_module", "init_module", "finit_module", NULL}},
        {"CAP_SYS_PACCT", (const char *const[]){"acct", NULL}},
        {"CAP_SYS_PTRACE", (const char *const[]){"kcmp", "pidfd_getfd", "process_madvise", NULL}},
        {"CAP_SYS_RAWIO", (const char *const[]){"iopl", "ioperm", NULL}},
        {"CAP_SYS_TIME", (const char *const[]){"settimeofday", "stime", "clock_settime", "clock_settime64", NULL}},
        {"CAP_SYS_TTY_CONFIG", (const char *const[]){"vhangup", NULL}},
        {"CAP_SYS_NICE",
         (const char *const[]){"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node", NULL}},
        {"CAP_SYSLOG", (const char *const[]){"syslog", NULL}},
        {"CAP_BPF", (const char *const[]){"bpf", NULL}},
        {"CAP_PERFMON", (const char *const[]){"perf_event_open", NULL}},
};

#define NEW_NAMESPACES                                                                                                 \
        (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)

/* Personalities that weaken nothing: Linux, 32-bit, and either with the current one asked for. */
static const uint64_t personalities[] = {PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, 0xffffffff};

static bool has(const char *const *list, const char *name) {
        for (size_t i = 0; list && list[i]; i++)
                if (str_equal(list[i], name))
                        return true;
        return false;
}

struct rule_list {
        struct arena *arena;
        struct runtime_seccomp_rule *items;
        size_t count;
};

static void allow(struct rule_list *list, const char *const *names) {
        list->items[list->count++] = (struct runtime_seccomp_rule){.names = names, .action = "SCMP_ACT_ALLOW"};
}

static void allow_if(struct rule_list *list, const char *name, struct runtime_seccomp_arg arg) {
        struct runtime_seccomp_arg *args = arena_alloc(list->arena, 1, sizeof(*args));
        const char **names = arena_alloc(list->arena, 2, sizeof(*names));

        *args = arg;
        names[0] = name;
        list->items[list->count++] =
                (struct runtime_seccomp_rule){.names = names, .action = "SCMP_ACT_ALLOW", .args = args, .arg_count = 1};
}

/* socket(2) for every family but VSOCK, which reaches the hypervisor past the network namespace. */
static void add_socket(struct rule_list *list) {
        allow_if(list, "socket", (struct runtime_seccomp_arg){.index = 0, .value = AF_VSOCK, .op = "SCMP_CMP_NE"});
}

/* Without CAP_SYS_ADMIN a process may fork and make threads, but no namespaces. */
static void add_clone(struct rule_list *list) {
        static const char *const clone3[] = {"clone3", NULL};

        allow_if(list, "clone",
                 (struct runtime_seccomp_arg){
                         .index = 0, .value = NEW_NAMESPACES, .value_two = 0, .op = "SCMP_CMP_MASKED_EQ"});
        /* Its flags are behind a pointer, which a filter cannot read: with ENOSYS the C library falls back to clone. */
        list->items[list->count++] =
                (struct runtime_seccomp_rule){.names = clone3, .action = "SCMP_ACT_ERRNO", .errno_ret = {true, 38}};
}

const struct runtime_seccomp *seccomp_policy_default(struct arena *arena, const char *const *capabilities) {
        struct runtime_seccomp *policy = arena_alloc(arena, 1, sizeof(*policy));
        size_t room = 6 + ARRAY_SIZE(by_capability) + ARRAY_SIZE(personalities);
        struct rule_list list = {.arena = arena, .items = arena_alloc(arena, room, sizeof(*list.items))};

        allow(&list, always);
        if (by_architecture[0])
                allow(&list, by_architecture);
        add_socket(&list);
        for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
                allow_if(&list, "personality",
                         (struct runtime_seccomp_arg){.index = 0, .value = personalities[i], .op = "SCMP_CMP_EQ"});
        for (size_t i = 0; i < ARRAY_SIZE(by_capability); i++)
                if (has(capabilities, by_capability[i].capability))
                        allow(&list, by_capability[i].names);
        if (!has(capabilities, "CAP_SYS_ADMIN"))
                add_clone(&list);
        *policy = (struct runtime_seccomp){
                .default_action = "SCMP_ACT_ERRNO",
                .default_errno_ret = {true, 1},
                .architectures = architectures[0] ? architectures : NULL,
                .rules = list.items,
                .rule_count = list.count,
        };
        return policy;
}
