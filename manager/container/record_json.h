/*
 * record_json.h: a container's config.json and state.json as text. Used by
 * record.c alone; kept apart because it is one long list of fields.
 */
#pragma once

#include "../../lib/json.h"
#include "record.h"

void container_record_write(struct json_writer *writer, const struct container *container);
int container_record_read(struct container *container, const struct json *root, struct error *err);
void container_state_write(struct json_writer *writer, const struct container_state *state);
/** Strings of the state point into the tree. */
int container_state_read(struct container_state *state, const struct json *root, struct error *err);
