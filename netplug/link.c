#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define LINK_ROOM 1024
#define ADDRESS_ROOM 256

static struct nl_msg *link_message(int type, int flags, int index, unsigned int up, unsigned int change) {
        const struct ifinfomsg head = {
                .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = up, .ifi_change = change};

        return netlink_message(type, flags, &head, sizeof(head), LINK_ROOM);
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

static void put_mac(struct nl_msg *message, const char *mac) {
        uint8_t bytes[6];

        if (mac && link_mac_parse(mac, bytes) == 0)
                (void) nla_put(message, IFLA_ADDRESS, sizeof(bytes), bytes);
}

static int read_link(struct nlmsghdr *header, void *context) {
        const struct ifinfomsg *head = nlmsg_data(header);
        struct nlattr *fields[IFLA_MAX + 1], *kind;
        struct link_info *info = context;

        if (header->nlmsg_type != RTM_NEWLINK || nlmsg_parse(header, sizeof(*head), fields, IFLA_MAX, NULL) < 0)
                return 0;
        info->index = head->ifi_index;
        info->flags = head->ifi_flags;
        if (fields[IFLA_MTU])
                info->mtu = (int) nla_get_u32(fields[IFLA_MTU]);
        if (fields[IFLA_MASTER])
                info->master = (int) nla_get_u32(fields[IFLA_MASTER]);
        if (fields[IFLA_IFNAME])
                (void) nla_strlcpy(info->name, fields[IFLA_IFNAME], sizeof(info->name));
        if (fields[IFLA_ADDRESS] && nla_len(fields[IFLA_ADDRESS]) == 6)
                mac_text(nla_data(fields[IFLA_ADDRESS]), info->mac);
        kind = fields[IFLA_LINKINFO]
                       ? nla_find(nla_data(fields[IFLA_LINKINFO]), nla_len(fields[IFLA_LINKINFO]), IFLA_INFO_KIND)
                       : NULL;
        if (kind)
                (void) nla_strlcpy(info->kind, kind, sizeof(info->kind));
        return 0;
}

int link_find(struct netlink *netlink, const char *name, struct link_info *out, struct error *err) {
        struct nl_msg *message = link_message(RTM_GETLINK, 0, 0, 0, 0);
        int r;

        *out = (struct link_info){0};
        (void) nla_put_string(message, IFLA_IFNAME, name);
        r = netlink_query(netlink, message, read_link, out);
        if (r < 0)
                return error_errno(err, -r, "link %s", name);
        return 0;
}

int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err) {
        struct nl_msg *message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
        struct nlattr *info, *data;
        int r;

        (void) nla_put_string(message, IFLA_IFNAME, bridge->name);
        put_mac(message, bridge->mac);
        if (bridge->mtu)
                (void) nla_put_u32(message, IFLA_MTU, (uint32_t) bridge->mtu);
        info = nla_nest_start(message, IFLA_LINKINFO);
        (void) nla_put_string(message, IFLA_INFO_KIND, "bridge");
        if (bridge->vlan_filtering) {
                data = nla_nest_start(message, IFLA_INFO_DATA);
                (void) nla_put_u8(message, IFLA_BR_VLAN_FILTERING, 1);
                (void) nla_nest_end(message, data);
        }
        (void) nla_nest_end(message, info);
        r = netlink_request(netlink, message);
        if (r < 0)
                return error_errno(err, -r, "cannot make bridge %s", bridge->name);
        return 0;
}

/* The peer's own link message within the pair's. */
static void put_peer(struct nl_msg *message, const struct link_veth *veth) {
        /* It cannot be up before it has its other end: link_configure() sets it up. */
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
        struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
        struct nlattr *peer = nla_nest_start(message, VETH_INFO_PEER);

        (void) nlmsg_append(message, (void *) &head, sizeof(head), NLMSG_ALIGNTO);
        (void) nla_put_string(message, IFLA_IFNAME, veth->peer_name);
        put_mac(message, veth->peer_mac);
        if (veth->mtu)
                (void) nla_put_u32(message, IFLA_MTU, (uint32_t) veth->mtu);
        (void) nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t) veth->peer_netns);
        (void) nla_nest_end(message, peer);
        (void) nla_nest_end(message, data);
}

