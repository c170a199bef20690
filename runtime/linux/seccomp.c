#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h> // NOLINT(readability-duplicate-include): the library's header, not ours
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "seccomp_private.h"

/* Newer than the headers of Debian 12's kernel. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* System calls of the x32 ABI carry this bit, and the architecture of x86-64. */
#define X32_BIT 0x40000000U

/* The processor time for a profile that is not quick; what the kernel would take needs a fraction of it. */
#define COMPILE_SECONDS 10

DEFINE_CLEANUP(cleanup_filter, scmp_filter_ctx, seccomp_release);

static const struct {
        const char *name;
        unsigned int flag;
} flags[] = {
        {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
        {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static const struct {
        const char *name;
        uint32_t action;
        bool takes_errno;
} actions[] = {
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
        {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
};

static const struct {
        const char *name;
        enum scmp_compare operator;
} operators[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

/* The names of the specification and the library's tokens; the kernel's numbers are for the prologue. */
static const struct architecture {
        const char *name;
        uint32_t token;
        uint32_t audit;
} architectures[] = {
        {"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386},
        {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
        {"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64},
        {"SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM},
        {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
        {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS, AUDIT_ARCH_MIPS},
        {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64, AUDIT_ARCH_MIPS64},
        {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32, AUDIT_ARCH_MIPS64N32},
        {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL, AUDIT_ARCH_MIPSEL},
        {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64, AUDIT_ARCH_MIPSEL64},
        {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32, AUDIT_ARCH_MIPSEL64N32},
        {"SCMP_ARCH_PPC", SCMP_ARCH_PPC, AUDIT_ARCH_PPC},
        {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64, AUDIT_ARCH_PPC64},
        {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE},
        {"SCMP_ARCH_S390", SCMP_ARCH_S390, AUDIT_ARCH_S390},
        {"SCMP_ARCH_S390X", SCMP_ARCH_S390X, AUDIT_ARCH_S390X},
        {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC, AUDIT_ARCH_PARISC},
        {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64, AUDIT_ARCH_PARISC64},
        {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64},
};

static const struct architecture *find_architecture(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
                if (str_equal(architectures[i].name, name))
                        return &architectures[i];
        return NULL;
}

static int parse_action(const char *name, struct opt_u64 errno_ret, uint32_t *out, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                if (!str_equal(actions[i].name, name))
                        continue;
                *out = actions[i].action;
                /* The kernel keeps 16 bits for the errno. */
                if (actions[i].takes_errno)
                        *out |= (uint32_t) (errno_ret.set ? errno_ret.value : EPERM) & 0xffff;
                return 0;
        }
        return error_set(err, EINVAL, "linux.seccomp: unknown action %s", name);
}

static int parse_flags(const struct runtime_seccomp *seccomp, unsigned int *out, struct error *err) {
        /* As runc: who says nothing of flags does not pay for a mitigation that kernels since 5.16 leave out, too. */
        *out = seccomp->flags ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        for (const char *const *name = seccomp->flags; name && *name; name++) {
                size_t i = 0;

                while (i < ARRAY_SIZE(flags) && !str_equal(flags[i].name, *name))
                        i++;
                if (i == ARRAY_SIZE(flags))
                        return error_set(err, EINVAL, "linux.seccomp.flags: unknown flag %s", *name);
                *out |= flags[i].flag;
        }
        return 0;
}

static int parse_arg(const struct runtime_seccomp_arg *arg, struct scmp_arg_cmp *out, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
                if (!str_equal(operators[i].name, arg->op))
                        continue;
                *out = (struct scmp_arg_cmp){.arg = arg->index,
                                             .op = operators[i].operator,
                                             .datum_a = arg->value,
                                             .datum_b = arg->value_two};
                return 0;
        }
        return error_set(err, EINVAL, "linux.seccomp.syscalls: unknown operator %s", arg->op);
}

static int library_error(struct error *err, int code, const char *what, const char *name) {
        return error_set(err, code == -EFAULT ? EIO : -code, "linux.seccomp: cannot %s %s: %s", what, name,
                         strerror(code == -EFAULT ? EIO : -code));
}

static bool tests_one_arg_twice(const struct runtime_seccomp_rule *rule) {
        unsigned int seen = 0;

        for (size_t i = 0; i < rule->arg_count; i++) {
                if (seen & 1U << rule->args[i].index)
                        return true;
                seen |= 1U << rule->args[i].index;
        }
        return false;
}

static int add_call(scmp_filter_ctx filter, const struct runtime_seccomp_rule *rule, const char *name, uint32_t action,
                    struct error *err) {
        int number = seccomp_syscall_resolve_name(name);
        struct scmp_arg_cmp args[6];
        int r = 0;

        /* Profiles name calls of every architecture and of newer kernels. */
        if (number == __NR_SCMP_ERROR)
                return 0;
        if (rule->arg_count > ARRAY_SIZE(args) && !tests_one_arg_twice(rule))
                return error_set(err, EINVAL, "linux.seccomp.syscalls: %s: more than %zu conditions", name,
                                 ARRAY_SIZE(args));
        if (tests_one_arg_twice(rule)) {
                /* The library takes one condition an argument: such a rule means any of them, as with runc. */
                for (size_t i = 0; r == 0 && i < rule->arg_count; i++) {
                        r = parse_arg(&rule->args[i], &args[0], err);
                        if (r < 0)
                                return r;
                        r = seccomp_rule_add_array(filter, action, number, 1, args);
                }
        } else {
                for (size_t i = 0; i < rule->arg_count; i++) {
                        r = parse_arg(&rule->args[i], &args[i], err);
                        if (r < 0)
                                return r;
                }
                r = seccomp_rule_add_array(filter, action, number, (unsigned int) rule->arg_count, args);
        }
        return r < 0 && r != -EEXIST ? library_error(err, r, "filter", name) : 0;
}

static int add_rules(scmp_filter_ctx filter, const struct runtime_seccomp *seccomp, uint32_t default_action,
                     struct error *err) {
        for (size_t i = 0; i < seccomp->rule_count; i++) {
                const struct runtime_seccomp_rule *rule = &seccomp->rules[i];
                uint32_t action = 0;
                int r = parse_action(rule->action, rule->errno_ret, &action, err);

                /* A rule that says what the default says has no effect, and the library refuses it. */
                for (const char *const *name = rule->names; r == 0 && action != default_action && *name; name++)
                        r = add_call(filter, rule, *name, action, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_architectures(scmp_filter_ctx filter, const struct runtime_seccomp *seccomp, struct error *err) {
        for (const char *const *name = seccomp->architectures; name && *name; name++) {
                const struct architecture *architecture = find_architecture(*name);
                int r;

                if (!architecture)
                        return error_set(err, EINVAL, "linux.seccomp.architectures: unknown architecture %s", *name);
                r = seccomp_arch_add(filter, architecture->token);
                if (r < 0 && r != -EEXIST)
                        return library_error(err, r, "add the architecture", *name);
        }
        return 0;
}

/* The highest call number that the profile names on an architecture, or -1. */
static int last_call(const struct runtime_seccomp *seccomp, uint32_t token) {
        int last = -1;

        for (size_t i = 0; i < seccomp->rule_count; i++)
                for (const char *const *name = seccomp->rules[i].names; *name; name++) {
                        int number = seccomp_syscall_resolve_name_arch(token, *name);

                        if (number > last)
                                last = number;
                }
        return last;
}

static struct sock_filter *add_instruction(struct sock_filter *at, uint16_t code, uint32_t value, uint8_t yes,
                                           uint8_t no) {
        *at = (struct sock_filter) BPF_JUMP(code, value, yes, no);
        return at + 1;
}

/*
 * What stands before the library's program: calls newer than the newest one the
 * profile knows get ENOSYS, whatever the default action. With EPERM the C library
 * would not fall back to the older call, and programs would break with each new
 * kernel. A profile whose default lets calls pass needs none of that.
 */
static size_t write_prologue(const struct runtime_seccomp *seccomp, struct sock_filter *out) {
        static const char *const native[] = {NULL};
        const char *const *names = seccomp->architectures ? seccomp->architectures : native;
        struct sock_filter *at = out;
        uint32_t done[ARRAY_SIZE(architectures) + 1];
        size_t done_count = 0;

        for (size_t n = 0;; n++) {
                uint32_t token = n == 0 ? seccomp_arch_native() : 0, audit = 0;
                bool seen = false;
                int last;

                if (n > 0 && !names[n - 1])
                        break;
                for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
                        if (n == 0 ? architectures[i].token == token : str_equal(architectures[i].name, names[n - 1])) {
                                token = architectures[i].token;
                                audit = architectures[i].audit;
                        }
                for (size_t i = 0; i < done_count; i++)
                        seen = seen || done[i] == token;
                if (seen || !audit || token == SCMP_ARCH_X32 || done_count == ARRAY_SIZE(done))
                        continue;
                done[done_count++] = token;
                last = last_call(seccomp, token);
                if (last < 0)
                        continue;

                at = add_instruction(at, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
                at = add_instruction(at, BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 4);
                at = add_instruction(at, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
                at = add_instruction(at, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0);
                at = add_instruction(at, BPF_JMP | BPF_JGT | BPF_K, (uint32_t) last, 0, 1);
                at = add_instruction(at, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
        }
        return (size_t) (at - out);
}

static bool wants_prologue(uint32_t default_action) {
        /* A tracer decides itself what a call that is new to it gets. */
        return default_action != SCMP_ACT_ALLOW && default_action != SCMP_ACT_LOG &&
               (default_action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;
}

static int export_program(scmp_filter_ctx filter, const struct runtime_seccomp *seccomp, bool prologue,
                          struct seccomp_program *out, struct error *err) {
        _cleanup_fd_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
        struct sock_filter before[6 * (ARRAY_SIZE(architectures) + 1)];
        _cleanup_free_ char *code = NULL;
        size_t size = 0, before_size = 0;
        int r;

        if (fd < 0)
                return error_errno(err, errno, "linux.seccomp: no room for the filter");
        r = seccomp_export_bpf(filter, fd);
        if (r < 0)
                return library_error(err, r, "compile", "the filter");
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_errno(err, errno, "linux.seccomp: cannot read the compiled filter");
        r = fd_read_all(fd, BPF_MAXINSNS * sizeof(struct sock_filter) * 2, &code, &size);
        if (r < 0)
                return error_errno(err, -r, "linux.seccomp: cannot read the compiled filter");

        if (prologue)
                before_size = write_prologue(seccomp, before) * sizeof(*before);
        if (size + before_size > BPF_MAXINSNS * sizeof(struct sock_filter))
                return error_set(err, E2BIG,
                                 "linux.seccomp: the profile compiles to more than the %d instructions "
                                 "that the kernel takes",
                                 BPF_MAXINSNS);
        out->size = before_size + size;
        out->code = xcalloc(1, out->size);
        memcpy(out->code, before, before_size);
        memcpy((char *) out->code + before_size, code, size);
        return 0;
}

static int compile(const struct runtime_seccomp *seccomp, struct seccomp_program *out, struct error *err) {
        _cleanup_(cleanup_filter) scmp_filter_ctx filter = NULL;
        uint32_t default_action = 0;
        int r = parse_action(seccomp->default_action, seccomp->default_errno_ret, &default_action, err);

        if (r < 0)
                return r;
        filter = seccomp_init(default_action);
        if (!filter)
                return error_set(err, EINVAL, "linux.seccomp.defaultAction: %s is not supported by this kernel",
                                 seccomp->default_action);
        r = add_architectures(filter, seccomp, err);
        if (r == 0)
                r = add_rules(filter, seccomp, default_action, err);
        return r < 0 ? r : export_program(filter, seccomp, wants_prologue(default_action), out, err);
}

static bool notifies(const struct runtime_seccomp *seccomp) {
        for (size_t i = 0; i < seccomp->rule_count; i++)
                if (str_equal(seccomp->rules[i].action, "SCMP_ACT_NOTIFY"))
                        return true;
        return false;
}

int seccomp_compile(const struct runtime_seccomp *seccomp, int cache_dir_fd, struct seccomp_program *out,
                    struct error *err) {
        _cleanup_str_buf_ struct str_buf key = {0};
        int r;

        *out = (struct seccomp_program){.notify = notifies(seccomp)};
        r = parse_flags(seccomp, &out->flags, err);
        if (r < 0)
                return r;
        if (cache_dir_fd >= 0) {
                seccomp_cache_key(seccomp, &key);
                if (seccomp_cache_read(cache_dir_fd, &key, out))
                        return 0;
        }
        r = seccomp_is_quick(seccomp) ? compile(seccomp, out, err)
                                      : seccomp_compile_apart(seccomp, compile, COMPILE_SECONDS, out, err);
        if (r < 0)
                return r;
        if (cache_dir_fd >= 0)
                seccomp_cache_write(cache_dir_fd, &key, out);
        return 0;
}

/* The kernel looks at the flags before it misses the filter. */
static bool kernel_has_flag(unsigned int flag) {
        if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
                flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

int seccomp_program_load(const struct seccomp_program *program, struct error *err) {
        const struct sock_fprog filter = {.len = (unsigned short) (program->size / sizeof(struct sock_filter)),
                                          .filter = program->code};
        unsigned int load_flags = program->flags;
        int r;

        /* It is about the listener, and the kernel refuses it where there is none. */
        if (!program->notify)
                load_flags &= ~(unsigned int) SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        if (program->notify) {
                load_flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
                /* Both want the return value, unless the one says what it has to with an errno. */
                if (load_flags & SECCOMP_FILTER_FLAG_TSYNC)
                        load_flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
        }
        r = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, load_flags, &filter);
        if (r >= 0)
                return program->notify ? r : 0;
        r = -errno;
        for (size_t i = 0; r == -EINVAL && i < ARRAY_SIZE(flags); i++)
                if ((load_flags & flags[i].flag) && !kernel_has_flag(flags[i].flag))
                        return error_set(err, ENOTSUP, "linux.seccomp.flags: this kernel does not have %s",
                                         flags[i].name);
        error_errno(err, -r, "linux.seccomp: the kernel refuses the filter");
        if (r == -EACCES)
                (void) error_hint(err, "set process.noNewPrivileges, or give the runtime CAP_SYS_ADMIN");
        return r;
}

int seccomp_send_listener(const struct runtime_seccomp *seccomp, int listener_fd, const char *container_process_state,
                          struct error *err) {
        _cleanup_fd_ int fd = fd_connect_unix(seccomp->listener_path, SOCK_STREAM);
        int r;

        if (fd < 0)
                return error_errno(err, -fd, "linux.seccomp.listenerPath: failed to connect with seccomp agent: %s",
                                   seccomp->listener_path);
        r = fd_send(fd, container_process_state, strlen(container_process_state), &listener_fd, 1, err);
        return r < 0 ? error_wrap(err, "linux.seccomp.listenerPath: %s", seccomp->listener_path) : 0;
}

#define PUT_NAMES(writer, key, table, condition)                                                                       \
        do {                                                                                                           \
                json_begin_array((writer), (key));                                                                     \
                for (size_t i = 0; i < ARRAY_SIZE(table); i++)                                                         \
                        if (condition)                                                                                 \
                                json_put_string((writer), NULL, (table)[i].name);                                      \
                json_end_array(writer);                                                                                \
        } while (0)

void seccomp_put_features(struct json_writer *writer) {
        json_put_bool(writer, "enabled", true);
        PUT_NAMES(writer, "actions", actions, true);
        PUT_NAMES(writer, "operators", operators, true);
        PUT_NAMES(writer, "archs", architectures, true);
        PUT_NAMES(writer, "knownFlags", flags, true);
        PUT_NAMES(writer, "supportedFlags", flags, kernel_has_flag(flags[i].flag));
}

const char *seccomp_library_version(struct arena *arena) {
        const struct scmp_version *version = seccomp_version();

        return arena_printf(arena, "%u.%u.%u", version->major, version->minor, version->micro);
}

void seccomp_program_free(struct seccomp_program *program) {
        free(program->code);
        program->code = NULL;
        program->size = 0;
}
