#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

DEFINE_CLEANUP(put_link, struct rtnl_link *, rtnl_link_put);
DEFINE_CLEANUP(put_address, struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(put_route, struct rtnl_route *, rtnl_route_put);
DEFINE_CLEANUP(put_bytes, struct nl_addr *, nl_addr_put);

/* libnl-route's constructors and builders fail only without memory: as in memory.c, nothing sensible is left to do. */
static void *sure(void *made) {
        if (!made)
                abort();
        return made;
}

static struct nl_addr *network_address(const struct cni_address *address) {
        struct nl_addr *made =
                sure(nl_addr_build(address->family, address->bytes, address->family == AF_INET ? 4 : 16));

        nl_addr_set_prefixlen(made, (int) address->prefix);
        return made;
}

/* Reads back what network_address() makes; of another family, or of none, `to` stays empty. */
static void read_network_address(const struct nl_addr *from, struct cni_address *to) {
        if (!from || nl_addr_get_len(from) > sizeof(to->bytes))
                return;
        to->family = nl_addr_get_family(from);
        to->prefix = nl_addr_get_prefixlen(from);
        memcpy(to->bytes, nl_addr_get_binary_addr(from), nl_addr_get_len(from));
}

static struct nl_msg *add_request(struct rtnl_link *link, int flags) {
        struct nl_msg *message = NULL;

        (void) rtnl_link_build_add_request(link, flags, &message);
        return sure(message);
}

static void keep(struct nl_object *object, void *context) {
        struct nl_object **out = context;

        nl_object_get(object);
        *out = object;
}

/* The link, address or route a message tells of (to be put by the caller), or NULL. */
static void *parse(struct nlmsghdr *header) {
        struct nl_msg *message = sure(nlmsg_convert(header));
        struct nl_object *object = NULL;

        nlmsg_set_proto(message, NETLINK_ROUTE);
        (void) nl_msg_parse(message, keep, &object);
        nlmsg_free(message);
        return object;
}

int link_inside(int netns_fd, int (*function)(void *context, struct error *err), void *context, struct error *err) {
        _cleanup_fd_ int own = -1;
        int r;

        if (netns_fd < 0)
                return function(context, err);
        own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (own < 0)
                return error_errno(err, errno, "cannot open this process's network namespace");
        if (setns(netns_fd, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "cannot enter the container's network namespace");
        r = function(context, err);
        /* Staying in a container's namespace would make every later step wrong: better to end here. */
        if (setns(own, CLONE_NEWNET) < 0)
                abort();
        return r;
}

static int open_socket(void *context, struct error *err) {
        return netlink_open(NETLINK_ROUTE, context, err);
}

int link_open(int netns_fd, struct netlink *out, struct error *err) {
        const int on = 1;
        int r;

        *out = NETLINK_CLOSED;
        r = link_inside(netns_fd, open_socket, out, err);
        /* Dumps of one link's addresses then come filtered by the kernel. */
        if (r >= 0)
                (void) setsockopt(out->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
        return r;
}

static void mac_text(const uint8_t bytes[6], char out[LINK_MAC_SIZE]) {
        (void) snprintf(out, LINK_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                        bytes[4], bytes[5]);
}

int link_mac_parse(const char *text, uint8_t out[6]) {
        int used = 0;

        if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &out[0], &out[1], &out[2], &out[3], &out[4], &out[5],
                   &used) != 6 ||
            used != LINK_MAC_SIZE - 1 || text[used] != '\0' || out[0] & 1)
                return -EINVAL;
        return 0;
}

void link_mac_random(char out[LINK_MAC_SIZE]) {
        uint8_t bytes[6];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                abort();
        bytes[0] = (uint8_t) ((bytes[0] & 0xfc) | 2);
        mac_text(bytes, out);
}

/* What both ends of a pair and a bridge may be given. */
static void describe(struct rtnl_link *link, const char *name, const char *mac, int64_t mtu) {
        _cleanup_(put_bytes) struct nl_addr *address = NULL;

        rtnl_link_set_name(link, name);
        if (mtu)
                rtnl_link_set_mtu(link, (unsigned int) mtu);
        if (mac && nl_addr_parse(mac, AF_LLC, &address) == 0)
                rtnl_link_set_addr(link, address);
}

static void copy_text(char *to, size_t size, const char *from) {
        if (from)
                (void) snprintf(to, size, "%s", from);
}

static bool read_link(struct nlmsghdr *header, struct link_info *info) {
        _cleanup_(put_link) struct rtnl_link *link = header->nlmsg_type == RTM_NEWLINK ? parse(header) : NULL;
        struct nl_addr *mac = link ? rtnl_link_get_addr(link) : NULL;

        if (!link)
                return false;
        *info = (struct link_info){.index = rtnl_link_get_ifindex(link),
                                   .flags = rtnl_link_get_flags(link),
                                   .mtu = (int) rtnl_link_get_mtu(link),
                                   .master = rtnl_link_get_master(link)};
        copy_text(info->name, sizeof(info->name), rtnl_link_get_name(link));
        copy_text(info->kind, sizeof(info->kind), rtnl_link_get_type(link));
        if (mac && nl_addr_get_len(mac) == 6)
                mac_text(nl_addr_get_binary_addr(mac), info->mac);
        return true;
}

static int read_one_link(struct nlmsghdr *header, void *context) {
        return read_link(header, context) ? 0 : -EBADMSG;
}

int link_find(struct netlink *netlink, const char *name, struct link_info *out, struct error *err) {
        struct nl_msg *message = NULL;
        int r;

        *out = (struct link_info){0};
        /* The name may come from a configuration. */
        if (strlen(name) >= IFNAMSIZ)
                return error_errno(err, ENODEV, "link %.64s", name);
        (void) rtnl_link_build_get_request(0, name, &message);
        r = netlink_query(netlink, sure(message), read_one_link, out);
        if (r < 0)
                return error_errno(err, -r, "link %s", name);
        return 0;
}

int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err) {
        _cleanup_(put_link) struct rtnl_link *link = sure(rtnl_link_bridge_alloc());
        int r;

        describe(link, bridge->name, bridge->mac, bridge->mtu);
        rtnl_link_set_flags(link, IFF_UP);
        r = netlink_request(netlink, add_request(link, NLM_F_CREATE | NLM_F_EXCL));
        if (r < 0)
                return error_errno(err, -r, "cannot make bridge %s", bridge->name);
        return 0;
}

