/*
 * `load`: the images of an archive, in OCI's form or Docker's. Where an archive
 * has both (as newer `docker save` writes them), OCI's is taken: it keeps the
 * manifest's digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "archive.h"
#include "store_internal.h"
#include "stream.h"

#define INDEX_FILE "index.json"
#define LAYOUT_FILE "oci-layout"
#define DOCKER_FILE "manifest.json"
/* An index may name another index; nobody nests them deeper than once. */
#define INDEX_DEPTH_MAX 4

/* One load under way. */
struct loading {
        struct arena *arena;
        struct staging *staging;
        struct archive_contents contents;
        struct image_addition *additions;
        size_t count;
        size_t room;
        bool other_platforms; /* something was left out because it is not for this machine */
};

static void add_image(struct loading *loading, const struct image_descriptor *manifest, const char *reference) {
        if (loading->count == loading->room) {
                loading->room = loading->room ? 2 * loading->room : 8;
                loading->additions = xrealloc(loading->additions, loading->room, sizeof(*loading->additions));
        }
        loading->additions[loading->count++] = (struct image_addition){.descriptor = *manifest, .reference = reference};
}

/* A name from the archive in this store's form; what is no reference leaves the image without a name. */
static const char *usable_name(struct loading *loading, const char *name) {
        _cleanup_free_ char *normal = NULL;
        struct error err = {0};

        if (str_empty(name))
                return NULL;
        if (reference_normalize(name, &normal, &err) < 0) {
                log_warning("%s: the image is loaded without a name", err.message);
                return NULL;
        }
        return arena_strdup(loading->arena, normal);
}

static const char *entry_name(struct loading *loading, const struct image_descriptor *entry) {
        const char *full =
                string_pairs_get(entry->annotations, entry->annotation_count, IMAGE_ANNOTATION_CONTAINERD_NAME);

        if (str_empty(full))
                full = string_pairs_get(entry->annotations, entry->annotation_count, IMAGE_ANNOTATION_REF_NAME);
        return usable_name(loading, full);
}

static bool platform_fits(const struct image_descriptor *entry) {
        if (!entry->has_platform)
                return true;
        return str_equal(entry->platform.os, "linux") &&
               str_equal(entry->platform.architecture, image_host_architecture());
}

static int check_staged(const struct loading *loading, const struct image_descriptor *entry, struct error *err) {
        const struct archive_file *file = archive_find_digest(&loading->contents, entry->digest);

        if (!file)
                return error_set(err, ENOENT, "blob sha256:%s is missing from the archive", entry->digest);
        if (file->size != entry->size)
                return error_set(err, EBADMSG, "blob sha256:%s has %llu bytes, but the index says %llu", entry->digest,
                                 (unsigned long long) file->size, (unsigned long long) entry->size);
        return 0;
}

static int load_entries(struct loading *loading, const struct image_index *index, const char *name, int depth,
                        struct error *err);

static int load_nested(struct loading *loading, const struct image_descriptor *entry, const char *name, int depth,
                       struct error *err) {
        const struct json *root;
        struct image_index index;
        int r = check_staged(loading, entry, err);

        if (depth >= INDEX_DEPTH_MAX)
                return error_set(err, ELOOP, "indexes nested too deeply");
        if (r == 0)
                r = blob_read_json(loading->staging->blobs_fd, loading->arena, entry->digest, &root, err);
        if (r == 0)
                r = image_index_parse(loading->arena, root, &index, err);
        return r == 0 ? load_entries(loading, &index, name, depth + 1, err) : r;
}

