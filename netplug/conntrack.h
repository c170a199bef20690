/*
 * conntrack.h: connections the kernel remembers. A UDP sender that was there
 * before a port was published is remembered as going nowhere, one that was there
 * before it was published no more as going to the container, and translation is
 * decided once a connection: such memories are removed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "nft.h"

/**
 * Forgets connections to those of the ports that are of UDP.
 * @family: AF_INET or AF_INET6
 * @translated: only those that were led to a container
 * Returns 0 or a negative errno.
 */
int conntrack_forget_udp(int family, const struct nft_port *ports, size_t count, bool translated, struct error *err);
