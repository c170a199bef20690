/* The plugin portmap: ports of the host that lead to the container. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "conntrack.h"
#include "nft.h"
#include "plugin.h"
#include "sysctl.h"

#define PORTS_MAX 65536

struct configuration {
        bool snat;
        bool masquerade_all;
        struct nft_port *ports;
        size_t port_count;
};

/* Options that would make rules of another shape than ours. */
static const char *const refused[] = {"conditionsV4", "conditionsV6", NULL};

static int parse_protocol(const struct json *mapping, uint8_t *out, struct error *err) {
        static const struct {
                const char *name;
                uint8_t number;
        } protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};
        const char *name = "tcp";
        int r;

        r = json_get_string(mapping, "protocol", &name, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (strcasecmp(protocols[i].name, name[0] ? name : "tcp") == 0) {
                        *out = protocols[i].number;
                        return 1;
                }
        return json_error(json_get(mapping, "protocol"), err, EINVAL, "'%.16s' is none of tcp, udp and sctp", name);
}

/* Reads one mapping. Returns 1, 0 when it asks for nothing (host port 0), or a negative errno. */
static int parse_mapping(const struct json *mapping, struct nft_port *out, struct error *err) {
        int64_t host_port = 0, container_port = 0;
        const char *address = NULL;
        int r;

        *out = (struct nft_port){0};
        r = json_expect(mapping, JSON_OBJECT, err);
        if (r >= 0)
                r = json_get_i64(mapping, "hostPort", 0, 65535, &host_port, err);
        if (r >= 0)
                r = json_get_i64(mapping, "containerPort", 0, 65535, &container_port, err);
        if (r >= 0)
                r = json_get_string(mapping, "hostIP", &address, err);
        if (r < 0)
                return r;
        if (container_port == 0)
                return json_error(mapping, err, EINVAL, "containerPort: required, 1 to 65535");
        if (!str_empty(address) && cni_address_parse(address, &out->host_address) < 0)
                return json_error(json_get(mapping, "hostIP"), err, EINVAL, "'%.64s' is not an IP address", address);
        out->host_port = (uint16_t) host_port;
        out->container_port = (uint16_t) container_port;
        r = parse_protocol(mapping, &out->protocol, err);
        return r < 0 ? r : host_port != 0;
}

static int parse_ports(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct json *mappings = NULL;
        int r;

        r = json_get_array(call->runtime, "portMappings", &mappings, err);
        if (r < 0 || !mappings)
                return r;
        if (mappings->count > PORTS_MAX)
                return json_error(mappings, err, EINVAL, "more than %d ports", PORTS_MAX);
        conf->ports = arena_alloc(call->arena, mappings->count + 1, sizeof(*conf->ports));
        json_for_each (mapping, mappings) {
                r = parse_mapping(mapping, &conf->ports[conf->port_count], err);
                if (r < 0)
                        return r;
                conf->port_count += (size_t) r;
        }
        return 0;
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        int r;

        *conf = (struct configuration){.snat = true};
        r = json_get_bool(call->conf, "snat", &conf->snat, err);
        if (r >= 0)
                r = json_get_bool(call->conf, "masqAll", &conf->masquerade_all, err);
        if (r >= 0)
                r = plugin_refuse(call, refused, err);
        return r < 0 ? r : parse_ports(call, conf, err);
}

static void fill_publish(struct plugin_call *call, const struct configuration *conf, const struct cni_result *result,
                         struct nft_publish *out) {
        const struct cni_interface *interface = attach_host_interface(result, 0);
        size_t count;
        const struct cni_address *addresses = attach_addresses(call, result, &count);

        *out = (struct nft_publish){.ports = conf->ports,
                                    .port_count = conf->port_count,
                                    .addresses = addresses,
                                    .address_count = count,
                                    .link = interface && attach_link_name_is_valid(interface->name) ? interface->name
                                                                                                    : NULL,
                                    .snat = conf->snat,
                                    .masquerade_all = conf->masquerade_all};
}

