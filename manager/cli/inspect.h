/*
 * inspect.h: what `inspect` shows of containers, images, networks and volumes.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../image/store.h"
#include "cli.h"

/** Writes the object of this name with docker's members. -ENOENT: there is none. */
typedef int inspector(struct cli *cli, const char *name, struct json_writer *writer, struct error *err);

inspector inspect_image;
inspector inspect_network;
inspector inspect_volume;

/**
 * Prints the objects of these names as an array, or each by a template.
 * @format: a template, or NULL
 * Returns the command's exit status; a name that is not there is reported and the others are shown.
 */
int inspect_print(struct cli *cli, inspector *inspect, int count, char **names, const char *format);

/** Writes one image as an object (Id, RepoTags, Config, RootFS, …). */
void image_inspect_write(struct json_writer *writer, const char *key, const struct image *image);
