/*
 * inspect.h: a container as `inspect` shows it, in docker's words.
 */
#pragma once

#include "../../lib/json.h"
#include "record.h"

/** Writes one container as an object with docker's members (Id, State, Config, HostConfig, NetworkSettings, …). */
void container_inspect_write(struct json_writer *writer, const char *key, const struct manager *manager,
                             const struct container *container);

/** "0.0.0.0:8080->80/tcp, 443/tcp" as ps shows it; the caller frees it. */
char *container_ports_text(const struct container *container);
