/*
 * address_range.h: the ranges a host-local configuration describes, and
 * counting through the addresses in them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"
#include "../spec/cni.h"

struct address_range {
        struct cni_address subnet; /* with its prefix */
        struct cni_address first;
        struct cni_address last;
        struct cni_address gateway;
};

/* A container gets one address from each set; the ranges of a set continue each other. */
struct range_set {
        struct address_range *ranges;
        size_t count;
};

/** Reads an array of ranges, or one range object, as a set. */
int range_set_parse(struct arena *arena, const struct json *value, struct range_set *out, struct error *err);

/** The range of the set that holds the address, or NULL. */
const struct address_range *range_set_find(const struct range_set *set, const struct cni_address *address);

/** True if two sets have addresses in common. */
bool range_set_overlap(const struct range_set *a, const struct range_set *b);

/**
 * The address after `address` in the set, going round at its end; gateways are left out.
 * @address: family 0, or one that is in no range: the set's first address is next
 */
void range_set_next(const struct range_set *set, const struct cni_address *address, struct cni_address *out);

/** The first address of a network: what its gateway is by default. */
void range_first_host(const struct cni_address *subnet, struct cni_address *out);