static struct nl_msg *veth_message(const struct link_veth *veth) {
        _cleanup_(put_link) struct rtnl_link *link = sure(rtnl_link_veth_alloc());
        _cleanup_(put_link) struct rtnl_link *peer = sure(rtnl_link_veth_get_peer(link));

        describe(link, veth->name, veth->mac, veth->mtu);
        rtnl_link_set_flags(link, IFF_UP);
        if (veth->master)
                rtnl_link_set_master(link, veth->master);
        /* The peer cannot be up before it has its other end: link_configure() sets it up. */
        describe(peer, veth->peer_name, veth->peer_mac, veth->mtu);
        rtnl_link_set_ns_fd(peer, veth->peer_netns);
        return add_request(link, NLM_F_CREATE | NLM_F_EXCL);
}

/*
 * Flags of a bridge's port, which can be set once it is one. Put by hand: libnl-route (3.7) knows no isolated ports,
 * and sets hairpin by the link's index alone, which nobody knows yet in the batch that makes the link.
 */
static struct nl_msg *port_message(const struct link_veth *veth) {
        _cleanup_(put_link) struct rtnl_link *link = sure(rtnl_link_alloc());
        struct nlattr *info, *data;
        struct nl_msg *message;

        rtnl_link_set_name(link, veth->name);
        message = add_request(link, 0);
        info = nla_nest_start(message, IFLA_LINKINFO);
        (void) nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge");
        data = nla_nest_start(message, IFLA_INFO_SLAVE_DATA);
        if (veth->hairpin)
                (void) nla_put_u8(message, IFLA_BRPORT_MODE, 1);
        if (veth->isolated)
                (void) nla_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
        (void) nla_nest_end(message, data);
        (void) nla_nest_end(message, info);
        return message;
}

