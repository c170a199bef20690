/*
 * checkpoint.h: saves a running container to files, by criu.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"
#include "../linux/criu.h"

/**
 * Saves the container. Unless it is to go on running it is gone afterwards, as by `delete`; when it
 * cannot be saved it goes on running.
 */
int container_checkpoint(const char *root, const char *id, const struct criu_options *options, struct error *err);

/**
 * The file with options for criu that override all others: of the annotation org.criu.config, or the host's.
 * NULL: none.
 */
const char *checkpoint_criu_config(const struct runtime_pairs *annotations);
