/*
 * attach.h: what plugins that give a container a link have in common: names
 * and hardware addresses, the container's side of the link, masquerade by the
 * result's addresses, and taking all of it back.
 */
#pragma once

#include <net/if.h>

#include "../lib/str.h"
#include "link.h"
#include "nft.h"
#include "plugin.h"

/** True for a name the kernel takes for a link. */
bool attach_link_name_is_valid(const char *name);

/* What a link of ours is. */
enum attach_kind {
        ATTACH_PAIR,    /* the host's end of a pair */
        ATTACH_QUEUE,   /* an ifb, for rates */
        ATTACH_GATEWAY, /* the port of a VLAN's gateway: of a bridge and a VLAN, not of an attachment */
        ATTACH_MACVLAN, /* a macvlan that has not got its own name yet */
};

/**
 * The name of a link of an attachment. It follows from the attachment, so that
 * DEL finds it without the container's namespace, and GC tells a network's links
 * from others'.
 */
void attach_link_name(enum attach_kind kind, const char *network, const char *container_id, const char *ifname,
                      char out[IFNAMSIZ]);

/**
 * True for the host's end of a pair of ours that is another attachment's: the container's link may be that of another
 * network, which had its name first.
 */
bool attach_is_of_another(const struct plugin_call *call, const char *link);

/** As many characters of a pair's name are the network's, the same for all its attachments. */
int attach_network_prefix(void);

/**
 * The hardware address asked for by runtimeConfig.mac, args.cni.mac or CNI_ARGS MAC.
 * @configured: what counts without these; may be NULL
 * @out: "" for none
 */
int attach_requested_mac(struct plugin_call *call, const char *configured, char out[LINK_MAC_SIZE], struct error *err);

/** Fails unless the call has the result of a plugin before this one in the chain. */
int attach_require_previous(struct plugin_call *call, struct error *err);

/**
 * The container's hardware address: `requested`, or else made from its first IP
 * address, so that neighbours who remember a former holder of the address are right.
 */
void attach_mac(const char *requested, const struct cni_result *result, char out[LINK_MAC_SIZE]);

/** Opens rtnetlink here and in the container; fails when the container has a link of the name already. */
int attach_open(struct plugin_call *call, struct netlink *host, struct netlink *container, struct error *err);

/**
 * Readies a link of the host that was just made. Neighbours must not steer the
 * host's routes (CVE-2020-10749). And as nobody else can have its addresses, they
 * need not be tried first: until then IPv6 packets would not be forwarded to it.
 */
int attach_harden(const char *link, struct error *err);
/** The same for a link that gets no IPv6 address, as a bridge's port: IPv6 is switched off on it. */
int attach_harden_port(const char *link, struct error *err);

/** ADD's first half: asks the IPAM plugin, if one is configured, which then has to give an address. */
int attach_addresses_from_ipam(struct plugin_call *call, struct cni_result *result, struct error *err);

/** The configuration's own `dns` replaces that of the IPAM plugin. */
int attach_dns(struct plugin_call *call, struct cni_result *result, struct error *err);

/** Appends a link to the result. @sandbox: the namespace it is in; NULL: the host's */
void attach_put_interface(struct plugin_call *call, struct cni_result *result, const struct link_info *link,
                          const char *sandbox);

/* How the container's link deals with IPv6, beside what every link does. */
enum attach_inside {
        ATTACH_TRY_ADDRESSES = 1, /* addresses are tried before they are used */
        ATTACH_ANNOUNCE = 2,      /* neighbours are told when the hardware address or the state changes */
        ATTACH_REPORT_ONCE = 4,   /* groups are reported as they are joined, not again later (where that can be set) */
};

/**
 * Readies the container's link for the IPv6 addresses of the result, if it has any: IPv6 is switched on where the
 * container has it off.
 * @link: as link_find() found it
 * @how: of enum attach_inside
 */
int attach_prepare_ipv6(int netns_fd, const struct link_info *link, const struct cni_result *result, unsigned int how,
                        struct error *err);

/** True if the result has IPv6 addresses. */
bool attach_has_ipv6(const struct cni_result *result);

/* How long addresses may be tried: as the reference plugins have it. */
#define ATTACH_SETTLE_MS 10000

/**
 * ADD's last half where the container's link is the only one: sets it up as the result says, and completes that.
 * Hosts that we know nothing of are on that network, too: IPv6 addresses are tried first, and ADD waits for that
 * unless the link has no carrier yet.
 * @announce: tell the neighbours where the addresses are now
 */
int attach_configure(struct plugin_call *call, struct netlink *container, struct cni_result *result, bool announce,
                     struct error *err);

/** The n-th interface of a result that is on the host, or NULL. */
const struct cni_interface *attach_host_interface(const struct cni_result *result, size_t n);

/**
 * The host's link that packets to and from the container are forwarded by, or NULL: the bridge,
 * the gateway of a VLAN on it (BRIDGE.ID), or else the first one that is on the host.
 */
const char *attach_forward_link(const struct cni_result *result);

/** The addresses of the container's link in a result, in the call's arena; all of them where none names an interface.
 */
struct cni_address *attach_addresses(struct plugin_call *call, const struct cni_result *result, size_t *count);

/** Whose rules these are: the attachment, or for GC the network's attachments that are not valid. */
struct nft_owner attach_owner(const struct plugin_call *call);

/**
 * The options `ipMasq` and `ipMasqBackend`. What we write is nf_tables; a configuration made for another way to write
 * rules means the same.
 */
int attach_wants_masquerade(struct plugin_call *call, bool *out, struct error *err);

int attach_masquerade(struct plugin_call *call, const struct cni_result *result, struct error *err);
int attach_unmasquerade(struct plugin_call *call, struct error *err);
int attach_check_masquerade(struct plugin_call *call, struct error *err);

/** Fails when a link has another hardware address than prevResult says. */
int attach_check_mac(const struct cni_interface *expected, const struct link_info *link, struct error *err);

/** Compares the container's link with prevResult. @kind: "veth", ..., NULL: any */
int attach_check_container(struct plugin_call *call, const char *kind, struct error *err);

/** Deletes the pair from whichever side it is found. 0 when it is gone. */
int attach_remove_link(struct plugin_call *call, struct error *err);

/**
 * Deletes the container's link by its name in there, if it is of the kind and not known to be another attachment's.
 * 0 when it or the namespace is gone.
 */
int attach_remove_inside(struct plugin_call *call, const char *kind, struct error *err);

/** GC: the names of links of the network on the host whose attachment is not valid. @kind: ATTACH_PAIR or ATTACH_QUEUE
 */
int attach_stale_links(struct plugin_call *call, enum attach_kind kind, struct netlink *host, struct str_list *out,
                       struct error *err);

/** GC: deletes links of the network on the host whose attachment is not valid. @kind as above */
int attach_collect_links(struct plugin_call *call, enum attach_kind kind, struct error *err);

/**
 * The next step of a DEL or GC, which is taken whatever became of those before. Of several failures the first one is
 * told, with its CNI error code.
 * @before: what the steps before returned
 * Returns the first failure, or what the step returned.
 */
int attach_go_on(struct plugin_call *call, int before, int (*step)(struct plugin_call *call, struct error *err),
                 struct error *err);

/* What DEL, STATUS and GC are to a plugin that makes pairs. */
int attach_detach(struct plugin_call *call, struct error *err);
int attach_status(struct plugin_call *call, bool masquerade, struct error *err);
int attach_collect(struct plugin_call *call, struct error *err);
