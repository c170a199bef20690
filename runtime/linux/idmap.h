/*
 * idmap.h: the id maps of a new user namespace (user_namespaces(7)).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/**
 * Writes uid_map and gid_map of a process that is alone in a new user namespace.
 * @proc_fd: from procfs_open()
 */
int idmap_write(int proc_fd, pid_t pid, const struct runtime_linux *config, struct error *err);

/** True if id 0 of the container is mapped to an id of the host. */
bool idmap_has_root(const struct runtime_id_mappings *mappings);

/** Becomes root of the user namespace, as far as it has one. */
int idmap_become_root(const struct runtime_linux *config, struct error *err);
