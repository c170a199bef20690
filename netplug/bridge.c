/* The plugin bridge: a pair of virtual links between a bridge of the host and the container. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "address_range.h"
#include "attach.h"
#include "ipam.h"
#include "link.h"
#include "nft.h"
#include "plugin.h"
#include "sysctl.h"

#define BRIDGE_DEFAULT "cni0"

struct configuration {
        const char *bridge;
        bool is_gateway;
        bool is_default_gateway;
        bool force_address;
        bool masquerade;
        bool hairpin;
        bool promiscuous;
        bool isolated;
        int64_t mtu;
        char mac[LINK_MAC_SIZE]; /* asked for; "" for none */
};

/* Options of the reference plugin that change what is attached, and that we do not have. */
static const char *const refused[] = {"vlan", "vlanTrunk", "macspoofchk", "enabledad", "disableContainerInterface",
                                      NULL};

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct {
                const char *key;
                bool *target;
        } flags[] = {{"isGateway", &conf->is_gateway},       {"isDefaultGateway", &conf->is_default_gateway},
                     {"forceAddress", &conf->force_address}, {"ipMasq", &conf->masquerade},
                     {"hairpinMode", &conf->hairpin},        {"promiscMode", &conf->promiscuous},
                     {"portIsolation", &conf->isolated}};
        int r;

        *conf = (struct configuration){.bridge = BRIDGE_DEFAULT};
        r = json_get_string(call->conf, "bridge", &conf->bridge, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(flags); i++)
                r = json_get_bool(call->conf, flags[i].key, flags[i].target, err);
        if (r >= 0)
                r = json_get_i64(call->conf, "mtu", 0, LINK_MTU_MAX, &conf->mtu, err);
        if (r >= 0)
                r = plugin_refuse(call, refused, err);
        if (r >= 0)
                r = attach_requested_mac(call, NULL, conf->mac, err);
        if (r < 0)
                return r;
        if (!attach_link_name_is_valid(conf->bridge))
                return json_error(json_get(call->conf, "bridge"), err, EINVAL, "'%.64s' is not a name for a bridge",
                                  conf->bridge);
        if (conf->hairpin && conf->promiscuous)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "hairpinMode and promiscMode cannot both be set");
        conf->is_gateway |= conf->is_default_gateway;
        return 0;
}

/* --- the bridge -------------------------------------------------------------------------------------------------- */

static int make_bridge(struct netlink *host, const struct configuration *conf, struct error *err) {
        char mac[LINK_MAC_SIZE];
        const struct link_bridge bridge = {.name = conf->bridge, .mac = mac, .mtu = conf->mtu};
        int r;

        link_mac_random(mac);
        r = link_bridge_add(host, &bridge, err);
        /* Somebody else, who attaches at the same time, was faster. */
        if (r == -EEXIST)
                return 0;
        return r < 0 ? r : attach_harden(conf->bridge, err);
}

static int ensure_bridge(struct netlink *host, const struct configuration *conf, struct link_info *out,
                         struct error *err) {
        int r;

        r = link_find(host, conf->bridge, out, NULL);
        if (r == -ENODEV) {
                r = make_bridge(host, conf, err);
                if (r >= 0)
                        r = link_find(host, conf->bridge, out, err);
        }
        if (r < 0)
                return r;
        if (!str_equal(out->kind, "bridge")) {
                (void) error_set(err, EEXIST, "bridge: link %s is there, but is no bridge", conf->bridge);
                return error_hint(err, "choose another name with the option `bridge`");
        }
        if (!(out->flags & IFF_UP))
                r = link_set_flags(host, out->index, IFF_UP, err);
        if (r >= 0 && conf->promiscuous && !(out->flags & IFF_PROMISC))
                r = link_set_flags(host, out->index, IFF_PROMISC, err);
        return r;
}

/* Which addresses a bridge has beside the gateway address it is to get. */
struct gateway_search {
        struct cni_address wanted;
        bool found;
        struct cni_address other[16];
        size_t other_count;
};

