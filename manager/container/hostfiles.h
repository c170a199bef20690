/*
 * hostfiles.h: the files in a container's /etc that the manager writes: hosts,
 * hostname, resolv.conf. They lie in the container's directory and are
 * bind-mounted.
 */
#pragma once

#include "../../lib/json.h"
#include "record.h"

/**
 * Writes the three files.
 * @connection: the container's network (connect_read()), or NULL
 */
int hostfiles_write(const struct container *container, const struct json *connection, struct error *err);
