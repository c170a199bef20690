/*
 * idmap.h: the id maps of a new user namespace (user_namespaces(7)): of the
 * container's, and of those that only stand for the map of an id-mapped mount.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

struct idmap {
        struct runtime_id_mappings uids;
        struct runtime_id_mappings gids;
};

/** The map of the container's own user namespace. */
static inline struct idmap idmap_of(const struct runtime_linux *config) {
        return (struct idmap){.uids = config->uid_mappings, .gids = config->gid_mappings};
}

bool idmap_equal(const struct idmap *a, const struct idmap *b);

/**
 * Writes uid_map and gid_map of a process that is alone in a new user namespace. Who is not root
 * may map the own id alone; all else goes through newuidmap(1) and newgidmap(1).
 * @proc_fd: from procfs_open()
 */
int idmap_write(int proc_fd, pid_t pid, const struct runtime_linux *config, struct error *err);

/** True if this process is in a user namespace that is not the host's. */
bool idmap_is_inside(int proc_fd);

/** Makes a user namespace with this map and no process in it. Returns an fd the caller closes, or a negative errno. */
int idmap_namespace(int proc_fd, const struct idmap *map, struct error *err);

/**
 * Reads the value of crun's mount option idmap=: "uids=0-1000-10#10-2000-5;gids=@0-0-10". A
 * range is FIRST-HOST-SIZE; after "@", HOST is an id of the container.
 * @container: the container's map, for "@"
 */
int idmap_parse(struct arena *arena, const char *text, const struct idmap *container, struct idmap *out,
                struct error *err);

/** Sets *host to the host's id of the container's id `first`. False unless `size` ids from there on are mapped in a
 * row. */
bool idmap_to_host(const struct runtime_id_mappings *mappings, uint32_t first, uint32_t size, uint32_t *host);

/**
 * Becomes root of the user namespace, or the first id that it maps where it has no root: files are made by whom the
 * namespace knows.
 */
int idmap_become_root(const struct runtime_linux *config, struct error *err);