static int compare_gateway(const struct cni_address *address, void *context) {
        struct gateway_search *search = context;

        if (address->family != search->wanted.family)
                return 0;
        if (cni_address_equal(address, &search->wanted) && address->prefix == search->wanted.prefix)
                search->found = true;
        /* Several IPv6 networks may share a bridge, each with a gateway: only overlapping ones are in the way. */
        else if ((address->family == AF_INET || cni_address_within(address, &search->wanted) ||
                  cni_address_within(&search->wanted, address)) &&
                 search->other_count < ARRAY_SIZE(search->other))
                search->other[search->other_count++] = *address;
        return 0;
}

static int ensure_gateway(struct netlink *host, const struct configuration *conf, const struct link_info *bridge,
                          const struct cni_ip *ip, struct error *err) {
        struct gateway_search search = {.wanted = ip->gateway};
        char text[CNI_ADDRESS_SIZE], wanted[CNI_ADDRESS_SIZE];
        int r;

        search.wanted.prefix = ip->address.prefix;
        r = link_addresses(host, bridge->index, compare_gateway, &search, err);
        if (r < 0 || search.found)
                return r;
        for (size_t i = 0; i < search.other_count; i++) {
                if (!conf->force_address) {
                        (void) error_set(err, EEXIST, "bridge %s has address %s, but the gateway is to be %s",
                                         conf->bridge, cni_address_cidr(&search.other[i], text),
                                         cni_address_cidr(&search.wanted, wanted));
                        return error_hint(err, "set forceAddress to replace it, or use another bridge");
                }
                r = link_address_delete(host, bridge->index, &search.other[i], err);
                if (r < 0)
                        return r;
        }
        return link_address_add(host, bridge->index, &search.wanted, err);
}

