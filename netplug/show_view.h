/*
 * show_view.h: what there is of this host's networks, put together from what the
 * plugins leave behind: rules, links, leases, names. Nothing is kept for it and
 * nothing changed; what may not be read is noted and left out.
 */
#pragma once

#include <net/if.h>

#include "../lib/error.h"
#include "../lib/memory.h"
#include "../lib/str.h"
#include "nft.h"

struct show_port {
        struct nft_port port;
        struct cni_address address;
        struct show_port *next;
};

struct show_attachment {
        const char *container_id;
        const char *ifname;
        const char *host_link;     /* the host's end of its pair; NULL: none is there */
        const char *netns;         /* the namespace of the other end, by its name in /run/netns; NULL: not known */
        struct str_list addresses; /* of leases and rules */
        struct str_list names;     /* of dnsname */
        bool masquerade;
        bool forward;
        struct show_port *ports;
        struct show_attachment *next;
};

struct show_link {
        const char *name;
        const char *kind;
        bool up;
        struct str_list addresses; /* with prefix lengths */
        struct show_link *next;
};

struct show_lease {
        const char *address;
        const char *container_id; /* NULL: the file is garbage */
        const char *ifname;
        struct show_lease *next;
};

struct show_network {
        const char *name;
        struct show_link *links; /* the host's towards the containers: bridges, mostly */
        struct show_attachment *attachments;
        struct show_lease *leases;
        struct show_network *next;
};

struct show_view {
        struct arena *arena;
        const char *only;              /* the one network to look at; NULL: all */
        const char *data_dir;          /* of leases */
        struct show_network *networks; /* by name */
        struct str_list notes;         /* what could not be read */
};

/** Fills the view; fails only where nothing at all can be read. */
int show_view_read(struct show_view *view, struct error *err);
void show_view_free(struct show_view *view);
