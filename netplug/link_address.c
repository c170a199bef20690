/* Addresses and routes. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "link.h"
#include "link_message.h"

#define ROOM ((size_t) 512)
/* Of the groups that are waited for. */
#define GROUPS_MAX 16
/* Between two looks at the groups of a link, which is soon in them as a rule. */
#define LOOK_FIRST_NS 50000L
#define LOOK_LAST_NS 20000000L

static size_t size_of(const struct cni_address *address) {
        return address->family == AF_INET ? 4 : 16;
}

static void put_address(struct nl_msg *message, int type, const struct cni_address *address) {
        link_put(message, type, address->bytes, size_of(address));
}

/* Reads back what put_address() puts; of another family, or of none, `to` stays empty. */
static void read_address_of(const struct nlattr *from, int family, unsigned int prefix, struct cni_address *to) {
        if ((family != AF_INET && family != AF_INET6) || !from || nla_len(from) != (family == AF_INET ? 4 : 16))
                return;
        to->family = family;
        to->prefix = prefix;
        memcpy(to->bytes, nla_data(from), (size_t) nla_len(from));
}

static struct nl_msg *address_message(int type, int index, const struct cni_address *address, unsigned int flags) {
        const struct ifaddrmsg head = {.ifa_family = (uint8_t) address->family,
                                       .ifa_prefixlen = (uint8_t) address->prefix,
                                       .ifa_index = (uint32_t) index};
        struct nl_msg *message =
                netlink_message(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &head, sizeof(head), ROOM);
        struct cni_address broadcast = *address;

        put_address(message, IFA_LOCAL, address);
        put_address(message, IFA_ADDRESS, address);
        if (flags)
                link_put_u32(message, IFA_FLAGS, flags);
        if (type == RTM_NEWADDR && address->family == AF_INET && address->prefix < 31) {
                for (unsigned int i = address->prefix; i < 32; i++)
                        broadcast.bytes[i / 8] |= (uint8_t) (0x80 >> i % 8);
                put_address(message, IFA_BROADCAST, &broadcast);
        }
        return message;
}

static struct nl_msg *new_address_message(int index, const struct cni_address *address, unsigned int how) {
        unsigned int flags = how & LINK_NO_PREFIX_ROUTE ? IFA_F_NOPREFIXROUTE : 0;

        if (address->family == AF_INET6 && !(how & LINK_DETECT_DUPLICATES))
                flags |= IFA_F_NODAD;
        return address_message(RTM_NEWADDR, index, address, flags);
}

static const struct cni_address *gateway_of_family(const struct cni_result *result, int family) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (result->ips[i].gateway.family == family)
                        return &result->ips[i].gateway;
        return NULL;
}

/* The kernel refuses destinations with host bits. */
static struct cni_address network_of(const struct cni_address *destination) {
        struct cni_address network = *destination;

        for (unsigned int i = network.prefix; i < 128; i++)
                network.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        return network;
}

static void put_metrics(struct nl_msg *message, const struct cni_route *route) {
        struct nlattr *nest;

        if (!route->mtu && !route->advmss)
                return;
        nest = link_nest(message, RTA_METRICS);
        if (route->mtu)
                link_put_u32(message, RTAX_MTU, (uint32_t) route->mtu);
        if (route->advmss)
                link_put_u32(message, RTAX_ADVMSS, (uint32_t) route->advmss);
        (void) nla_nest_end(message, nest);
}

static bool is_gateway(const struct cni_result *result, const struct cni_address *address) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (cni_address_equal(&result->ips[i].gateway, address))
                        return true;
        return false;
}

