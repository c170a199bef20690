#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"
#include "chain.h"
#include "netns.h"
#include "network.h"

const char *connect_mode(const struct container *container) {
        const struct str_list *networks = &container->options.network;

        if (networks->count == 0 || str_equal(networks->items[0], "default"))
                return NETWORK_DEFAULT;
        return networks->items[0];
}

static bool is_host(const char *mode) {
        return str_equal(mode, "host");
}

static bool is_none(const char *mode) {
        return str_equal(mode, "none");
}

static const char *shared_with(const char *mode) {
        return str_starts_with(mode, "container:") ? mode + strlen("container:") : NULL;
}

/* True when CNI networks are joined, and ports can be published. */
static bool is_attached(const char *mode) {
        return !is_host(mode) && !is_none(mode) && !shared_with(mode);
}

static int collect_ports(const struct container *container, struct port_list *out, struct error *err) {
        const struct container_options *options = &container->options;

        for (size_t i = 0; i < options->publish.count; i++) {
                int r = port_list_add(out, options->publish.items[i], err);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; options->publish_all && container->exposed_ports && container->exposed_ports[i]; i++) {
                int r = port_list_add(out, container->exposed_ports[i], err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int connect_check(const struct manager *manager, const struct container *container, struct error *err) {
        const char *mode = connect_mode(container);
        struct port_list ports = {0};
        int r = collect_ports(container, &ports, err);

        if (r == 0 && ports.count > 0 && !is_attached(mode))
                log_warning("Published ports are discarded with --network %s", mode);
        port_list_free(&ports);
        if (r < 0)
                return r;
        if (!is_attached(mode) && container->options.network.count > 1)
                return error_set(err, EINVAL, "--network %s excludes other networks", mode);
        if (shared_with(mode)) {
                struct container *other = NULL;

                r = container_find(manager, shared_with(mode), &other, err);
                container_free(other);
                return r;
        }
        for (size_t i = 0; is_attached(mode) && i < container->options.network.count; i++) {
                struct network *network = NULL;

                r = network_find(manager, container->options.network.items[i], &network, err);
                network_free(network);
                if (r < 0)
                        return error_hint(err, "`mymgr network ls` lists them, `network create` makes one");
        }
        return 0;
}

/* The document network.json, written anew after each step. */
struct journal {
        const struct container *container;
        const char *mode;
        const char *netns; /* NULL: the host's */
        bool own_netns;
        const struct port_list *ports;
        struct attachment {
                const struct network *network;
                char interface[24];
                const struct json *args;
                const char *cni_args;
                const struct json *result;
        } * attachments;
        size_t attachment_count;
};

static void put_ports(struct json_writer *writer, const char *key, const struct port_list *ports) {
        json_begin_array(writer, key);
        for (size_t i = 0; i < ports->count; i++) {
                json_begin_object(writer, NULL);
                json_put_int(writer, "hostPort", ports->items[i].host_port);
                json_put_int(writer, "containerPort", ports->items[i].container_port);
                json_put_string(writer, "protocol", ports->items[i].protocol);
                if (ports->items[i].host_ip[0])
                        json_put_string(writer, "hostIP", ports->items[i].host_ip);
                json_end_object(writer);
        }
        json_end_array(writer);
}

static int save(const struct journal *journal, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/network.json", journal->container->run_directory), *text = NULL;
        struct json_writer writer = {0};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "mode", journal->mode);
        json_put_string(&writer, "netns", journal->netns);
        json_put_bool(&writer, "own", journal->own_netns);
        put_ports(&writer, "ports", journal->ports);
        json_begin_array(&writer, "attachments");
        for (size_t i = 0; i < journal->attachment_count; i++) {
                const struct attachment *attachment = &journal->attachments[i];

                json_begin_object(&writer, NULL);
                json_put_string(&writer, "network", attachment->network->list.name);
                json_put_string(&writer, "id", attachment->network->id);
                json_put_string(&writer, "interface", attachment->interface);
                json_put_string(&writer, "gateway", attachment->network->gateway);
                json_put_value(&writer, "list", attachment->network->list.root);
                json_put_value(&writer, "args", attachment->args);
                json_put_string(&writer, "cniArgs", attachment->cni_args);
                json_put_value(&writer, "result", attachment->result);
                json_end_object(&writer);
        }
        json_end_array(&writer);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        return file_write_volatile(AT_FDCWD, path, text, strlen(text), 0600, err);
}

/* What the plugins get as runtimeConfig. */
static const struct json *capability_args(const struct journal *journal, struct arena *arena, bool first) {
        const struct container_options *options = &journal->container->options;
        _cleanup_free_ char *text = NULL;
        struct json_writer writer = {0};
        const struct json *root = NULL;

        json_begin_object(&writer, NULL);
        if (first && journal->ports->count > 0)
                put_ports(&writer, "portMappings", journal->ports);
        if (first && options->mac_address)
                json_put_string(&writer, "mac", options->mac_address);
        if (options->network_alias.count > 0)
                json_put_strings(&writer, "aliases", (const char *const *) options->network_alias.items);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        (void) json_parse(arena, text, strlen(text), NULL, &root, NULL);
        return root;
}

static int attach(const struct manager *manager, struct journal *journal, const char *name, struct arena *arena,
                  struct error *err) {
        size_t index = journal->attachment_count;
        struct attachment *attachment = &journal->attachments[index];
        const struct container_options *options = &journal->container->options;
        struct chain_request request = {.plugin_dirs = &manager->plugin_dirs};
        struct network *network = NULL;
        int r = network_find(manager, str_equal(name, "default") ? NETWORK_DEFAULT : name, &network, err);

        if (r < 0)
                return r;
        attachment->network = network;
        (void) snprintf(attachment->interface, sizeof(attachment->interface), "eth%zu", index);
        attachment->args = capability_args(journal, arena, index == 0);
        attachment->cni_args =
                arena_printf(arena, "IgnoreUnknown=1;K8S_POD_NAME=%s%s%s", journal->container->name,
                             index == 0 && options->ip ? ";IP=" : "", index == 0 && options->ip ? options->ip : "");
        journal->attachment_count++;
        r = save(journal, err);
        if (r < 0)
                return r;
        request.list = &network->list;
        request.container_id = journal->container->id;
        request.netns = journal->netns;
        request.interface = attachment->interface;
        request.arguments = attachment->cni_args;
        request.capability_args = attachment->args;
        r = chain_add(&request, arena, &attachment->result, err);
        return r < 0 ? error_wrap(err, "network %s", name) : 0;
}

static int attach_all(const struct manager *manager, struct journal *journal, struct arena *arena, struct error *err) {
        static const char *const only_default[] = {NETWORK_DEFAULT};
        const struct str_list *given = &journal->container->options.network;
        size_t count = given->count > 0 ? given->count : 1;
        int r = 0;

        journal->attachments = xcalloc(count, sizeof(*journal->attachments));
        for (size_t i = 0; r == 0 && i < count; i++)
                r = attach(manager, journal, given->count > 0 ? given->items[i] : only_default[0], arena, err);
        if (r == 0)
                r = save(journal, err);
        for (size_t i = 0; i < journal->attachment_count; i++)
                network_free((struct network *) journal->attachments[i].network);
        free(journal->attachments);
        return r;
}

/* The name `ip netns list` shows: the container's, or its id where that name is taken. */
static int make_netns(struct journal *journal, struct arena *arena, struct error *err) {
        const char *const names[] = {journal->container->name, journal->container->id};
        int r = -EEXIST;

        for (size_t i = 0; r == -EEXIST && i < ARRAY_SIZE(names); i++) {
                journal->netns = arena_printf(arena, "%s/%s", NETNS_DIRECTORY, names[i]);
                if (access(journal->netns, F_OK) == 0)
                        continue;
                journal->own_netns = true;
                r = save(journal, err);
                if (r < 0)
                        return r;
                r = netns_create(names[i], err);
        }
        if (r < 0) {
                journal->own_netns = false;
                journal->netns = NULL;
        }
        return r == -EEXIST ? error_set(err, EEXIST, "network namespace %s exists already", names[1]) : r;
}

static int share(const struct manager *manager, struct journal *journal, struct arena *arena, struct error *err) {
        const char *name = shared_with(journal->mode);
        struct container *other = NULL;
        int r = container_find(manager, name, &other, err);

        if (r < 0)
                return r;
        if (!container_is_running(other))
                r = error_set(err, EINVAL, "cannot join the network of container %s: it is not running", name);
        else if (!is_host(connect_mode(other)))
                journal->netns = arena_printf(arena, "/proc/%d/ns/net", (int) other->state.pid);
        container_free(other);
        return r < 0 ? r : save(journal, err);
}

int connect_container(const struct manager *manager, const struct container *container, struct held_ports *held,
                      struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct journal journal = {.container = container, .mode = connect_mode(container), .ports = &held->ports};
        int r;

        if (is_attached(journal.mode)) {
                r = collect_ports(container, &held->ports, err);
                if (r < 0)
                        return r;
                held->fds = xcalloc(held->ports.count + 1, sizeof(int));
                r = port_list_hold(&held->ports, held->fds, err);
                if (r < 0) {
                        port_list_free(&held->ports);
                        return r;
                }
        }
        if (is_host(journal.mode))
                return save(&journal, err);
        if (shared_with(journal.mode))
                return share(manager, &journal, arena, err);
        r = make_netns(&journal, arena, err);
        if (r == 0)
                r = is_none(journal.mode) ? save(&journal, err) : attach_all(manager, &journal, arena, err);
        if (r < 0) {
                (void) disconnect_container(manager, container, NULL);
                connect_release_ports(held);
        }
        return r;
}

void connect_release_ports(struct held_ports *held) {
        for (size_t i = 0; held->fds && i < held->ports.count; i++)
                fd_close_at(&held->fds[i]);
        free(held->fds);
        held->fds = NULL;
        port_list_free(&held->ports);
}

static int detach(const struct manager *manager, const struct container *container, const struct json *attachment,
                  const char *netns, struct arena *arena, struct error *err) {
        const struct json *list_root = json_get(attachment, "list");
        struct cni_network_list list;
        struct chain_request request = {
                .plugin_dirs = &manager->plugin_dirs,
                .list = &list,
                .container_id = container->id,
                .netns = netns && netns_exists(netns) ? netns : "",
                .interface = "eth0",
                .capability_args = json_get(attachment, "args"),
                .result = json_get(attachment, "result"),
        };
        int r;

        if (!list_root)
                return 0;
        r = cni_network_list_parse(arena, list_root, &list, err);
        if (r < 0)
                return r;
        (void) json_get_string(attachment, "interface", &request.interface, NULL);
        (void) json_get_string(attachment, "cniArgs", &request.arguments, NULL);
        return chain_delete(&request, err);
}

int disconnect_container(const struct manager *manager, const struct container *container, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/network.json", container->run_directory);
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *connection = connect_read(container, arena), *attachments;
        const char *netns = connection_netns(connection);
        bool own = false;
        int r = 0;

        if (!connection)
                return 0;
        attachments = json_get(connection, "attachments");
        for (size_t i = attachments ? attachments->count : 0; i-- > 0;) {
                struct error own_error = {0};
                int s = detach(manager, container, connection_attachment(connection, i), netns, arena, &own_error);

                if (s < 0 && r == 0) {
                        r = s;
                        if (err)
                                *err = own_error;
                }
        }
        (void) json_get_bool(connection, "own", &own, NULL);
        if (own && netns) {
                int s = netns_remove(netns, r == 0 ? err : NULL);

                r = r < 0 ? r : s;
        }
        if (r == 0)
                (void) unlink(path);
        return r;
}

const struct json *connect_read(const struct container *container, struct arena *arena) {
        _cleanup_free_ char *path = str_format("%s/network.json", container->run_directory);
        const struct json *root = NULL;

        return json_parse_file(arena, AT_FDCWD, path, NULL, &root, NULL) < 0 ? NULL : root;
}

static const char *text_of(const struct json *object, const char *key) {
        const char *text = NULL;

        if (object)
                (void) json_get_string(object, key, &text, NULL);
        return text;
}

const char *connection_netns(const struct json *connection) {
        return text_of(connection, "netns");
}

const struct json *connection_attachment(const struct json *connection, size_t index) {
        const struct json *attachments = json_get(connection, "attachments");

        if (!attachments)
                return NULL;
        json_for_each (attachment, attachments) {
                if (attachment->index == index)
                        return attachment;
        }
        return NULL;
}

static const struct json *first_ip(const struct json *attachment) {
        const struct json *ips = json_get(json_get(attachment, "result"), "ips");

        return ips ? ips->first : NULL;
}

const char *attachment_address(const struct json *attachment) {
        return text_of(first_ip(attachment), "address");
}

const char *attachment_gateway(const struct json *attachment) {
        const char *gateway = text_of(first_ip(attachment), "gateway");

        return gateway ? gateway : text_of(attachment, "gateway");
}

const char *attachment_mac(const struct json *attachment) {
        const struct json *interfaces = json_get(json_get(attachment, "result"), "interfaces");
        const char *mac = NULL;

        if (interfaces)
                json_for_each (interface, interfaces) {
                        if (!str_empty(text_of(interface, "sandbox")))
                                mac = text_of(interface, "mac");
                }
        return mac;
}

int connect_network_user(const struct manager *manager, const char *network, char **container, struct error *err) {
        struct container **list;
        size_t count;
        int r = container_list(manager, &list, &count, err);

        *container = NULL;
        for (size_t i = 0; i < count && !*container; i++) {
                _cleanup_free_ char *path = str_format("%s/network.json", list[i]->run_directory);

                if (access(path, F_OK) == 0 && (str_list_contains(&list[i]->options.network, network) ||
                                                str_equal(connect_mode(list[i]), network)))
                        *container = xstrdup(list[i]->name);
        }
        container_list_free(list, count);
        return r;
}
