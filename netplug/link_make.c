/* Links that are made: bridges, pairs, and what hangs on another link. */
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "link.h"
#include "link_message.h"
#include "link_vlan.h"

/* What any link may be given. */
static void put_common(struct nl_msg *message, const char *mac, int64_t mtu) {
        uint8_t bytes[6];

        if (mtu)
                link_put_u32(message, IFLA_MTU, (uint32_t) mtu);
        if (mac && link_mac_parse(mac, bytes) == 0)
                link_put(message, IFLA_ADDRESS, bytes, sizeof(bytes));
}

/* Opens the part for a kind's own attributes. */
static struct nlattr *open_kind(struct nl_msg *message, const char *kind, struct nlattr **info) {
        *info = link_nest(message, IFLA_LINKINFO);
        link_put_text(message, IFLA_INFO_KIND, kind);
        return link_nest(message, IFLA_INFO_DATA);
}

static void close_kind(struct nl_msg *message, struct nlattr *info, struct nlattr *data) {
        (void) nla_nest_end(message, data);
        (void) nla_nest_end(message, info);
}

/* Sends a request for a link that the kernel may not have. */
static int request(struct netlink *netlink, struct nl_msg *message, const char *kind, const char *name,
                   struct error *err) {
        int r = netlink_request(netlink, message);

        if (r == -EOPNOTSUPP)
                return error_set(err, EOPNOTSUPP, "cannot make link %s: this kernel has no links of kind %s", name,
                                 kind);
        return r < 0 ? error_errno(err, -r, "cannot make link %s of kind %s", name, kind) : 0;
}

int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err) {
        struct nl_msg *message = link_new_message(bridge->name, IFF_UP);
        const uint8_t on = 1, off = 0;
        struct nlattr *info, *data;
        int r;

        put_common(message, bridge->mac, bridge->mtu);
        data = open_kind(message, "bridge", &info);
        if (bridge->vlans)
                link_put(message, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
        if (bridge->floods)
                link_put(message, IFLA_BR_MCAST_SNOOPING, &off, sizeof(off));
        close_kind(message, info, data);
        r = request(netlink, message, "bridge", bridge->name, err);
        return r == -EOPNOTSUPP && bridge->vlans ? link_vlans_missing(err) : r;
}

int link_bridge_filter_vlans(struct netlink *netlink, const char *name, struct error *err) {
        struct nl_msg *message = link_change_message(0, 0, 0);
        const uint8_t on = 1;
        struct nlattr *info, *data;
        int r;

        link_put_text(message, IFLA_IFNAME, name);
        data = open_kind(message, "bridge", &info);
        link_put(message, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
        close_kind(message, info, data);
        r = netlink_request(netlink, message);
        if (r == -EOPNOTSUPP)
                return link_vlans_missing(err);
        return r < 0 ? error_errno(err, -r, "cannot make bridge %s tell VLANs apart", name) : 0;
}

static struct nl_msg *veth_message(const struct link_veth *veth) {
        struct nl_msg *message = link_new_message(veth->name, veth->down ? 0 : IFF_UP);
        const struct ifinfomsg head = {0};
        struct nlattr *info, *data, *peer;

        put_common(message, veth->mac, veth->mtu);
        if (veth->master)
                link_put_u32(message, IFLA_MASTER, (uint32_t) veth->master);
        data = open_kind(message, "veth", &info);
        /* The peer cannot be up before it has its other end: link_configure() sets it up. */
        peer = link_nest(message, VETH_INFO_PEER);
        link_put_raw(message, &head, sizeof(head));
        link_put_text(message, IFLA_IFNAME, veth->peer_name);
        put_common(message, veth->peer_mac, veth->mtu);
        if (veth->peer_netns >= 0)
                link_put_u32(message, IFLA_NET_NS_FD, (uint32_t) veth->peer_netns);
        (void) nla_nest_end(message, peer);
        close_kind(message, info, data);
        return message;
}

/* Flags of a bridge's port, which can be set once it is one. */
static void add_port_flags(const struct link_veth *veth, struct netlink_batch *batch) {
        const uint8_t on = 1, off = 0;
        struct nlattr *info, *data;
        struct nl_msg *message;

        if (!veth->master || (!veth->hairpin && !veth->isolated && !veth->locked))
                return;
        message = link_change_message(0, 0, 0);
        link_put_text(message, IFLA_IFNAME, veth->name);
        info = link_nest(message, IFLA_LINKINFO);
        link_put_text(message, IFLA_INFO_SLAVE_KIND, "bridge");
        data = link_nest(message, IFLA_INFO_SLAVE_DATA);
        if (veth->hairpin)
                link_put(message, IFLA_BRPORT_MODE, &on, sizeof(on));
        if (veth->isolated)
                link_put(message, IFLA_BRPORT_ISOLATED, &on, sizeof(on));
        if (veth->locked) {
                link_put(message, IFLA_BRPORT_LEARNING, &off, sizeof(off));
                link_put(message, IFLA_BRPORT_LOCKED, &on, sizeof(on));
        }
        close_kind(message, info, data);
        netlink_batch_add(batch, message);
}

int link_veth_add(struct netlink *netlink, const struct link_veth *veth, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct netlink_failure failure = {0};
        int r;

        netlink_batch_add(&batch, veth_message(veth));
        add_port_flags(veth, &batch);
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

int link_veth_join(struct netlink *netlink, const struct link_veth *veth, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct nl_msg *message = link_change_message(0, 0, 0);
        int r;

        link_put_text(message, IFLA_IFNAME, veth->name);
        link_put_u32(message, IFLA_MASTER, (uint32_t) veth->master);
        netlink_batch_add(&batch, message);
        add_port_flags(veth, &batch);
        r = netlink_batch_send(netlink, &batch, batch.count - 1, NULL);
        return r < 0 ? error_errno(err, -r, "cannot make link %s a port of the bridge", veth->name) : 0;
}

int link_macvlan_add(struct netlink *netlink, const struct link_macvlan *macvlan, struct error *err) {
        struct nl_msg *message = link_new_message(macvlan->name, 0);
        struct nlattr *info, *data;

        put_common(message, macvlan->mac, macvlan->mtu);
        link_put_u32(message, IFLA_LINK, (uint32_t) macvlan->master);
        if (macvlan->netns_fd >= 0)
                link_put_u32(message, IFLA_NET_NS_FD, (uint32_t) macvlan->netns_fd);
        data = open_kind(message, "macvlan", &info);
        link_put_u32(message, IFLA_MACVLAN_MODE, macvlan->mode);
        if (macvlan->broadcast_queue)
                link_put_u32(message, IFLA_MACVLAN_BC_QUEUE_LEN, macvlan->broadcast_queue);
        close_kind(message, info, data);
        return request(netlink, message, "macvlan", macvlan->name, err);
}

int link_ifb_add(struct netlink *netlink, const char *name, int mtu, int queue, struct error *err) {
        struct nl_msg *message = link_new_message(name, IFF_UP);
        struct nlattr *info, *data;

        put_common(message, NULL, mtu);
        link_put_u32(message, IFLA_TXQLEN, (uint32_t) queue);
        data = open_kind(message, "ifb", &info);
        close_kind(message, info, data);
        return request(netlink, message, "ifb", name, err);
}
