/*
 * link_message.h: what the files that talk rtnetlink (link*.c) share: messages
 * built with libnl-route, and attributes it has no function for.
 */
#pragma once

#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/route/link.h>
#include <stdint.h>

#include "../lib/cleanup.h"

struct nl_msg;

DEFINE_CLEANUP(put_link, struct rtnl_link *, rtnl_link_put);
DEFINE_CLEANUP(put_bytes, struct nl_addr *, nl_addr_put);

/** What libnl made. Its constructors fail only without memory: as in memory.c, nothing sensible is left to do then. */
void *link_sure(void *made) __attribute__((returns_nonnull));

/** The message that makes or changes a link. @flags: NLM_F_CREATE, ... */
struct nl_msg *link_add_request(struct rtnl_link *link, int flags);

/**
 * A message that changes a link, without attributes yet.
 * @index: of the link; 0: IFLA_IFNAME, to be put by the caller, names it
 * @on, @off: flags (IFF_UP, ...) to turn on and off
 */
struct nl_msg *link_change_message(int index, unsigned int on, unsigned int off);

/*
 * Attributes, whose memory never fails: the message is made large enough. A
 * value that does not fit is a fault of this program, and ends it.
 */
void link_put(struct nl_msg *message, int type, const void *data, size_t size);
void link_put_u32(struct nl_msg *message, int type, uint32_t value);
void link_put_text(struct nl_msg *message, int type, const char *text);
struct nlattr *link_nest(struct nl_msg *message, int type) __attribute__((returns_nonnull));
