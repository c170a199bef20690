/*
 * nft_table.h: the table `inet netplug`: which sets, chains and rules it has,
 * the elements that are put into the sets, and the transaction all of it is
 * changed in. Used by nft.c and nft_host.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/netlink.h"
#include "../spec/cni.h"
#include "nft.h"
#include "nft_message.h"

#define NFT_TABLE "netplug"
#define NFT_COMMENT_SIZE 128

/* Sets come in pairs, IPv4 then IPv6, so that a family is an offset. */
enum nft_set {
        NFT_SET_MASQUERADE, /* address -> jump to its network's masquerade chain */
        NFT_SET_MASQUERADE6,
        NFT_SET_PORTS, /* protocol . port -> address . port */
        NFT_SET_PORTS6,
        NFT_SET_PORTS_AT, /* host address . protocol . port -> address . port */
        NFT_SET_PORTS_AT6,
        NFT_SET_RETURNS, /* address of a publishing container -> jump to the chain that masquerades towards it */
        NFT_SET_RETURNS6,
        NFT_SET_FORWARD, /* link . address whose forwarding the host's chains accept */
        NFT_SET_FORWARD6,
        NFT_SET_PUBLISHERS,               /* link . address that publishes ports to 127.0.0.1 */
        NFT_SET_OWNED,                    /* the sets before this one carry owners */
        NFT_SET_LOCALNET = NFT_SET_OWNED, /* links whose route_localnet is on */
        NFT_SET_ISOLATED,                 /* links that do not forward to each other */
        NFT_SET_TOGETHER,                 /* link . link: pairs that do */
        NFT_SET_COUNT,
};

/** The set's name in the kernel. */
const char *nft_set_name(enum nft_set set);
/** True for a map from addresses to chains. */
bool nft_set_has_verdicts(enum nft_set set);

/* A value of one or more fields, each padded to 4 bytes as concatenations are. */
struct nft_value {
        unsigned char bytes[48];
        size_t size;
};

void nft_value_add(struct nft_value *value, const void *data, size_t size);
void nft_value_add_link(struct nft_value *value, const char *link);
void nft_value_add_address(struct nft_value *value, const struct cni_address *address);

struct nft_element {
        struct nft_value key;
        struct nft_value data; /* of a map */
        char chain[64];        /* of a verdict map: jump there; "" for none */
        const char *comment;   /* NULL: none */
};

/* One attempt at a transaction. */
struct nft_session {
        struct netlink netlink;
        struct netlink_batch batch;
        uint32_t generation;
        bool has_table; /* our table stood when the attempt began */
};

/** What an attempt does: reads what it needs and stages messages. -EINTR: try again. */
typedef int (*nft_stage)(struct nft_session *session, void *context, struct error *err);

/** Runs `stage` and sends what it staged, again and again while somebody else changes the rules in between. */
int nft_transact(nft_stage stage, void *context, struct error *err);

/** Only reads: as nft_transact() with nothing sent. */
int nft_inspect(nft_stage stage, void *context, struct error *err);

/** Stages the table with all its sets, chains and rules, unless it stands. */
void nft_stage_table(struct nft_session *session);
void nft_stage_delete_table(struct nft_session *session);

/** Stages elements, which must not be there yet. */
void nft_stage_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                        size_t count);
void nft_stage_delete_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                               size_t count);

/** Stages the chain that masquerades what leaves `network` for elsewhere, unless it stands; writes its name. */
int nft_stage_masquerade_chain(struct nft_session *session, const struct cni_address *network, char name[64]);
/** Stages the chain that masquerades what comes from `network` itself or from the host's loopback. */
int nft_stage_return_chain(struct nft_session *session, const struct cni_address *network, char name[64]);
void nft_stage_delete_chain(struct nft_session *session, const char *name);
/** The chain that masquerades everything. */
#define NFT_CHAIN_MASQUERADE_ALL "masquerade_all"

/** Called for each element of a set; the element is the callee's to read only. */
typedef int (*nft_element_handler)(const struct nft_element *element, void *context);

/** Reads all elements of a set (none while there is no table). */
int nft_read_elements(struct nft_session *session, enum nft_set set, nft_element_handler handler, void *context);

/** Reads one element by key. Returns 1 and calls the handler, 0 when it is not there, or a negative errno. */
int nft_find_element(struct nft_session *session, enum nft_set set, const struct nft_value *key,
                     nft_element_handler handler, void *context);

/* What the stages of nft.c and nft_check.c work on. */
struct nft_addresses {
        const struct nft_owner *owner;
        const struct cni_address *items;
        size_t count;
        const char *link;
        enum nft_isolation isolation;
};

struct nft_publishing {
        const struct nft_owner *owner;
        const struct nft_publish *publish;
};

/** The set of a pair that is for the address's family; `set` is the one for IPv4. */
enum nft_set nft_set_of_family(enum nft_set set, const struct cni_address *address);

/** An element handler that copies the element to `context`; its comment does not outlive the call. */
int nft_note_element(const struct nft_element *element, void *context);

/** Reports a failed read; -EINTR and -ERESTART pass unreported, for the next attempt. Returns r. */
int nft_kernel_error(int r, struct error *err);

/** The container's address of a family, or NULL. */
const struct cni_address *nft_address_of_family(const struct nft_publish *publish, int family);
const char *nft_protocol_name(uint8_t protocol);
/** True if the port is published at every address. */
bool nft_port_is_anywhere(const struct cni_address *host_address);
/** The port's key in the maps; with `at_address` in the ports_at maps. */
void nft_port_key(const struct nft_port *port, bool at_address, struct nft_value *key);

/* nft_owner.c */

/** "NETWORK CONTAINER IFNAME"; without a container id the network alone. */
void nft_owner_comment(const char *network, const char *container_id, const char *ifname,
                       char comment[NFT_COMMENT_SIZE]);
/** True if the comment tells that the element belongs to what `owner` describes. */
bool nft_owner_has(const struct nft_owner *owner, const char *comment);

/* nft_host.c: chains of the host's own that drop forwarded packets. */

/** Stages accepts for the link in every such chain that has none yet. */
int nft_host_accept(struct nft_session *session, const char *link);
/** Stages their removal. */
int nft_host_forget(struct nft_session *session, const char *link);
/** Returns 1 if a chain of the host drops and has no accept for the link, 0 if not, or a negative errno. */
int nft_host_lacks(struct nft_session *session, const char *link);
