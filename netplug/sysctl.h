/*
 * sysctl.h: kernel settings below /proc/sys/net of the network namespace the
 * process is in. They are reached through a directory that was checked to be on
 * procfs, without following links.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"

/** Room for any value that is set here. */
#define SYSCTL_VALUE_MAX 512

/**
 * Reads a value, with single blanks between its words.
 * @path: relative to /proc/sys/net, with slashes
 */
int sysctl_get(const char *path, char value[SYSCTL_VALUE_MAX], struct error *err);

/** Leaves single blanks between the words of a value, none before and behind them: as sysctl_get() gives it. */
void sysctl_normalize(char *value);

/** Sets a value unless it is set already. `path` as for sysctl_get(). */
int sysctl_set(const char *path, const char *value, struct error *err);

/**
 * Opens the settings in a file system proc that nobody else has, or where there can be none (Linux 5.8; in a user
 * namespace), in the one at /proc. There, settings of one name are found among those of all network namespaces that
 * were ever looked at: with a thousand containers' that is long, for them and for the host's. Returns an fd, which is
 * the caller's to close.
 */
int sysctl_open_apart(struct error *err);

/**
 * Sets net/FAMILY/conf/LINK/NAME; 0 also where the kernel has no such setting (IPv6 switched off).
 * @settings: of sysctl_open_apart(); -1: those at /proc
 */
int sysctl_set_link(int settings, const char *family, const char *link, const char *name, const char *value,
                    struct error *err);

/** Lets the kernel forward packets of the family (AF_INET, AF_INET6). */
int sysctl_enable_forwarding(int family, struct error *err);