static struct nl_msg *route_message(int index, const struct cni_result *result, const struct cni_route *route,
                                    unsigned int how) {
        const struct cni_address destination = network_of(&route->destination);
        const struct cni_address *gateway =
                route->gateway.family ? &route->gateway : gateway_of_family(result, destination.family);
        struct rtmsg head = {.rtm_family = (uint8_t) destination.family,
                             .rtm_dst_len = (uint8_t) destination.prefix,
                             .rtm_table = RT_TABLE_MAIN,
                             .rtm_protocol = RTPROT_BOOT,
                             .rtm_type = RTN_UNICAST};
        struct nl_msg *message;

        /* scope link (253) means: on the link itself, also when a gateway is known. */
        if (route->scope >= RT_SCOPE_LINK)
                gateway = NULL;
        head.rtm_scope = (uint8_t) (route->scope >= 0 ? route->scope : gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
        /* Of other neighbours the kernel knows no more than the route says. */
        if (gateway && how & LINK_NO_PREFIX_ROUTE && !is_gateway(result, gateway))
                head.rtm_flags = RTNH_F_ONLINK;
        if (route->table)
                head.rtm_table = route->table < 256 ? (uint8_t) route->table : RT_TABLE_UNSPEC;
        /* Not exclusive: each network of a container may bring a default route. */
        message = netlink_message(RTM_NEWROUTE, NLM_F_CREATE, &head, sizeof(head), ROOM);
        if (destination.prefix)
                put_address(message, RTA_DST, &destination);
        if (gateway)
                put_address(message, RTA_GATEWAY, gateway);
        if (route->source.family)
                put_address(message, RTA_PREFSRC, &route->source);
        link_put_u32(message, RTA_OIF, (uint32_t) index);
        if (route->priority)
                link_put_u32(message, RTA_PRIORITY, (uint32_t) route->priority);
        if (route->table)
                link_put_u32(message, RTA_TABLE, (uint32_t) route->table);
        put_metrics(message, route);
        return message;
}

static struct nl_msg *up_message(int index, unsigned int how) {
        struct nl_msg *message = link_change_message(index, IFF_UP, 0);
        struct nlattr *families, *ipv4, *settings;

        if (how & LINK_ANNOUNCE) {
                families = link_nest(message, IFLA_AF_SPEC);
                ipv4 = link_nest(message, AF_INET);
                settings = link_nest(message, IFLA_INET_CONF);
                link_put_u32(message, IPV4_DEVCONF_ARP_NOTIFY, 1);
                (void) nla_nest_end(message, settings);
                (void) nla_nest_end(message, ipv4);
                (void) nla_nest_end(message, families);
        }
        return message;
}

int link_configure(struct netlink *netlink, int index, const struct cni_result *result, unsigned int how,
                   struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        char text[CNI_ADDRESS_SIZE];
        int r;

        netlink_batch_add(&batch, up_message(index, how));
        for (size_t i = 0; i < result->ip_count; i++)
                netlink_batch_add(&batch, new_address_message(index, &result->ips[i].address, how));
        for (size_t i = 0; i < result->route_count; i++)
                netlink_batch_add(&batch, route_message(index, result, &result->routes[i], how));
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
        int r = netlink_request(netlink, new_address_message(index, address, 0));

        if (r < 0 && r != -EEXIST)
                return error_errno(err, -r, "cannot add address %s", cni_address_cidr(address, text));
        return 0;
}

int link_address_delete(struct netlink *netlink, int index, const struct cni_address *address, struct error *err) {
        char text[CNI_ADDRESS_SIZE];
        int r = netlink_request(netlink, address_message(RTM_DELADDR, index, address, 0));

        if (r < 0 && r != -EADDRNOTAVAIL)
                return error_errno(err, -r, "cannot delete address %s", cni_address_cidr(address, text));
        return 0;
}

struct address_reader {
        int index;
        link_address_handler handler;
        void *context;
        /* For link_settle(). */
        size_t tentative;
        size_t failed;
};

static int read_address(struct nlmsghdr *header, void *context) {
        const struct ifaddrmsg *head = nlmsg_data(header);
        struct address_reader *reader = context;
        struct nlattr *found[IFA_MAX + 1];
        struct cni_address address = {0};
        uint32_t flags;

        /* A kernel without strict checking sends those of every link. */
        if (header->nlmsg_type != RTM_NEWADDR || nlmsg_parse(header, sizeof(*head), found, IFA_MAX, NULL) < 0 ||
            head->ifa_index != (uint32_t) reader->index)
                return 0;
        flags = found[IFA_FLAGS] ? nla_get_u32(found[IFA_FLAGS]) : head->ifa_flags;
        reader->tentative += (flags & IFA_F_TENTATIVE) != 0;
        reader->failed += (flags & IFA_F_DADFAILED) != 0;
        read_address_of(found[IFA_LOCAL] ? found[IFA_LOCAL] : found[IFA_ADDRESS], head->ifa_family, head->ifa_prefixlen,
                        &address);
        return address.family && reader->handler ? reader->handler(&address, reader->context) : 0;
}

static int read_addresses(struct netlink *netlink, struct address_reader *reader, struct error *err) {
        const struct ifaddrmsg head = {.ifa_family = AF_UNSPEC, .ifa_index = (uint32_t) reader->index};
        int r;

        do
                r = netlink_query(netlink, netlink_message(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head), 0),
                                  read_address, reader);
        while (r == -EINTR);
        return r < 0 ? error_errno(err, -r, "cannot read the addresses of a link") : 0;
}

