/*
 * create.h: from what `run` was told and what the image says to a container's record.
 */
#pragma once

#include "../../lib/error.h"
#include "../image/store.h"
#include "record.h"

/**
 * Makes a container, not started, and writes it to disk.
 * @options: taken over; the container's copy is freed with it
 * @image: as the user wrote it
 * @command: what follows the image, NULL-terminated; may be empty
 * Everything that can be checked is, before anything is made.
 */
int container_create(const struct manager *manager, struct store *store, struct container_options *options,
                     const char *image, char *const *command, struct container **out, struct error *err);

/** Reads the -v, --mount and --tmpfs options and the image's volumes into container->mounts, making volumes. */
int container_resolve_mounts(const struct manager *manager, struct container *container,
                             const char *const *image_volumes, struct error *err);

/** Removes the volumes that were made for this container alone. */
void container_remove_anonymous_volumes(const struct manager *manager, const struct container *container);
