/* show.h: `netplug show`: the networks of this host as a table, or as JSON. */
#pragma once

#include "../lib/options.h"

/** The commands of netplug that people run; a plugin is told what to do by CNI_COMMAND. */
extern const struct command show_commands[];
