/*
 * volume.h: named directories that outlive containers: <root>/volumes/<name>/_data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../../lib/error.h"
#include "../../lib/str.h"
#include "../manager.h"

/**
 * Makes a volume unless it is there already.
 * @name: NULL: one is made up
 * @out_name: set to its name; the caller frees it
 */
int volume_create(const struct manager *manager, const char *name, char **out_name, struct error *err);

/** The directory of a volume's data; the caller frees it. */
char *volume_path(const struct manager *manager, const char *name);

/** -ENOENT: "no such volume: X". */
int volume_check(const struct manager *manager, const char *name, struct error *err);

/** The names of all volumes, sorted. */
int volume_list(const struct manager *manager, struct str_list *names, struct error *err);

/** Removes a volume with its data. Callers check that no container uses it. */
int volume_remove(const struct manager *manager, const char *name, struct error *err);
