/*
 * link.h: network links, addresses and routes: the only room that talks
 * rtnetlink. Each function works in the network namespace its socket was opened
 * in, so nothing but link_open() ever changes namespace.
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

struct link_info {
        int index;
        unsigned int flags; /* IFF_UP, ... */
        int mtu;
        int master; /* index of the bridge it is a port of, or 0 */
        char name[IFNAMSIZ];
        char kind[16]; /* "bridge", "veth", ..., "" for hardware and the loopback */
        char mac[LINK_MAC_SIZE];
};

/**
 * Opens a socket to rtnetlink.
 * @netns_fd: the network namespace to work in; -1: this process's own. The process is back in its own on return.
 */
int link_open(int netns_fd, struct netlink *out, struct error *err);

/** Runs `function` in the network namespace, for what goes by path (/proc/sys/net); returns what it returns. */
int link_inside(int netns_fd, int (*function)(void *context, struct error *err), void *context, struct error *err);

/** Finds a link by name. Returns 0, or -ENODEV when there is none. */
int link_find(struct netlink *netlink, const char *name, struct link_info *out, struct error *err);

/** Called for each link; a negative errno ends the listing. */
typedef int (*link_handler)(const struct link_info *info, void *context);
int link_list(struct netlink *netlink, link_handler handler, void *context, struct error *err);

/** Reads "02:42:ac:11:00:02". Returns 0 or -EINVAL. */
int link_mac_parse(const char *text, uint8_t out[6]);

/** A random, locally administered address, as text. */
void link_mac_random(char out[LINK_MAC_SIZE]);

struct link_bridge {
        const char *name;
        const char *mac; /* fixed, so that it does not follow the ports; NULL: the kernel's choice */
        int64_t mtu;     /* 0: the kernel's choice */
};

/** Makes a bridge and sets it up. -EEXIST when the name is taken. */
int link_bridge_add(struct netlink *netlink, const struct link_bridge *bridge, struct error *err);

struct link_veth {
        const char *name; /* the end here ... */
        const char *mac;
        int master; /* ... a port of this bridge; 0: of none */
        bool hairpin;
        bool isolated;
        const char *peer_name; /* the end in the container ... */
        const char *peer_mac;
        int peer_netns; /* ... and its network namespace (an fd) */
        int64_t mtu;    /* of both; 0: the kernel's choice */
};

/**
 * Makes a pair of virtual links, the end here up, the peer in the other namespace from the start.
 * -EEXIST when one of the names is taken.
 */
int link_veth_add(struct netlink *netlink, const struct link_veth *veth, struct error *err);

/** Turns flags on: IFF_UP, IFF_PROMISC. */
int link_set_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err);
/** Turns flags off. */
int link_clear_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err);

/** Deletes a link and, of a pair, its peer. Returns 1, 0 when there is none, or a negative errno. */
int link_delete(struct netlink *netlink, const char *name, struct error *err);

/**
 * Sets a link up and puts addresses and routes on it, in one batch. IPv6 addresses are usable
 * at once (no duplicate address detection: the IPAM plugin sees to that).
 * Routes without a gateway go by the gateway of the first address of their
 * family, or else directly on the link.
 */
int link_configure(struct netlink *netlink, int index, const struct cni_result *result, struct error *err);

/** Adds one address. 0 when it is there already. */
int link_address_add(struct netlink *netlink, int index, const struct cni_address *address, struct error *err);
int link_address_delete(struct netlink *netlink, int index, const struct cni_address *address, struct error *err);

/** Called for each address of a link. */
typedef int (*link_address_handler)(const struct cni_address *address, void *context);
int link_addresses(struct netlink *netlink, int index, link_address_handler handler, void *context, struct error *err);

/** -ENOENT, naming it, when an address or route of the result is not on the link. */
int link_check(struct netlink *netlink, int index, const struct cni_result *result, struct error *err);
