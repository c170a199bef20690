/*
 * nft.h: the firewall rules of netplug. All of them are in one nftables table,
 * `inet netplug`, except the accepts that chains of the host need which would
 * drop forwarded packets. Every function is one transaction, repeated when
 * somebody else changed the rules meanwhile.
 *
 * What an attachment owns are set and map elements that carry its owner as
 * comment; no element, no rule: the last one takes the table with it.
 *
 * The messages to nf_tables are our own, over libnl-3. libnftables takes rules as
 * text, to be parsed and compiled each time, and lists the host's tables, chains
 * and sets first: for the same transaction it needs twice the time and three times the
 * memory (docs/performance.md), and has to be loaded, there being no static one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "../lib/str.h"
#include "../spec/cni.h"

/* Whose rules: one attachment, or for GC all of a network's attachments but the valid ones. */
struct nft_owner {
        const char *network;
        const char *container_id; /* NULL: GC */
        const char *ifname;
        const struct cni_attachment *valid; /* GC: attachments that stay */
        size_t valid_count;
};

/* A published port, or a range of ports that lead to those of the same numbers. */
struct nft_port {
        uint8_t protocol; /* IPPROTO_TCP, ... */
        uint16_t host_port;
        uint16_t last_port;              /* of a range of the host's ports; 0: host_port alone */
        uint16_t container_port;         /* 0, for a range: the port of the same number */
        struct cni_address host_address; /* family 0: every address of the host */
};

/** "tcp", "udp" or "sctp". */
const char *nft_protocol_name(uint8_t protocol);

/** The last port of the range; the port itself when it is none. */
uint16_t nft_port_last(const struct nft_port *port);

/** True for a host address that stands for all of them. */
bool nft_port_is_anywhere(const struct cni_address *host_address);

/* What a packet must be like for a published port to take it. */
struct nft_condition {
        enum { NFT_SOURCE, NFT_DESTINATION, NFT_INPUT_LINK, NFT_OUTPUT_LINK } kind;
        bool negated;
        struct cni_address network; /* of the first two */
        char link[16];              /* of the others; a "+" at its end stands for any end */
};

struct nft_conditions {
        const struct nft_condition *items;
        size_t count;
};

struct nft_publish {
        const struct nft_port *ports;
        size_t port_count;
        const struct cni_address *addresses; /* of the container, with prefix; the first of a family is used */
        size_t address_count;
        struct nft_conditions conditions[2]; /* by family, IPv4 first */
        const char *link;                    /* the host's link towards the container; NULL: not known */
        bool snat;                           /* masquerade where a reply would not come back through the host */
        bool masquerade_all;                 /* masquerade everything that comes through a published port */
};

/** The container's address of a family, or NULL. */
const struct cni_address *nft_address_of_family(const struct nft_publish *publish, int family);

/* Parts of the rules, for release and check. */
enum nft_part { NFT_PART_MASQUERADE = 1, NFT_PART_PUBLISH = 2, NFT_PART_FORWARD = 4 };

enum nft_isolation {
        NFT_OPEN,        /* no rule between links */
        NFT_SAME_BRIDGE, /* not between two links of this kind */
        NFT_ISOLATED,    /* nor within one */
};

/** Masquerades what leaves each address for anywhere outside its own network (and is no multicast). */
int nft_masquerade_add(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                       struct error *err);

/**
 * Publishes ports. Returns 0 or a negative errno: -EADDRINUSE when a port is another attachment's.
 * The caller sets route_localnet on the link when snat is wanted and an IPv4 port is published.
 */
int nft_publish_add(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err);

/* What is forwarded for an attachment. */
struct nft_forward {
        const char *link; /* the bridge, or the host's end of the pair; NULL: the result names none */
        const struct cni_address *addresses;
        size_t count;
        enum nft_isolation isolation;
        const char *admin_chain; /* a chain of iptables whose rules are the host's owner's, and come before ours */
};

/** Lets the host's own forward chains pass what the link and the addresses behind it send and are answered. */
int nft_forward_add(const struct nft_owner *owner, const struct nft_forward *forward, struct error *err);

/* What a chain of the host lets pass. */
struct nft_pass {
        const char *link;                  /* NULL: it goes by address */
        const struct cni_address *address; /* else NULL */
        char name[64];                     /* in comments */
};

/** The n-th pass of a forwarding: that of the link, or where there is none, of each address. False: no more. */
bool nft_forward_pass(const struct nft_forward *forward, size_t n, struct nft_pass *out);

/** The names of all passes there should be. */
int nft_forward_pass_names(struct str_list *out, struct error *err);

/** Sets a link's route_localnet, or takes it back where nobody publishes ports any more. */
typedef void (*nft_localnet_switch)(const char *link, bool on);

/* What was more than rules, of what a release took out. Release with nft_released_free(). */
struct nft_released {
        nft_localnet_switch localnet; /* the caller's, asked before the rules go; may be NULL */
        struct nft_port *ports;       /* that are published no more */
        size_t port_count;
};
void nft_released_free(struct nft_released *released);

/**
 * Takes out everything the owner has in the given parts. Nothing there is success.
 * @parts: of enum nft_part
 * @released: empty before but for `localnet`, filled; may be NULL
 */
int nft_release(const struct nft_owner *owner, unsigned int parts, struct nft_released *released, struct error *err);

/**
 * Checks that everything an ADD would have made is there.
 * Returns 0, or -ENOENT naming what is missing.
 */
int nft_masquerade_check(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                         struct error *err);
int nft_publish_check(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err);
int nft_forward_check(const struct nft_owner *owner, const struct nft_forward *forward, struct error *err);

/* One thing the rules hold for an attachment. */
struct nft_fact {
        enum { NFT_MASQUERADED, NFT_PUBLISHED, NFT_FORWARDED } kind;
        const char *network; /* names too long for a comment are shortened */
        const char *container_id;
        const char *ifname;
        struct cni_address address; /* of the container */
        struct nft_port port;       /* published; container_port is always filled */
        const char *link;           /* forwarded; "" where it goes by address */
};

/** Called for each fact; a negative errno ends the listing. */
typedef int (*nft_fact_handler)(const struct nft_fact *fact, void *context);

/** Lists what the rules hold for everybody. -EPERM for those who may not look. */
int nft_list(nft_fact_handler handler, void *context, struct error *err);

/** STATUS: 0 if the kernel speaks nf_tables and we may. */
int nft_available(struct error *err);
