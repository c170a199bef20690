#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/log.h"
#include "../image/store.h"

int cli_store(struct cli *cli, struct store **out, struct error *err) {
        int r;

        if (!cli->store) {
                r = store_open(cli->manager.root, &cli->store, err);
                if (r < 0)
                        return r;
        }
        *out = cli->store;
        return 0;
}

int cli_fail(const struct error *err) {
        log_error(err);
        return 1;
}

int cli_fail_run(const struct error *err) {
        log_error(err);
        return 125;
}

int cli_remove(struct cli *cli, int (*remove)(struct cli *cli, const char *name, struct error *err), int count,
               char **names, bool force) {
        int status = 0;

        for (int i = 0; i < count; i++) {
                struct error err = {0};
                int r = remove(cli, names[i], &err);

                if (r == 0)
                        (void) printf("%s\n", names[i]);
                else if (r != -ENOENT || !force)
                        status = cli_fail(&err);
        }
        return status;
}

int cli_parse(const struct command *command, const struct cli *cli, const char *parent, void *options, int *argc,
              char ***argv) {
        _cleanup_free_ char *program = parent ? str_format("%s %s", cli->program, parent) : xstrdup(cli->program);
        struct error err = {0};
        int r = command_parse(command, program, options, argc, argv, &err);

        if (r == -ECANCELED)
                return 0;
        if (r < 0) {
                log_error(&err);
                return 125;
        }
        return -1;
}

static int group_help(const struct command *group, const struct command *commands, const struct cli *cli, FILE *out) {
        _cleanup_free_ char *usage = str_format("%s %s COMMAND", cli->program, group->name);

        command_list_help(out, usage, NULL, commands);
        return out == stdout ? 0 : 125;
}

int cli_group(const struct command *group, const struct command *commands, struct cli *cli, int argc, char **argv) {
        const struct command *command;
        struct error err = {0};

        if (argc < 2)
                return group_help(group, commands, cli, stderr);
        if (str_equal(argv[1], "--help") || str_equal(argv[1], "-h"))
                return group_help(group, commands, cli, stdout);
        command = command_find(commands, argv[1]);
        if (!command) {
                error_set(&err, EINVAL, "%s: unknown command: %s", group->name, argv[1]);
                error_hint(&err, "%s %s --help lists them", cli->program, group->name);
                log_error(&err);
                return 125;
        }
        return command->run(command, cli, argc - 1, argv + 1);
}
