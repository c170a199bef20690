#include "cmd.h"

#include <errno.h>

#include "../../lib/log.h"
#include "../../lib/str.h"

int cmd_parse(const struct command *command, void *options, int *argc, char ***argv) {
        struct error err = {0};
        int r = command_parse(command, PROGRAM, options, argc, argv, &err);

        if (r == -ECANCELED)
                return 0;
        return r < 0 ? cmd_fail(&err) : -1;
}

int cmd_fail(const struct error *err) {
        log_error(err);
        return 1;
}

int cmd_rootless(const struct runtime *runtime, struct opt_bool *out, struct error *err) {
        const char *word = runtime->rootless;

        *out = (struct opt_bool){.set = word && !str_equal(word, "auto"), .value = str_equal(word, "true")};
        if (out->set && !out->value && !str_equal(word, "false"))
                return error_set(err, EINVAL, "--rootless: \"%s\" is none of true, false and auto", word);
        return 0;
}

int cmd_check_count(const char *option, int64_t value, struct error *err) {
        if (value < 0 || value > 1024)
                return error_set(err, EINVAL, "%s: %lld is not in the range 0 to 1024", option, (long long) value);
        return 0;
}
