/* Addresses and routes. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"
#include "link_message.h"

DEFINE_CLEANUP(put_address, struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(put_route, struct rtnl_route *, rtnl_route_put);

static struct nl_addr *network_address(const struct cni_address *address) {
        struct nl_addr *made =
                link_sure(nl_addr_build(address->family, address->bytes, address->family == AF_INET ? 4 : 16));

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

static void keep(struct nl_object *object, void *context) {
        struct nl_object **out = context;

        nl_object_get(object);
        *out = object;
}

/* The address or route a message tells of (to be put by the caller), or NULL. */
static void *parse(struct nlmsghdr *header) {
        struct nl_msg *message = link_sure(nlmsg_convert(header));
        struct nl_object *object = NULL;

        nlmsg_set_proto(message, NETLINK_ROUTE);
        (void) nl_msg_parse(message, keep, &object);
        nlmsg_free(message);
        return object;
}

static struct rtnl_addr *make_address(int index, const struct cni_address *address) {
        _cleanup_(put_bytes) struct nl_addr *local = network_address(address);
        struct rtnl_addr *made = link_sure(rtnl_addr_alloc());

        rtnl_addr_set_ifindex(made, index);
        (void) rtnl_addr_set_local(made, local);
        return made;
}

static struct nl_msg *address_message(int index, const struct cni_address *address, unsigned int how) {
        _cleanup_(put_address) struct rtnl_addr *made = make_address(index, address);
        struct nl_msg *message = NULL;
        unsigned int flags = how & LINK_NO_PREFIX_ROUTE ? IFA_F_NOPREFIXROUTE : 0;

        if (address->family == AF_INET6 && !(how & LINK_DETECT_DUPLICATES))
                flags |= IFA_F_NODAD;
        if (flags)
                rtnl_addr_set_flags(made, flags);
        if (address->family == AF_INET && address->prefix < 31) {
                _cleanup_(put_bytes) struct nl_addr *broadcast = network_address(address);
                uint8_t *bytes = nl_addr_get_binary_addr(broadcast);

                for (unsigned int i = address->prefix; i < 32; i++)
                        bytes[i / 8] |= (uint8_t) (0x80 >> i % 8);
                (void) rtnl_addr_set_broadcast(made, broadcast);
        }
        (void) rtnl_addr_build_add_request(made, NLM_F_CREATE | NLM_F_EXCL, &message);
        return link_sure(message);
}

static const struct cni_address *gateway_of_family(const struct cni_result *result, int family) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (result->ips[i].gateway.family == family)
                        return &result->ips[i].gateway;
        return NULL;
}

static struct rtnl_nexthop *next_hop(int index, const struct cni_address *gateway) {
        struct rtnl_nexthop *hop = link_sure(rtnl_route_nh_alloc());

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
        _cleanup_(put_route) struct rtnl_route *made = link_sure(rtnl_route_alloc());
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
        return link_sure(message);
}

int link_configure(struct netlink *netlink, int index, const struct cni_result *result, unsigned int how,
                   struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        char text[CNI_ADDRESS_SIZE];
        int r;

        netlink_batch_add(&batch, link_change_message(index, IFF_UP, 0));
        for (size_t i = 0; i < result->ip_count; i++)
                netlink_batch_add(&batch, address_message(index, &result->ips[i].address, how));
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
        int r = netlink_request(netlink, address_message(index, address, 0));

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
        r = netlink_request(netlink, link_sure(message));
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

/* The link that a default route goes by. */
static int find_default_route(struct nlmsghdr *header, void *context) {
        _cleanup_(put_route) struct rtnl_route *found = header->nlmsg_type == RTM_NEWROUTE ? parse(header) : NULL;
        struct rtnl_nexthop *hop = found ? rtnl_route_nexthop_n(found, 0) : NULL;
        struct nl_addr *destination = found ? rtnl_route_get_dst(found) : NULL;
        int *index = context;

        if (*index == 0 && hop && rtnl_route_get_table(found) == RT_TABLE_MAIN &&
            rtnl_route_get_type(found) == RTN_UNICAST && destination && nl_addr_get_prefixlen(destination) == 0)
                *index = rtnl_route_nh_get_ifindex(hop);
        return 0;
}

int link_of_default_route(struct netlink *netlink, int *index, struct error *err) {
        static const unsigned char families[] = {AF_INET, AF_INET6};

        *index = 0;
        for (size_t i = 0; *index == 0 && i < ARRAY_SIZE(families); i++) {
                const struct rtmsg head = {.rtm_family = families[i]};
                int r = netlink_query(netlink, netlink_message(RTM_GETROUTE, NLM_F_DUMP, &head, sizeof(head), 0),
                                      find_default_route, index);

                if (r < 0 && r != -EINTR)
                        return error_errno(err, -r, "cannot read the routes");
        }
        return *index ? 0 : error_set(err, ENOENT, "there is no default route");
}
