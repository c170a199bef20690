/* VLANs and locks of a bridge's ports. */
#include "link_vlan.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"
#include "link_message.h"

void link_vlans_add(struct link_vlans *vlans, int first, int last) {
        for (int id = first; id <= last; id++)
                vlans->tagged[id / 8] |= (uint8_t) (1 << id % 8);
}

bool link_vlans_has(const struct link_vlans *vlans, int id) {
        return vlans->tagged[id / 8] >> id % 8 & 1;
}

static void put_vlan(struct nl_msg *message, int id, unsigned int flags) {
        const struct bridge_vlan_info info = {.vid = (uint16_t) id, .flags = (uint16_t) flags};

        link_put(message, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
}

static void put_range(struct nl_msg *message, int first, int last) {
        if (first == last) {
                put_vlan(message, first, 0);
                return;
        }
        put_vlan(message, first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
        put_vlan(message, last, BRIDGE_VLAN_INFO_RANGE_END);
}

static struct nl_msg *vlan_message(int type, int index, size_t room, struct nlattr **nest) {
        const struct ifinfomsg head = {.ifi_family = AF_BRIDGE, .ifi_index = index};
        struct nl_msg *message = netlink_message(type, 0, &head, sizeof(head), room);

        *nest = link_nest(message, IFLA_AF_SPEC);
        return message;
}

static struct nl_msg *set_message(int index, const struct link_vlans *vlans) {
        /* At most every second id begins a range, of two attributes. */
        struct nlattr *nest;
        struct nl_msg *message = vlan_message(RTM_SETLINK, index, LINK_VLAN_MAX * sizeof(uint64_t) + 64, &nest);
        int first = 0;

        for (int id = 1; id <= LINK_VLAN_MAX + 1; id++) {
                bool in = id <= LINK_VLAN_MAX && link_vlans_has(vlans, id);

                if (in && !first)
                        first = id;
                if (!in && first) {
                        put_range(message, first, id - 1);
                        first = 0;
                }
        }
        if (vlans->untagged)
                put_vlan(message, vlans->untagged, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
        (void) nla_nest_end(message, nest);
        return message;
}

static struct nl_msg *clear_message(int index) {
        struct nlattr *nest;
        struct nl_msg *message = vlan_message(RTM_DELLINK, index, 64, &nest);

        put_range(message, 1, LINK_VLAN_MAX);
        (void) nla_nest_end(message, nest);
        return message;
}

int link_vlans_missing(struct error *err) {
        return error_set(err, EOPNOTSUPP,
                         "this kernel's bridges do not tell VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)");
}

int link_vlans_set(struct netlink *netlink, int index, const struct link_vlans *vlans, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        int r;

        if (vlans->drop_default)
                netlink_batch_add(&batch, clear_message(index));
        netlink_batch_add(&batch, set_message(index, vlans));
        r = netlink_batch_send(netlink, &batch, batch.count - 1, NULL);
        if (r == -EOPNOTSUPP)
                return link_vlans_missing(err);
        return r < 0 ? error_errno(err, -r, "cannot put the port into its VLANs") : 0;
}

struct port {
        int index;
        struct link_vlans vlans;
};

static int read_vlans(struct nlmsghdr *header, void *context) {
        const struct ifinfomsg *head = nlmsg_data(header);
        struct nlattr *found[IFLA_MAX + 1], *item;
        struct port *port = context;
        struct bridge_vlan_info info;
        int left, first = 0;

        if (header->nlmsg_type != RTM_NEWLINK || head->ifi_index != port->index ||
            nlmsg_parse(header, sizeof(*head), found, IFLA_MAX, NULL) < 0 || !found[IFLA_AF_SPEC])
                return 0;
        nla_for_each_nested(item, found[IFLA_AF_SPEC], left) {
                if (nla_type(item) != IFLA_BRIDGE_VLAN_INFO || nla_len(item) < (int) sizeof(info))
                        continue;
                memcpy(&info, nla_data(item), sizeof(info));
                if (info.vid > LINK_VLAN_MAX)
                        continue;
                if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
                        first = info.vid;
                        continue;
                }
                link_vlans_add(&port->vlans, info.flags & BRIDGE_VLAN_INFO_RANGE_END ? first : info.vid, info.vid);
                if (info.flags & BRIDGE_VLAN_INFO_PVID)
                        port->vlans.untagged = info.vid;
        }
        return 0;
}

int link_vlans_check(struct netlink *netlink, int index, const struct link_vlans *vlans, struct error *err) {
        const struct ifinfomsg head = {.ifi_family = AF_BRIDGE};
        struct nl_msg *message = netlink_message(RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head), 64);
        struct port port = {.index = index};
        int r;

        link_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
        r = netlink_query(netlink, message, read_vlans, &port);
        if (r < 0 && r != -EINTR)
                return error_errno(err, -r, "cannot read the VLANs of a port");
        if (vlans->untagged && port.vlans.untagged != vlans->untagged)
                return error_set(err, ENOENT, "the port is not in VLAN %d", vlans->untagged);
        for (int id = 1; id <= LINK_VLAN_MAX; id++)
                if (link_vlans_has(vlans, id) && !link_vlans_has(&port.vlans, id))
                        return error_set(err, ENOENT, "the port is not in VLAN %d", id);
        return 0;
}

int link_neighbour_add(struct netlink *netlink, int index, const char *mac, struct error *err) {
        const struct ndmsg head = {
                .ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER};
        struct nl_msg *message = netlink_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head), 64);
        uint8_t bytes[6];
        int r = link_mac_parse(mac, bytes);

        if (r < 0) {
                nlmsg_free(message);
                return error_set(err, EINVAL, "'%.64s' is not a hardware address", mac);
        }
        link_put(message, NDA_LLADDR, bytes, sizeof(bytes));
        r = netlink_request(netlink, message);
        return r < 0 ? error_errno(err, -r, "cannot tell the bridge of address %s", mac) : 0;
}

static bool is_set(const struct nlattr *flag) {
        return flag && nla_get_u8(flag);
}

static int read_flags(struct nlmsghdr *header, void *context) {
        struct nlattr *found[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_BRPORT_MAX + 1];

        if (header->nlmsg_type == RTM_NEWLINK &&
            nlmsg_parse(header, sizeof(struct ifinfomsg), found, IFLA_MAX, NULL) >= 0 && found[IFLA_LINKINFO] &&
            nla_parse_nested(info, IFLA_INFO_MAX, found[IFLA_LINKINFO], NULL) >= 0 && info[IFLA_INFO_SLAVE_DATA] &&
            nla_parse_nested(data, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) >= 0)
                *(struct link_port_flags *) context =
                        (struct link_port_flags){.hairpin = is_set(data[IFLA_BRPORT_MODE]),
                                                 .isolated = is_set(data[IFLA_BRPORT_ISOLATED]),
                                                 .locked = is_set(data[IFLA_BRPORT_LOCKED])};
        return 0;
}

int link_port_flags(struct netlink *netlink, int index, struct link_port_flags *out, struct error *err) {
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
        int r;

        *out = (struct link_port_flags){0};
        r = netlink_query(netlink, netlink_message(RTM_GETLINK, 0, &head, sizeof(head), 64), read_flags, out);
        return r < 0 ? error_errno(err, -r, "cannot read the flags of a port") : 0;
}
