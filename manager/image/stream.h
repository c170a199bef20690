/*
 * stream.h: a tar stream, plain or compressed, decompressed and hashed once on
 * its way to whoever reads it. A thread reads and decompresses ahead, so that
 * unpacking costs only the longer of the two.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/sha256.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_BZIP2, COMPRESSION_XZ };

/** What the first bytes of a file say; six are enough. */
enum compression compression_sniff(const void *data, size_t size);

/** The OCI media type of a layer compressed so; NULL where OCI has none (bzip2, xz). */
const char *compression_media_type(enum compression compression);

struct layer_stream;

struct layer_stream_options {
        int fd;      /* read from its position to its end; need not be seekable; stays the caller's */
        int copy_fd; /* gets the bytes as they came, or decompressed where OCI has no media type; -1: no copy */
};

struct layer_stream_result {
        char diff_id[SHA256_HEX_SIZE];     /* digest of the decompressed tar */
        uint64_t size;                     /* bytes of it */
        char copy_digest[SHA256_HEX_SIZE]; /* of what went to copy_fd */
        uint64_t copy_size;
        const char *copy_media_type;
};

/** Starts reading. The caller ends it with layer_stream_free(). */
int layer_stream_open(const struct layer_stream_options *options, struct layer_stream **out, struct error *err);

/**
 * The next decompressed bytes, valid until the next call.
 * Returns their number, 0 at the end, or a negative errno.
 */
ssize_t layer_stream_read(struct layer_stream *stream, const void **data, struct error *err);

/** Reads what is left and says what the stream was. */
int layer_stream_finish(struct layer_stream *stream, struct layer_stream_result *result, struct error *err);

/** Stops the thread, whatever it waits for, and frees the stream. */
void layer_stream_free(struct layer_stream *stream);
