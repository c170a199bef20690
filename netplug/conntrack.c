#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <string.h>

#include "../lib/netlink.h"

#define TUPLE_ROOM 512

/* What a dump gathers: a deletion for each connection that is found. */
struct search {
        int family;
        const struct nft_port *ports;
        size_t count;
        bool translated;
        struct netlink_batch deletions;
};

static struct nl_msg *conntrack_message(int type, int flags, int family) {
        const struct nfgenmsg head = {.nfgen_family = (uint8_t) family, .version = NFNETLINK_V0};

        return netlink_message(NFNL_SUBSYS_CTNETLINK << 8 | type, flags, &head, sizeof(head), TUPLE_ROOM);
}

static bool is_wanted(const struct search *search, struct nlattr *tuple) {
        struct nlattr *protocol = nla_find(nla_data(tuple), nla_len(tuple), CTA_TUPLE_PROTO);
        struct nlattr *fields[CTA_PROTO_MAX + 1];
        uint16_t port;

        if (!protocol || nla_parse_nested(fields, CTA_PROTO_MAX, protocol, NULL) < 0 || !fields[CTA_PROTO_NUM] ||
            nla_get_u8(fields[CTA_PROTO_NUM]) != IPPROTO_UDP || !fields[CTA_PROTO_DST_PORT])
                return false;
        port = ntohs(nla_get_u16(fields[CTA_PROTO_DST_PORT]));
        for (size_t i = 0; i < search->count; i++)
                if (search->ports[i].protocol == IPPROTO_UDP && port >= search->ports[i].host_port &&
                    port <= nft_port_last(&search->ports[i]))
                        return true;
        return false;
}

static int read_connection(struct nlmsghdr *header, void *context) {
        struct nlattr *fields[CTA_MAX + 1];
        struct search *search = context;
        struct nl_msg *message;

        if (nlmsg_parse(header, sizeof(struct nfgenmsg), fields, CTA_MAX, NULL) < 0 || !fields[CTA_TUPLE_ORIG] ||
            nla_len(fields[CTA_TUPLE_ORIG]) > TUPLE_ROOM / 2 || !is_wanted(search, fields[CTA_TUPLE_ORIG]))
                return 0;
        if (search->translated && !(fields[CTA_STATUS] && ntohl(nla_get_u32(fields[CTA_STATUS])) & IPS_DST_NAT))
                return 0;
        message = conntrack_message(IPCTNL_MSG_CT_DELETE, 0, search->family);
        (void) nla_put(message, NLA_F_NESTED | CTA_TUPLE_ORIG, nla_len(fields[CTA_TUPLE_ORIG]),
                       nla_data(fields[CTA_TUPLE_ORIG]));
        if (fields[CTA_ZONE])
                (void) nla_put(message, CTA_ZONE, nla_len(fields[CTA_ZONE]), nla_data(fields[CTA_ZONE]));
        if (fields[CTA_ID])
                (void) nla_put(message, CTA_ID, nla_len(fields[CTA_ID]), nla_data(fields[CTA_ID]));
        netlink_batch_add(&search->deletions, message);
        return 0;
}

int conntrack_forget_udp(int family, const struct nft_port *ports, size_t count, bool translated, struct error *err) {
        struct search search = {.family = family, .ports = ports, .count = count, .translated = translated};
        _cleanup_netlink_ struct netlink netlink = NETLINK_CLOSED;
        int r;

        r = netlink_open(NETLINK_NETFILTER, &netlink, err);
        if (r < 0)
                return r;
        r = netlink_query(&netlink, conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family), read_connection, &search);
        /* The table always changes on a busy host: what was seen is good enough. */
        if (r == -EINTR)
                r = 0;
        if (r >= 0 && search.deletions.count)
                r = netlink_batch_send(&netlink, &search.deletions, search.deletions.count - 1, NULL);
        netlink_batch_free(&search.deletions);
        /* Forgotten by itself in between. */
        if (r == -ENOENT)
                r = 0;
        return r < 0 ? error_errno(err, -r, "cannot forget old UDP connections") : 0;
}
