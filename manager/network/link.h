/*
 * link.h: the one thing mymgr itself does to the host's links: removing the
 * bridge of a network that goes.
 */
#pragma once

#include "../../lib/error.h"

/** Deletes a network link by name (rtnetlink(7), RTM_DELLINK). No such link is no error. */
int link_delete(const char *name, struct error *err);
