/*
 * linux.seccomp: the document, and the compiled program, which must be one that the kernel would take: every jump
 * leads forward within it, and it ends with a verdict.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../runtime/linux/seccomp_private.h"
#include "../../spec/document.h"
#include "../../spec/runtime_config_types.h"
#include "fuzz.h"

/* Even of quick ones, for the sake of more inputs. */
#define RULES_MAX 40

/* libseccomp 2.5 loses some nodes of rules that overlap: no matter to a program that compiles once, and not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so";
}

static char *write_profile(const struct runtime_seccomp *seccomp) {
        struct json_writer writer = {0};

        document_write(&writer, NULL, &runtime_seccomp_type, seccomp);
        return json_writer_take(&writer);
}

static bool is_small(const struct runtime_seccomp *seccomp) {
        size_t count = 0;

        for (size_t i = 0; i < seccomp->rule_count; i++)
                for (size_t n = 0; seccomp->rules[i].names[n]; n++)
                        count += 1 + seccomp->rules[i].arg_count;
        return count <= RULES_MAX && seccomp_is_quick(seccomp);
}

static void check_program(const struct seccomp_program *program) {
        const struct sock_filter *code = program->code;
        size_t count = program->size / sizeof(*code);

        fuzz_require(count > 0 && count <= BPF_MAXINSNS && program->size % sizeof(*code) == 0, "a program of %zu bytes",
                     program->size);
        for (size_t i = 0; i < count; i++) {
                const struct sock_filter *at = &code[i];

                if (BPF_CLASS(at->code) == BPF_JMP) {
                        size_t yes = BPF_OP(at->code) == BPF_JA ? at->k : at->jt;
                        size_t no = BPF_OP(at->code) == BPF_JA ? at->k : at->jf;

                        fuzz_require(i + 1 + yes < count && i + 1 + no < count, "instruction %zu jumps out", i);
                }
                if (at->code == (BPF_LD | BPF_W | BPF_ABS))
                        fuzz_require(at->k % 4 == 0 && at->k < sizeof(struct seccomp_data),
                                     "instruction %zu loads from %u", i, at->k);
        }
        fuzz_require(BPF_CLASS(code[count - 1].code) == BPF_RET, "the last instruction is no verdict");
}

static void check_cache(const struct runtime_seccomp *seccomp, const struct seccomp_program *program) {
        struct seccomp_program kept = {.flags = program->flags, .notify = program->notify};
        _cleanup_str_buf_ struct str_buf key = {0};
        int fd;

        (void) fuzz_directory(&fd);
        seccomp_cache_key(seccomp, &key);
        seccomp_cache_write(fd, &key, program);
        fuzz_require(seccomp_cache_read(fd, &key, &kept), "a program that was kept is not found");
        fuzz_require(kept.size == program->size && memcmp(kept.code, program->code, kept.size) == 0,
                     "another program than was kept");
        seccomp_program_free(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *first = NULL, *second = NULL;
        const struct json *root = fuzz_parse(arena, data, size);
        struct runtime_seccomp seccomp = {0}, again = {0};
        struct seccomp_program program = {0};
        struct error err = {0};

        if (!root || !fuzz_accepted(document_parse(arena, root, &runtime_seccomp_type, &seccomp, &err), &err))
                return 0;
        first = write_profile(&seccomp);
        fuzz_require(document_parse(arena, fuzz_parse_own(arena, first), &runtime_seccomp_type, &again, &err) >= 0,
                     "refuses the profile it wrote: %s\n%s", err.message, first);
        second = write_profile(&again);
        fuzz_same("profile", first, second);
        if (is_small(&seccomp) && fuzz_accepted(seccomp_compile(&seccomp, -1, &program, &err), &err)) {
                check_program(&program);
                check_cache(&seccomp, &program);
        }
        seccomp_program_free(&program);
        return 0;
}
