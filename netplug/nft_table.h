/*
 * nft_table.h: the table `inet netplug`: which sets, chains and rules it has,
 * the elements that are put into the sets, and the transaction all of it is
 * changed in. Used by nft*.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/netlink.h"
#include "../lib/str.h"
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
        NFT_SET_SAME, /* protocol . ports -> address, the port staying what it is */
        NFT_SET_SAME6,
        NFT_SET_SAME_AT, /* host address . protocol . ports -> address */
        NFT_SET_SAME_AT6,
        NFT_SET_MANY, /* as PORTS, of attachments that have many; made when there are some */
        NFT_SET_MANY6,
        NFT_SET_GATES, /* host addresses . protocol . ports -> jump to the chain with their conditions */
        NFT_SET_GATES6,
        NFT_SET_RETURNS, /* address of a publishing container -> jump to the chain that masquerades towards it */
        NFT_SET_RETURNS6,
        NFT_SET_FORWARD, /* link . address whose forwarding the host's chains accept */
        NFT_SET_FORWARD6,
        NFT_SET_PUBLISHERS, /* link . address that publishes ports to 127.0.0.1 */
        NFT_SET_WAITING,    /* ports that the container publishes in another network; made when there are some */
        NFT_SET_WAITING6,
        NFT_SET_OWNED,                    /* the sets before this one carry owners */
        NFT_SET_LOCALNET = NFT_SET_OWNED, /* links whose route_localnet is on */
        NFT_SET_ISOLATED,                 /* links that do not forward to each other */
        NFT_SET_TOGETHER,                 /* link . link: pairs that do */
        NFT_SET_COUNT,
};

/* The fewest ports of an attachment that go to NFT_SET_MANY, and the most elements it has. */
#define NFT_MANY_MIN 64
#define NFT_MANY_MAX 4096

/** The set's name in the kernel. */
const char *nft_set_name(enum nft_set set);
/** True for a map to chains. */
bool nft_set_has_verdicts(enum nft_set set);
/** True for a set that the table is made without. */
bool nft_set_is_optional(enum nft_set set);
/** True for the sets of ports that wait. */
bool nft_set_waits(enum nft_set set);

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
        struct nft_value key_last; /* of a range: its end, key being its beginning; else empty */
        struct nft_value data;     /* of a map */
        char chain[64];            /* of a verdict map: jump there; "" to go on */
        const char *comment;       /* NULL: none */
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

/** nft_port_element() backwards: the port that an element of one of the maps of ports publishes. */
void nft_port_of_element(enum nft_set set, const struct nft_element *element, struct nft_port *out);

/** A netlink handler that only wants to know whether there is an answer. */
int nft_ignore_message(struct nlmsghdr *header, void *context);

/** Stages the table with all its sets, chains and rules, unless it stands; fails if it stands without its rules. */
int nft_stage_table(struct nft_session *session, struct error *err);
/** -ENOENT, with a hint, if the table stands and somebody has emptied its chains. */
int nft_check_table(struct nft_session *session, struct error *err);
void nft_stage_delete_table(struct nft_session *session);
/** Stages one of the optional sets, and the rule that asks it, unless it stands. */
int nft_stage_optional_set(struct nft_session *session, enum nft_set set);

/* What is one attribute must stay below 32 KiB (nft_put()): elements go out in portions. */
#define NFT_ELEMENTS_A_MESSAGE 93

/** Stages elements, which must not be there yet. */
void nft_stage_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                        size_t count);
void nft_stage_delete_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                               size_t count);

/* nft_chain.c: chains beside those every table has; each function stages one unless it stands, and writes its name. */

/** The chain that masquerades what leaves `network` for elsewhere. */
int nft_stage_masquerade_chain(struct nft_session *session, const struct cni_address *network, char name[64]);
/** The chain that masquerades what comes from `network` itself or from the host's loopback. */
int nft_stage_return_chain(struct nft_session *session, const struct cni_address *network, char name[64]);
/** The chain that ends the search for a published port unless all conditions are met. */
int nft_stage_gate_chain(struct nft_session *session, const struct nft_conditions *conditions, char name[64]);
/**
 * The chains that drop what is forwarded between links that are isolated, and not together. They are there only while
 * some are: every forwarded packet passes them.
 */
int nft_stage_isolation_chains(struct nft_session *session);
void nft_stage_delete_isolation_chains(struct nft_session *session);
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

/* What the stages work on. */
struct nft_addresses {
        const struct nft_owner *owner;
        const struct cni_address *items;
        size_t count;
};

struct nft_forwarding {
        const struct nft_owner *owner;
        const struct nft_forward *forward;
};

struct nft_publishing {
        const struct nft_owner *owner;
        const struct nft_publish *publish;
        bool many_is_full; /* NFT_SET_MANY has no room for them */
};

/** The set of a pair that is for the address's family; `set` is the one for IPv4. */
enum nft_set nft_set_of_family(enum nft_set set, const struct cni_address *address);

/** An element handler that copies the element to `context`; its comment does not outlive the call. */
int nft_note_element(const struct nft_element *element, void *context);

/**
 * Stages one element. An address is one attachment's at a time, so an element
 * that is there already was left by an attachment that is gone: it is replaced.
 */
int nft_stage_replacing(struct nft_session *session, enum nft_set set, const struct nft_element *element);
/** Stages an element of a set that names links: one is enough for all attachments. */
int nft_stage_once(struct nft_session *session, enum nft_set set, const struct nft_element *element);
/** Stages the removal of an element if it is there. */
int nft_stage_removed(struct nft_session *session, enum nft_set set, const struct nft_element *element);