/* True if a port is published in the family. */
static bool publishes(const struct nft_publish *publish, int family) {
        bool has_address = false;

        for (size_t i = 0; i < publish->address_count; i++)
                has_address |= publish->addresses[i].family == family;
        for (size_t i = 0; has_address && i < publish->port_count; i++)
                if (!publish->ports[i].host_address.family || publish->ports[i].host_address.family == family)
                        return true;
        return false;
}

/* Every port must have somewhere to lead to. */
static int check_families(struct plugin_call *call, const struct nft_publish *publish, struct error *err) {
        for (size_t i = 0; i < publish->port_count; i++) {
                const struct cni_address *host = &publish->ports[i].host_address;
                bool found = false;
                char text[CNI_ADDRESS_SIZE];

                for (size_t j = 0; j < publish->address_count; j++)
                        found |= !host->family || host->family == publish->addresses[j].family;
                if (!found)
                        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                           "portMappings: host port %u%s%s: the container has no %saddress",
                                           publish->ports[i].host_port, host->family ? " at " : "",
                                           host->family ? cni_address_text(host, text) : "",
                                           host->family == AF_INET6  ? "IPv6 "
                                           : host->family == AF_INET ? "IPv4 "
                                                                     : "");
        }
        return 0;
}

/* Takes the setting back from links where nobody publishes ports any more. */
static void restore_localnet(const struct str_list *links) {
        for (size_t i = 0; i < links->count; i++)
                (void) sysctl_set_link("ipv4", links->items[i], "route_localnet", "0", NULL);
}

static int release(struct plugin_call *call, struct error *err) {
        _cleanup_str_list_ struct str_list unpublished = {0};
        const struct nft_owner owner = attach_owner(call);
        int r = nft_release(&owner, NFT_PART_PUBLISH, &unpublished, err);

        restore_localnet(&unpublished);
        return r;
}

/* Senders that tried before the port was published must reach it too. */
static int forget_udp(struct plugin_call *call, const struct nft_publish *publish, struct error *err) {
        static const int families[] = {AF_INET, AF_INET6};
        uint16_t *ports = arena_alloc(call->arena, publish->port_count, sizeof(*ports));
        size_t count = 0;
        int r = 0;

        for (size_t i = 0; i < publish->port_count; i++)
                if (publish->ports[i].protocol == IPPROTO_UDP)
                        ports[count++] = publish->ports[i].host_port;
        for (size_t i = 0; r >= 0 && count && i < ARRAY_SIZE(families); i++)
                if (publishes(publish, families[i]))
                        r = conntrack_forget_udp(families[i], ports, count, err);
        return r;
}

static int portmap_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct configuration conf;
        struct nft_publish publish;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r < 0)
                return r;
        if (!call->has_previous)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "prevResult: missing; portmap must come after the plugin that makes the link");
        if (conf.port_count == 0)
                return 0;
        fill_publish(call, &conf, result, &publish);
        r = check_families(call, &publish, err);
        if (r >= 0)
                r = nft_publish_add(&owner, &publish, err);
        if (r < 0)
                return r;
        /* 127.0.0.1 may then be the source of what goes to the container; nft.c guards the other direction. */
        if (publish.link && (conf.snat || conf.masquerade_all) && publishes(&publish, AF_INET))
                r = sysctl_set_link("ipv4", publish.link, "route_localnet", "1", err);
        if (r >= 0)
                r = forget_udp(call, &publish, err);
        if (r < 0)
                (void) release(call, NULL);
        return r;
}

static int portmap_del(struct plugin_call *call, struct error *err) {
        return release(call, err);
}

static int portmap_check(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct configuration conf;
        struct nft_publish publish;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r < 0 || conf.port_count == 0)
                return r;
        fill_publish(call, &conf, &call->previous, &publish);
        return nft_publish_check(&owner, &publish, err);
}

static int portmap_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : nft_available(err);
}

const struct plugin plugin_portmap = {.type = "portmap",
                                      .summary = "publish ports of the container on the host",
                                      .add = portmap_add,
                                      .del = portmap_del,
                                      .check = portmap_check,
                                      .status = portmap_status,
                                      .gc = portmap_del};
