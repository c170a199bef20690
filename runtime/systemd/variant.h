/*
 * variant.h: JSON values as D-Bus values of a given type: strings ("s"), bool
 * ("b"), integers ("y" "n" "q" "i" "u" "x" "t"), arrays ("as") and structures
 * ("(ss)") of them.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "../../lib/error.h"
#include "../../lib/json.h"

/**
 * Adds a value to a message.
 * @type: one complete D-Bus type
 * Returns 0 or a negative errno; -EINVAL when the value does not fit the type.
 */
int variant_append(sd_bus_message *message, const char *type, const struct json *value, struct error *err);

/** Adds the properties of the list ([name, type, value, since]) as "a(sv)", but for those newer than `version`. */
int variant_append_properties(sd_bus_message *message, const struct json *properties, uint64_t version,
                              struct error *err);
