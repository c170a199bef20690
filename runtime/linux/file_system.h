/*
 * file_system.h: mounts of a file system by its own options, through a file system
 * context (fsopen(2)), so that a refused option is named by the kernel itself.
 *
 * Options are words as in mount(8): "size=64k", "ro"; lists of them end with NULL.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"

/** A new detached mount. @attributes: MOUNT_ATTR_* to set. Returns an fd or a negative errno. */
int file_system_new(const char *type, const char *source, const char *const *words, uint64_t attributes,
                    struct error *err);

/** True if some value is longer than file_system_new() can pass on, such as a long lowerdir of overlay. */
bool file_system_has_long_value(const char *const *words);

/**
 * The way of mount(2), for what file_system_new() cannot do: mounts at once on what is behind the fd.
 * @flags: MS_*
 */
int file_system_mount(const char *type, const char *source, const char *const *words, unsigned long flags, int target,
                      struct error *err);

/** Changes the options of the file system that is mounted there (remount without bind). @fd: O_PATH of the mount's root
 */
int file_system_reconfigure(int fd, const char *const *words, struct error *err);
