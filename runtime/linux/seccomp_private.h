/*
 * seccomp_private.h: what runtime/linux/seccomp*.c share: the compiled programs
 * kept in a directory. Everybody else uses seccomp.h.
 */
#pragma once

#include "../../lib/str.h"
#include "seccomp.h"

/** Writes everything that the compiled program depends on, in one fixed order. */
void seccomp_cache_key(const struct runtime_seccomp *seccomp, struct str_buf *key);

/** Fills in program->code and program->size and returns true, when a program of that very key is kept. */
bool seccomp_cache_read(int dir_fd, const struct str_buf *key, struct seccomp_program *program);

/** Keeps a program. Failing to is no error: the next container compiles again. */
void seccomp_cache_write(int dir_fd, const struct str_buf *key, const struct seccomp_program *program);
