#include "show.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/json.h"
#include "lease.h"
#include "nft.h"
#include "show_view.h"

/* --- as JSON ----------------------------------------------------------------------------------------------------- */

static void put_list(struct json_writer *writer, const char *key, const struct str_list *list) {
        json_begin_array(writer, key);
        for (size_t i = 0; i < list->count; i++)
                json_put_string(writer, NULL, list->items[i]);
        json_end_array(writer);
}

static void put_port(struct json_writer *writer, const struct show_port *port) {
        char text[CNI_ADDRESS_SIZE];

        json_begin_object(writer, NULL);
        json_put_string(writer, "protocol", nft_protocol_name(port->port.protocol));
        if (port->port.host_address.family)
                json_put_string(writer, "hostIP", cni_address_text(&port->port.host_address, text));
        json_put_int(writer, "hostPort", port->port.host_port);
        if (port->port.last_port != port->port.host_port)
                json_put_int(writer, "lastHostPort", port->port.last_port);
        json_put_string(writer, "address", cni_address_text(&port->address, text));
        json_put_int(writer, "containerPort", port->port.container_port);
        json_end_object(writer);
}

static void put_attachment(struct json_writer *writer, const struct show_attachment *item) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "containerID", item->container_id);
        json_put_string(writer, "ifname", item->ifname);
        json_put_string(writer, "hostLink", item->host_link);
        json_put_string(writer, "netns", item->netns);
        put_list(writer, "addresses", &item->addresses);
        put_list(writer, "names", &item->names);
        json_put_bool(writer, "masquerade", item->masquerade);
        json_put_bool(writer, "forward", item->forward);
        json_begin_array(writer, "ports");
        for (const struct show_port *port = item->ports; port; port = port->next)
                put_port(writer, port);
        json_end_array(writer);
        json_end_object(writer);
}

static void put_network(struct json_writer *writer, const struct show_network *network) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "name", network->name);
        json_begin_array(writer, "links");
        for (const struct show_link *link = network->links; link; link = link->next) {
                json_begin_object(writer, NULL);
                json_put_string(writer, "name", link->name);
                json_put_string(writer, "kind", link->kind);
                json_put_bool(writer, "up", link->up);
                put_list(writer, "addresses", &link->addresses);
                json_end_object(writer);
        }
        json_end_array(writer);
        json_begin_array(writer, "attachments");
        for (const struct show_attachment *item = network->attachments; item; item = item->next)
                put_attachment(writer, item);
        json_end_array(writer);
        json_begin_array(writer, "leases");
        for (const struct show_lease *lease = network->leases; lease; lease = lease->next) {
                json_begin_object(writer, NULL);
                json_put_string(writer, "address", lease->address);
                json_put_string(writer, "containerID", lease->container_id);
                json_put_string(writer, "ifname", lease->ifname);
                json_end_object(writer);
        }
        json_end_array(writer);
        json_end_object(writer);
}

static void print_json(const struct show_view *view) {
        _cleanup_json_writer_ struct json_writer writer = {.indent = 2};
        _cleanup_free_ char *text = NULL;

        json_begin_object(&writer, NULL);
        json_begin_array(&writer, "networks");
        for (const struct show_network *network = view->networks; network; network = network->next)
                put_network(&writer, network);
        json_end_array(&writer);
        put_list(&writer, "notes", &view->notes);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        (void) printf("%s\n", text);
}

/* --- as a table -------------------------------------------------------------------------------------------------- */

#define COLUMNS 6

static const char *const headings[COLUMNS] = {"CONTAINER", "IFNAME", "HOST LINK", "NETNS", "ADDRESSES", "RULES"};

static char *port_text(const struct show_port *port) {
        _cleanup_str_buf_ struct str_buf text = {0};
        char address[CNI_ADDRESS_SIZE];
        bool is_range = port->port.last_port != port->port.host_port;
        bool is_v6 = port->port.host_address.family == AF_INET6;

        if (port->port.host_address.family)
                str_buf_printf(&text, "%s%s%s:", is_v6 ? "[" : "", cni_address_text(&port->port.host_address, address),
                               is_v6 ? "]" : "");
        str_buf_printf(&text, "%u", port->port.host_port);
        if (is_range)
                str_buf_printf(&text, "-%u", port->port.last_port);
        str_buf_printf(&text, "->%u", port->port.container_port);
        if (is_range && port->port.container_port == port->port.host_port)
                str_buf_printf(&text, "-%u", port->port.last_port);
        str_buf_printf(&text, "/%s", nft_protocol_name(port->port.protocol));
        return str_buf_take(&text);
}

static char *rules_text(const struct show_attachment *item) {
        _cleanup_str_list_ struct str_list all = {0};

        if (item->masquerade)
                str_list_add(&all, "masquerade");
        if (item->forward)
                str_list_add(&all, "forward");
        for (const struct show_port *port = item->ports; port; port = port->next) {
                _cleanup_free_ char *text = port_text(port);

                /* Both families' are the same text. */
                if (!str_list_contains(&all, text))
                        str_list_add(&all, text);
        }
        return str_list_join(&all, " ");
}

