/*
 * link_qdisc.h: rates: queueing disciplines on links, and sending what a link
 * receives through another link's queue. See tc(8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/netlink.h"
#include "../spec/cni.h"

struct link_rate {
        uint64_t rate;  /* bytes a second */
        uint32_t burst; /* bytes */
        /* Packets to or from these networks are exempt, or with `only` they alone are meant; none: all packets. */
        const struct cni_address *networks;
        size_t network_count;
        bool only;
        bool by_source; /* which of a packet's addresses is looked at */
};

/**
 * Holds what a link sends to a rate: a token bucket (tc-tbf(8)), or where
 * networks are told apart two classes (tc-htb(8)).
 */
int link_rate_set(struct netlink *netlink, int index, const struct link_rate *rate, struct error *err);

/** -ENOENT, saying what differs, when the link does not hold the rate. */
int link_rate_check(struct netlink *netlink, int index, const struct link_rate *rate, struct error *err);

/** Takes the rate off, and the sending through another link. 0 when there is none, or no such link. */
int link_rate_clear(struct netlink *netlink, int index, struct error *err);

/** Sends all that a link receives through another link (an ifb) first. */
int link_redirect(struct netlink *netlink, int index, int to, struct error *err);

/** -ENOENT when it does not. */
int link_redirect_check(struct netlink *netlink, int index, int to, struct error *err);
