#include "../volume/volume.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "../../spec/image.h"
#include "../container/record.h"
#include "columns.h"
#include "commands.h"
#include "inspect.h"

struct options {
        const char *name;
        const char *driver;
        struct str_list labels;
        const char *format;
        bool quiet;
        bool force;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row create_options[] = {
        {"driver", 'd', NULL, OPTION_STRING, AT(driver), "DRIVER", "local"},
        {"label", 0, NULL, OPTION_LIST, AT(labels), "NAME=VALUE", "accepted, without effect"},
        {"name", 0, NULL, OPTION_STRING, AT(name), "NAME", "its name"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_row ls_options[] = {
        {"format", 0, NULL, OPTION_STRING, AT(format), "TEMPLATE", "print by a template ({{.Name}} …), or json"},
        {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet), NULL, "names alone"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_row rm_options[] = {
        {"force", 'f', NULL, OPTION_FLAG, AT(force), NULL, "one that is not there is no failure"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_row inspect_options[] = {
        {"format", 'f', NULL, OPTION_STRING, AT(format), "TEMPLATE", "print by a template"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct column columns[] = {
        {"DRIVER", "Driver", false},
        {"VOLUME NAME", "Name", false},
        {"MOUNTPOINT", "Mountpoint", true},
        {NULL, NULL, false},
};

static int create(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_free_ char *name = NULL;
        struct error err = {0};
        int r = cli_parse(command, cli, "volume", &options, &argc, &argv);

        if (r >= 0)
                return r;
        str_list_free(&options.labels);
        if (options.driver && !str_equal(options.driver, "local"))
                r = error_set(&err, ENOTSUP, "volume driver %s: not supported in this build", options.driver);
        else
                r = volume_create(&cli->manager, argc > 0 ? argv[0] : options.name, &name, &err);
        if (r < 0)
                return cli_fail(&err);
        (void) printf("%s\n", name);
        return 0;
}

static int ls(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_str_list_ struct str_list names = {0}, cells = {0};
        struct error err = {0};
        int r = cli_parse(command, cli, "volume", &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = volume_list(&cli->manager, &names, &err);
        for (size_t i = 0; i < names.count; i++) {
                str_list_add(&cells, "local");
                str_list_add(&cells, names.items[i]);
                str_list_take(&cells, volume_path(&cli->manager, names.items[i]));
                if (options.quiet)
                        (void) printf("%s\n", names.items[i]);
        }
        if (r == 0 && !options.quiet)
                r = columns_print(columns, &cells, options.format, &err);
        return r < 0 ? cli_fail(&err) : 0;
}

/* The container that has the volume, running or not; the caller frees *name, which is NULL when there is none. */
static int user_of(const struct manager *manager, const char *volume, char **name, struct error *err) {
        struct container **list;
        size_t count;
        int r = container_list(manager, &list, &count, err);

        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < list[i]->mount_count && !*name; j++)
                        if (str_equal(list[i]->mounts[j].name, volume))
                                *name = xstrdup(list[i]->name);
        container_list_free(list, count);
        return r;
}

static int remove_one(struct cli *cli, const char *name, struct error *err) {
        _cleanup_free_ char *user = NULL;
        int r = volume_check(&cli->manager, name, err);

        if (r == 0)
                r = user_of(&cli->manager, name, &user, err);
        if (r < 0)
                return r;
        if (user)
                return error_set(err, EBUSY, "volume %s is in use: container %s has it", name, user);
        return volume_remove(&cli->manager, name, err);
}

static int rm(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int r = cli_parse(command, context, "volume", &options, &argc, &argv);

        return r >= 0 ? r : cli_remove(context, remove_one, argc, argv, options.force);
}

int inspect_volume(struct cli *cli, const char *name, struct json_writer *writer, struct error *err) {
        _cleanup_free_ char *path = NULL;
        struct stat status;
        char created[TIMESTAMP_MAX];
        int r = volume_check(&cli->manager, name, err);

        if (r < 0)
                return r;
        path = volume_path(&cli->manager, name);
        if (stat(path, &status) < 0)
                return error_errno(err, errno, "volume %s", name);
        json_begin_object(writer, NULL);
        json_put_string(writer, "CreatedAt",
                        timestamp_format(status.st_ctim.tv_sec * TIMESTAMP_SECOND, false, created));
        json_put_string(writer, "Driver", "local");
        json_put_string(writer, "Mountpoint", path);
        json_put_string(writer, "Name", name);
        json_put_string(writer, "Scope", "local");
        json_end_object(writer);
        return 0;
}

static int inspect(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int r = cli_parse(command, context, "volume", &options, &argc, &argv);

        return r >= 0 ? r : inspect_print(context, inspect_volume, argc, argv, options.format);
}

static const struct command commands[] = {
        {"create", NULL, "[OPTIONS] [NAME]", "Make a volume", create_options, 0, 1, true, create},
        {"inspect", NULL, "[OPTIONS] NAME [NAME...]", "Show all about volumes", inspect_options, 1, -1, true, inspect},
        {"ls", "list", "[OPTIONS]", "List volumes", ls_options, 0, 0, true, ls},
        {"rm", "remove", "NAME [NAME...]", "Remove volumes", rm_options, 1, -1, true, rm},
        {NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

int cli_volume(const struct command *command, void *context, int argc, char **argv) {
        return cli_group(command, commands, context, argc, argv);
}
