/*
 * netlink.h: the transport under rtnetlink and nfnetlink: a socket, requests
 * with one answer, dumps, and batches of messages sent in one system call.
 * Messages are built with libnl (nlmsg_*, nla_*, rtnl_*_build_*_request), or, in a
 * program that libnl's start-up would slow down, with netlink_begin() and netlink_put().
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"
#include "str.h"

struct nl_msg;

struct netlink {
        int fd; /* -1: closed */
        uint32_t sequence;
};

#define NETLINK_CLOSED                                                                                                 \
        (struct netlink) {                                                                                             \
                .fd = -1                                                                                               \
        }

/** Opens a socket of the protocol (NETLINK_ROUTE, NETLINK_NETFILTER); it stays in the network namespace it is opened
 * in. */
int netlink_open(int protocol, struct netlink *out, struct error *err);

void netlink_close(struct netlink *netlink);

#define _cleanup_netlink_ _cleanup_(netlink_close)

/**
 * An empty message; its memory never fails.
 * @head, @head_size: the fixed part behind the netlink header (struct ifinfomsg, struct nfgenmsg, ...)
 * @room: the most bytes of attributes it will hold
 */
struct nl_msg *netlink_message(int type, int flags, const void *head, size_t head_size, size_t room);

/*
 * Messages on their way out. Start with {0}.
 * Each message of a batch has a number, its position, by which a failure is told.
 */
struct netlink_batch {
        struct str_buf data;
        size_t count;
        bool transaction; /* of nfnetlink: when it is refused as a whole, its first message tells */
};

void netlink_batch_free(struct netlink_batch *batch);

#define _cleanup_netlink_batch_ _cleanup_(netlink_batch_free)

/** Appends a message and frees it. */
void netlink_batch_add(struct netlink_batch *batch, struct nl_msg *message);

/* How a batch ended. */
struct netlink_failure {
        size_t index;   /* the first message that failed */
        int code;       /* a positive errno */
        char text[160]; /* what the kernel says about it (extended acknowledgement), or "" */
};

/**
 * Sends all messages in one call and waits until the last is answered. The
 * kernel goes on after a message that fails, except in an nfnetlink
 * transaction, which it takes back as a whole.
 * @flags: added to every message's own (NLM_F_REQUEST is always added)
 * @acknowledge: index of the message whose acknowledgement ends the wait
 * @failure: filled at the first message that failed; may be NULL
 * Returns 0 or the negative errno of the first failure.
 */
int netlink_batch_send(struct netlink *netlink, struct netlink_batch *batch, size_t acknowledge,
                       struct netlink_failure *failure);

/** Sends one message, which it frees, and waits for its acknowledgement. Returns 0 or a negative errno. */
int netlink_request(struct netlink *netlink, struct nl_msg *message);

/** Called for each message of an answer. Returns 0 to go on or a negative errno, which ends the dump. */
typedef int (*netlink_handler)(struct nlmsghdr *header, void *context);

/**
 * Sends one message, which it frees, and hands every message of the answer to `handler`.
 * Returns 0, the negative errno the kernel or the handler gave, or -EINTR when
 * what is dumped changed meanwhile: then ask again.
 */
int netlink_query(struct netlink *netlink, struct nl_msg *message, netlink_handler handler, void *context);

/** As netlink_query(), with a message that stays the caller's; handler may be NULL. */
int netlink_exchange(struct netlink *netlink, struct nlmsghdr *message, netlink_handler handler, void *context);

/**
 * Starts a message in an empty buffer, whose data then is a struct nlmsghdr.
 * @head, @head_size: the fixed part behind the netlink header
 */
void netlink_begin(struct str_buf *out, int type, int flags, const void *head, size_t head_size);

/** Appends an attribute to a message of netlink_begin(). */
void netlink_put(struct str_buf *message, int type, const void *data, size_t size);

/** The first attribute of a type among those that begin at `attributes`, or NULL. */
const struct nlattr *netlink_attribute(const void *attributes, size_t size, int type);
