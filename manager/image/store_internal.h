/*
 * store_internal.h: what the files of this room share: the open store, its
 * index under a lock, staging directories, and publishing what was staged.
 *
 * <root>/images    an OCI image layout: oci-layout, index.json, blobs/sha256
 * <root>/layers    <diffID>: one unpacked layer in overlay's form; <diffID>.size: bytes in its files
 * <root>/staging   one directory a running load, import or commit
 *
 * Everything new is made in a staging directory, which its maker holds locked.
 * It is renamed into place under the store's lock, together with the change of
 * index.json. So whatever in blobs or layers the index does not lead to is
 * garbage, and a staging directory that nobody locks is what a killed process left.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/memory.h"
#include "../../lib/sha256.h"
#include "store.h"

struct store {
        char *root;
        int images_fd;
        int blobs_fd;
        int layers_fd;
        int staging_fd;
};

/** Takes the lock on the index, blobs and layers. Returns an fd whose closing releases it. */
int store_lock(struct store *store, struct error *err);

/** Reads index.json into the arena. */
int store_index_read(struct store *store, struct arena *arena, struct image_index *out, struct error *err);

/** Replaces index.json; the caller holds the lock. */
int store_index_write(struct store *store, const struct image_index *index, struct error *err);

/**
 * Reads and parses a small blob, checking its digest.
 * @blobs_fd: the directory it is in, the store's or a staging directory's
 */
int blob_read_json(int blobs_fd, struct arena *arena, const char *digest, const struct json **out, struct error *err);

/** Reads a manifest and its config from a blobs directory and checks that they fit each other. */
int blob_read_image(int blobs_fd, struct arena *arena, const char *digest, struct image_manifest *manifest,
                    struct image_config *config, struct error *err);

/* A directory for one operation: `blobs` (files named by digest) and `layers` (named by diffID, with .size files). */
struct staging {
        struct store *store;
        char *name;
        int fd; /* holds the lock */
        int blobs_fd;
        int layers_fd;
        unsigned int files; /* staged files so far, for temporary names */
};

#define STAGING_EMPTY                                                                                                  \
        { .fd = -1, .blobs_fd = -1, .layers_fd = -1 }

int staging_begin(struct store *store, struct staging *out, struct error *err);
/** Removes the directory and what was not published from it. */
void staging_end(struct staging *staging);
#define _cleanup_staging_ _cleanup_(staging_end)

/** Removes the staging directories of processes that are gone. */
void staging_sweep(struct store *store);

/** A new file in the staging directory; `name` (32 bytes) gets its temporary name. Returns an fd. */
int staging_file(struct staging *staging, char name[32], struct error *err);

/** Gives a staged file its final name among the staged blobs. */
int staging_keep_blob(struct staging *staging, const char *name, const char *digest, struct error *err);

/** Writes a small document as a blob; digest and size describe it. */
int staging_put_blob(struct staging *staging, const char *data, size_t size, char digest[SHA256_HEX_SIZE],
                     struct error *err);

/* An image to be added to the index. */
struct image_addition {
        struct image_descriptor descriptor; /* of the manifest, without annotations */
        const char *reference;              /* normalised, or NULL */
};

/**
 * Moves staged images into the store: their blobs and layers, then one change of the index.
 * A reference that another image has moves to the new one.
 */
int store_publish(struct staging *staging, const struct image_addition *additions, size_t count, struct error *err);

/** Unpacks the layers of an image that are neither in the store nor staged yet, from staged or stored blobs. */
int staging_unpack_layers(struct staging *staging, const struct image_manifest *manifest,
                          const struct image_config *config, struct error *err);

struct layer_stream;
struct layer_stream_result;

/** Unpacks one stream into a staged layer named by its diffID, which the result tells. */
int staging_unpack_stream(struct staging *staging, struct layer_stream *stream, struct layer_stream_result *result,
                          struct error *err);

/** Moves a layer from the staging directory, if it is there, to the store; the caller holds the lock. */
int staging_move_layer(struct staging *staging, const char *diff_id, struct error *err);

/** Writes <diffID>.size beside a staged layer. */
int staging_note_size(struct staging *staging, const char *diff_id, uint64_t size, struct error *err);

/** The name an index entry gives its image, in normal form; NULL for an unnamed one. */
const char *index_reference(struct arena *arena, const struct image_descriptor *entry);

/** Points a reference (or none, for an image without a name) at an image, taking it from another one. */
void index_add(struct arena *arena, struct image_index *index, const struct image_descriptor *manifest,
               const char *reference);

/** Takes its name from an index entry. The entry stays, unnamed, unless `drop`. */
void index_unname(struct arena *arena, struct image_index *index, size_t i, bool drop);

/** An index entry with what it takes to find it. */
struct store_entry {
        size_t index;          /* position in index.json */
        const char *id;        /* digest of the config */
        const char *reference; /* normalised, or NULL */
        const char *digest;    /* of the manifest */
};

/** All images' entries; damaged ones are left out with a warning. */
const struct store_entry *store_entries(struct store *store, struct arena *arena, const struct image_index *index,
                                        size_t *count);

/**
 * The first entry of the image a user means by `name`: reference, id, prefix of an id, or digest.
 * @by_reference: set when it was one of its references; may be NULL
 */
int store_find_entry(const struct store_entry *entries, size_t count, const char *name, const struct store_entry **out,
                     bool *by_reference, struct error *err);

/** Whether a layer is unpacked in the store. */
bool store_has_layer(struct store *store, const char *diff_id);

/** Says in the message and the hint that there is no such image. Returns -ENOENT. */
int image_unknown(struct error *err, const char *name);

/**
 * Finishes a one-layer or one-more-layer image whose new layer is staged: writes
 * config and manifest, publishes, and gives the id.
 */
int staging_finish_image(struct staging *staging, const struct image_config *config,
                         const struct image_descriptor *layers, const char *reference, char id[SHA256_HEX_SIZE],
                         struct error *err);