int link_veth_add(struct netlink *netlink, const struct link_veth *veth, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        int r;

        netlink_batch_add(&batch, veth_message(veth));
        if (veth->hairpin || veth->isolated)
                netlink_batch_add(&batch, port_message(veth));
        r = netlink_batch_send(netlink, &batch, batch.count - 1, &failure);
        if (r >= 0)
                return 0;
        if (failure.index > 0)
                (void) link_delete(netlink, veth->name, NULL);
        if (r == -EEXIST)
                (void) error_set(err, EEXIST, "a link named %s or %s is there already", veth->peer_name, veth->name);
        else
                (void) error_errno(err, -r, "cannot make link %s in the container", veth->peer_name);
        if (failure.text[0])
                (void) error_hint(err, "%s", failure.text);
        return r;
}

static struct nl_msg *flags_message(int index, unsigned int on, unsigned int off) {
        _cleanup_(put_link) struct rtnl_link *link = sure(rtnl_link_alloc());

        rtnl_link_set_ifindex(link, index);
        rtnl_link_set_flags(link, on);
        rtnl_link_unset_flags(link, off);
        return add_request(link, 0);
}

static int change_flags(struct netlink *netlink, int index, unsigned int on, unsigned int off, struct error *err) {
        int r = netlink_request(netlink, flags_message(index, on, off));

        return r < 0 ? error_errno(err, -r, "cannot set the link's flags") : 0;
}

int link_set_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, flags, 0, err);
}

int link_clear_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, 0, flags, err);
}

int link_delete(struct netlink *netlink, const char *name, struct error *err) {
        _cleanup_(put_link) struct rtnl_link *link = sure(rtnl_link_alloc());
        struct nl_msg *message = NULL;
        int r;

        rtnl_link_set_name(link, name);
        (void) rtnl_link_build_delete_request(link, &message);
        r = netlink_request(netlink, sure(message));
        if (r < 0 && r != -ENODEV)
                return error_errno(err, -r, "cannot delete link %s", name);
        return r == 0;
}

struct link_reader {
        link_handler handler;
        void *context;
};

static int read_next_link(struct nlmsghdr *header, void *context) {
        const struct link_reader *reader = context;
        struct link_info info;

        return read_link(header, &info) ? reader->handler(&info, reader->context) : 0;
}

int link_list(struct netlink *netlink, link_handler handler, void *context, struct error *err) {
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
        struct link_reader reader = {.handler = handler, .context = context};
        int r = netlink_query(netlink, netlink_message(RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head), 0), read_next_link,
                              &reader);

        return r < 0 && r != -EINTR ? error_errno(err, -r, "cannot list the links") : 0;
}

static struct rtnl_addr *make_address(int index, const struct cni_address *address) {
        _cleanup_(put_bytes) struct nl_addr *local = network_address(address);
        struct rtnl_addr *made = sure(rtnl_addr_alloc());

        rtnl_addr_set_ifindex(made, index);
        (void) rtnl_addr_set_local(made, local);
        return made;
}

static struct nl_msg *address_message(int index, const struct cni_address *address) {
        _cleanup_(put_address) struct rtnl_addr *made = make_address(index, address);
        struct nl_msg *message = NULL;

        if (address->family == AF_INET6)
                rtnl_addr_set_flags(made, IFA_F_NODAD);
        else if (address->prefix < 31) {
                _cleanup_(put_bytes) struct nl_addr *broadcast = network_address(address);
                uint8_t *bytes = nl_addr_get_binary_addr(broadcast);

                for (unsigned int i = address->prefix; i < 32; i++)
                        bytes[i / 8] |= (uint8_t) (0x80 >> i % 8);
                (void) rtnl_addr_set_broadcast(made, broadcast);
        }
        (void) rtnl_addr_build_add_request(made, NLM_F_CREATE | NLM_F_EXCL, &message);
        return sure(message);
}

static const struct cni_address *gateway_of_family(const struct cni_result *result, int family) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (result->ips[i].gateway.family == family)
                        return &result->ips[i].gateway;
        return NULL;
}

static struct rtnl_nexthop *next_hop(int index, const struct cni_address *gateway) {
        struct rtnl_nexthop *hop = sure(rtnl_route_nh_alloc());