static int load_entries(struct loading *loading, const struct image_index *index, const char *name, int depth,
                        struct error *err) {
        for (size_t i = 0; i < index->manifest_count; i++) {
                const struct image_descriptor *entry = &index->manifests[i];
                const char *own = entry_name(loading, entry);
                int r;

                own = own ? own : name;
                if (!platform_fits(entry)) {
                        loading->other_platforms = true;
                        continue;
                }
                if (image_media_kind(entry->media_type) == IMAGE_KIND_INDEX) {
                        r = load_nested(loading, entry, own, depth, err);
                } else {
                        r = check_staged(loading, entry, err);
                        if (r == 0)
                                add_image(loading, entry, own);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_document(struct loading *loading, const char *path, const struct json **out, struct error *err) {
        const struct archive_file *file = archive_find(&loading->contents, path);

        if (!file)
                return error_set(err, ENOENT, "%s is missing from the archive", path);
        if (blob_read_json(loading->staging->blobs_fd, loading->arena, file->digest, out, err) < 0)
                return error_wrap(err, "%s", path);
        return 0;
}

static int load_oci(struct loading *loading, struct error *err) {
        const struct json *root;
        struct image_index index;
        int r = read_document(loading, LAYOUT_FILE, &root, err);

        if (r == 0 && image_layout_check(root, err) < 0)
                r = error_wrap(err, LAYOUT_FILE);
        if (r == 0)
                r = read_document(loading, INDEX_FILE, &root, err);
        if (r == 0 && image_index_parse(loading->arena, root, &index, err) < 0)
                r = error_wrap(err, INDEX_FILE);
        return r == 0 ? load_entries(loading, &index, NULL, 0, err) : r;
}

DEFINE_CLEANUP(cleanup_stream, struct layer_stream *, layer_stream_free);
#define _cleanup_stream_ _cleanup_(cleanup_stream)

/* OCI knows no layers in bzip2 or xz: such a one is stored decompressed. */
static int store_decompressed(struct loading *loading, int blob_fd, struct image_descriptor *out, struct error *err) {
        char name[32];
        _cleanup_fd_ int copy = staging_file(loading->staging, name, err);
        _cleanup_stream_ struct layer_stream *stream = NULL;
        struct layer_stream_result result;
        int r = copy < 0 ? copy : 0;

        if (r == 0)
                r = layer_stream_open(&(struct layer_stream_options){.fd = blob_fd, .copy_fd = copy}, &stream, err);
        if (r == 0)
                r = layer_stream_finish(stream, &result, err);
        if (r == 0)
                r = staging_keep_blob(loading->staging, name, result.copy_digest, err);
        if (r < 0)
                return r;
        out->media_type = result.copy_media_type;
        out->digest = arena_strdup(loading->arena, result.copy_digest);
        out->size = result.copy_size;
        return 0;
}

static int describe_layer(struct loading *loading, const char *path, struct image_descriptor *out, struct error *err) {
        const struct archive_file *file = archive_find(&loading->contents, path);
        _cleanup_fd_ int fd = -1;
        char magic[8];
        ssize_t n;

        if (!file)
                return error_set(err, ENOENT, "layer %s is missing from the archive", path);
        fd = openat(loading->staging->blobs_fd, file->digest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        n = fd < 0 ? -1 : pread(fd, magic, sizeof(magic), 0);
        if (n < 0)
                return error_errno(err, errno, "layer %s", path);
        out->media_type = compression_media_type(compression_sniff(magic, (size_t) n));
        out->digest = file->digest;
        out->size = file->size;
        if (!out->media_type && store_decompressed(loading, fd, out, err) < 0)
                return error_wrap(err, "layer %s", path);
        return 0;
}

/* Writes the manifest that docker-archives lack. The config stays as it is, and so does the image's id. */
static int make_manifest(struct loading *loading, const struct docker_archive_item *item, struct image_descriptor *out,
                         struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        const struct archive_file *config = archive_find(&loading->contents, item->config);
        struct image_descriptor *layers = arena_alloc(loading->arena, item->layer_count + 1, sizeof(*layers));
        struct image_manifest manifest = {
                .media_type = IMAGE_MEDIA_MANIFEST, .layers = layers, .layer_count = item->layer_count};
        char digest[SHA256_HEX_SIZE];
        int r = 0;

        if (!config)
                return error_set(err, ENOENT, "image config %s is missing from the archive", item->config);
        for (size_t i = 0; r == 0 && i < item->layer_count; i++)
                r = describe_layer(loading, item->layers[i], &layers[i], err);
        if (r < 0)
                return r;
        manifest.config = (struct image_descriptor){
                .media_type = IMAGE_MEDIA_CONFIG, .digest = config->digest, .size = config->size};
        image_manifest_write(&writer, &manifest);
        text = json_writer_take(&writer);
        r = staging_put_blob(loading->staging, text, strlen(text), digest, err);
        *out = (struct image_descriptor){.media_type = IMAGE_MEDIA_MANIFEST,
                                         .digest = arena_strdup(loading->arena, digest),
                                         .size = strlen(text)};
        return r;
}

static int load_docker(struct loading *loading, struct error *err) {
        const struct docker_archive_item *items;
        const struct json *root;
        size_t count;
        int r = read_document(loading, DOCKER_FILE, &root, err);

        if (r < 0)
                return r;
        if (docker_archive_parse(loading->arena, root, &items, &count, err) < 0)
                return error_wrap(err, DOCKER_FILE);
        for (size_t i = 0; i < count; i++) {
                const char *const *tags = items[i].repo_tags;
                struct image_descriptor manifest;

                r = make_manifest(loading, &items[i], &manifest, err);
                if (r < 0)
                        return r;
                if (!tags || !tags[0])
                        add_image(loading, &manifest, NULL);
                for (; tags && *tags; tags++)
                        add_image(loading, &manifest, usable_name(loading, *tags));
        }
        return 0;
}

static int find_images(struct loading *loading, struct error *err) {
        bool oci = archive_find(&loading->contents, INDEX_FILE) && archive_find(&loading->contents, LAYOUT_FILE);
        int r;

        if (!oci && !archive_find(&loading->contents, DOCKER_FILE)) {
                (void) error_set(err, EINVAL, "not an image archive: it has neither " INDEX_FILE " nor " DOCKER_FILE);
                return error_hint(err, "a root file system is read by mymgr import");
        }
        r = oci ? load_oci(loading, err) : load_docker(loading, err);
        if (r < 0)
                return r;
        if (loading->count == 0 && loading->other_platforms)
                return error_set(err, ENOENT, "no image for linux/%s in the archive", image_host_architecture());
        if (loading->count == 0)
                return error_set(err, ENOENT, "no image in the archive");
        return 0;
}

static int unpack_image(struct loading *loading, const struct image_addition *addition, struct str_list *loaded,
                        struct error *err) {
        struct image_manifest manifest;
        struct image_config config;
        int r = blob_read_image(loading->staging->blobs_fd, loading->arena, addition->descriptor.digest, &manifest,
                                &config, err);

        if (r == 0)
                r = staging_unpack_layers(loading->staging, &manifest, &config, err);
        if (r < 0)
                return r;
        if (addition->reference)
                str_list_add(loaded, addition->reference);
        else
                str_list_printf(loaded, "sha256:%s", manifest.config.digest);
        return 0;
}

int image_load(struct store *store, int fd, struct str_list *loaded, struct error *err) {
        _cleanup_staging_ struct staging staging = STAGING_EMPTY;
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_str_list_ struct str_list names = {0};
        struct loading loading = {.arena = arena, .staging = &staging};
        int r = staging_begin(store, &staging, err);

        if (r == 0)
                r = archive_stage(&staging, fd, &loading.contents, err);
        if (r == 0)
                r = find_images(&loading, err);
        for (size_t i = 0; r == 0 && i < loading.count; i++)
                r = unpack_image(&loading, &loading.additions[i], &names, err);
        if (r == 0)
                r = store_publish(&staging, loading.additions, loading.count, err);
        for (size_t i = 0; r == 0 && i < names.count; i++)
                str_list_add(loaded, names.items[i]);
        archive_contents_free(&loading.contents);
        free(loading.additions);
        return r;
}

/* Whether an image of this name is shipped with the program: opens its archive, or returns -ENOENT. */
static int open_default(const char *name) {
        _cleanup_free_ char *normal = NULL;
        _cleanup_free_ char *file = NULL;
        _cleanup_free_ char *beside = NULL;
        char program[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
        char *tag;
        int fd = -1;

        if (reference_normalize(name, &normal, NULL) < 0 || strchr(normal, '/') || strchr(normal, '@'))
                return -ENOENT;
        tag = strchr(normal, ':');
        if (!str_equal(tag, ":latest"))
                return -ENOENT;
        *tag = '\0';
        file = str_format("share/mymgr/images/%s.tar", normal);
        if (length > 0) {
                program[length] = '\0';
                *strrchr(program, '/') = '\0';
                beside = str_format("%s/../%s", program, file);
                fd = open(beside, O_RDONLY | O_CLOEXEC);
        }
        if (fd < 0) {
                _cleanup_free_ char *installed = path_join(PREFIX, file);

                fd = open(installed, O_RDONLY | O_CLOEXEC);
        }
        return fd < 0 ? -ENOENT : fd;
}

int image_find_or_default(struct store *store, const char *name, struct image **out, struct error *err) {
        _cleanup_str_list_ struct str_list loaded = {0};
        struct error first = {0};
        _cleanup_fd_ int fd = -1;
        int r = image_find(store, name, out, &first);

        if (r == -ENOENT)
                fd = open_default(name);
        if (r == 0)
                return 0;
        if (fd < 0) {
                *err = first;
                return r;
        }
        r = image_load(store, fd, &loaded, err);
        return r < 0 ? error_wrap(err, "image %s", name) : image_find(store, name, out, err);
}
