/*
 * seccomp_private.h: what runtime/linux/seccomp*.c share: the compiled programs
 * kept in a directory, and the bounds of compiling. Everybody else uses seccomp.h.
 */
#pragma once

#include "../../lib/str.h"
#include "seccomp.h"

/* seccomp_apart.c: profiles that libseccomp may take too long over. */

typedef int (*seccomp_compiler)(const struct runtime_seccomp *seccomp, struct seccomp_program *out, struct error *err);

/** True for profiles, nearly all there are, that the library is sure to compile in little time. */
bool seccomp_is_quick(const struct runtime_seccomp *seccomp);

/**
 * Compiles in a process of its own, which may use so much processor time and memory and no more. The code and size
 * of *out are filled. -E2BIG when that was not enough.
 */
int seccomp_compile_apart(const struct runtime_seccomp *seccomp, seccomp_compiler compile, unsigned int seconds,
                          struct seccomp_program *out, struct error *err);

/* seccomp_cache.c */

/** Writes everything that the compiled program depends on, in one fixed order. */
void seccomp_cache_key(const struct runtime_seccomp *seccomp, struct str_buf *key);

/** Fills in program->code and program->size and returns true, when a program of that very key is kept. */
bool seccomp_cache_read(int dir_fd, const struct str_buf *key, struct seccomp_program *program);

/** Keeps a program. Failing to is no error: the next container compiles again. */
void seccomp_cache_write(int dir_fd, const struct str_buf *key, const struct seccomp_program *program);
