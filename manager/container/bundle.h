/*
 * bundle.h: a container's OCI bundle: from its record to config.json, with
 * docker's defaults. One file a part: bundle_mounts.c, bundle_rights.c,
 * bundle_limits.c; bundle.c puts them together.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"
#include "record.h"

/**
 * Checks everything in the record that config.json is made from, without a
 * root file system: so that `create` refuses what `start` could not do.
 */
int bundle_check(const struct container *container, struct error *err);

/**
 * Writes <run-directory>/bundle/config.json. The root file system is mounted, the network made.
 * @netns: path of the network namespace to join; NULL: the host's
 */
int bundle_write(const struct manager *manager, const struct container *container, const char *netns,
                 struct error *err);

/** The process of `exec`: the container's own with what differs. */
struct bundle_exec {
        const char *const *args;
        const struct str_list *env;
        const char *cwd;  /* NULL: the container's */
        const char *user; /* NULL: the container's */
        bool tty;
        bool privileged;
};

/** Writes the process document of an exec to `path`. The container is running. */
int bundle_write_exec(const struct container *container, const struct bundle_exec *exec, const char *path,
                      struct error *err);

/* The parts. Everything they point at lives in the arena or in the container. */
struct bundle {
        struct arena *arena;
        const struct manager *manager;
        const struct container *container;
        int root_fd; /* of the root file system; -1 while only checking */
        const char *netns;
        struct runtime_config *config;
        struct runtime_process *process;
        struct runtime_resources *resources;
};

int bundle_set_mounts(struct bundle *bundle, struct error *err);
int bundle_set_rights(struct bundle *bundle, struct error *err);
int bundle_set_limits(struct bundle *bundle, struct error *err);

/** The capability sets of a container or of an exec in it. */
int bundle_capabilities(struct arena *arena, const struct container_options *options, bool privileged,
                        const struct runtime_user *user, const struct runtime_capabilities **out, struct error *err);
/** The names in effect for the options: a NULL-terminated list. */
int bundle_capability_names(struct arena *arena, const struct container_options *options, bool privileged,
                            const char *const **out, struct error *err);
