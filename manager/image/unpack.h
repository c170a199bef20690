/*
 * unpack.h: a layer's tar written out as a directory in overlay's own form,
 * ready to be a lowerdir: whiteouts are character devices 0:0, a directory that
 * hides what lies below it carries trusted.overlay.opaque=y.
 *
 * The tar is hostile until proven otherwise:
 * - names lose leading slashes, as in Docker; a ".." anywhere is refused;
 * - an entry behind a symlink of the same layer lands where the link leads with
 *   the layer's directory as root, as it would in Docker's chroot;
 * - hard links reach only what this layer holds;
 * - whiteouts of the root, of "." and of ".." are refused;
 * - overlay's own attributes in the archive are left out;
 * - number of entries, bytes, depth and lengths are bounded.
 */
#pragma once

#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/sha256.h"

struct layer_stream;

/* What the name of a file begins with that hides another of the layers below (image-spec layer.md). */
#define LAYER_WHITEOUT ".wh."

/* The most a layer may hold. Zero fields mean the default. */
struct layer_limits {
        uint64_t entries;   /* default 4 million */
        uint64_t bytes;     /* of files, holes included, default 256 GiB */
        unsigned int depth; /* nested directories, default 256 */
};

/**
 * Unpacks a layer into a directory, which must be empty and out of others' reach.
 * @fd: the directory
 * @limits: may be NULL for the defaults
 * @size: set to the number of bytes of its files, holes included
 * Returns 0 or a negative errno; the message names the entry.
 */
int layer_unpack(struct layer_stream *stream, int fd, const struct layer_limits *limits, uint64_t *size,
                 struct error *err);

/** Marks a directory as hiding what lower layers have in its place. Returns 0 or a negative errno. */
int layer_set_opaque(int fd);
#define LAYER_OPAQUE_XATTR "trusted.overlay.opaque"
