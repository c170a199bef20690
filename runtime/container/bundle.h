/*
 * bundle.h: a bundle as the caller names it: its config read once and checked
 * for what this host and this build can do.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

struct bundle {
        struct arena *arena; /* owns all below */
        const char *path;    /* absolute */
        const char *rootfs;  /* absolute */
        int fd;
        const char *text; /* config.json as it stands */
        size_t size;
        struct runtime_config config;
};

/**
 * Reads and checks a bundle; release with bundle_close() whatever is returned.
 * @config: another file than the bundle's config.json, relative to the working directory; NULL: none
 */
int bundle_open(const char *path, const char *config, struct bundle *out, struct error *err);
void bundle_close(struct bundle *bundle);

/** What stands in for the process of a config without one: such a container can be created, but not started. */
extern const struct runtime_process bundle_no_process;

#define _cleanup_bundle_ _cleanup_(bundle_close)

/** True if root.path becomes a mount: there is a mount namespace, or something to be mounted on the host. */
bool bundle_mounts_root(const struct runtime_config *config);

/** Checks a process for what this build can do: program, limits, labels. */
int bundle_check_process(const struct runtime_process *process, struct error *err);
