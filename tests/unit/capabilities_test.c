#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../runtime/linux/capabilities.h"

/* capabilities(7) */
#define CHOWN (UINT64_C(1) << 0)
#define KILL (UINT64_C(1) << 5)

static void require_root(void) {
        if (geteuid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
}

static int resolve(const struct runtime_capabilities *names, struct capability_sets *out) {
        const struct runtime_process process = {.capabilities = names};

        return capabilities_resolve(&process, false, out, NULL);
}

static void no_names_give_empty_sets(void **state) {
        struct capability_sets sets = {1, 1, 1, 1, 1};

        (void) state;
        assert_int_equal(resolve(NULL, &sets), 0);
        assert_int_equal(sets.bounding | sets.effective | sets.inheritable | sets.permitted | sets.ambient, 0);
}

static void turns_names_into_bits(void **state) {
        static const char *const both[] = {"CAP_CHOWN", "CAP_KILL", NULL};
        static const char *const one[] = {"cap_kill", NULL};
        const struct runtime_capabilities names = {.bounding = both, .permitted = both, .effective = one};
        struct capability_sets sets;

        (void) state;
        require_root();
        assert_int_equal(resolve(&names, &sets), 0);
        assert_int_equal(sets.bounding, CHOWN | KILL);
        assert_int_equal(sets.permitted, CHOWN | KILL);
        assert_int_equal(sets.effective, KILL);
        assert_int_equal(sets.inheritable, 0);
        assert_int_equal(sets.ambient, 0);
}

static void leaves_out_unknown_names(void **state) {
        static const char *const list[] = {"CAP_NONSENSE", "CAP_KILL", "KILL", NULL};
        const struct runtime_capabilities names = {.bounding = list, .permitted = list};
        struct capability_sets sets;

        (void) state;
        require_root();
        assert_int_equal(resolve(&names, &sets), 0);
        assert_int_equal(sets.bounding, KILL);
        assert_int_equal(sets.permitted, KILL);
}

static void leaves_ambient_out_unless_permitted_and_inheritable(void **state) {
        static const char *const both[] = {"CAP_CHOWN", "CAP_KILL", NULL};
        static const char *const one[] = {"CAP_KILL", NULL};
        const struct runtime_capabilities names = {
                .bounding = both, .permitted = both, .inheritable = one, .ambient = both};
        struct capability_sets sets;

        (void) state;
        require_root();
        assert_int_equal(resolve(&names, &sets), 0);
        assert_int_equal(sets.ambient, KILL);
}

static void leaves_out_what_other_sets_lack(void **state) {
        static const char *const both[] = {"CAP_CHOWN", "CAP_KILL", NULL};
        static const char *const one[] = {"CAP_KILL", NULL};
        const struct runtime_capabilities names = {
                .bounding = one, .effective = both, .permitted = one, .inheritable = both};
        struct capability_sets sets;

        (void) state;
        require_root();
        assert_int_equal(resolve(&names, &sets), 0);
        assert_int_equal(sets.effective, KILL);
        assert_int_equal(sets.inheritable, KILL);
}

/* The five sets of the calling process, as /proc shows them. */
static bool shows(const char *field, uint64_t expected) {
        FILE *file = fopen("/proc/self/status", "re");
        char line[256];
        bool found = false;

        while (file && fgets(line, sizeof(line), file))
                if (str_starts_with(line, field))
                        found = strtoull(line + strlen(field) + 1, NULL, 16) == expected;
        if (file)
                (void) fclose(file);
        return found;
}

static int apply_and_check(void) {
        const struct capability_sets sets = {
                .bounding = CHOWN | KILL,
                .permitted = CHOWN | KILL,
                .effective = KILL,
                .inheritable = KILL,
                .ambient = KILL,
        };

        if (capabilities_drop_bounding(&sets, NULL) < 0)
                return 1;
        if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0)
                return 2;
        if (capabilities_apply(&sets, NULL) < 0)
                return 3;
        return shows("CapBnd:", sets.bounding) && shows("CapPrm:", sets.permitted) &&
                               shows("CapEff:", sets.effective) && shows("CapInh:", sets.inheritable) &&
                               shows("CapAmb:", sets.ambient)
                       ? 0
                       : 4;
}

static void sets_all_five_sets_over_a_change_of_user(void **state) {
        int status = 0;
        pid_t pid;

        (void) state;
        require_root();
        pid = fork();
        if (pid == 0)
                _exit(apply_and_check());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void names_what_the_kernel_knows(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const char *const *known = capabilities_known(arena);
        size_t count = 0;

        (void) state;
        while (known[count])
                count++;
        assert_true(count >= 38);
        assert_string_equal(known[0], "CAP_CHOWN");
        assert_string_equal(known[8], "CAP_SETPCAP");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_names_give_empty_sets),
                cmocka_unit_test(turns_names_into_bits),
                cmocka_unit_test(leaves_out_unknown_names),
                cmocka_unit_test(leaves_ambient_out_unless_permitted_and_inheritable),
                cmocka_unit_test(leaves_out_what_other_sets_lack),
                cmocka_unit_test(sets_all_five_sets_over_a_change_of_user),
                cmocka_unit_test(names_what_the_kernel_knows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
