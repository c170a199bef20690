/*
 * fuzz.h: what the fuzz targets (tests/fuzz/NAME_fuzz.c) share: documents read as the programs read
 * them, properties that end the run when they do not hold, and a directory to write in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/memory.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/** Ends the run as a crash would, with the text, unless the property holds. */
#define fuzz_require(property, ...)                                                                                    \
        do {                                                                                                           \
                if (!(property))                                                                                       \
                        fuzz_fail(__VA_ARGS__);                                                                        \
        } while (0)

void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/**
 * What every function promises: success leaves the error alone, a failure names its cause.
 * Returns `r >= 0`.
 */
bool fuzz_accepted(int r, const struct error *err);

/** The document, or NULL when it is refused. */
const struct json *fuzz_parse(struct arena *arena, const uint8_t *data, size_t size);

/** Parses a document that we wrote ourselves, which therefore must be one. */
const struct json *fuzz_parse_own(struct arena *arena, const char *text);

/** Ends the run unless the texts are the same. */
void fuzz_same(const char *what, const char *first, const char *second);

/** A NUL-terminated copy of the input in the arena, cut at the first NUL. */
const char *fuzz_text(struct arena *arena, const uint8_t *data, size_t size);

/** A directory of this run's own, below $TMPDIR, as a path and an open fd. */
const char *fuzz_directory(int *fd);

/** Makes or replaces a file in that directory. */
void fuzz_write(int dir_fd, const char *name, const void *data, size_t size);