        rtnl_route_nh_set_ifindex(hop, index);
        if (gateway) {
                _cleanup_(put_bytes) struct nl_addr *address = network_address(gateway);

                rtnl_route_nh_set_gateway(hop, address);
        }
        return hop;
}

/* The kernel refuses destinations with host bits. */
static struct nl_addr *route_destination(const struct cni_address *destination) {
        struct cni_address network = *destination;

        for (unsigned int i = network.prefix; i < 128; i++)
                network.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        return network_address(&network);
}

/* The scope, when it is not said, is libnl-route's guess: the link without a gateway, the universe with one. */
static struct nl_msg *route_message(int index, const struct cni_result *result, const struct cni_route *route) {
        const struct cni_address *gateway =
                route->gateway.family ? &route->gateway : gateway_of_family(result, route->destination.family);
        _cleanup_(put_bytes) struct nl_addr *destination = route_destination(&route->destination);
        _cleanup_(put_route) struct rtnl_route *made = sure(rtnl_route_alloc());
        struct nl_msg *message = NULL;

        (void) rtnl_route_set_dst(made, destination);
        rtnl_route_set_protocol(made, RTPROT_BOOT);
        if (route->scope >= 0)
                rtnl_route_set_scope(made, (uint8_t) route->scope);
        /* scope link (253) means: on the link itself, also when a gateway is known. */
        rtnl_route_add_nexthop(made, next_hop(index, route->scope < RT_SCOPE_LINK ? gateway : NULL));
        if (route->priority)
                rtnl_route_set_priority(made, (uint32_t) route->priority);
        if (route->table)
                rtnl_route_set_table(made, (uint32_t) route->table);
        if (route->mtu)
                (void) rtnl_route_set_metric(made, RTAX_MTU, (unsigned int) route->mtu);
        if (route->advmss)
                (void) rtnl_route_set_metric(made, RTAX_ADVMSS, (unsigned int) route->advmss);
        /* Not exclusive: each network of a container may bring a default route. */
        (void) rtnl_route_build_add_request(made, NLM_F_CREATE, &message);
        return sure(message);
}

int link_configure(struct netlink *netlink, int index, const struct cni_result *result, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        char text[CNI_ADDRESS_SIZE];
        int r;

        netlink_batch_add(&batch, flags_message(index, IFF_UP, 0));
        for (size_t i = 0; i < result->ip_count; i++)
                netlink_batch_add(&batch, address_message(index, &result->ips[i].address));
        for (size_t i = 0; i < result->route_count; i++)
                netlink_batch_add(&batch, route_message(index, result, &result->routes[i]));
        r = netlink_batch_send(netlink, &batch, batch.count - 1, &failure);
        if (r >= 0)
                return 0;
        if (failure.index == 0)
                (void) error_errno(err, -r, "cannot set the container's link up");
        else if (failure.index <= result->ip_count)
                (void) error_errno(err, -r, "cannot add address %s",
                                   cni_address_cidr(&result->ips[failure.index - 1].address, text));
        else
                (void) error_errno(
                        err, -r, "cannot add the route to %s",
                        cni_address_cidr(&result->routes[failure.index - 1 - result->ip_count].destination, text));
        if (failure.text[0])
                (void) error_hint(err, "%s", failure.text);
        return r;
}

int link_address_add(struct netlink *netlink, int index, const struct cni_address *address, struct error *err) {
        char text[CNI_ADDRESS_SIZE];
        int r = netlink_request(netlink, address_message(index, address));

        if (r < 0 && r != -EEXIST)
                return error_errno(err, -r, "cannot add address %s", cni_address_cidr(address, text));
        return 0;
}

int link_address_delete(struct netlink *netlink, int index, const struct cni_address *address, struct error *err) {
        _cleanup_(put_address) struct rtnl_addr *made = make_address(index, address);
        struct nl_msg *message = NULL;
        char text[CNI_ADDRESS_SIZE];
        int r;

        (void) rtnl_addr_build_delete_request(made, 0, &message);
        r = netlink_request(netlink, sure(message));
        if (r < 0 && r != -EADDRNOTAVAIL)
                return error_errno(err, -r, "cannot delete address %s", cni_address_cidr(address, text));
        return 0;
}

