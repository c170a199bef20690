/*
 * link.h: network links, addresses and routes. link*.c alone talk rtnetlink:
 * link.c finds, changes and deletes links, link_make.c makes them, link_address.c
 * is for addresses and routes, link_qdisc.c for rates, link_vlan.c for VLANs.
 * Each function works in the network namespace its socket was opened in, so
 * nothing but link_open() ever changes namespace.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/netlink.h"
#include "../spec/cni.h"

/** Room for "02:42:ac:11:00:02". */
#define LINK_MAC_SIZE 18
/** The largest MTU that a configuration may ask for. */
#define LINK_MTU_MAX 65536

struct link_info {
        int index;
        unsigned int flags; /* IFF_UP, ... */
        int mtu;
        int master; /* index of the bridge it is a port of, or 0 */
        int other;  /* index of a pair's other end or of a macvlan's master, perhaps in another namespace; or 0 */
        int netns;  /* number of the namespace that other is in, see link_netns_number(); -1: this one, or not told */
        int queue;  /* the longest queue of packets to send */
        bool promiscuous;
        bool carrier;
        unsigned int mode;     /* of a macvlan: MACVLAN_MODE_BRIDGE, ... */
        bool without_ipv6;     /* IPv6 is switched off on it */
        bool makes_link_local; /* an address fe80::..., of its hardware address, as it comes up */
        bool filters_vlans;    /* a bridge that tells VLANs apart */
        bool floods;           /* a bridge that hands multicast to every port */
        char name[IFNAMSIZ];
        char alias[IFNAMSIZ]; /* cut to that length; "" for none */
        char kind[16];        /* "bridge", "veth", ..., "" for hardware and the loopback */
        char mac[LINK_MAC_SIZE];
};

/**
 * Opens a socket to rtnetlink.
 * @netns_fd: the network namespace to work in; -1: this process's own. The process is back in its own on return.
 */
int link_open(int netns_fd, struct netlink *out, struct error *err);

/** Opens this process's own network namespace. Returns an fd or a negative errno. */
int link_open_own_netns(struct error *err);

/** Runs `function` in the network namespace, for what goes by path (/proc/sys/net); returns what it returns. */
int link_inside(int netns_fd, int (*function)(void *context, struct error *err), void *context, struct error *err);

/** Finds a link by name. Returns 0, or -ENODEV when there is none. */
int link_find(struct netlink *netlink, const char *name, struct link_info *out, struct error *err);

int link_find_index(struct netlink *netlink, int index, struct link_info *out, struct error *err);

/** Called for each link; a negative errno ends the listing. */
typedef int (*link_handler)(const struct link_info *info, void *context);
int link_list(struct netlink *netlink, link_handler handler, void *context, struct error *err);

/** The number by which links here name another namespace that they lead to; -1: none does. */
int link_netns_number(struct netlink *netlink, int netns_fd);

/**
 * True where the other end of a link is in this process's own namespace, so that its index `other` counts here.
 * @netlink, @netns_fd: the link's namespace
 */
bool link_leads_here(struct netlink *netlink, int netns_fd, const struct link_info *link);

/** Reads "02:42:ac:11:00:02", "02-42-ac-11-00-02" or "0242.ac11.0002". Returns 0, or -EINVAL also for a group's. */
int link_mac_parse(const char *text, uint8_t out[6]);

/** Writes the first of these forms. */
void link_mac_text(const uint8_t bytes[6], char out[LINK_MAC_SIZE]);

/** A random, locally administered address, as text. */
void link_mac_random(char out[LINK_MAC_SIZE]);

struct link_bridge {
        const char *name;
        const char *mac; /* fixed, so that it does not follow the ports; NULL: the kernel's choice */
        int64_t mtu;     /* 0: the kernel's choice */
        bool vlans;      /* tell VLANs apart */
        bool floods;     /* multicast goes to every port, without a look at who joined which group */
};

/** Has a bridge that is there tell VLANs apart. */
int link_bridge_filter_vlans(struct netlink *netlink, const char *name, struct error *err);

/** Makes a bridge and sets it up. -EEXIST when the name is taken. */
int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err);

struct link_veth {
        const char *name; /* the end here ... */
        const char *mac;
        bool down;  /* ... which is not set up yet ... */
        int master; /* ... a port of this bridge; 0: of none */
        bool hairpin;
        bool isolated;
        bool locked;           /* takes packets only from addresses that link_neighbour_add() named */
        const char *peer_name; /* the end in the container ... */
        const char *peer_mac;
        int peer_netns; /* ... and its network namespace (an fd); -1: this one, too */
        int64_t mtu;    /* of both; 0: the kernel's choice */
};

/**
 * Makes a pair of virtual links, the end here up (unless `down`), the peer in the other namespace from the start.
 * -EEXIST when one of the names is taken.
 */
int link_veth_add(struct netlink *netlink, const struct link_veth *veth, struct error *err);

