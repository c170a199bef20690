/*
 * attach.h: what plugins that give a container a link have in common: names
 * and hardware addresses, the container's side of the link, masquerade by the
 * result's addresses, and taking all of it back.
 */
#pragma once

#include <net/if.h>

#include "link.h"
#include "nft.h"
#include "plugin.h"

/** True for a name the kernel takes for a link. */
bool attach_link_name_is_valid(const char *name);

/**
 * The name of the host's end of a container's link. It follows from the
 * attachment, so that DEL finds it without the container's namespace, and GC
 * tells a network's links from others'.
 */
void attach_host_link(const char *network, const char *container_id, const char *ifname, char out[IFNAMSIZ]);

/** The hardware address asked for by CNI_ARGS MAC, args.cni.mac or runtimeConfig.mac; "" for none. */
int attach_requested_mac(struct plugin_call *call, char out[LINK_MAC_SIZE], struct error *err);

/**
 * The container's hardware address: `requested`, or else made from its first IP
 * address, so that neighbours who remember a former holder of the address are right.
 */
void attach_mac(const char *requested, const struct cni_result *result, char out[LINK_MAC_SIZE]);

/** Opens rtnetlink here and in the container; fails when the container has a link of the name already. */
int attach_open(struct plugin_call *call, struct netlink *host, struct netlink *container, struct error *err);

/** Switches IPv6 on for the container's link where the result has IPv6 addresses and the container has it off. */
int attach_prepare_ipv6(int netns_fd, const char *ifname, const struct cni_result *result, struct error *err);

/** The n-th interface of a result that is on the host, or NULL. */
const struct cni_interface *attach_host_interface(const struct cni_result *result, size_t n);

/** The addresses of the container's link in a result, in the call's arena; all of them where none names an interface.
 */
struct cni_address *attach_addresses(struct plugin_call *call, const struct cni_result *result, size_t *count);

/** Whose rules these are: the attachment, or for GC the network's attachments that are not valid. */
struct nft_owner attach_owner(const struct plugin_call *call);

int attach_masquerade(struct plugin_call *call, const struct cni_result *result, struct error *err);
int attach_unmasquerade(struct plugin_call *call, struct error *err);
int attach_check_masquerade(struct plugin_call *call, struct error *err);

/** Compares the container's link with prevResult. */
int attach_check_container(struct plugin_call *call, struct error *err);

/** Deletes the link from whichever side it is found. 0 when it is gone. */
int attach_remove_link(struct plugin_call *call, struct error *err);

/** GC: deletes host links of the network whose attachment is not valid. */
int attach_collect_links(struct plugin_call *call, struct error *err);
