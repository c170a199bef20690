#include "../network/network.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "../../spec/image.h"
#include "../network/connect.h"
#include "columns.h"
#include "commands.h"
#include "inspect.h"

struct options {
        struct network_options network;
        struct str_list labels;
        struct str_list opts;
        const char *format;
        struct str_list filter;
        bool quiet;
        bool no_trunc;
        bool force;
        bool attachable;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row create_options[] = {
        {"attachable", 0, NULL, OPTION_FLAG, AT(attachable), NULL, "accepted: every network is"},
        {"driver", 'd', NULL, OPTION_STRING, AT(network.driver), "DRIVER", "bridge"},
        {"gateway", 0, NULL, OPTION_STRING, AT(network.gateway), "ADDRESS", "the host's address in it"},
        {"internal", 0, NULL, OPTION_FLAG, AT(network.internal), NULL, "no way out of it"},
        {"ip-range", 0, NULL, OPTION_STRING, AT(network.ip_range), "SUBNET",
         "part of the subnet containers get addresses from"},
        {"label", 0, NULL, OPTION_LIST, AT(labels), "NAME=VALUE", "accepted, without effect"},
        {"mtu", 0, NULL, OPTION_INT, AT(network.mtu), "BYTES", "largest packet"},
        {"opt", 'o', NULL, OPTION_LIST, AT(opts), "NAME=VALUE",
         "com.docker.network.bridge.name=NAME, …driver.mtu=BYTES"},
        {"subnet", 0, NULL, OPTION_STRING, AT(network.subnet), "SUBNET", "its addresses, such as 10.1.0.0/24"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_row ls_options[] = {
        {"filter", 'f', NULL, OPTION_LIST, AT(filter), "KEY=VALUE", "only those with this name or driver"},
        {"format", 0, NULL, OPTION_STRING, AT(format), "TEMPLATE", "print by a template ({{.Name}} …), or json"},
        {"no-trunc", 0, NULL, OPTION_FLAG, AT(no_trunc), NULL, "do not shorten"},
        {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet), NULL, "ids alone"},
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
        {"NETWORK ID", "ID", false}, {"NAME", "Name", false},  {"DRIVER", "Driver", false},
        {"SUBNET", "Subnet", false}, {"SCOPE", "Scope", true}, {NULL, NULL, false},
};

DEFINE_CLEANUP(cleanup_network, struct network *, network_free);

static void options_free(struct options *options) {
        str_list_free(&options->labels);
        str_list_free(&options->opts);
        str_list_free(&options->filter);
}

/* docker's driver options that mean something here. */
static int read_driver_options(struct options *options, struct error *err) {
        for (size_t i = 0; i < options->opts.count; i++) {
                const char *text = options->opts.items[i], *value = strchr(text, '=');

                if (value && str_starts_with(text, "com.docker.network.bridge.name="))
                        options->network.bridge = value + 1;
                else if (!value || !str_starts_with(text, "com.docker.network.driver.mtu=") ||
                         str_to_i64(value + 1, 68, 65535, &options->network.mtu) < 0)
                        return error_set(err, EINVAL, "network option %s: not supported in this build", text);
        }
        if (options->network.bridge && strlen(options->network.bridge) > 15)
                return error_set(err, EINVAL, "bridge name %s: at most 15 characters", options->network.bridge);
        return 0;
}

static int create(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_(cleanup_network) struct network *network = NULL;
        struct error err = {0};
        int r = cli_parse(command, cli, "network", &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = read_driver_options(&options, &err);
        if (r == 0)
                r = network_create(&cli->manager, argv[0], &options.network, &err);
        if (r == 0)
                r = network_find(&cli->manager, argv[0], &network, &err);
        options_free(&options);
        if (r < 0)
                return cli_fail(&err);
        (void) printf("%s\n", network->id);
        return 0;
}

static bool passes(const struct network *network, const struct str_list *filter) {
        for (size_t i = 0; i < filter->count; i++) {
                const char *value = strchr(filter->items[i], '=');

                if (str_starts_with(filter->items[i], "name=") && !strstr(network->list.name, value + 1))
                        return false;
                if (str_starts_with(filter->items[i], "driver=") && !str_equal(network->driver, value + 1))
                        return false;
        }
        return true;
}

static void add_row(struct str_list *cells, const char *id, const char *name, const char *driver, const char *subnet) {
        str_list_add(cells, id);
        str_list_add(cells, name);
        str_list_add(cells, driver);
        str_list_add(cells, subnet ? subnet : "");
        str_list_add(cells, "local");
}

static int ls(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_str_list_ struct str_list cells = {0};
        struct network *bridge = NULL, **list = NULL;
        struct error err = {0};
        size_t count = 0;
        int r = cli_parse(command, cli, "network", &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = network_find(&cli->manager, NETWORK_DEFAULT, &bridge, &err); /* so that it is listed before its first use */
        network_free(bridge);
        if (r == 0)
                r = network_list(&cli->manager, &list, &count, &err);
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *id = xstrndup(list[i]->id, options.no_trunc ? strlen(list[i]->id) : 12);

                if (!passes(list[i], &options.filter))
                        continue;
                if (options.quiet)
                        (void) printf("%s\n", id);
                else
                        add_row(&cells, id, list[i]->list.name, list[i]->driver, list[i]->subnet);
        }
        if (r == 0 && !options.quiet) {
                if (options.filter.count == 0) {
                        add_row(&cells, "", "host", "host", NULL);
                        add_row(&cells, "", "none", "null", NULL);
                }
                r = columns_print(columns, &cells, options.format, &err);
        }
        network_list_free(list, count);
        options_free(&options);
        return r < 0 ? cli_fail(&err) : 0;
}

static int remove_one(struct cli *cli, const char *name, struct error *err) {
        _cleanup_(cleanup_network) struct network *network = NULL;
        _cleanup_free_ char *user = NULL;
        int r = network_find(&cli->manager, name, &network, err);

        if (r < 0)
                return r;
        if (str_equal(network->list.name, NETWORK_DEFAULT))
                return error_set(err, EPERM, "%s is a pre-defined network and cannot be removed", name);
        r = connect_network_user(&cli->manager, network->list.name, &user, err);
        if (r < 0)
                return r;
        if (user)
                return error_set(err, EBUSY, "network %s has active endpoints: container %s uses it", name, user);
        return network_remove(&cli->manager, network, err);
}

static int rm(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int r = cli_parse(command, context, "network", &options, &argc, &argv);

        return r >= 0 ? r : cli_remove(context, remove_one, argc, argv, options.force);
}

/* The containers that are attached now: {"<id>": {"Name", "IPv4Address", …}}. */
static void put_containers(struct json_writer *writer, const struct manager *manager, const char *network) {
        struct container **list = NULL;
        size_t count = 0;

        json_begin_object(writer, "Containers");
        (void) container_list(manager, &list, &count, NULL);
        for (size_t i = 0; i < count; i++) {
                _cleanup_arena_ struct arena *arena = arena_new();
                const struct json *connection = connect_read(list[i], arena), *attachment;

                for (size_t j = 0; (attachment = connection_attachment(connection, j)); j++) {
                        const char *name = NULL;

                        (void) json_get_string(attachment, "network", &name, NULL);
                        if (!str_equal(name, network))
                                continue;
                        json_begin_object(writer, list[i]->id);
                        json_put_string(writer, "Name", list[i]->name);
                        json_put_string(writer, "MacAddress", attachment_mac(attachment));
                        json_put_string(writer, "IPv4Address", attachment_address(attachment));
                        json_end_object(writer);
                }
        }
        container_list_free(list, count);
        json_end_object(writer);
}

int inspect_network(struct cli *cli, const char *name, struct json_writer *writer, struct error *err) {
        _cleanup_(cleanup_network) struct network *network = NULL;
        char created[TIMESTAMP_MAX];
        int r = network_find(&cli->manager, name, &network, err);

        if (r < 0)
                return r;
        json_begin_object(writer, NULL);
        json_put_string(writer, "Name", network->list.name);
        json_put_string(writer, "Id", network->id);
        json_put_string(writer, "Created", timestamp_format(network->created * TIMESTAMP_SECOND, false, created));
        json_put_string(writer, "Scope", "local");
        json_put_string(writer, "Driver", network->driver);
        json_put_bool(writer, "EnableIPv6", false);
        json_begin_object(writer, "IPAM");
        json_put_string(writer, "Driver", "default");
        json_begin_array(writer, "Config");
        json_begin_object(writer, NULL);
        json_put_string(writer, "Subnet", network->subnet);
        json_put_string(writer, "Gateway", network->gateway);
        json_end_object(writer);
        json_end_array(writer);
        json_end_object(writer);
        json_put_bool(writer, "Internal", network->internal);
        put_containers(writer, &cli->manager, network->list.name);
        json_begin_object(writer, "Options");
        json_put_string(writer, "com.docker.network.bridge.name", network->bridge);
        json_end_object(writer);
        json_begin_object(writer, "Labels");
        json_end_object(writer);
        json_put_value(writer, "ConfList", network->list.root);
        json_end_object(writer);
        return 0;
}

static int inspect(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {0};
        int r = cli_parse(command, context, "network", &options, &argc, &argv);

        return r >= 0 ? r : inspect_print(context, inspect_network, argc, argv, options.format);
}

static const struct command commands[] = {
        {"create", NULL, "[OPTIONS] NAME", "Make a network", create_options, 1, 1, true, create},
        {"inspect", NULL, "[OPTIONS] NAME [NAME...]", "Show all about networks", inspect_options, 1, -1, true, inspect},
        {"ls", "list", "[OPTIONS]", "List networks", ls_options, 0, 0, true, ls},
        {"rm", "remove", "NAME [NAME...]", "Remove networks", rm_options, 1, -1, true, rm},
        {NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

int cli_network(const struct command *command, void *context, int argc, char **argv) {
        return cli_group(command, commands, context, argc, argv);
}