/** Makes the end here, made without a master, the port of veth->master that it would have been. */
int link_veth_join(struct netlink *netlink, const struct link_veth *veth, struct error *err);

/** Has a link that is up tell its neighbours of its addresses, if its setting arp_notify, or ndisc_notify, is on. */
int link_announce(struct netlink *netlink, int index, const char *mac, struct error *err);

struct link_macvlan {
        const char *name;
        const char *mac;          /* NULL: the kernel's choice */
        int master;               /* index of the link it hangs on, in the socket's namespace */
        uint32_t mode;            /* MACVLAN_MODE_BRIDGE, ... */
        uint32_t broadcast_queue; /* the most broadcasts that may wait; 0: the kernel's choice */
        int netns_fd;             /* where it is made; -1: the socket's namespace */
        int64_t mtu;              /* 0: the master's */
};

int link_macvlan_add(struct netlink *netlink, const struct link_macvlan *macvlan, struct error *err);

/** Makes an intermediate functional block link, on which incoming packets can be queued, and sets it up. */
int link_ifb_add(struct netlink *netlink, const char *name, int mtu, int queue, struct error *err);

/* What link_change() changes, all of it in one request. */
struct link_change {
        const char *mac;      /* NULL: as it is */
        const char *name;     /* NULL: as it is */
        const char *alias;    /* NULL: as it is; "": none */
        int64_t mtu;          /* 0: as it is */
        int64_t queue;        /* -1: as it is */
        int netns_fd;         /* the namespace it moves to; -1: where it is */
        unsigned int on, off; /* flags: IFF_UP, ... */
};

#define LINK_CHANGE_NONE                                                                                               \
        { .queue = -1, .netns_fd = -1 }

int link_change(struct netlink *netlink, int index, const struct link_change *change, struct error *err);

/** The index of a link, or -ENODEV: a quicker answer than link_find()'s. */
int link_index(struct netlink *netlink, const char *name, struct error *err);

/** Turns flags on: IFF_UP, IFF_PROMISC. */
int link_set_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err);

/**
 * A link that is not up yet will give itself no IPv6 address, thus join no groups and search no routers.
 * 0 also where the kernel has no IPv6.
 */
int link_quiet_ipv6(struct netlink *netlink, int index, struct error *err);

/**
 * Waits until packets pass the link, which must be up, as its other end must.
 * -ETIMEDOUT when they do not after some seconds.
 */
int link_await(struct netlink *netlink, const char *name, struct error *err);

/** Turns flags off. */
int link_clear_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err);

/** Deletes a link and, of a pair, its peer. Returns 1, 0 when there is none, or a negative errno. */
int link_delete(struct netlink *netlink, const char *name, struct error *err);

/**
 * As link_delete(), in this process's own namespace, but returns as soon as the link is gone there.
 * The kernel, which answers a request only after a grace period in which it frees what is no
 * longer seen, is left to that in a process of its own: it takes ten times as long.
 */
int link_delete_soon(struct netlink *netlink, const char *name, struct error *err);

enum link_how {
        LINK_DETECT_DUPLICATES = 1, /* of IPv6 addresses; without it they are usable at once */
        LINK_NO_PREFIX_ROUTE = 2,   /* neighbours in the addresses' networks are not on the link itself */
        LINK_ANNOUNCE = 4,          /* of IPv4 addresses to the neighbours, whenever the hardware address is set */
};

/**
 * Sets a link up and puts addresses and routes on it, in one batch.
 * @how: of enum link_how
 * Routes without a gateway go by the gateway of the first address of their
 * family, or else directly on the link.
 */
int link_configure(struct netlink *netlink, int index, const struct cni_result *result, unsigned int how,
                   struct error *err);

/** The link (its index) the default route goes by. -ENOENT when there is none. */
int link_of_default_route(struct netlink *netlink, int *index, struct error *err);

/** Adds one address. 0 when it is there already. */
int link_address_add(struct netlink *netlink, int index, const struct cni_address *address, struct error *err);
int link_address_delete(struct netlink *netlink, int index, const struct cni_address *address, struct error *err);

/** Waits until no address is tentative any more. -EADDRINUSE: another host has one. */
int link_settle(struct netlink *netlink, int index, int timeout_ms, struct error *err);

/**
 * Waits until a link has joined the multicast groups by which neighbours ask for its IPv6 addresses (RFC 4291, section
 * 2.7.1). The kernel does that in a worker, some time after it was given an address. -ETIMEDOUT
 */
int link_await_groups(struct netlink *netlink, int index, int timeout_ms, struct error *err);

/** Called for each address of a link. */
typedef int (*link_address_handler)(const struct cni_address *address, void *context);
int link_addresses(struct netlink *netlink, int index, link_address_handler handler, void *context, struct error *err);

/** -ENOENT, naming it, when an address or route of the result is not on the link. */
int link_check(struct netlink *netlink, int index, const struct cni_result *result, struct error *err);
