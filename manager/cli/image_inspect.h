/*
 * image_inspect.h: an image as `inspect` shows it.
 */
#pragma once

#include "../../lib/json.h"
#include "../image/store.h"

/** Writes one image as an object with docker's members (Id, RepoTags, Config, RootFS, …). */
void image_inspect_write(struct json_writer *writer, const char *key, const struct image *image);
