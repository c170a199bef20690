#include "../container/inspect.h"

#include <errno.h>
#include <stddef.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../image/store.h"
#include "cli.h"
#include "commands.h"
#include "format.h"
#include "inspect.h"

struct inspect_options {
        const char *format;
        const char *type;
        bool size;
};

#define AT(field) offsetof(struct inspect_options, field)

const struct option_row cli_inspect_options[] = {
        {"format", 'f', NULL, OPTION_STRING, AT(format), "TEMPLATE", "print by a template, such as {{.State.Pid}}"},
        {"size", 's', NULL, OPTION_FLAG, AT(size), NULL, "accepted, without effect"},
        {"type", 0, NULL, OPTION_STRING, AT(type), "TYPE", "container, image, network or volume alone"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int inspect_container(struct cli *cli, const char *name, struct json_writer *writer, struct error *err) {
        struct container *container = NULL;
        int r = container_find(&cli->manager, name, &container, err);

        if (r == 0)
                container_inspect_write(writer, NULL, &cli->manager, container);
        container_free(container);
        return r;
}

int inspect_image(struct cli *cli, const char *name, struct json_writer *writer, struct error *err) {
        struct store *store;
        struct image *image = NULL;
        int r = cli_store(cli, &store, err);

        if (r == 0)
                r = image_find(store, name, &image, err);
        if (r == 0)
                image_inspect_write(writer, NULL, image);
        image_free(image);
        return r;
}

int inspect_print(struct cli *cli, inspector *inspect, int count, char **names, const char *format) {
        struct json_writer writer = {.indent = 4};
        _cleanup_free_ char *text = NULL;
        struct error err = {0};
        int status = 0;

        json_begin_array(&writer, NULL);
        for (int i = 0; i < count; i++)
                if (inspect(cli, names[i], &writer, &err) < 0)
                        status = cli_fail(&err);
        json_end_array(&writer);
        text = json_writer_take(&writer);
        error_clear(&err);
        return format_print(text, format, &err) < 0 ? cli_fail(&err) : status;
}

/* In the order in which a name is looked up. */
static const struct {
        const char *type;
        inspector *inspect;
} kinds[] = {
        {"container", inspect_container},
        {"image", inspect_image},
        {"network", inspect_network},
        {"volume", inspect_volume},
};

static int inspect_any(struct cli *cli, const char *name, struct json_writer *writer, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                struct error own = {0};
                int r = kinds[i].inspect(cli, name, writer, &own);

                if (r == 0)
                        return 0;
                if (r != -ENOENT && r != -EINVAL) {
                        *err = own;
                        return r;
                }
        }
        return error_set(err, ENOENT, "No such object: %s", name);
}

int cli_inspect(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct inspect_options options = {0};
        struct error err = {0};
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        if (!options.type)
                return inspect_print(cli, inspect_any, argc, argv, options.format);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_equal(options.type, kinds[i].type))
                        return inspect_print(cli, kinds[i].inspect, argc, argv, options.format);
        error_set(&err, EINVAL, "--type %s: expected container, image, network or volume", options.type);
        return cli_fail(&err);
}