static int ensure_gateways(struct netlink *host, const struct configuration *conf, const struct link_info *bridge,
                           const struct cni_result *result, struct error *err) {
        for (size_t i = 0; conf->is_gateway && i < result->ip_count; i++) {
                int r;

                r = ensure_gateway(host, conf, bridge, &result->ips[i], err);
                if (r >= 0)
                        r = sysctl_enable_forwarding(result->ips[i].address.family, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- ADD --------------------------------------------------------------------------------------------------------- */

/* Fills in gateways and the default route that the configuration asks for. */
static int complete_result(struct plugin_call *call, const struct configuration *conf, struct cni_result *result,
                           struct error *err) {
        bool added[2] = {false, false};

        for (size_t i = 0; i < result->ip_count; i++) {
                struct cni_ip *ip = &result->ips[i];
                bool is_v6 = ip->address.family == AF_INET6;
                struct cni_route *route;

                ip->interface = 2;
                if (conf->is_gateway && !ip->gateway.family)
                        range_first_host(&ip->address, &ip->gateway);
                if (!conf->is_default_gateway || added[is_v6])
                        continue;
                for (size_t j = 0; j < result->route_count; j++)
                        if (result->routes[j].destination.family == ip->address.family &&
                            result->routes[j].destination.prefix == 0)
                                added[is_v6] = true;
                if (added[is_v6])
                        continue;
                route = cni_result_add_route(result, call->arena);
                route->destination.family = ip->address.family;
                route->gateway = ip->gateway;
                added[is_v6] = true;
        }
        return attach_dns(call, result, err);
}

static void put_interfaces(struct plugin_call *call, const struct link_info *bridge, const struct link_veth *veth,
                           struct cni_result *result) {
        int64_t mtu = veth->mtu ? veth->mtu : bridge->mtu;
        struct cni_interface *interface = cni_result_add_interface(result, call->arena);

        *interface = (struct cni_interface){.name = arena_strdup(call->arena, bridge->name),
                                            .mac = arena_strdup(call->arena, bridge->mac),
                                            .mtu = bridge->mtu};
        interface = cni_result_add_interface(result, call->arena);
        *interface = (struct cni_interface){
                .name = arena_strdup(call->arena, veth->name), .mac = arena_strdup(call->arena, veth->mac), .mtu = mtu};
        interface = cni_result_add_interface(result, call->arena);
        *interface = (struct cni_interface){.name = call->ifname,
                                            .mac = arena_strdup(call->arena, veth->peer_mac),
                                            .mtu = mtu,
                                            .sandbox = call->netns};
}

/* What an ADD works with. */
struct attachment {
        const struct configuration *conf;
        struct netlink host;
        struct netlink container;
        bool linked; /* the pair is made */
};

static void attachment_close(struct attachment *attachment) {
        netlink_close(&attachment->host);
        netlink_close(&attachment->container);
}

#define _cleanup_attachment_ _cleanup_(attachment_close)

static int attach(struct plugin_call *call, struct attachment *attachment, struct cni_result *result,
                  struct error *err) {
        const struct configuration *conf = attachment->conf;
        char name[IFNAMSIZ], mac[LINK_MAC_SIZE], peer_mac[LINK_MAC_SIZE];
        struct link_veth veth = {.name = name,
                                 .mac = mac,
                                 .hairpin = conf->hairpin,
                                 .isolated = conf->isolated,
                                 .peer_name = call->ifname,
                                 .peer_mac = peer_mac,
                                 .peer_netns = call->netns_fd,
                                 .mtu = conf->mtu};
        struct link_info bridge = {0}, peer = {0};
        int r;

        r = complete_result(call, conf, result, err);
        if (r >= 0)
                r = ensure_bridge(&attachment->host, conf, &bridge, err);
        if (r >= 0)
                r = ensure_gateways(&attachment->host, conf, &bridge, result, err);
        if (r < 0)
                return r;
        veth.master = bridge.index;
        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, name);
        link_mac_random(mac);
        attach_mac(conf->mac, result, peer_mac);
        r = link_veth_add(&attachment->host, &veth, err);
        if (r < 0)
                return r;
        attachment->linked = true;
        r = attach_prepare_ipv6(call->netns_fd, call->ifname, result, err);
        if (r >= 0)
                r = attach_harden(name, err);
        if (r >= 0)
                r = link_find(&attachment->container, call->ifname, &peer, err);
        if (r >= 0)
                r = link_configure(&attachment->container, peer.index, result, 0, err);
        if (r >= 0 && conf->masquerade)
                r = attach_masquerade(call, result, err);
        if (r >= 0)
                put_interfaces(call, &bridge, &veth, result);
        return r;
}

static int bridge_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        struct configuration conf;
        _cleanup_attachment_ struct attachment attachment = {
                .conf = &conf, .host = NETLINK_CLOSED, .container = NETLINK_CLOSED};
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = attach_open(call, &attachment.host, &attachment.container, err);
        if (r < 0)
                return r;
        r = attach_addresses_from_ipam(call, result, err);
        if (r < 0)
                return r;
        r = attach(call, &attachment, result, err);
        if (r < 0) {
                if (attachment.linked)
                        (void) link_delete(&attachment.container, call->ifname, NULL);
                ipam_undo(call);
        }
        return r;
}

/* --- the other commands ------------------------------------------------------------------------------------------ */

static int bridge_del(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : attach_detach(call, conf.masquerade, err);
}

static int check_host_side(struct plugin_call *call, const struct configuration *conf, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        const struct cni_interface *end = attach_host_interface(&call->previous, 1);
        struct link_info bridge = {0}, veth = {0};
        int r;

        r = link_open(-1, &host, err);
        if (r >= 0)
                r = link_find(&host, conf->bridge, &bridge, err);
        if (r < 0)
                return r;
        if (!str_equal(bridge.kind, "bridge"))
                return error_set(err, ENOENT, "link %s is no bridge", conf->bridge);
        if (!end)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "prevResult: has no link between the bridge and the container");
        r = link_find(&host, end->name, &veth, err);
        if (r < 0)
                return r;
        if (veth.master != bridge.index)
                return error_set(err, ENOENT, "link %s is not a port of bridge %s", end->name, conf->bridge);
        return 0;
}

static int bridge_check(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = ipam_pass_on(call, err);
        if (r >= 0)
                r = check_host_side(call, &conf, err);
        if (r >= 0)
                r = attach_check_container(call, "veth", err);
        if (r >= 0 && conf.masquerade)
                r = attach_check_masquerade(call, err);
        return r;
}

static int bridge_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : attach_status(call, conf.masquerade, err);
}

static int bridge_gc(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : attach_collect(call, err);
}

const struct plugin plugin_bridge = {.type = "bridge",
                                     .summary = "link a container to a bridge of this host",
                                     .add = bridge_add,
                                     .del = bridge_del,
                                     .check = bridge_check,
                                     .status = bridge_status,
                                     .gc = bridge_gc};
