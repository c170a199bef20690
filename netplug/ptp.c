/* The plugin ptp: a pair of virtual links between the host and the container, which sees no neighbour but the host. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "address_range.h"
#include "attach.h"
#include "ipam.h"
#include "sysctl.h"

struct configuration {
        bool masquerade;
        int64_t mtu;
};

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        int r;

        *conf = (struct configuration){0};
        r = attach_wants_masquerade(call, &conf->masquerade, err);
        if (r >= 0)
                r = json_get_i64(call->conf, "mtu", 0, LINK_MTU_MAX, &conf->mtu, err);
        if (r < 0)
                return r;
        if (!ipam_is_wanted(call))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL, "ipam.type: required, but missing");
        return 0;
}

static unsigned int all_bits(const struct cni_address *address) {
        return address->family == AF_INET ? 32 : 128;
}

/* @gateway: NULL for what is on the link itself */
static struct cni_route *add_route(struct plugin_call *call, struct cni_result *to,
                                   const struct cni_address *destination, const struct cni_address *gateway) {
        struct cni_route *route = cni_result_add_route(to, call->arena);

        route->destination = *destination;
        if (gateway)
                route->gateway = *gateway;
        else
                route->scope = RT_SCOPE_LINK;
        return route;
}

/* The container's side: the gateway alone is on the link, everything else, the own network included, is behind it. */
static struct cni_result inner_side(struct plugin_call *call, const struct cni_result *result) {
        struct cni_result inner = {.ips = result->ips, .ip_count = result->ip_count};

        for (size_t i = 0; i < result->ip_count; i++) {
                const struct cni_address *address = &result->ips[i].address;
                struct cni_address gateway = result->ips[i].gateway;

                gateway.prefix = all_bits(&gateway);
                add_route(call, &inner, &gateway, NULL)->source = *address;
                if (address->prefix < all_bits(address))
                        add_route(call, &inner, address, &gateway)->source = *address;
        }
        for (size_t i = 0; i < result->route_count; i++)
                *cni_result_add_route(&inner, call->arena) = result->routes[i];
        return inner;
}

/* The host's side: it has the gateways' addresses, and a route to each of the container's. */
static struct cni_result outer_side(struct plugin_call *call, const struct cni_result *result) {
        struct cni_result outer = {0};

        for (size_t i = 0; i < result->ip_count; i++) {
                struct cni_address gateway = result->ips[i].gateway, address = result->ips[i].address;
                bool known = false;

                gateway.prefix = address.prefix = all_bits(&address);
                for (size_t j = 0; j < outer.ip_count; j++)
                        known |= cni_address_equal(&outer.ips[j].address, &gateway);
                if (!known)
                        cni_result_add_ip(&outer, call->arena)->address = gateway;
                (void) add_route(call, &outer, &address, NULL);
        }
        return outer;
}

static int complete_result(struct plugin_call *call, struct cni_result *result, struct error *err) {
        for (size_t i = 0; i < result->ip_count; i++) {
                struct cni_ip *ip = &result->ips[i];
                int r;

                ip->interface = 1;
                if (!ip->gateway.family)
                        range_first_host(&ip->address, &ip->gateway);
                r = sysctl_enable_forwarding(ip->address.family, err);
                if (r < 0)
                        return r;
        }
        return attach_dns(call, result, err);
}

static int attach(struct plugin_call *call, const struct configuration *conf, struct netlink *host,
                  struct netlink *container, struct cni_result *result, struct error *err) {
        const struct cni_result inner = inner_side(call, result), outer = outer_side(call, result);
        char name[IFNAMSIZ], mac[LINK_MAC_SIZE], peer_mac[LINK_MAC_SIZE];
        const struct link_veth veth = {.name = name,
                                       .mac = mac,
                                       .peer_name = call->ifname,
                                       .peer_mac = peer_mac,
                                       .peer_netns = call->netns_fd,
                                       .mtu = conf->mtu};
        struct link_info end = {0}, peer = {0};
        int r;

        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, name);
        link_mac_random(mac);
        link_mac_random(peer_mac);
        r = link_veth_add(host, &veth, err);
        if (r < 0)
                return r;
        /* Without IPv6 addresses it needs no link-local one either. */
        r = attach_has_ipv6(result) ? attach_harden(name, err) : attach_harden_port(name, err);
        if (r >= 0)
                r = link_find(host, name, &end, err);
        if (r >= 0)
                r = link_find(container, call->ifname, &peer, err);
        if (r >= 0)
                r = attach_prepare_ipv6(call->netns_fd, &peer, result, 0, err);
        if (r >= 0)
                r = link_configure(container, peer.index, &inner, LINK_NO_PREFIX_ROUTE, err);
        if (r >= 0)
                r = link_configure(host, end.index, &outer, 0, err);
        if (r >= 0)
                r = link_await(host, name, err);
        if (r >= 0)
                r = link_await(container, call->ifname, err);
        if (r >= 0 && conf->masquerade)
                r = attach_masquerade(call, result, err);
        if (r < 0) {
                (void) link_delete(host, name, NULL);
                return r;
        }
        attach_put_interface(call, result, &end, NULL);
        attach_put_interface(call, result, &peer, call->netns);
        return 0;
}

static int ptp_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED, container = NETLINK_CLOSED;
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = attach_open(call, &host, &container, err);
        if (r >= 0)
                r = attach_addresses_from_ipam(call, result, err);
        if (r < 0)
                return r;
        r = complete_result(call, result, err);
        if (r >= 0)
                r = attach(call, &conf, &host, &container, result, err);
        if (r < 0)
                ipam_undo(call);
        return r;
}

static int ptp_check(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = ipam_pass_on(call, err);
        if (r >= 0)
                r = attach_check_container(call, "veth", err);
        if (r >= 0 && conf.masquerade)
                r = attach_check_masquerade(call, err);
        return r;
}

static int ptp_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : attach_status(call, conf.masquerade, err);
}

const struct plugin plugin_ptp = {.type = "ptp",
                                  .summary = "link a container to this host alone",
                                  .add = ptp_add,
                                  .del = attach_detach,
                                  .check = ptp_check,
                                  .status = ptp_status,
                                  .gc = attach_collect};
