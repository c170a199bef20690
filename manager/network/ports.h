/*
 * ports.h: published ports: what -p says, and holding the host's ports so that
 * two containers, or a container and a host program, cannot have the same one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../lib/error.h"

struct port_mapping {
        char host_ip[46];   /* "": every address */
        uint16_t host_port; /* 0: any free one */
        uint16_t container_port;
        const char *protocol; /* "tcp", "udp" or "sctp" */
};

struct port_list {
        struct port_mapping *items;
        size_t count;
};

/**
 * Adds what one -p argument says: "80", "8080:80", "127.0.0.1:8080:80/udp",
 * "127.0.0.1::80", "8000-8002:80-82". The list's items are freed by port_list_free().
 */
int port_list_add(struct port_list *list, const char *text, struct error *err);
void port_list_free(struct port_list *list);

/** Reads "80/tcp" or "80". Returns 0 or -EINVAL. */
int port_parse(const char *text, uint16_t *port, const char **protocol);

/**
 * Binds every host port of the list, choosing those that are 0.
 * @fds: room for list->count fds, which hold the ports until closed (-1 where nothing is held)
 * -EADDRINUSE: "Bind for 0.0.0.0:80 failed: port is already allocated".
 */
int port_list_hold(struct port_list *list, int *fds, struct error *err);
