/*
 * mount_options.h: the words of mounts[].options (config.md, Linux mount options;
 * mount(8)) as what the mount calls take.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/* MOUNT_ATTR_* to set and to clear, see mount_setattr(2). */
struct mount_attributes {
        uint64_t set;
        uint64_t clear;
};

struct mount_options {
        struct mount_attributes own;       /* of the mount itself */
        struct mount_attributes recursive; /* of it and all below: rro, rnosuid, ... */
        uint64_t propagation;              /* MS_SHARED, MS_SLAVE, ...; 0: as it is */
        bool propagation_recursive;
        bool bind;
        bool bind_recursive;
        bool remount;
        bool copy_up;              /* tmpcopyup: fill a tmpfs with what it hides */
        bool idmap;                /* map ids as mounts[].uidMappings or the container's user namespace do */
        bool idmap_recursive;      /* likewise, and of all mounts below it */
        const char *idmap_text;    /* the map that came with the option, see idmap_parse(); NULL: none */
        unsigned long old_flags;   /* MS_* of the superblock, for mount(2) */
        bool old_call;             /* some of old_flags only mount(2) can set */
        const char *const *fs;     /* what is left, for the file system: "size=64k"; NULL-terminated */
        const char *const *fs_set; /* options of the superblock by name: "ro", "sync"; NULL-terminated */
};

/** Sorts the words. Never fails: a word of no known meaning is for the file system, which refuses what it does not
 * know. */
void mount_options_parse(struct arena *arena, const char *const *words, struct mount_options *out);

/** The MS_* value for linux.rootfsPropagation; 0 for NULL, -EINVAL for an unknown word. */
int mount_propagation_parse(const char *word, uint64_t *propagation, bool *recursive, struct error *err);

/** All option words this build knows, NULL-terminated, for `features`. */
const char *const *mount_options_known(struct arena *arena);
