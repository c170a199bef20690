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
#include "bridge_options.h"
#include "ipam.h"
#include "link.h"
#include "nft.h"
#include "sysctl.h"

/* How long an ADD waits for the container's link to join its groups. */
#define JOIN_MS 200

/* --- the bridge -------------------------------------------------------------------------------------------------- */

/* The option that VLANs are asked for by. */
static const char *vlan_option(const struct bridge_options *conf) {
        return conf->vlans.untagged ? "vlan" : "vlanTrunk";
}

/*
 * A bridge snoops on who joins which multicast group, but acts on it only where a querier asks for that: behind a
 * gateway there is none, and everything is flooded. What snooping costs there is two timers of every port started again
 * for each port that comes, a sixth of an ADD at a thousand containers.
 */
static int make_bridge(struct netlink *host, const struct bridge_options *conf, struct error *err) {
        char mac[LINK_MAC_SIZE];
        const struct link_bridge bridge = {.name = conf->bridge,
                                           .mac = mac,
                                           .mtu = conf->mtu,
                                           .vlans = conf->has_vlans,
                                           .floods = conf->is_gateway && !conf->has_vlans};
        int r;

        link_mac_random(mac);
        r = link_bridge_add(host, &bridge, err);
        /* Somebody else, who attaches at the same time, was faster. */
        if (r == -EEXIST)
                return 0;
        if (r == -EOPNOTSUPP && conf->has_vlans)
                return error_wrap(err, "%s", vlan_option(conf));
        return r < 0 ? r : attach_harden(conf->bridge, err);
}

