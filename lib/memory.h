/*
 * memory.h: allocation that cannot fail, and arenas.
 *
 * The programs work on small, bounded documents; when the kernel refuses such
 * an allocation there is nothing sensible left to do, so these functions end
 * the process with a message instead of returning NULL. An arena owns
 * everything allocated from it: parsed documents live in one and go at once.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/** Zeroed memory for `count` items of `size` bytes; never NULL; free() it. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));

/** realloc() that never returns NULL, with count * size checked for overflow. */
void *xrealloc(void *old, size_t count, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));

/** A copy of `text` the caller frees; NULL gives NULL. */
char *xstrdup(const char *text);

/** A NUL-terminated copy of the first `size` bytes of `text`; the caller frees it. */
char *xstrndup(const char *text, size_t size) __attribute__((returns_nonnull));

struct arena;

/** A new, empty arena; release it with arena_free(). */
struct arena *arena_new(void) __attribute__((returns_nonnull));

/** Frees the arena and everything allocated from it. NULL is allowed. */
void arena_free(struct arena *arena);

/** Zeroed memory for `count` items of `size` bytes, aligned for any type, owned by the arena. */
void *arena_alloc(struct arena *arena, size_t count, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));

/** A copy of `text` owned by the arena; NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/** A NUL-terminated copy of `size` bytes of `text` owned by the arena. */
char *arena_strndup(struct arena *arena, const char *text, size_t size) __attribute__((returns_nonnull));

/** printf into a string owned by the arena. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
