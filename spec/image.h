/*
 * image.h: the documents of an OCI image (image-spec 1.1: config.md,
 * manifest.md, image-index.md, image-layout.md) and Docker's variants of them
 * as C types, each with parse, validate and write.
 *
 * Digests are SHA-256 throughout and stand in these types as 64 lower-case
 * hexadecimal digits without "sha256:". Lists of strings are NULL-terminated;
 * a NULL list means that the member is absent. Everything a parsed document
 * points at belongs to the arena given to its parse function; who fills one by
 * hand keeps what it points at alive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"
#include "runtime_config.h"

#define IMAGE_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define IMAGE_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define IMAGE_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define IMAGE_MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"
#define IMAGE_MEDIA_LAYER_GZIP IMAGE_MEDIA_LAYER "+gzip"
#define IMAGE_MEDIA_LAYER_ZSTD IMAGE_MEDIA_LAYER "+zstd"

/* The annotation of an index entry that holds the image's name. */
#define IMAGE_ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
/* containerd's and newer dockers' annotation with the full name; ref.name then holds the tag alone. */
#define IMAGE_ANNOTATION_CONTAINERD_NAME "io.containerd.image.name"

/* The most bytes of a manifest, index or config. */
#define IMAGE_DOCUMENT_MAX ((size_t) 4 * 1024 * 1024)
/* The most layers of an image, far beyond what overlay can stack. */
#define IMAGE_LAYERS_MAX ((size_t) 1024)

/* What a media type says a blob is, OCI's and Docker's names alike. */
enum image_media_kind {
        IMAGE_KIND_UNKNOWN,
        IMAGE_KIND_INDEX,
        IMAGE_KIND_MANIFEST,
        IMAGE_KIND_CONFIG,
        IMAGE_KIND_LAYER,
};

/** The kind a media type names; NULL and unknown types give IMAGE_KIND_UNKNOWN. */
enum image_media_kind image_media_kind(const char *media_type);

/* How a container of the image is run: the "config" object of an image config. */
struct image_run_config {
        const char *user;                 /* "uid", "name", "uid:gid", …; NULL or "": root */
        const char *const *exposed_ports; /* "80/tcp" */
        const char *const *env;           /* "NAME=value" */
        const char *const *entrypoint;
        const char *const *cmd;
        const char *const *volumes; /* paths */
        const char *working_dir;    /* NULL or "": "/" */
        const struct string_pair *labels;
        size_t label_count;
        const char *stop_signal;        /* "SIGQUIT" or a number; NULL: SIGTERM */
        const char *const *on_build;    /* ONBUILD triggers (Docker) */
        const char *const *shell;       /* SHELL (Docker) */
        const struct json *healthcheck; /* Docker's Healthcheck object as it is; NULL: none */
        bool args_escaped;
};

/* How one layer, or one step that left no layer, came about. */
struct image_history {
        const char *created; /* RFC 3339 */
        const char *author;
        const char *created_by;
        const char *comment;
        bool empty_layer;
};

struct image_config {
        const char *created; /* RFC 3339; NULL: not given */
        const char *author;
        const char *architecture; /* GOARCH: "amd64" */
        const char *variant;
        const char *os; /* GOOS: "linux" */
        const char *os_version;
        struct image_run_config config;
        const char *const *diff_ids; /* lowest layer first; never NULL after parsing */
        size_t diff_id_count;
        const struct image_history *history; /* oldest first */
        size_t history_count;
};

struct image_platform {
        const char *architecture;
        const char *os;
        const char *variant;
};

/* A reference to a blob (image-spec descriptor.md). */
struct image_descriptor {
        const char *media_type;
        const char *digest;
        uint64_t size;
        const struct string_pair *annotations;
        size_t annotation_count;
        bool has_platform;
        struct image_platform platform;
};

struct image_manifest {
        const char *media_type; /* NULL: absent */
        struct image_descriptor config;
        const struct image_descriptor *layers; /* lowest first */
        size_t layer_count;
        const struct string_pair *annotations;
        size_t annotation_count;
};

struct image_index {
        const char *media_type;
        const struct image_descriptor *manifests;
        size_t manifest_count;
        const struct string_pair *annotations;
        size_t annotation_count;
};

/* One image of the manifest.json of a docker-archive (`docker save`). */
struct docker_archive_item {
        const char *config;           /* path in the archive */
        const char *const *repo_tags; /* may be NULL */
        const char *const *layers;    /* paths in the archive, lowest first; never NULL */
        size_t layer_count;
};

/*
 * Parsing. @root must live as long as the result (same arena). They return 0, or
 * -EINVAL with the field in the message ("layers[2].digest: …"); what needs a
 * digest other than SHA-256 gives -ENOTSUP.
 */
int image_config_parse(struct arena *arena, const struct json *root, struct image_config *out, struct error *err);
int image_manifest_parse(struct arena *arena, const struct json *root, struct image_manifest *out, struct error *err);
int image_index_parse(struct arena *arena, const struct json *root, struct image_index *out, struct error *err);
/** @out: set to `*count` items */
int docker_archive_parse(struct arena *arena, const struct json *root, const struct docker_archive_item **out,
                         size_t *count, struct error *err);
/** Checks an oci-layout file: imageLayoutVersion 1.x. */
int image_layout_check(const struct json *root, struct error *err);

/* Writing. Absent members are left out; the writer is the caller's. */
void image_config_write(struct json_writer *writer, const struct image_config *config);
/** The "config" object alone, as `inspect` shows it. */
void image_run_config_write(struct json_writer *writer, const char *key, const struct image_run_config *config);
void image_manifest_write(struct json_writer *writer, const struct image_manifest *manifest);
void image_index_write(struct json_writer *writer, const struct image_index *index);
/** The content of an oci-layout file. */
#define IMAGE_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

/** The value of an annotation or label, or NULL. */
const char *string_pairs_get(const struct string_pair *pairs, size_t count, const char *key);

/**
 * The hexadecimal part of "sha256:<64 digits>".
 * Returns 0, -EINVAL for no digest, -ENOTSUP for another algorithm; `err` may be NULL.
 */
int image_digest_parse(const char *text, const char **hex, struct error *err);

/** True for 64 lower-case hexadecimal digits. */
bool image_digest_is_hex(const char *text);

/** GOARCH's name of this machine's architecture: "amd64". */
const char *image_host_architecture(void);
