/*
 * store.h: the images on this machine: an OCI image layout (blobs/sha256,
 * index.json) that skopeo and umoci can read too, and layers/<diffID>, each
 * layer unpacked once and shared by all images and containers through overlay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/str.h"
#include "../../spec/image.h"

struct store;

/**
 * Opens the store below a root directory, making it if need be.
 * @root: mymgr's --root, e.g. /var/lib/mymgr; images are in <root>/images, layers in <root>/layers
 */
int store_open(const char *root, struct store **out, struct error *err);
void store_free(struct store *store);

/* One image as found in the store; image_free() releases it with all it points at. */
struct image {
        struct arena *arena;
        char id[65];                   /* hexadecimal digest of its config */
        char manifest_digest[65];      /* hexadecimal digest of its manifest */
        const char *const *references; /* "nginx:latest", …; NULL-terminated, may be empty */
        const char *const *diff_ids;   /* hexadecimal, lowest layer first, NULL-terminated */
        uint64_t size;                 /* bytes of its unpacked layers */
        int64_t created;               /* seconds since 1970 */
        struct image_config config;
};

/**
 * Finds an image by reference ("nginx", "nginx:1.22", "name@sha256:…") or by id or a unique prefix of it.
 * -ENOENT: "no such image: X".
 */
int image_find(struct store *store, const char *name, struct image **out, struct error *err);

/**
 * As image_find(), but a name that the store does not know is looked for among the images shipped with
 * the program (share/mymgr/images beside bin, or below PREFIX) and loaded from there.
 */
int image_find_or_default(struct store *store, const char *name, struct image **out, struct error *err);
void image_free(struct image *image);

/** All images, newest first. The caller frees each and the list (image_list_free()). */
int image_list(struct store *store, struct image ***out, size_t *count, struct error *err);
void image_list_free(struct image **images, size_t count);

/**
 * Loads every image of a docker-archive or OCI archive: tar, plain or compressed.
 * @fd: readable, need not be seekable
 * @loaded: gets one reference (or "sha256:id" where there is none) an image
 */
int image_load(struct store *store, int fd, struct str_list *loaded, struct error *err);

/**
 * Writes images as a tar that is an OCI archive and a docker-archive in one.
 * @names: as for image_find(); a name given is kept in the archive, an id gives an image without a name
 */
int image_save(struct store *store, const char *const *names, size_t name_count, int fd, struct error *err);

/**
 * Makes a one-layer image from a rootfs tar, plain or compressed.
 * @reference: its name, or NULL
 * @changes: Dockerfile instructions (`CMD ["sh"]`, `ENV A=b`, …), NULL-terminated, or NULL
 * @id: set to its id
 */
int image_import(struct store *store, int fd, const char *reference, const char *const *changes, const char *message,
                 char id[65], struct error *err);

/**
 * Makes an image of a container: the image below it plus one layer, the tar of its overlay upper directory.
 * @base: the container's image
 * @upper: path of the overlay upperdir
 * @config: the new image's config (copy base's and change it); its rootfs and history are filled here
 */
struct image_commit {
        const struct image *base;
        const char *upper;
        const struct image_run_config *config;
        const char *reference; /* may be NULL */
        const char *author;
        const char *message;
};
int image_commit(struct store *store, const struct image_commit *commit, char id[65], struct error *err);

/**
 * Changes a run config by Dockerfile instructions, as `commit --change` and `import --change` take them.
 * @arena: owns the new strings; what the config points at must live as long
 * @changes: `CMD ["sh"]`, `ENV A=b`, …; NULL-terminated, may be NULL
 */
int dockerfile_changes_apply(struct arena *arena, const char *const *changes, struct image_run_config *config,
                             struct error *err);

/** Gives an image one more reference. */
int image_tag(struct store *store, const char *name, const char *reference, struct error *err);

/**
 * Removes a reference, and with the last one the image and the layers no other image uses.
 * @in_use: says whether a container uses the image (by id); then -EBUSY unless `force` only untags
 * @removed: gets lines as docker prints them: "Untagged: nginx:latest", "Deleted: sha256:…"
 */
int image_remove(struct store *store, const char *name, bool force, bool (*in_use)(const char *id, void *context),
                 void *context, struct str_list *removed, struct error *err);

/**
 * The directories of an image's unpacked layers, lowest first, for overlay's lowerdir (which wants the top one first).
 * @directories: gets absolute paths
 */
int image_layer_directories(struct store *store, const struct image *image, struct str_list *directories,
                            struct error *err);

/**
 * Writes a reference in the form this store uses: a default tag is added, a
 * "<registry>/library/" or "localhost/" in front is left out, so that
 * "nginx", "localhost/nginx" and what docker writes all become "nginx:latest".
 * The caller frees *out. -EINVAL: not a reference.
 */
int reference_normalize(const char *text, char **out, struct error *err);
