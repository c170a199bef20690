/*
 * capability.h: the names that config.json and docker's options give to
 * capabilities, over libcap, which knows those of the kernel.
 */
#pragma once

#include "../lib/memory.h"

/** How many capabilities this kernel has: their numbers are below it (at most 64). */
unsigned int capability_count(void);

/** The number of "CAP_CHOWN", in any case; -1 if libcap does not know the name (cap_from_name(3)). */
int capability_number(const char *name);

/** "CAP_CHOWN" for a number below capability_count(), owned by the arena; a capability without a name has its number.
 */
const char *capability_name(struct arena *arena, unsigned int number);
