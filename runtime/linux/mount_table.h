/*
 * mount_table.h: the mounts of a process's mount namespace, as
 * proc_pid_mountinfo(5) lists them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"

struct mount_table {
        char **paths;  /* mount points, in the order they were mounted */
        uint64_t *ids; /* of the mounts */
        size_t count;
};

/**
 * Reads the mount points of file systems of the given types.
 * @pid: whose; 0: this process
 * @types: NULL-terminated; NULL: all
 * @out: release with mount_table_free() whatever is returned
 */
int mount_table_read(struct mount_table *out, pid_t pid, const char *const *types, struct error *err);
void mount_table_free(struct mount_table *table);

#define _cleanup_mount_table_ _cleanup_(mount_table_free)

/** Turns the octal escapes of a field (space, tab, newline, backslash) into what they stand for, in place. */
void mount_table_unescape(char *text);