/* Adds a row of cells, where "" stands for nothing. */
static void add_row(struct str_list *cells, const struct show_attachment *item) {
        _cleanup_free_ char *addresses = str_list_join(&item->addresses, " "), *rules = rules_text(item);
        const char *slash = item->netns ? strrchr(item->netns, '/') : NULL;
        const char *const row[COLUMNS] = {item->container_id,       item->ifname, item->host_link,
                                          slash ? slash + 1 : NULL, addresses,    rules};

        for (size_t i = 0; i < COLUMNS; i++)
                str_list_add(cells, str_empty(row[i]) ? "-" : row[i]);
}

static void print_cells(const struct str_list *cells) {
        size_t width[COLUMNS] = {0};

        for (size_t i = 0; i < cells->count; i++)
                if (strlen(cells->items[i]) > width[i % COLUMNS])
                        width[i % COLUMNS] = strlen(cells->items[i]);
        for (size_t i = 0; i < cells->count; i++)
                if (i % COLUMNS == COLUMNS - 1)
                        (void) printf("%s\n", cells->items[i]);
                else
                        (void) printf("%s%-*s  ", i % COLUMNS ? "" : "  ", (int) width[i % COLUMNS], cells->items[i]);
}

static void print_network(const struct show_network *network) {
        _cleanup_str_list_ struct str_list cells = {0};

        (void) printf("network %s\n", network->name);
        for (const struct show_link *link = network->links; link; link = link->next) {
                _cleanup_free_ char *addresses = str_list_join(&link->addresses, " ");

                (void) printf("  %s %s %s%s%s\n", link->kind[0] ? link->kind : "link", link->name,
                              link->up ? "up" : "down", addresses[0] ? " " : "", addresses);
        }
        for (size_t i = 0; i < COLUMNS; i++)
                str_list_add(&cells, headings[i]);
        for (const struct show_attachment *item = network->attachments; item; item = item->next)
                add_row(&cells, item);
        if (network->attachments)
                print_cells(&cells);
        for (const struct show_attachment *item = network->attachments; item; item = item->next) {
                _cleanup_free_ char *names = str_list_join(&item->names, " ");

                if (names[0])
                        (void) printf("  names of %s: %s\n", item->container_id, names);
        }
        for (const struct show_lease *lease = network->leases; lease; lease = lease->next)
                (void) printf("  lease %s: %s%s%s\n", lease->address,
                              lease->container_id ? lease->container_id : "garbage", lease->ifname ? " " : "",
                              lease->ifname ? lease->ifname : "");
}

/* --- the command ------------------------------------------------------------------------------------------------- */

struct show_options {
        bool json;
        const char *data_dir;
};

#define AT(field) offsetof(struct show_options, field)

static const struct option_row rows[] = {
        {"json", 0, NULL, OPTION_FLAG, AT(json), NULL, "print JSON"},
        {"leases", 0, NULL, OPTION_STRING, AT(data_dir), "DIR", "where leases are kept (default " LEASE_DATA_DIR ")"},
        {0},
};

static int show(const struct command *command, void *context, int argc, char **argv);

const struct command show_commands[] = {
        {"show", NULL, "[OPTIONS] [NETWORK]", "show this host's networks: links, addresses, leases, published ports",
         rows, 0, 1, true, show},
        {0},
};

static int fail(const struct error *err) {
        _cleanup_free_ char *text = error_text(err);

        (void) fprintf(stderr, "netplug: %s\n", text);
        return EXIT_FAILURE;
}

static int show(const struct command *command, void *context, int argc, char **argv) {
        struct show_options options = {.data_dir = LEASE_DATA_DIR};
        /* The view's parts are in the arena, which must outlive it: what is declared last goes first. */
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_(show_view_free) struct show_view view = {0};
        struct error err = {0};
        int r = command_parse(command, "netplug", &options, &argc, &argv, &err);

        (void) context;
        if (r == -ECANCELED)
                return EXIT_SUCCESS;
        if (r < 0)
                return fail(&err);
        view.arena = arena;
        view.data_dir = options.data_dir;
        view.only = argc > 0 ? argv[0] : NULL;
        r = show_view_read(&view, &err);
        if (r >= 0 && view.only && !view.networks) {
                r = error_set(&err, ENOENT, "nothing of a network %s is found", view.only);
                (void) error_hint(&err, "%s", view.notes.count ? view.notes.items[0] : "`netplug show` lists them");
        }
        if (r < 0)
                return fail(&err);
        if (options.json) {
                print_json(&view);
                return EXIT_SUCCESS;
        }
        for (const struct show_network *network = view.networks; network; network = network->next)
                print_network(network);
        for (size_t i = 0; i < view.notes.count; i++)
                (void) fprintf(stderr, "netplug: %s\n", view.notes.items[i]);
        return EXIT_SUCCESS;
}
