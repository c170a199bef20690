/*
 * user.h: who a container's process runs as: names resolved by the container's
 * own /etc/passwd and /etc/group, read without following links out of it.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../lib/str.h"
#include "../../spec/runtime_config.h"

/**
 * Resolves "name|uid[:group|gid]" as docker does.
 * @root_fd: the container's root directory
 * @spec: NULL or "": root
 * @groups: more groups to join, by name or number
 * @home: set to the user's home directory ("/" when it has none)
 * Returns 0, or -EINVAL: "unable to find user X: no matching entries in passwd file".
 */
int user_resolve(int root_fd, const char *spec, const struct str_list *groups, struct arena *arena,
                 struct runtime_user *out, const char **home, struct error *err);
