/*
 * sha256.h: SHA-256 digests over libcrypto, in the spelling of OCI descriptors.
 */
#pragma once

#include <stddef.h>

#include "error.h"

/** Hexadecimal digits of a digest, with the NUL. */
#define SHA256_HEX_SIZE 65

struct sha256;

struct sha256 *sha256_new(void) __attribute__((returns_nonnull));
void sha256_update(struct sha256 *state, const void *data, size_t size);
/** Writes the lower-case hexadecimal digest and ends the state (which must still be freed). */
void sha256_finish(struct sha256 *state, char hex[SHA256_HEX_SIZE]);
void sha256_free(struct sha256 *state);

/** The digest of one buffer. */
void sha256_of(const void *data, size_t size, char hex[SHA256_HEX_SIZE]);