struct address_reader {
        int index;
        link_address_handler handler;
        void *context;
};

static int read_address(struct nlmsghdr *header, void *context) {
        _cleanup_(put_address) struct rtnl_addr *found = header->nlmsg_type == RTM_NEWADDR ? parse(header) : NULL;
        const struct address_reader *reader = context;
        struct cni_address address = {0};

        /* A kernel without strict checking sends those of every link. */
        if (!found || rtnl_addr_get_ifindex(found) != reader->index)
                return 0;
        read_network_address(rtnl_addr_get_local(found), &address);
        return address.family ? reader->handler(&address, reader->context) : 0;
}

int link_addresses(struct netlink *netlink, int index, link_address_handler handler, void *context, struct error *err) {
        const struct ifaddrmsg head = {.ifa_family = AF_UNSPEC, .ifa_index = (uint32_t) index};
        struct address_reader reader = {.index = index, .handler = handler, .context = context};
        int r;

        do
                r = netlink_query(netlink, netlink_message(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head), 0),
                                  read_address, &reader);
        while (r == -EINTR);
        return r < 0 ? error_errno(err, -r, "cannot read the addresses of a link") : 0;
}

/* Which of a result's addresses or routes have been seen. */
struct checker {
        const struct cni_result *result;
        bool *seen;
        int index;
};

static int check_address(const struct cni_address *address, void *context) {
        const struct checker *checker = context;

        for (size_t i = 0; i < checker->result->ip_count; i++)
                if (cni_address_equal(&checker->result->ips[i].address, address) &&
                    checker->result->ips[i].address.prefix == address->prefix)
                        checker->seen[i] = true;
        return 0;
}

static int check_route(struct nlmsghdr *header, void *context) {
        _cleanup_(put_route) struct rtnl_route *found = header->nlmsg_type == RTM_NEWROUTE ? parse(header) : NULL;
        struct rtnl_nexthop *hop = found ? rtnl_route_nexthop_n(found, 0) : NULL;
        struct cni_address destination = {0}, gateway = {0};
        const struct checker *checker = context;

        if (!hop || rtnl_route_nh_get_ifindex(hop) != checker->index)
                return 0;
        read_network_address(rtnl_route_get_dst(found), &destination);
        read_network_address(rtnl_route_nh_get_gateway(hop), &gateway);
        for (size_t i = 0; i < checker->result->route_count; i++) {
                const struct cni_route *route = &checker->result->routes[i];

                if (route->destination.prefix == destination.prefix &&
                    cni_address_within(&route->destination, &destination) &&
                    (!route->gateway.family || cni_address_equal(&route->gateway, &gateway)))
                        checker->seen[i] = true;
        }
        return 0;
}

int link_check(struct netlink *netlink, int index, const struct cni_result *result, struct error *err) {
        const struct rtmsg head = {.rtm_family = AF_UNSPEC};
        size_t most = result->ip_count > result->route_count ? result->ip_count : result->route_count;
        _cleanup_free_ bool *seen = xcalloc(most, sizeof(bool));
        struct checker checker = {.result = result, .seen = seen, .index = index};
        char text[CNI_ADDRESS_SIZE];
        int r;

        r = link_addresses(netlink, index, check_address, &checker, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < result->ip_count; i++)
                if (!seen[i])
                        return error_set(err, ENOENT, "address %s is missing in the container",
                                         cni_address_cidr(&result->ips[i].address, text));
        memset(seen, 0, most * sizeof(bool));
        r = netlink_query(netlink, netlink_message(RTM_GETROUTE, NLM_F_DUMP, &head, sizeof(head), 0), check_route,
                          &checker);
        if (r < 0)
                return error_errno(err, -r, "cannot read the container's routes");
        for (size_t i = 0; i < result->route_count; i++)
                if (!seen[i])
                        return error_set(err, ENOENT, "the route to %s is missing in the container",
                                         cni_address_cidr(&result->routes[i].destination, text));
        return 0;
}
