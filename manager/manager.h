/*
 * manager.h: where one mymgr keeps its things and what it works with: the
 * directories, the OCI runtime, the places of CNI plugins. Made by main from
 * the global flags, and handed down read-only.
 */
#pragma once

#include <stdbool.h>

#include "../lib/str.h"

struct manager {
        const char *root;            /* state that lasts: images, containers, networks, volumes */
        const char *run_root;        /* state that a reboot may lose: sockets, the runtime's state, leases */
        const char *runtime;         /* path of the OCI runtime */
        struct str_list plugin_dirs; /* where CNI plugins are looked for, in order */
        bool debug;
};
