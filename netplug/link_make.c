/* Links that are made: bridges, pairs, and what hangs on another link. */
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <sys/socket.h>

#include "link.h"
#include "link_message.h"

/* What both ends of a pair and a bridge may be given. */
static void describe(struct rtnl_link *link, const char *name, const char *mac, int64_t mtu) {
        _cleanup_(put_bytes) struct nl_addr *address = NULL;

        rtnl_link_set_name(link, name);
        if (mtu)
                rtnl_link_set_mtu(link, (unsigned int) mtu);
        if (mac && nl_addr_parse(mac, AF_LLC, &address) == 0)
                rtnl_link_set_addr(link, address);
}

int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err) {
        _cleanup_(put_link) struct rtnl_link *link = link_sure(rtnl_link_bridge_alloc());
        int r;

        describe(link, bridge->name, bridge->mac, bridge->mtu);
        rtnl_link_set_flags(link, IFF_UP);
        r = netlink_request(netlink, link_add_request(link, NLM_F_CREATE | NLM_F_EXCL));
        if (r < 0)
                return error_errno(err, -r, "cannot make bridge %s", bridge->name);
        return 0;
}

static struct nl_msg *veth_message(const struct link_veth *veth) {
        _cleanup_(put_link) struct rtnl_link *link = link_sure(rtnl_link_veth_alloc());
        _cleanup_(put_link) struct rtnl_link *peer = link_sure(rtnl_link_veth_get_peer(link));

        describe(link, veth->name, veth->mac, veth->mtu);
        rtnl_link_set_flags(link, IFF_UP);
        if (veth->master)
                rtnl_link_set_master(link, veth->master);
        /* The peer cannot be up before it has its other end: link_configure() sets it up. */
        describe(peer, veth->peer_name, veth->peer_mac, veth->mtu);
        rtnl_link_set_ns_fd(peer, veth->peer_netns);
        return link_add_request(link, NLM_F_CREATE | NLM_F_EXCL);
}

/*
 * Flags of a bridge's port, which can be set once it is one. Put by hand: libnl-route (3.7) knows no isolated ports,
 * and sets hairpin by the link's index alone, which nobody knows yet in the batch that makes the link.
 */
static struct nl_msg *port_message(const struct link_veth *veth) {
        struct nl_msg *message = link_change_message(0, 0, 0);
        const uint8_t on = 1;
        struct nlattr *info, *data;

        link_put_text(message, IFLA_IFNAME, veth->name);
        info = link_nest(message, IFLA_LINKINFO);
        link_put_text(message, IFLA_INFO_SLAVE_KIND, "bridge");
        data = link_nest(message, IFLA_INFO_SLAVE_DATA);
        if (veth->hairpin)
                link_put(message, IFLA_BRPORT_MODE, &on, sizeof(on));
        if (veth->isolated)
                link_put(message, IFLA_BRPORT_ISOLATED, &on, sizeof(on));
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

int link_macvlan_add(struct netlink *netlink, const struct link_macvlan *macvlan, struct error *err) {
        struct nl_msg *message = link_change_message(0, 0, 0);
        struct nlattr *info, *data;
        uint8_t mac[6];
        int r;

        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
        link_put_text(message, IFLA_IFNAME, macvlan->name);
        link_put_u32(message, IFLA_LINK, (uint32_t) macvlan->master);
        if (macvlan->netns_fd >= 0)
                link_put_u32(message, IFLA_NET_NS_FD, (uint32_t) macvlan->netns_fd);
        if (macvlan->mtu)
                link_put_u32(message, IFLA_MTU, (uint32_t) macvlan->mtu);
        if (macvlan->mac && link_mac_parse(macvlan->mac, mac) == 0)
                link_put(message, IFLA_ADDRESS, mac, sizeof(mac));
        info = link_nest(message, IFLA_LINKINFO);
        link_put_text(message, IFLA_INFO_KIND, "macvlan");
        data = link_nest(message, IFLA_INFO_DATA);
        link_put_u32(message, IFLA_MACVLAN_MODE, macvlan->mode);
        (void) nla_nest_end(message, data);
        (void) nla_nest_end(message, info);
        r = netlink_request(netlink, message);
        if (r == -EOPNOTSUPP)
                return error_set(err, EOPNOTSUPP, "cannot make a macvlan link: this kernel has none (CONFIG_MACVLAN)");
        return r < 0 ? error_errno(err, -r, "cannot make a macvlan link") : 0;
}

int link_ifb_add(struct netlink *netlink, const char *name, int mtu, int queue, struct error *err) {
        struct nl_msg *message = link_change_message(0, IFF_UP, 0);
        struct nlattr *info;
        int r;

        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
        link_put_text(message, IFLA_IFNAME, name);
        link_put_u32(message, IFLA_MTU, (uint32_t) mtu);
        link_put_u32(message, IFLA_TXQLEN, (uint32_t) queue);
        info = link_nest(message, IFLA_LINKINFO);
        link_put_text(message, IFLA_INFO_KIND, "ifb");
        (void) nla_nest_end(message, info);
        r = netlink_request(netlink, message);
        if (r == -EOPNOTSUPP)
                return error_set(err, EOPNOTSUPP, "cannot make link %s: this kernel has no ifb links (CONFIG_IFB)",
                                 name);
        return r < 0 ? error_errno(err, -r, "cannot make link %s", name) : 0;
}
