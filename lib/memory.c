#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Big enough that a usual config.json needs only a few chunks. */
#define ARENA_CHUNK_SIZE ((size_t) 16 * 1024)

struct arena_chunk {
        struct arena_chunk *next;
        size_t used;
        size_t size;
        max_align_t data[];
};

struct arena {
        struct arena_chunk *chunks;
};

static void __attribute__((noreturn)) out_of_memory(void) {
        static const char message[] = "out of memory\n";

        (void) !write(STDERR_FILENO, message, sizeof(message) - 1);
        _exit(EXIT_FAILURE);
}

void *xcalloc(size_t count, size_t size) {
        void *memory = calloc(count ? count : 1, size ? size : 1);

        if (!memory)
                out_of_memory();
        return memory;
}

void *xrealloc(void *old, size_t count, size_t size) {
        void *memory = reallocarray(old, count ? count : 1, size ? size : 1);

        if (!memory)
                out_of_memory();
        return memory;
}

char *xstrdup(const char *text) {
        return text ? xstrndup(text, strlen(text)) : NULL;
}

char *xstrndup(const char *text, size_t size) {
        char *copy = xcalloc(size + 1, 1);

        memcpy(copy, text, size);
        return copy;
}

struct arena *arena_new(void) {
        return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena) {
        struct arena_chunk *chunk = arena ? arena->chunks : NULL;

        while (chunk) {
                struct arena_chunk *next = chunk->next;

                free(chunk);
                chunk = next;
        }
        free(arena);
}

/* A chunk that has room for so many bytes more. */
static struct arena_chunk *chunk_for(struct arena *arena, size_t bytes) {
        struct arena_chunk *chunk = arena->chunks;
        size_t size = bytes > ARENA_CHUNK_SIZE ? bytes : ARENA_CHUNK_SIZE;

        if (chunk && chunk->size - chunk->used >= bytes)
                return chunk;
        if (bytes > SIZE_MAX / 2)
                out_of_memory();
        /* Not cleared as a whole: a page that is never used is then never touched. */
        chunk = xrealloc(NULL, 1, sizeof(*chunk) + size);
        *chunk = (struct arena_chunk){.size = size};
        /* A chunk made for one large object is full at once: keep the current one in front. */
        if (bytes > ARENA_CHUNK_SIZE && arena->chunks) {
                chunk->next = arena->chunks->next;
                arena->chunks->next = chunk;
        } else {
                chunk->next = arena->chunks;
                arena->chunks = chunk;
        }
        return chunk;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size) {
        const size_t alignment = _Alignof(max_align_t);
        struct arena_chunk *chunk;
        size_t bytes;
        void *memory;

        if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
                out_of_memory();
        bytes = (bytes + alignment - 1) / alignment * alignment;
        chunk = chunk_for(arena, bytes);
        memory = (char *) chunk->data + chunk->used;
        chunk->used += bytes;
        return memset(memory, 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text) {
        return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t size) {
        struct arena_chunk *chunk = chunk_for(arena, size + 1);
        char *copy = (char *) chunk->data + chunk->size - size - 1;

        /* Texts need no alignment, and fill the chunk from its end. */
        chunk->size -= size + 1;
        memcpy(copy, text, size);
        copy[size] = '\0';
        return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
        va_list args;
        va_list again;
        char *text;
        int length;

        va_start(args, format);
        va_copy(again, args);
        length = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (length < 0)
                out_of_memory();
        text = arena_alloc(arena, (size_t) length + 1, 1);
        (void) vsnprintf(text, (size_t) length + 1, format, again);
        va_end(again);
        return text;
}

#ifdef SANITIZE
/*
 * The sanitizers' search for leaks at a program's end needs to trace the program, which one that is closed to others
 * does not allow, and never gives up. Callers that start the runtime without an environment could not switch it off.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void) {
        return "detect_leaks=0";
}
#endif
