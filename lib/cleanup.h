/*
 * cleanup.h: variables that release what they own when their scope ends.
 *
 * `_cleanup_fd_ int fd = -1;` closes, `_cleanup_free_ char *p = NULL;` frees;
 * `return take_fd(&fd)` and `take_ptr(p)` hand ownership on instead.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fd.h"
#include "memory.h"

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines `name`, a cleanup function for variables of pointer type `type`. */
#define DEFINE_CLEANUP(name, type, function)                                                                           \
        static inline void name(type *value) {                                                                         \
                if (*value)                                                                                            \
                        function(*value);                                                                              \
        }                                                                                                              \
        struct name##_needs_a_semicolon

static inline void cleanup_free(void *value) {
        free(*(void **) value);
}

static inline void cleanup_fd(int *fd) {
        if (*fd >= 0)
                fd_close(*fd);
}

static inline void cleanup_file(FILE **file) {
        if (*file)
                (void) fclose(*file);
}

static inline void cleanup_dir(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

DEFINE_CLEANUP(cleanup_arena, struct arena *, arena_free);

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fd_ _cleanup_(cleanup_fd)
#define _cleanup_file_ _cleanup_(cleanup_file)
#define _cleanup_dir_ _cleanup_(cleanup_dir)
#define _cleanup_arena_ _cleanup_(cleanup_arena)

/* Gives the fd away: the variable no longer closes it. */
static inline int take_fd(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}

/* Gives the pointer away: the variable no longer frees it. */
#define take_ptr(pointer)                                                                                              \
        ({                                                                                                             \
                __typeof__(pointer) *take_address_ = &(pointer);                                                       \
                __typeof__(pointer) taken_ = *take_address_;                                                           \
                *take_address_ = NULL;                                                                                 \
                taken_;                                                                                                \
        })

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
