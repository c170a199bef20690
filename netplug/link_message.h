/*
 * link_message.h: what the files that talk rtnetlink (link*.c) share: messages
 * about links, and their attributes.
 *
 * They are put together here, with libnl-3 alone: libnl-route's objects take 2 to
 * 10 % of an ADD and DEL with bridge, and it knows no isolated or locked ports.
 */
#pragma once

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;
struct nlattr;

/**
 * A message that makes or changes a link, without attributes yet.
 * @index: of the link; 0: IFLA_IFNAME, to be put by the caller, names it
 * @on, @off: flags (IFF_UP, ...) to turn on and off
 */
struct nl_msg *link_change_message(int index, unsigned int on, unsigned int off);

/** The same for a link that must not be there yet. */
struct nl_msg *link_new_message(const char *name, unsigned int on);

/*
 * Attributes, whose memory never fails: the message is made large enough. A
 * value that does not fit is a fault of this program, and ends it.
 */
void link_put(struct nl_msg *message, int type, const void *data, size_t size);
/** Bytes without an attribute of their own. */
void link_put_raw(struct nl_msg *message, const void *data, size_t size);
void link_put_u32(struct nl_msg *message, int type, uint32_t value);
void link_put_text(struct nl_msg *message, int type, const char *text);
struct nlattr *link_nest(struct nl_msg *message, int type) __attribute__((returns_nonnull));
