/*
 * network_inspect.h: networks and volumes as `inspect` shows them.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "cli.h"

/** Writes the network of this name with docker's members. -ENOENT: there is none. */
int inspect_network(struct cli *cli, const char *name, struct json_writer *writer, struct error *err);

/** Writes the volume of this name with docker's members. -ENOENT: there is none. */
int inspect_volume(struct cli *cli, const char *name, struct json_writer *writer, struct error *err);