static int ensure_bridge(struct netlink *host, const struct bridge_options *conf, struct link_info *out,
                         struct error *err) {
        int r;

        r = link_find(host, conf->bridge, out, NULL);
        if (r < 0 && r != -ENODEV)
                return error_errno(err, -r, "cannot look for bridge %s", conf->bridge);
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
        if (conf->has_vlans && !out->filters_vlans && link_bridge_filter_vlans(host, conf->bridge, err) < 0)
                return error_wrap(err, "%s", vlan_option(conf));
        if (r >= 0 && !(out->flags & IFF_UP))
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

static int ensure_gateway(struct netlink *host, const struct bridge_options *conf, const struct link_info *bridge,
                          const struct cni_ip *ip, struct error *err) {
        struct gateway_search search = {.wanted = ip->gateway};
        struct link_change keep = LINK_CHANGE_NONE;
        char text[CNI_ADDRESS_SIZE], wanted[CNI_ADDRESS_SIZE];
        int r;

        search.wanted.prefix = ip->address.prefix;
        r = link_addresses(host, bridge->index, compare_gateway, &search, err);
        if (r < 0 || search.found)
                return r;
        for (size_t i = 0; i < search.other_count; i++) {
                if (!conf->force_address) {
                        (void) error_set(err, EEXIST, "bridge %s has address %s, but the gateway is to be %s",
                                         bridge->name, cni_address_cidr(&search.other[i], text),
                                         cni_address_cidr(&search.wanted, wanted));
                        return error_hint(err, "set forceAddress to replace it, or use another bridge");
                }
                r = link_address_delete(host, bridge->index, &search.other[i], err);
                if (r < 0)
                        return r;
        }
        r = link_address_add(host, bridge->index, &search.wanted, err);
        /* A bridge that was not made by us may change its hardware address with its ports: not a gateway's. */
        keep.mac = bridge->mac;
        return r < 0 ? r : link_change(host, bridge->index, &keep, err);
}

/*
 * A VLAN has its gateway on a link of its own, BRIDGE.ID: one end of a pair, whose other end is a port in that VLAN.
 * It stays, as the bridge does.
 */
static int ensure_vlan_link(struct netlink *host, const struct bridge_options *conf, const struct link_info *bridge,
                            struct link_info *out, struct error *err) {
        const struct link_vlans vlans = {.untagged = conf->vlans.untagged, .drop_default = conf->vlans.drop_default};
        char name[2 * IFNAMSIZ], port[IFNAMSIZ], id[16], mac[LINK_MAC_SIZE], peer_mac[LINK_MAC_SIZE];
        const struct link_veth veth = {.name = port,
                                       .mac = mac,
                                       .master = bridge->index,
                                       .peer_name = name,
                                       .peer_mac = peer_mac,
                                       .peer_netns = -1,
                                       .mtu = bridge->mtu};
        int end = 0, r;

        (void) snprintf(id, sizeof(id), "%d", conf->vlans.untagged);
        (void) snprintf(name, sizeof(name), "%s.%s", conf->bridge, id);
        if (strlen(name) >= IFNAMSIZ)
                return error_set(err, ENAMETOOLONG,
                                 "vlan: the gateway's link would be %s: %zu characters, but %d are "
                                 "possible",
                                 name, strlen(name), IFNAMSIZ - 1);
        attach_link_name(ATTACH_GATEWAY, conf->bridge, id, "", port);
        if (link_find(host, name, out, NULL) < 0) {
                link_mac_random(mac);
                link_mac_random(peer_mac);
                r = link_veth_add(host, &veth, err);
                /* EEXIST: somebody else, who attaches at the same time, was faster. */
                if (r >= 0)
                        r = attach_harden_port(port, err);
                if (r >= 0)
                        r = attach_harden(name, err);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        r = link_find(host, name, out, err);
        if (r >= 0)
                r = end = link_index(host, port, err);
        if (r >= 0)
                r = link_vlans_set(host, end, &vlans, err);
        if (r >= 0 && !(out->flags & IFF_UP))
                r = link_set_flags(host, out->index, IFF_UP, err);
        return r < 0 ? error_wrap(err, "vlan") : 0;
}

static int ensure_gateways(struct netlink *host, const struct bridge_options *conf, const struct link_info *bridge,
                           const struct cni_result *result, struct link_info *vlan_link, struct error *err) {
        const struct link_info *holder = bridge;
        int r = 0;

        if (!conf->is_gateway || result->ip_count == 0)
                return 0;
        if (conf->vlans.untagged) {
                r = ensure_vlan_link(host, conf, bridge, vlan_link, err);
                holder = vlan_link;
        }
        for (size_t i = 0; r >= 0 && i < result->ip_count; i++) {
                r = ensure_gateway(host, conf, holder, &result->ips[i], err);
                if (r >= 0)
                        r = sysctl_enable_forwarding(result->ips[i].address.family, err);
        }
        return r;
}

/* --- ADD --------------------------------------------------------------------------------------------------------- */

/* Fills in gateways and the default route that the configuration asks for. */
static int complete_result(struct plugin_call *call, const struct bridge_options *conf, struct cni_result *result,
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

/* What an ADD works with. */
struct bridge_attachment {
        const struct bridge_options *conf;
        struct netlink host;
        struct netlink container;
        struct link_info bridge;
        struct link_info vlan_link; /* the gateway of a VLAN, or empty */
        bool linked;                /* the pair is made */
        bool over_link;             /* addresses are asked for once it is */
        bool asked;                 /* addresses have been given */
        bool joins_late;            /* the pair is up before it is the bridge's */
        int port;                   /* index of the host's end */
        int peer;                   /* and of the container's */
};

static void attachment_close(struct bridge_attachment *attachment) {
        netlink_close(&attachment->host);
        netlink_close(&attachment->container);
}

#define _cleanup_attachment_ _cleanup_(attachment_close)

static void put_interfaces(struct plugin_call *call, const struct bridge_attachment *attachment,
                           const struct link_veth *veth, struct cni_result *result) {
        int64_t mtu = veth->mtu ? veth->mtu : attachment->bridge.mtu;
        struct cni_interface *interface;

        attach_put_interface(call, result, &attachment->bridge, NULL);
        interface = cni_result_add_interface(result, call->arena);
        *interface = (struct cni_interface){
                .name = arena_strdup(call->arena, veth->name), .mac = arena_strdup(call->arena, veth->mac), .mtu = mtu};
        interface = cni_result_add_interface(result, call->arena);
        *interface = (struct cni_interface){.name = call->ifname,
                                            .mac = arena_strdup(call->arena, veth->peer_mac),
                                            .mtu = mtu,
                                            .sandbox = call->netns};
        if (attachment->vlan_link.index)
                attach_put_interface(call, result, &attachment->vlan_link, NULL);
}

/* What can be set only once the port is there. */
static int restrict_port(struct bridge_attachment *attachment, const struct link_veth *veth, struct error *err) {
        const struct bridge_options *conf = attachment->conf;
        struct link_port_flags flags;
        int r;

        if (conf->has_vlans && link_vlans_set(&attachment->host, attachment->port, &conf->vlans, err) < 0)
                return error_wrap(err, "%s", vlan_option(conf));
        if (!conf->check_mac)
                return 0;
        r = link_port_flags(&attachment->host, attachment->port, &flags, err);
        if (r >= 0 && !flags.locked)
                return error_set(err, EOPNOTSUPP, "macspoofchk: this kernel's bridges cannot lock a port (Linux 5.18)");
        return r < 0 ? r : link_neighbour_add(&attachment->host, attachment->port, veth->peer_mac, err);
}

/*
 * The address that the kernel would make, and try for some seconds, as the port comes up: usable at once, like the
 * others. Where others may be routers it is left to the kernel, which asks for them when it has the address.
 */
static int add_link_local(struct netlink *container, const struct link_info *peer, struct error *err) {
        struct cni_address address = {
                .family = AF_INET6, .bytes = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe}, .prefix = 64};
        uint8_t mac[6];

        if (!peer->makes_link_local || link_mac_parse(peer->mac, mac) < 0)
                return 0;
        memcpy(address.bytes + 8, mac, 3);
        memcpy(address.bytes + 13, mac + 3, 3);
        address.bytes[8] ^= 2; /* the bit for addresses that are not a maker's */
        return link_address_add(container, peer->index, &address, err);
}

/* The container's end. Packets pass it once the port is up, too. */
static int configure_inside(struct plugin_call *call, struct bridge_attachment *attachment,
                            const struct cni_result *result, struct error *err) {
        const struct bridge_options *conf = attachment->conf;
        const unsigned int how = (conf->detect_duplicates ? ATTACH_TRY_ADDRESSES : 0) |
                                 (attachment->over_link ? ATTACH_ANNOUNCE : 0) |
                                 (attachment->joins_late ? ATTACH_REPORT_ONCE : 0);
        struct link_info peer = {0};
        int r;

        if (conf->leave_down)
                return 0;
        r = link_find(&attachment->container, call->ifname, &peer, err);
        if (r >= 0)
                r = attach_prepare_ipv6(call->netns_fd, &peer, result, how, err);
        /*
         * Each new container sends some eight packets to all others as IPv6 starts on its link, most of what an ADD
         * costs on a large bridge. Where this host is the gateway and the network has no IPv6, nobody needs that.
         */
        if (r >= 0 && conf->is_gateway && result->ip_count && !attach_has_ipv6(result))
                r = link_quiet_ipv6(&attachment->container, peer.index, err);
        if (r >= 0)
                r = link_configure(&attachment->container, peer.index, result,
                                   LINK_ANNOUNCE | (conf->detect_duplicates ? LINK_DETECT_DUPLICATES : 0), err);
        if (r >= 0 && conf->is_gateway && !conf->detect_duplicates && attach_has_ipv6(result))
                r = add_link_local(&attachment->container, &peer, err);
        /* Groups that are joined later are reported to all, no more than that. */
        if (r >= 0 && attachment->joins_late)
                (void) link_await_groups(&attachment->container, peer.index, JOIN_MS, NULL);
        attachment->peer = peer.index;
        return r;
}

/*
 * The port comes up last: restrictions are in force before the first packet, and the bridge, which goes through all of
 * its ports for each that comes or goes, has one that is there for good.
 */
static int open_port(struct bridge_attachment *attachment, struct link_veth *veth, struct error *err) {
        const struct bridge_options *conf = attachment->conf;
        int r = link_set_flags(&attachment->host, attachment->port, IFF_UP, err);

        if (r < 0 || conf->leave_down)
                return r;
        r = link_await(&attachment->host, veth->name, err);
        if (r >= 0)
                r = link_await(&attachment->container, veth->peer_name, err);
        if (r >= 0 && attachment->joins_late) {
                veth->master = attachment->bridge.index;
                r = link_veth_join(&attachment->host, veth, err);
        }
        if (r >= 0 && conf->detect_duplicates)
                r = link_settle(&attachment->container, attachment->peer, ATTACH_SETTLE_MS, err);
        /* Without a wish, the hardware address follows from an IP address that came first: neighbours know it. */
        if (r >= 0 && (conf->mac[0] || attachment->over_link))
                r = link_announce(&attachment->container, attachment->peer, veth->peer_mac, err);
        return r;
}

/*
 * As IPv6 starts, a link reports the groups it joins three times within a second, and a bridge that floods hands each
 * report to every container: most of what an ADD costs on a large one, and nobody there acts on it. So the pair becomes
 * the bridge's when that is done. In version 1 of MLD (RFC 2710) groups are reported as they are joined, and when there
 * is a carrier; version 2 (RFC 3810) waits, and others may have come by then. Not where the port restricts packets,
 * which it must from the first one on, nor where the others have to hear that an address is tried or asked for, or of
 * an IPv4 address that the hardware address does not follow from.
 */
static bool joins_late(const struct bridge_attachment *attachment, const struct cni_result *result) {
        const struct bridge_options *conf = attachment->conf;
        bool restricted = conf->isolated || conf->check_mac || conf->has_vlans;
        size_t ipv4_count = 0;

        for (size_t i = 0; i < result->ip_count; i++)
                ipv4_count += result->ips[i].address.family == AF_INET;
        return attachment->bridge.floods && conf->is_gateway && attach_has_ipv6(result) && ipv4_count <= 1 &&
               !restricted && !conf->detect_duplicates && !attachment->over_link && !conf->leave_down;
}

static int make_port(struct bridge_attachment *attachment, struct link_veth *veth, struct error *err) {
        int r = link_veth_add(&attachment->host, veth, err);

        if (r < 0)
                return r;
        attachment->linked = true;
        r = attachment->port = link_index(&attachment->host, veth->name, err);
        if (r >= 0)
                r = attach_harden_port(veth->name, err);
        return r < 0 ? r : restrict_port(attachment, veth, err);
}

/* Addresses that are asked for over the link itself, which carries packets for that. */
static int ask_over_link(struct plugin_call *call, struct bridge_attachment *attachment, const struct link_veth *veth,
                         struct cni_result *result, struct error *err) {
        int r = link_set_flags(&attachment->host, attachment->port, IFF_UP, err), peer = 0;

        if (r >= 0)
                r = peer = link_index(&attachment->container, veth->peer_name, err);
        if (r >= 0)
                r = link_set_flags(&attachment->container, peer, IFF_UP, err);
        if (r >= 0)
                r = link_await(&attachment->host, veth->name, err);
        if (r >= 0)
                r = attach_addresses_from_ipam(call, result, err);
        if (r < 0)
                return r;
        attachment->asked = true;
        r = complete_result(call, attachment->conf, result, err);
        return r < 0 ? r
                     : ensure_gateways(&attachment->host, attachment->conf, &attachment->bridge, result,
                                       &attachment->vlan_link, err);
}

static int attach(struct plugin_call *call, struct bridge_attachment *attachment, struct cni_result *result,
                  struct error *err) {
        const struct bridge_options *conf = attachment->conf;
        char name[IFNAMSIZ], mac[LINK_MAC_SIZE], peer_mac[LINK_MAC_SIZE];
        struct link_veth veth = {.name = name,
                                 .mac = mac,
                                 .down = true,
                                 .hairpin = conf->hairpin,
                                 .isolated = conf->isolated,
                                 .locked = conf->check_mac,
                                 .peer_name = call->ifname,
                                 .peer_mac = peer_mac,
                                 .peer_netns = call->netns_fd,
                                 .mtu = conf->mtu};
        int r;

        if (attachment->over_link)
                *result = (struct cni_result){0};
        r = complete_result(call, conf, result, err);
        if (r >= 0)
                r = ensure_bridge(&attachment->host, conf, &attachment->bridge, err);
        if (r >= 0)
                r = ensure_gateways(&attachment->host, conf, &attachment->bridge, result, &attachment->vlan_link, err);
        if (r < 0)
                return r;
        attachment->joins_late = joins_late(attachment, result);
        veth.master = attachment->joins_late ? 0 : attachment->bridge.index;
        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, name);
        link_mac_random(mac);
        attach_mac(conf->mac, result, peer_mac);
        r = make_port(attachment, &veth, err);
        if (r >= 0 && attachment->over_link)
                r = ask_over_link(call, attachment, &veth, result, err);
        if (r >= 0)
                r = configure_inside(call, attachment, result, err);
        if (r >= 0)
                r = open_port(attachment, &veth, err);
        /* The first ports may have changed its hardware address. */
        if (r >= 0)
                r = link_find_index(&attachment->host, attachment->bridge.index, &attachment->bridge, err);
        /* Last: after it, nothing fails. */
        if (r >= 0 && conf->masquerade)
                r = attach_masquerade(call, result, err);
        if (r >= 0)
                put_interfaces(call, attachment, &veth, result);
        return r;
}

static int bridge_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        struct bridge_options conf;
        _cleanup_attachment_ struct bridge_attachment attachment = {
                .conf = &conf, .host = NETLINK_CLOSED, .container = NETLINK_CLOSED};
        int r;

        r = bridge_options_parse(call, &conf, err);
        if (r >= 0)
                r = attach_open(call, &attachment.host, &attachment.container, err);
        if (r < 0)
                return r;
        attachment.over_link = ipam_needs_link(call);
        attachment.asked = !attachment.over_link;
        if (attachment.asked)
                r = attach_addresses_from_ipam(call, result, err);
        if (r < 0)
                return r;
        r = attach(call, &attachment, result, err);
        if (r < 0 && attachment.linked)
                (void) link_delete(&attachment.container, call->ifname, NULL);
        if (r < 0 && attachment.asked)
                ipam_undo(call);
        return r;
}

