/*
 * keyring.h: a session keyring of the container's own (keyrings(7)), so that it
 * does not see the caller's keys.
 */
#pragma once

#include "../../lib/error.h"

/** Joins the session keyring "_ses.ID", making it if need be. A kernel or quota that refuses is only a warning. */
int keyring_join(const char *id, struct error *err);
