/*
 * netns.h: network namespaces with a name: files below /run/netns, where
 * `ip netns` looks for them.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"

#define NETNS_DIRECTORY "/run/netns"

/**
 * Makes a network namespace with its loopback up, kept alive by a mount on /run/netns/<name>.
 * The caller's own namespace is the same afterwards. Must not be called with threads running.
 * Returns 0, -EEXIST when the name is taken, or another negative errno.
 */
int netns_create(const char *name, struct error *err);

/** Removes a named namespace; the namespace itself ends with its last process. Nothing there is no error. */
int netns_remove(const char *path, struct error *err);

/** True if the path is a namespace here, and not just a file where another mount namespace has one. */
bool netns_exists(const char *path);
