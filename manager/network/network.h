/*
 * network.h: the networks containers can join: CNI network lists in
 * <root>/networks/<name>.conflist, ours or put there by hand.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/cni.h"
#include "../manager.h"

/* The network of a container that names none; made at its first use. */
#define NETWORK_DEFAULT "bridge"

struct network {
        struct arena *arena;
        const char *path;
        struct cni_network_list list; /* its name is the network's */
        const char *id;               /* hexadecimal, made from the name */
        const char *driver;           /* type of its first plugin */
        const char *bridge;           /* the link on the host, or NULL */
        const char *subnet;           /* "10.88.0.0/16", or NULL */
        const char *gateway;          /* may be NULL */
        int64_t created;              /* seconds since 1970 */
        bool internal;
};

/** Finds a network by name or id prefix. -ENOENT: "network X not found". */
int network_find(const struct manager *manager, const char *name, struct network **out, struct error *err);
void network_free(struct network *network);

/** All networks, by name. The caller frees each and the list (network_list_free()). */
int network_list(const struct manager *manager, struct network ***out, size_t *count, struct error *err);
void network_list_free(struct network **networks, size_t count);

struct network_options {
        const char *driver;   /* "bridge" */
        const char *subnet;   /* NULL: a free one is chosen */
        const char *gateway;  /* NULL: the first address */
        const char *ip_range; /* NULL: the whole subnet */
        const char *bridge;   /* name of the link; NULL: made from the id */
        int64_t mtu;          /* 0: not given */
        bool internal;        /* no way out */
};

/** Makes a network. -EEXIST: taken. -EADDRINUSE: the subnet overlaps another network or a route of the host. */
int network_create(const struct manager *manager, const char *name, const struct network_options *options,
                   struct error *err);

/** Removes a network and its bridge. Callers check that no container uses it. */
int network_remove(const struct manager *manager, const struct network *network, struct error *err);