/** Reports a failed read; -EINTR and -ERESTART pass unreported, for the next attempt. Returns r. */
int nft_kernel_error(int r, struct error *err);

/**
 * The element that leads a published port to the container.
 * @container: of the family that is published in
 * @element: its key and data are filled
 * Returns the set it belongs into; NFT_SET_COUNT when the port is not published in this family.
 */
enum nft_set nft_port_element(const struct nft_port *port, const struct cni_address *container,
                              struct nft_element *element);

/**
 * The element of the gates for a port: one that is published everywhere stands there with all addresses.
 * @container: of the family that is published in
 * @element: its keys are filled
 */
void nft_gate_element(const struct nft_port *port, const struct cni_address *container, struct nft_element *element);

/*
 * nft_waiting.c: ports of a container that is in several networks. The attachment that came first publishes them, the
 * others wait for its end.
 */

/** The element by which a port waits; its keys are filled. @container: of the family that is published in */
void nft_waiting_element(const struct nft_port *port, const struct cni_address *container, struct nft_element *element);

struct nft_waiting {
        struct nft_element element; /* without its comment */
        char comment[NFT_COMMENT_SIZE];
};

struct nft_owner_texts;

struct nft_waiters {
        struct nft_waiting *items;
        size_t count;
};

/** Adds a copy of the element. Release with nft_waiters_free(). */
void nft_waiters_add(struct nft_waiters *waiters, const struct nft_element *element);
void nft_waiters_free(struct nft_waiters *waiters);

/**
 * Stages what is published instead of ports that are not any more.
 * @waiters: all that wait in one family
 * @family: AF_INET or AF_INET6
 * @freed: ports that the same transaction takes out, of that family
 * @gone: the owner that they are taken from
 */
int nft_stage_successors(struct nft_session *session, const struct nft_waiters *waiters, int family,
                         const struct nft_port *freed, size_t freed_count, const struct nft_owner_texts *gone);

/* nft_rule.c: the rule under construction. */

struct nft_rule {
        struct nl_msg *message;
        struct nlattr *expressions;
};

struct nft_rule nft_rule_begin(const char *chain);
void nft_rule_end(struct nft_session *session, struct nft_rule *rule);

/* Where a family keeps its addresses in the packet. */
struct nft_family {
        uint8_t protocol;
        int offset; /* to be added to an IPv4 set */
        uint32_t size;
        uint32_t source;
        uint32_t destination;
        unsigned char loopback[16]; /* the loopback network ... */
        unsigned char mask[16];     /* ... and its mask */
        unsigned char multicast;    /* first byte of multicast addresses ... */
        unsigned char multicast_mask;
};

/** IPv4, then IPv6. */
extern const struct nft_family nft_families[2];

const struct nft_family *nft_family_of(const struct cni_address *address);

/* The low registers are free at each load: a rule loads what it compares just before it. */
void nft_match_family(struct nl_msg *message, const struct nft_family *family);
void nft_load_source(struct nl_msg *message, const struct nft_family *family, uint32_t reg);
void nft_load_destination(struct nl_msg *message, const struct nft_family *family, uint32_t reg);
/** Compares the address in the first register with a network. */
void nft_match_network(struct nl_msg *message, const struct nft_family *family, enum nft_cmp_ops op,
                       const struct cni_address *network);

/** A chain: type NULL for one that is not hooked. */
struct nft_chain {
        const char *name;
        const char *type;
        uint32_t hook;
        int32_t priority;
};

void nft_stage_chain(struct nft_session *session, const struct nft_chain *chain);

/* nft_owner.c */

/** "NETWORK CONTAINER IFNAME"; without a container id the network alone. */
void nft_owner_comment(const char *network, const char *container_id, const char *ifname,
                       char comment[NFT_COMMENT_SIZE]);
/** True if the element with that comment is of an attachment of the container, in whatever network. */
bool nft_owner_is_container(const char *comment, const char *container_id);

/* The comments of an owner's elements, worked out once for all that they are compared with. */
struct nft_owner_texts {
        bool whole; /* `own` is all of the comment; else, for GC, what it begins with */
        char own[NFT_COMMENT_SIZE];
        struct str_list valid; /* GC: comments of those that stay, sorted */
};

/** Release with nft_owner_texts_free(). */
void nft_owner_texts_make(const struct nft_owner *owner, struct nft_owner_texts *out);
void nft_owner_texts_free(struct nft_owner_texts *texts);
/** True if the comment tells that the element belongs to what the owner describes. */
bool nft_owner_texts_have(const struct nft_owner_texts *texts, const char *comment);

/* nft_host.c: chains of the host's own that drop forwarded packets. */

/**
 * Stages accepts for the pass in every such chain that has none yet.
 * @admin_chain: of a table of iptables whose FORWARD drops; made there, its rules come before the accepts
 */
int nft_host_accept(struct nft_session *session, const struct nft_pass *pass, const char *admin_chain);
/** Stages the removal of those of the passes of these names; NULL: of all. */
int nft_host_forget(struct nft_session *session, const struct str_list *names);
/** Returns 1 if a chain of the host drops and has no accept for the pass, 0 if not, or a negative errno. */
int nft_host_lacks(struct nft_session *session, const struct nft_pass *pass, const char *admin_chain);

/** The name of the pass that an element of the forward sets is for. */
void nft_pass_of_element(enum nft_set set, const struct nft_element *element, char name[64]);
