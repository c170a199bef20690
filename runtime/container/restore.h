/*
 * restore.h: makes a container again that was saved by container_checkpoint(), by criu.
 */
#pragma once

#include "../../lib/error.h"
#include "../linux/criu.h"
#include "create.h"

/**
 * Restores a container from a bundle and the files of a checkpoint. It runs when this returns; when it
 * cannot be restored nothing is left of it.
 * @options: as for container_create(); what its process gets comes from the checkpoint
 * @out: the caller owns the fds; the pid is a child of this process
 */
int container_restore(const struct create_options *options, const struct criu_options *criu_options,
                      struct created *out, struct error *err);
