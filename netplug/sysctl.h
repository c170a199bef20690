/*
 * sysctl.h: the few kernel settings that plugins need, below /proc/sys/net of
 * the network namespace the process is in.
 */
#pragma once

#include <stdbool.h>

#include "../lib/error.h"

/** Sets a value unless it is set already. `path` is relative to /proc/sys/net, with slashes. */
int sysctl_set(const char *path, const char *value, struct error *err);

/** Sets net/FAMILY/conf/LINK/NAME; 0 also where the kernel has no such setting (IPv6 switched off). */
int sysctl_set_link(const char *family, const char *link, const char *name, const char *value, struct error *err);

/** Lets the kernel forward packets of the family (AF_INET, AF_INET6). */
int sysctl_enable_forwarding(int family, struct error *err);