/* Flags of a bridge's port can be set once it is one. */
static struct nl_msg *port_message(const struct link_veth *veth) {
        struct nl_msg *message = link_message(RTM_NEWLINK, 0, 0, 0, 0);
        struct nlattr *info, *data;

        (void) nla_put_string(message, IFLA_IFNAME, veth->name);
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
        struct nl_msg *message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        struct nlattr *info;
        int r;

        (void) nla_put_string(message, IFLA_IFNAME, veth->name);
        put_mac(message, veth->mac);
        if (veth->mtu)
                (void) nla_put_u32(message, IFLA_MTU, (uint32_t) veth->mtu);
        if (veth->master)
                (void) nla_put_u32(message, IFLA_MASTER, (uint32_t) veth->master);
        info = nla_nest_start(message, IFLA_LINKINFO);
        (void) nla_put_string(message, IFLA_INFO_KIND, "veth");
        put_peer(message, veth);
        (void) nla_nest_end(message, info);
        netlink_batch_add(&batch, message);
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

static int change_flags(struct netlink *netlink, int index, unsigned int flags, unsigned int change,
                        struct error *err) {
        int r = netlink_request(netlink, link_message(RTM_NEWLINK, 0, index, flags, change));

        return r < 0 ? error_errno(err, -r, "cannot set the link's flags") : 0;
}

int link_set_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, flags, flags, err);
}

int link_clear_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, 0, flags, err);
}

int link_delete(struct netlink *netlink, const char *name, struct error *err) {
        struct nl_msg *message = link_message(RTM_DELLINK, 0, 0, 0, 0);
        int r;

        (void) nla_put_string(message, IFLA_IFNAME, name);
        r = netlink_request(netlink, message);
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
        struct link_info info = {0};

        (void) read_link(header, &info);
        return info.index ? reader->handler(&info, reader->context) : 0;
}

int link_list(struct netlink *netlink, link_handler handler, void *context, struct error *err) {
        struct link_reader reader = {.handler = handler, .context = context};
        int r = netlink_query(netlink, link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0, 0), read_next_link, &reader);

        return r < 0 && r != -EINTR ? error_errno(err, -r, "cannot list the links") : 0;
}

static int address_size(const struct cni_address *address) {
        return address->family == AF_INET ? 4 : 16;
}

static struct nl_msg *address_message(int type, int flags, int index, const struct cni_address *address) {
        const struct ifaddrmsg head = {.ifa_family = (uint8_t) address->family,
                                       .ifa_prefixlen = (uint8_t) address->prefix,
                                       .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
                                       .ifa_index = (uint32_t) index};
        struct nl_msg *message = netlink_message(type, flags, &head, sizeof(head), ADDRESS_ROOM);

        (void) nla_put(message, IFA_LOCAL, address_size(address), address->bytes);
        (void) nla_put(message, IFA_ADDRESS, address_size(address), address->bytes);
        if (type == RTM_NEWADDR && address->family == AF_INET && address->prefix < 31) {
                uint8_t broadcast[4];

                for (unsigned int i = 0; i < 4; i++)
                        broadcast[i] = address->bytes[i];
                for (unsigned int i = address->prefix; i < 32; i++)
                        broadcast[i / 8] |= (uint8_t) (0x80 >> i % 8);
                (void) nla_put(message, IFA_BROADCAST, sizeof(broadcast), broadcast);
        }
        return message;
}

static const struct cni_address *gateway_of_family(const struct cni_result *result, int family) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (result->ips[i].gateway.family == family)
                        return &result->ips[i].gateway;
        return NULL;
}

static void put_metrics(struct nl_msg *message, const struct cni_route *route) {
        struct nlattr *metrics;

        if (!route->mtu && !route->advmss)
                return;
        metrics = nla_nest_start(message, RTA_METRICS);
        if (route->mtu)
                (void) nla_put_u32(message, RTAX_MTU, (uint32_t) route->mtu);
        if (route->advmss)
                (void) nla_put_u32(message, RTAX_ADVMSS, (uint32_t) route->advmss);
        (void) nla_nest_end(message, metrics);
}