/* --- the other commands ------------------------------------------------------------------------------------------ */

/* What prevResult says of the bridge, or NULL. */
static const struct cni_interface *previous_bridge(struct plugin_call *call, const struct bridge_options *conf) {
        const struct cni_interface *interface;

        for (size_t i = 0; (interface = attach_host_interface(&call->previous, i)); i++)
                if (str_equal(interface->name, conf->bridge))
                        return interface;
        return NULL;
}

/* What the container must not do, or is to be able to. */
static int check_port(struct netlink *host, const struct bridge_options *conf, const struct link_info *port,
                      struct error *err) {
        const char *gone = NULL;
        struct link_port_flags flags;
        int r = link_port_flags(host, port->index, &flags, err);

        if (r < 0)
                return r;
        if (conf->isolated && !flags.isolated)
                gone = "portIsolation";
        else if (conf->check_mac && !flags.locked)
                gone = "macspoofchk";
        else if (conf->hairpin && !flags.hairpin)
                gone = "hairpinMode";
        if (gone)
                return error_set(err, ENOENT, "%s is not in force at link %s any more", gone, port->name);
        return conf->has_vlans ? link_vlans_check(host, port->index, &conf->vlans, err) : 0;
}

static int check_host_side(struct plugin_call *call, const struct bridge_options *conf, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        const struct cni_interface *end = attach_host_interface(&call->previous, 1);
        const struct cni_interface *before = previous_bridge(call, conf);
        struct link_info bridge = {0}, veth = {0};
        int r;

        r = link_open(-1, &host, err);
        if (r >= 0)
                r = link_find(&host, conf->bridge, &bridge, err);
        if (r < 0)
                return r;
        if (!str_equal(bridge.kind, "bridge"))
                return error_set(err, ENOENT, "link %s is no bridge", conf->bridge);
        if (!before)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL, "prevResult: has no bridge %s",
                                   conf->bridge);
        if (!end)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "prevResult: has no link between the bridge and the container");
        r = link_find(&host, end->name, &veth, err);
        if (r < 0)
                return r;
        if (veth.master != bridge.index)
                return error_set(err, ENOENT, "link %s is not a port of bridge %s", end->name, conf->bridge);
        r = attach_check_mac(before, &bridge, err);
        if (r >= 0)
                r = attach_check_mac(end, &veth, err);
        if (r < 0)
                return r;
        if (conf->promiscuous && !bridge.promiscuous)
                return error_set(err, ENOENT, "bridge %s does not see all packets (promiscMode)", conf->bridge);
        return check_port(&host, conf, &veth, err);
}

static int bridge_check(struct plugin_call *call, struct error *err) {
        struct bridge_options conf;
        int r;

        r = bridge_options_parse(call, &conf, err);
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
        struct bridge_options conf;
        int r = bridge_options_parse(call, &conf, err);

        return r < 0 ? r : attach_status(call, conf.masquerade, err);
}

const struct plugin plugin_bridge = {.type = "bridge",
                                     .summary = "link a container to a bridge of this host",
                                     .add = bridge_add,
                                     .del = attach_detach,
                                     .check = bridge_check,
                                     .status = bridge_status,
                                     .gc = attach_collect};
