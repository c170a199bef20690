/*
 * Device rules of cgroup v2: a BPF program of our own that the kernel asks at
 * every open and mknod of a device (BPF_PROG_TYPE_CGROUP_DEVICE, bpf(2)).
 *
 * The last rule that speaks about an access decides it. The program therefore
 * goes through the rules backwards with the set of accesses still undecided: an
 * allowing rule takes its accesses out of the set, and an empty set is a yes; a
 * denying rule that meets one of the set is a no.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "cgroup_private.h"

/* The most instructions the kernel takes of a process without CAP_BPF, and far above any real list. */
#define INSTRUCTION_MAX 4096

struct program {
        struct bpf_insn code[INSTRUCTION_MAX];
        size_t count;
};

/* Registers: 1 is the context at the start; the others hold what the rules look at. */
enum {
        R_RESULT = BPF_REG_0,
        R_CONTEXT = BPF_REG_1,
        R_ACCESS = BPF_REG_2,
        R_TYPE = BPF_REG_3,
        R_MAJOR = BPF_REG_4,
        R_MINOR = BPF_REG_5,
        R_WORK = BPF_REG_6
};

static void emit(struct program *program, struct bpf_insn instruction) {
        if (program->count < INSTRUCTION_MAX)
                program->code[program->count] = instruction;
        program->count++;
}

static void load(struct program *program, int target, size_t offset) {
        emit(program, (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
                                        .dst_reg = (uint8_t) target & 0xf,
                                        .src_reg = R_CONTEXT,
                                        .off = (int16_t) offset});
}

static void operate(struct program *program, int operation, int target, int32_t value) {
        emit(program, (struct bpf_insn){.code = (uint8_t) (BPF_ALU | operation | BPF_K),
                                        .dst_reg = (uint8_t) target & 0xf,
                                        .imm = value});
}

static void copy(struct program *program, int target, int source) {
        emit(program, (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_X,
                                        .dst_reg = (uint8_t) target & 0xf,
                                        .src_reg = (uint8_t) source & 0xf});
}

/* A jump whose distance is filled in by land(). Returns its place. */
static size_t jump(struct program *program, int condition, int target, int32_t value) {
        emit(program, (struct bpf_insn){.code = (uint8_t) (BPF_JMP | condition | BPF_K),
                                        .dst_reg = (uint8_t) target & 0xf,
                                        .imm = value});
        return program->count - 1;
}

static void land(struct program *program, size_t from) {
        if (program->count <= INSTRUCTION_MAX)
                program->code[from].off = (int16_t) (program->count - from - 1);
}

static void leave(struct program *program, int verdict) {
        emit(program, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = R_RESULT, .imm = verdict});
        emit(program, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

static int32_t access_mask(const char *access) {
        return (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0) | (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
               (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0);
}

static void emit_rule(struct program *program, const struct runtime_device_rule *rule) {
        int32_t mask = access_mask(rule->access);
        size_t others[3], other_count = 0, undecided;

        if (rule->type != 'a')
                others[other_count++] =
                        jump(program, BPF_JNE, R_TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
        if (rule->major.set && rule->major.value >= 0)
                others[other_count++] = jump(program, BPF_JNE, R_MAJOR, (int32_t) rule->major.value);
        if (rule->minor.set && rule->minor.value >= 0)
                others[other_count++] = jump(program, BPF_JNE, R_MINOR, (int32_t) rule->minor.value);

        if (rule->allow) {
                operate(program, BPF_AND, R_ACCESS, ~mask);
                undecided = jump(program, BPF_JNE, R_ACCESS, 0);
        } else {
                copy(program, R_WORK, R_ACCESS);
                operate(program, BPF_AND, R_WORK, mask);
                undecided = jump(program, BPF_JEQ, R_WORK, 0);
        }
        leave(program, rule->allow);
        land(program, undecided);
        for (size_t i = 0; i < other_count; i++)
                land(program, others[i]);
}

static void build(struct program *program, const struct runtime_resources *resources) {
        load(program, R_ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        copy(program, R_TYPE, R_ACCESS);
        operate(program, BPF_AND, R_TYPE, 0xffff);
        operate(program, BPF_RSH, R_ACCESS, 16);
        load(program, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        load(program, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));

        /* The defaults stand behind the container's own rules, so they come first here. */
        for (size_t i = cgroup_default_device_rule_count; i-- > 0;)
                emit_rule(program, &cgroup_default_device_rules[i]);
        for (size_t i = resources->device_count; i-- > 0;)
                emit_rule(program, &resources->devices[i]);
        leave(program, 0);
}

static int call_bpf(int command, union bpf_attr *attributes) {
        int r = (int) syscall(SYS_bpf, command, attributes, sizeof(*attributes));

        return r < 0 ? -errno : r;
}

static int load_program(const struct program *program) {
        union bpf_attr attributes;

        memset(&attributes, 0, sizeof(attributes));
        attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
        attributes.insns = (uint64_t) (uintptr_t) program->code;
        attributes.insn_cnt = (uint32_t) program->count;
        attributes.license = (uint64_t) (uintptr_t) "GPL";
        return call_bpf(BPF_PROG_LOAD, &attributes);
}

/* The program attached to this very cgroup, to be replaced by an update; -ENOENT when there is none. */
static int attached_program(int dir_fd) {
        uint32_t ids[64] = {0};
        union bpf_attr attributes;
        int r;

        memset(&attributes, 0, sizeof(attributes));
        attributes.query.target_fd = (uint32_t) dir_fd;
        attributes.query.attach_type = BPF_CGROUP_DEVICE;
        attributes.query.prog_ids = (uint64_t) (uintptr_t) ids;
        attributes.query.prog_cnt = ARRAY_SIZE(ids);
        r = call_bpf(BPF_PROG_QUERY, &attributes);
        if (r < 0)
                return r;
        if (attributes.query.prog_cnt != 1)
                return -ENOENT;

        memset(&attributes, 0, sizeof(attributes));
        attributes.prog_id = ids[0];
        return call_bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

int cgroup_v2_apply_devices(int dir_fd, const struct runtime_resources *resources, struct error *err) {
        _cleanup_free_ struct program *program = xcalloc(1, sizeof(*program));
        _cleanup_fd_ int program_fd = -1;
        _cleanup_fd_ int old_fd = -1;
        union bpf_attr attributes;
        int r;

        build(program, resources);
        if (program->count > INSTRUCTION_MAX)
                return error_set(err, E2BIG, "linux.resources.devices: too many rules");
        program_fd = load_program(program);
        if (program_fd < 0) {
                error_errno(err, -program_fd, "linux.resources.devices: the kernel refuses the device filter");
                return program_fd == -EPERM ? (error_hint(err, "the runtime needs CAP_BPF or CAP_SYS_ADMIN"), -EPERM)
                                            : program_fd;
        }
        old_fd = attached_program(dir_fd);

        memset(&attributes, 0, sizeof(attributes));
        attributes.target_fd = (uint32_t) dir_fd;
        attributes.attach_bpf_fd = (uint32_t) program_fd;
        attributes.attach_type = BPF_CGROUP_DEVICE;
        attributes.attach_flags = BPF_F_ALLOW_MULTI;
        if (old_fd >= 0) {
                attributes.attach_flags |= BPF_F_REPLACE;
                attributes.replace_bpf_fd = (uint32_t) old_fd;
        }
        r = call_bpf(BPF_PROG_ATTACH, &attributes);
        return r < 0 ? error_errno(err, -r, "linux.resources.devices: cannot attach the device filter") : 0;
}