int link_addresses(struct netlink *netlink, int index, link_address_handler handler, void *context, struct error *err) {
        struct address_reader reader = {.index = index, .handler = handler, .context = context};

        return read_addresses(netlink, &reader, err);
}

int link_settle(struct netlink *netlink, int index, int timeout_ms, struct error *err) {
        const struct timespec pause = {.tv_nsec = 20 * 1000000L};

        for (int waited = 0; waited <= timeout_ms; waited += 20) {
                struct address_reader reader = {.index = index};
                int r = read_addresses(netlink, &reader, err);

                if (r < 0)
                        return r;
                if (reader.failed)
                        return error_set(err, EADDRINUSE,
                                         "another host of the network has an IPv6 address of the "
                                         "container already");
                if (reader.tentative == 0)
                        return 0;
                (void) nanosleep(&pause, NULL);
        }
        return error_set(err, ETIMEDOUT, "IPv6 addresses are still being tried after %d seconds", timeout_ms / 1000);
}

/* Groups that a link is to join, known by their ends: they are ff02::1:ff00:0/104 and the end of an address. */
struct group_search {
        int index;
        uint8_t ends[GROUPS_MAX][3];
        size_t count;
};

static const uint8_t group_start[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

static int want_group(const struct cni_address *address, void *context) {
        struct group_search *search = context;

        if (address->family == AF_INET6 && search->count < GROUPS_MAX)
                memcpy(search->ends[search->count++], address->bytes + sizeof(group_start), sizeof(search->ends[0]));
        return 0;
}

static int read_group(struct nlmsghdr *header, void *context) {
        const struct ifaddrmsg *head = nlmsg_data(header);
        struct group_search *search = context;
        struct nlattr *found[IFA_MAX + 1];
        const uint8_t *group;

        if (nlmsg_parse(header, sizeof(*head), found, IFA_MAX, NULL) < 0 ||
            head->ifa_index != (uint32_t) search->index || !found[IFA_MULTICAST] || nla_len(found[IFA_MULTICAST]) < 16)
                return 0;
        group = nla_data(found[IFA_MULTICAST]);
        if (memcmp(group, group_start, sizeof(group_start)) != 0)
                return 0;
        for (size_t i = search->count; i-- > 0;)
                if (memcmp(search->ends[i], group + sizeof(group_start), sizeof(search->ends[i])) == 0)
                        memmove(search->ends[i], search->ends[--search->count], sizeof(search->ends[i]));
        return 0;
}

int link_await_groups(struct netlink *netlink, int index, int timeout_ms, struct error *err) {
        const struct ifaddrmsg head = {.ifa_family = AF_INET6, .ifa_index = (uint32_t) index};
        struct timespec pause = {.tv_nsec = LOOK_FIRST_NS};
        struct group_search search = {.index = index};
        int r = link_addresses(netlink, index, want_group, &search, err);

        for (int64_t left = timeout_ms * INT64_C(1000000); r >= 0 && left >= 0; left -= pause.tv_nsec) {
                r = netlink_query(netlink, netlink_message(RTM_GETMULTICAST, NLM_F_DUMP, &head, sizeof(head), 0),
                                  read_group, &search);
                if (r < 0 && r != -EINTR)
                        return error_errno(err, -r, "cannot read the groups of a link");
                if (search.count == 0)
                        return 0;
                (void) nanosleep(&pause, NULL);
                pause.tv_nsec = pause.tv_nsec < LOOK_LAST_NS / 2 ? pause.tv_nsec * 2 : LOOK_LAST_NS;
                r = 0;
        }
        return r < 0 ? r : error_set(err, ETIMEDOUT, "the link has not joined its groups after %d ms", timeout_ms);
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

/* A route of the result is there when it is seen with the link and, where it names one, with the gateway. */
static void note_hop(const struct checker *checker, const struct cni_address *destination, int index,
                     const struct nlattr *gateway) {
        struct cni_address via = {0};

        if (index != checker->index)
                return;
        read_address_of(gateway, destination->family, 0, &via);
        for (size_t i = 0; i < checker->result->route_count; i++) {
                const struct cni_route *route = &checker->result->routes[i];

                if (route->destination.family == destination->family &&
                    route->destination.prefix == destination->prefix &&
                    cni_address_within(&route->destination, destination) &&
                    (!route->gateway.family || cni_address_equal(&route->gateway, &via)))
                        checker->seen[i] = true;
        }
}

/* The kernel makes one route of IPv6 routes to a destination by several links: each network's is one of its hops. */
static void note_hops(const struct checker *checker, const struct cni_address *destination, const struct nlattr *hops) {
        const struct rtnexthop *hop = nla_data(hops);
        int left = nla_len(hops);

        while (left >= (int) sizeof(*hop) && RTNH_OK(hop, left)) {
                const struct nlattr *attributes = (const void *) RTNH_DATA(hop);

                note_hop(checker, destination, hop->rtnh_ifindex,
                         nla_find(attributes, hop->rtnh_len - RTNH_LENGTH(0), RTA_GATEWAY));
                left -= RTNH_ALIGN(hop->rtnh_len);
                hop = RTNH_NEXT(hop);
        }
}

static int check_route(struct nlmsghdr *header, void *context) {
        const struct rtmsg *head = nlmsg_data(header);
        struct cni_address destination = {0};
        struct nlattr *found[RTA_MAX + 1];

        if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(header, sizeof(*head), found, RTA_MAX, NULL) < 0)
                return 0;
        destination.family = head->rtm_family;
        read_address_of(found[RTA_DST], head->rtm_family, head->rtm_dst_len, &destination);
        if (found[RTA_OIF])
                note_hop(context, &destination, (int) nla_get_u32(found[RTA_OIF]), found[RTA_GATEWAY]);
        if (found[RTA_MULTIPATH])
                note_hops(context, &destination, found[RTA_MULTIPATH]);
        return 0;
}

int link_check(struct netlink *netlink, int index, const struct cni_result *result, struct error *err) {
        const struct rtmsg head = {.rtm_family = AF_UNSPEC};
        size_t most = result->ip_count > result->route_count ? result->ip_count : result->route_count;
        _cleanup_free_ bool *seen = xcalloc(most + 1, sizeof(bool));
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

/* The link that a default route goes by, or the first one of several. */
static int find_default_route(struct nlmsghdr *header, void *context) {
        const struct rtmsg *head = nlmsg_data(header);
        struct nlattr *found[RTA_MAX + 1];
        int *index = context;

        if (*index || header->nlmsg_type != RTM_NEWROUTE || head->rtm_table != RT_TABLE_MAIN ||
            head->rtm_type != RTN_UNICAST || head->rtm_dst_len != 0 ||
            nlmsg_parse(header, sizeof(*head), found, RTA_MAX, NULL) < 0)
                return 0;
        if (found[RTA_OIF])
                *index = (int) nla_get_u32(found[RTA_OIF]);
        else if (found[RTA_MULTIPATH] && nla_len(found[RTA_MULTIPATH]) >= (int) sizeof(struct rtnexthop))
                *index = ((const struct rtnexthop *) nla_data(found[RTA_MULTIPATH]))->rtnh_ifindex;
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
