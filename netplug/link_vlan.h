/*
 * link_vlan.h: ports of a bridge that tells VLANs apart (bridge(8)), what else
 * holds for a port, and the addresses that a locked one takes packets from.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../lib/netlink.h"

/** The largest id of a VLAN. */
#define LINK_VLAN_MAX 4094

/* VLANs of a port. */
struct link_vlans {
        int untagged; /* packets without a tag are of this one, and it leaves without; 0: none */
        uint8_t tagged[LINK_VLAN_MAX / 8 + 1]; /* a bit each */
        bool drop_default;                     /* the bridge's default VLAN is taken off the port first */
};

void link_vlans_add(struct link_vlans *vlans, int first, int last);
bool link_vlans_has(const struct link_vlans *vlans, int id);

/** Sets -EOPNOTSUPP: the kernel's bridges do not tell VLANs apart. */
int link_vlans_missing(struct error *err);

/** Puts a port into VLANs. -EOPNOTSUPP when the kernel's bridges do not tell them apart. */
int link_vlans_set(struct netlink *netlink, int index, const struct link_vlans *vlans, struct error *err);

/** -ENOENT, naming it, when the port is not in one of the VLANs. */
int link_vlans_check(struct netlink *netlink, int index, const struct link_vlans *vlans, struct error *err);

/** Lets a locked port take packets from a hardware address. */
int link_neighbour_add(struct netlink *netlink, int index, const char *mac, struct error *err);

struct link_port_flags {
        bool hairpin;
        bool isolated;
        bool locked;
};

/** Reads a port's flags. A kernel that does not know one says nothing when asked to set it (locked: Linux 5.18). */
int link_port_flags(struct netlink *netlink, int index, struct link_port_flags *out, struct error *err);
