/*
 * archive.h: an image archive taken apart: every file of the tar staged as a
 * blob under its digest, with a table of which path had which content. Files
 * come in any order and the input need not be seekable, so nothing is looked
 * at before all of it has arrived.
 */
#pragma once

#include "store_internal.h"

struct archive_file {
        char *path; /* cleaned */
        char *link; /* NULL, or the path in the archive that this one stands for */
        char digest[SHA256_HEX_SIZE];
        uint64_t size;
};

struct archive_contents {
        struct archive_file *files;
        size_t count;
        size_t room;
};

/**
 * Stages every file of an image archive: tar, plain or compressed.
 * Blobs whose names are digests (blobs/sha256/…) are checked against them.
 */
int archive_stage(struct staging *staging, int fd, struct archive_contents *out, struct error *err);

/** The file at a path, links followed; NULL when there is none. The last of several with the same path counts. */
const struct archive_file *archive_find(const struct archive_contents *contents, const char *path);

/** The blob with a digest; NULL when there is none. */
const struct archive_file *archive_find_digest(const struct archive_contents *contents, const char *digest);

void archive_contents_free(struct archive_contents *contents);
#define _cleanup_archive_contents_ _cleanup_(archive_contents_free)
