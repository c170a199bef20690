#include "capability.h"

#include <ctype.h>
#include <sys/capability.h>

unsigned int capability_count(void) {
        cap_value_t count = cap_max_bits();

        return count < 0 ? 0 : count > 64 ? 64 : (unsigned int) count;
}

int capability_number(const char *name) {
        cap_value_t number;

        return cap_from_name(name, &number) < 0 ? -1 : number;
}

const char *capability_name(struct arena *arena, unsigned int number) {
        char *lower = cap_to_name((cap_value_t) number);
        char *name = arena_strdup(arena, lower ? lower : "");

        for (char *letter = name; *letter; letter++)
                *letter = (char) toupper((unsigned char) *letter);
        (void) cap_free(lower);
        return name;
}