/* Not exclusive: each network of a container may bring a default route. */
static struct nl_msg *route_message(int index, const struct cni_result *result, const struct cni_route *route) {
        const struct cni_address *gateway =
                route->gateway.family ? &route->gateway : gateway_of_family(result, route->destination.family);
        const uint8_t scope = route->scope >= 0 ? (uint8_t) route->scope : gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
        const struct rtmsg head = {.rtm_family = (uint8_t) route->destination.family,
                                   .rtm_dst_len = (uint8_t) route->destination.prefix,
                                   .rtm_table = RT_TABLE_MAIN,
                                   .rtm_protocol = RTPROT_BOOT,
                                   .rtm_scope = scope,
                                   .rtm_type = RTN_UNICAST};
        struct nl_msg *message = netlink_message(RTM_NEWROUTE, NLM_F_CREATE, &head, sizeof(head), ADDRESS_ROOM);
        struct cni_address destination = route->destination;

        /* The kernel refuses destinations with host bits. */
        for (unsigned int i = destination.prefix; i < 128; i++)
                destination.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        if (destination.prefix)
                (void) nla_put(message, RTA_DST, address_size(&destination), destination.bytes);
        /* scope link (253) means: on the link itself, also when a gateway is known. */
        if (gateway && scope < RT_SCOPE_LINK)
                (void) nla_put(message, RTA_GATEWAY, address_size(gateway), gateway->bytes);
        (void) nla_put_u32(message, RTA_OIF, (uint32_t) index);
        if (route->priority)
                (void) nla_put_u32(message, RTA_PRIORITY, (uint32_t) route->priority);
        if (route->table)
                (void) nla_put_u32(message, RTA_TABLE, (uint32_t) route->table);
        put_metrics(message, route);
        return message;
}

int link_configure(struct netlink *netlink, int index, const struct cni_result *result, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        char text[CNI_ADDRESS_SIZE];
        int r;

        netlink_batch_add(&batch, link_message(RTM_NEWLINK, 0, index, IFF_UP, IFF_UP));
        for (size_t i = 0; i < result->ip_count; i++)
                netlink_batch_add(&batch, address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index,
                                                          &result->ips[i].address));
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
        int r = netlink_request(netlink, address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address));

        if (r < 0 && r != -EEXIST)
                return error_errno(err, -r, "cannot add address %s", cni_address_cidr(address, text));
        return 0;
}

int link_address_delete(struct netlink *netlink, int index, const struct cni_address *address, struct error *err) {
        char text[CNI_ADDRESS_SIZE];
        int r = netlink_request(netlink, address_message(RTM_DELADDR, 0, index, address));

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
        const struct ifaddrmsg *head = nlmsg_data(header);
        struct nlattr *fields[IFA_MAX + 1], *local;
        const struct address_reader *reader = context;
        struct cni_address address = {0};

        if (header->nlmsg_type != RTM_NEWADDR || (int) head->ifa_index != reader->index ||
            nlmsg_parse(header, sizeof(*head), fields, IFA_MAX, NULL) < 0)
                return 0;
        local = fields[IFA_LOCAL] ? fields[IFA_LOCAL] : fields[IFA_ADDRESS];
        if (!local || nla_len(local) > 16)
                return 0;
        address.family = head->ifa_family;
        address.prefix = head->ifa_prefixlen;
        memcpy(address.bytes, nla_data(local), (size_t) nla_len(local));
        return reader->handler(&address, reader->context);
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
        const struct rtmsg *head = nlmsg_data(header);
        struct nlattr *fields[RTA_MAX + 1];
        const struct checker *checker = context;
        struct cni_address destination = {.family = head->rtm_family, .prefix = head->rtm_dst_len};
        struct cni_address gateway = {.family = head->rtm_family};

        if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(header, sizeof(*head), fields, RTA_MAX, NULL) < 0 ||
            !fields[RTA_OIF] || (int) nla_get_u32(fields[RTA_OIF]) != checker->index)
                return 0;
        if (fields[RTA_DST] && nla_len(fields[RTA_DST]) <= 16)
                memcpy(destination.bytes, nla_data(fields[RTA_DST]), (size_t) nla_len(fields[RTA_DST]));
        if (fields[RTA_GATEWAY] && nla_len(fields[RTA_GATEWAY]) <= 16)
                memcpy(gateway.bytes, nla_data(fields[RTA_GATEWAY]), (size_t) nla_len(fields[RTA_GATEWAY]));
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
