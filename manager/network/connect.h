/*
 * connect.h: a container's network: its namespace, the networks it is attached
 * to, its published ports. What was done is kept in
 * <run-directory>/network.json from before it is done, so that it can be
 * undone by any later command.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../container/record.h"
#include "ports.h"

/* The host's ports a running container holds; close them with connect_release_ports(). */
struct held_ports {
        struct port_list ports;
        int *fds;
};

/** Checks the network options without doing anything: unknown networks, bad ports, modes that exclude each other. */
int connect_check(const struct manager *manager, const struct container *container, struct error *err);

/** Makes the container's network and attaches it. What was done before a failure is undone. */
int connect_container(const struct manager *manager, const struct container *container, struct held_ports *held,
                      struct error *err);

/** Undoes connect_container(); may run again, and does nothing when nothing was done. */
int disconnect_container(const struct manager *manager, const struct container *container, struct error *err);

void connect_release_ports(struct held_ports *held);

/** network.json as a tree in the arena, or NULL when the container has no network now. */
const struct json *connect_read(const struct container *container, struct arena *arena);

/* What network.json says, in the words of those who ask. NULL: not there. */
/** Path of the network namespace; NULL with the host's network. */
const char *connection_netns(const struct json *connection);
/** The n-th attachment, or NULL. */
const struct json *connection_attachment(const struct json *connection, size_t index);
/** An attachment's first IPv4 address with its prefix length: "10.88.0.2/16". */
const char *attachment_address(const struct json *attachment);
const char *attachment_gateway(const struct json *attachment);
const char *attachment_mac(const struct json *attachment);

/**
 * Finds a container that is connected to the network.
 * @container: its name, the caller's to free; NULL when there is none
 * Returns 0 or a negative errno, when not all containers could be read.
 */
int connect_network_user(const struct manager *manager, const char *network, char **container, struct error *err);

/** The mode of the container's first network: "none", "host", "container:X" or a network's name. */
const char *connect_mode(const struct container *container);
