#include "seccomp_default.h"

#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

/* Allowed to every container. A name that this machine's architecture does not have is skipped by the runtime. */
static const char always_allowed[] =
        /* Reading, writing and waiting for files and sockets. */
        "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 close close_range lseek "
        "_llseek dup dup2 dup3 fcntl fcntl64 ioctl pipe pipe2 poll ppoll ppoll_time64 select _newselect "
        "pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
        "epoll_wait epoll_wait_old eventfd eventfd2 signalfd signalfd4 sendfile sendfile64 splice tee "
        "vmsplice copy_file_range flock fsync fdatasync sync syncfs sync_file_range readahead fadvise64 "
        "fadvise64_64 fallocate ftruncate ftruncate64 io_setup io_submit io_cancel io_destroy io_getevents "
        "io_pgetevents io_pgetevents_time64 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch "
        "fanotify_mark "
        /* Paths and file systems. */
        "open openat openat2 creat access faccessat faccessat2 stat stat64 fstat fstat64 lstat lstat64 "
        "fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 getcwd chdir fchdir getdents getdents64 "
        "mkdir mkdirat rmdir mknod mknodat link linkat symlink symlinkat readlink readlinkat rename renameat "
        "renameat2 unlink unlinkat truncate truncate64 umask chmod fchmod fchmodat fchmodat2 chown chown32 "
        "fchown fchown32 fchownat lchown lchown32 utime utimes utimensat utimensat_time64 futimesat getxattr "
        "lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr "
        "flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat name_to_handle_at "
        "cachestat "
        /* Memory. */
        "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall "
        "mseal remap_file_pages memfd_create memfd_secret membarrier map_shadow_stack pkey_alloc pkey_free "
        "pkey_mprotect process_mrelease "
        /* Processes, threads and scheduling. */
        "fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid "
        "getpgrp setpgid getsid setsid set_tid_address set_thread_area get_thread_area set_robust_list "
        "get_robust_list rseq futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue "
        "restart_syscall prctl pidfd_open pidfd_send_signal getpriority setpriority ioprio_get ioprio_set "
        "getcpu sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam "
        "sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min "
        "sched_rr_get_interval sched_rr_get_interval_time64 process_vm_readv process_vm_writev ptrace "
        /* Signals. */
        "kill tkill tgkill alarm pause sigaltstack sigprocmask sigreturn rt_sigaction rt_sigpending "
        "rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 "
        "rt_tgsigqueueinfo "
        /* Time. */
        "time times gettimeofday clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
        "clock_nanosleep clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64 getitimer "
        "setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
        "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
        /* Sockets (socket itself stands below, by address family). */
        "socketcall socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt "
        "setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 "
        /* System V and POSIX interprocess communication. */
        "ipc msgget msgctl msgsnd msgrcv semget semctl semop semtimedop semtimedop_time64 shmget shmctl shmat "
        "shmdt mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive "
        "mq_timedreceive_time64 "
        /* Users, limits and the sandboxing of oneself. */
        "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid "
        "getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid "
        "setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 "
        "setgroups setgroups32 capget capset getrlimit ugetrlimit setrlimit prlimit64 getrusage sysinfo uname "
        "getrandom seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr "
        "lsm_set_self_attr lsm_list_modules";

#if defined(__x86_64__)
static const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
static const char architecture_allowed[] = "arch_prctl modify_ldt";
#elif defined(__aarch64__)
static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
static const char architecture_allowed[] =
        "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls";
#elif defined(__riscv) && __riscv_xlen == 64
static const char *const architectures[] = {"SCMP_ARCH_RISCV64", NULL};
static const char architecture_allowed[] = "riscv_flush_icache";
#else
/* The runtime takes its own architecture when none is named. */
static const char *const *const architectures = NULL;
static const char architecture_allowed[] = "";
#endif

