/*
 * own_ids.h: the user namespace of a container that an ordinary user runs from a
 * config without one. Nothing a container needs is allowed to the user without,
 * so one is added, as crun does.
 */
#pragma once

#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/**
 * Where the caller is not root and the config has no user namespace: adds one. The ids of the program become the
 * caller's own, the others those of /etc/subuid and /etc/subgid, as far as there are any and newuidmap(1) is there.
 * Returns true if the config was changed; texts go to the arena.
 */
bool own_ids_add(struct arena *arena, struct runtime_config *config);