/* Allowed to a container that holds the capability. */
static const struct {
        const char *capability;
        const char *names;
} guarded[] = {
        {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
        {"CAP_SYS_ADMIN",
         "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount "
         "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
         "sethostname setns statmount syslog umount umount2 unshare"},
        {"CAP_SYS_BOOT", "reboot"},
        {"CAP_SYS_CHROOT", "chroot"},
        {"CAP_SYS_MODULE", "delete_module init_module finit_module"},
        {"CAP_SYS_PACCT", "acct"},
        {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
        {"CAP_SYS_RAWIO", "iopl ioperm"},
        {"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
        {"CAP_SYS_TTY_CONFIG", "vhangup"},
        {"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
        {"CAP_SYSLOG", "syslog"},
        {"CAP_BPF", "bpf"},
        {"CAP_PERFMON", "perf_event_open"},
};

/* personality(2) values that only change how a program sees itself: PER_LINUX, PER_LINUX32, UNAME26, and the query. */
static const uint64_t personalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

/* vsock has no namespace: it would reach the host and other guests (AF_VSOCK, vsock(7)). */
#define ADDRESS_FAMILY_VSOCK 40

/* clone(2) may not make namespaces: the container would gain capabilities in a user namespace of its own. */
#define NAMESPACE_FLAGS                                                                                                \
        ((uint64_t) (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |      \
                     CLONE_NEWNET))

#define RULES_MAX (4 + ARRAY_SIZE(guarded) + ARRAY_SIZE(personalities) + 2)

struct policy {
        struct arena *arena;
        struct runtime_seccomp_rule *rules;
        size_t count;
};

/* Adds a rule for names with spaces between them; returns it for what else it needs. */
static struct runtime_seccomp_rule *add_rule(struct policy *policy, const char *names, const char *action) {
        struct runtime_seccomp_rule *rule = &policy->rules[policy->count++];
        const char **list;
        size_t count = 1;

        for (const char *space = strchr(names, ' '); space; space = strchr(space + 1, ' '))
                count++;
        list = arena_alloc(policy->arena, count + 1, sizeof(*list));
        count = 0;
        for (const char *name = names; *name; name += strspn(name, " ")) {
                size_t size = strcspn(name, " ");

                list[count++] = arena_strndup(policy->arena, name, size);
                name += size;
        }
        rule->names = list;
        rule->action = action;
        return rule;
}

static void add_argument_rule(struct policy *policy, const char *name, struct runtime_seccomp_arg arg) {
        struct runtime_seccomp_rule *rule = add_rule(policy, name, "SCMP_ACT_ALLOW");
        struct runtime_seccomp_arg *args = arena_alloc(policy->arena, 1, sizeof(*args));

        *args = arg;
        rule->args = args;
        rule->arg_count = 1;
}

static bool holds(const char *const *capabilities, const char *name) {
        for (; capabilities && *capabilities; capabilities++)
                if (str_equal(*capabilities, name))
                        return true;
        return false;
}

const struct runtime_seccomp *seccomp_default(struct arena *arena, const char *const *capabilities) {
        struct runtime_seccomp *seccomp = arena_alloc(arena, 1, sizeof(*seccomp));
        struct policy policy = {.arena = arena};

        policy.rules = arena_alloc(arena, RULES_MAX, sizeof(*policy.rules));
        add_rule(&policy, always_allowed, "SCMP_ACT_ALLOW");
        if (*architecture_allowed)
                add_rule(&policy, architecture_allowed, "SCMP_ACT_ALLOW");
        add_argument_rule(&policy, "socket",
                          (struct runtime_seccomp_arg){.value = ADDRESS_FAMILY_VSOCK, .op = "SCMP_CMP_NE"});
        for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
                add_argument_rule(&policy, "personality",
                                  (struct runtime_seccomp_arg){.value = personalities[i], .op = "SCMP_CMP_EQ"});
        for (size_t i = 0; i < ARRAY_SIZE(guarded); i++)
                if (holds(capabilities, guarded[i].capability))
                        add_rule(&policy, guarded[i].names, "SCMP_ACT_ALLOW");

        if (!holds(capabilities, "CAP_SYS_ADMIN")) {
                struct runtime_seccomp_rule *clone3;

                add_argument_rule(&policy, "clone",
                                  (struct runtime_seccomp_arg){
                                          .value = NAMESPACE_FLAGS, .value_two = 0, .op = "SCMP_CMP_MASKED_EQ"});
                /* Its flags are in memory, where a filter cannot look; ENOSYS makes the C library use clone instead. */
                clone3 = add_rule(&policy, "clone3", "SCMP_ACT_ERRNO");
                clone3->errno_ret = (struct opt_u64){true, ENOSYS};
        }

        seccomp->default_action = "SCMP_ACT_ERRNO";
        seccomp->default_errno_ret = (struct opt_u64){true, EPERM};
        seccomp->architectures = architectures;
        seccomp->rules = policy.rules;
        seccomp->rule_count = policy.count;
        return seccomp;
}
