/*
 * Images found by what people call them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"
#include "../../lib/timestamp.h"
#include "store_internal.h"

DEFINE_CLEANUP(cleanup_image, struct image *, image_free);
#define _cleanup_image_ _cleanup_(cleanup_image)

int image_unknown(struct error *err, const char *name) {
        (void) error_set(err, ENOENT, "no such image: %s", name);
        (void) error_hint(err, "load one with mymgr load or mymgr import");
        return -ENOENT;
}

static int read_config_digest(struct store *store, struct arena *arena, const char *digest, const char **id,
                              struct error *err) {
        const struct json *root;
        struct image_manifest manifest;
        int r = blob_read_json(store->blobs_fd, arena, digest, &root, err);

        if (r == 0)
                r = image_manifest_parse(arena, root, &manifest, err);
        if (r == 0)
                *id = manifest.config.digest;
        return r;
}

const struct store_entry *store_entries(struct store *store, struct arena *arena, const struct image_index *index,
                                        size_t *count) {
        struct store_entry *entries = arena_alloc(arena, index->manifest_count + 1, sizeof(*entries));

        *count = 0;
        for (size_t i = 0; i < index->manifest_count; i++) {
                const struct image_descriptor *manifest = &index->manifests[i];
                struct store_entry *entry = &entries[*count];
                struct error local = {0};

                *entry = (struct store_entry){.index = i, .digest = manifest->digest};
                if (read_config_digest(store, arena, manifest->digest, &entry->id, &local) < 0) {
                        log_warning("image store: %s", local.message);
                        continue;
                }
                entry->reference = index_reference(arena, manifest);
                (*count)++;
        }
        return entries;
}

static bool is_hex_prefix(const char *text) {
        size_t length = strlen(text);

        return length > 0 && length < SHA256_HEX_SIZE && strspn(text, "0123456789abcdef") == length;
}

static int find_by_prefix(const struct store_entry *entries, size_t count, const char *prefix,
                          const struct store_entry **out, struct error *err) {
        const struct store_entry *found = NULL;

        for (size_t i = 0; i < count; i++) {
                if (!str_starts_with(entries[i].id, prefix))
                        continue;
                if (found && !str_equal(found->id, entries[i].id))
                        return error_set(err, EINVAL, "%s: more than one image's id begins so", prefix);
                found = found ? found : &entries[i];
        }
        *out = found;
        return found ? 0 : -ENOENT;
}

int store_find_entry(const struct store_entry *entries, size_t count, const char *name, const struct store_entry **out,
                     bool *by_reference, struct error *err) {
        const char *bare = str_starts_with(name, "sha256:") ? name + strlen("sha256:") : name;
        _cleanup_free_ char *normal = NULL;
        const char *at;
        int r;

        if (by_reference)
                *by_reference = false;
        if (bare == name && reference_normalize(name, &normal, NULL) == 0) {
                at = strchr(normal, '@');
                for (size_t i = 0; i < count; i++) {
                        bool match = at ? str_equal(at + 1 + strlen("sha256:"), entries[i].digest)
                                        : str_equal(normal, entries[i].reference);

                        if (!match)
                                continue;
                        *out = &entries[i];
                        if (by_reference)
                                *by_reference = !at;
                        return 0;
                }
        }
        /* Names that another tool wrote and that are no reference of ours. */
        for (size_t i = 0; i < count; i++) {
                if (!str_equal(name, entries[i].reference) && !str_equal(bare, entries[i].digest))
                        continue;
                *out = &entries[i];
                if (by_reference)
                        *by_reference = str_equal(name, entries[i].reference);
                return 0;
        }
        r = is_hex_prefix(bare) ? find_by_prefix(entries, count, bare, out, err) : -ENOENT;
        return r == -ENOENT ? image_unknown(err, name) : r;
}

static uint64_t layer_size(struct store *store, const char *diff_id) {
        _cleanup_free_ char *name = str_format("%s.size", diff_id);
        _cleanup_free_ char *text = NULL;
        uint64_t size = 0;

        if (file_read(store->layers_fd, name, 32, &text, NULL, NULL) < 0)
                return 0;
        text[strcspn(text, "\n")] = '\0';
        (void) str_to_u64(text, UINT64_MAX, &size);
        return size;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int open_image(struct store *store, const struct store_entry *entries, size_t count,
                      const struct store_entry *entry, struct image **out, struct error *err) {
        _cleanup_image_ struct image *image = xcalloc(1, sizeof(*image));
        struct image_manifest manifest;
        const char **references;
        size_t used = 0;
        int64_t created;
        int r;

        image->arena = arena_new();
        r = blob_read_image(store->blobs_fd, image->arena, entry->digest, &manifest, &image->config, err);
        if (r < 0)
                return error_wrap(err, "image %.12s", entry->id);
        (void) snprintf(image->id, sizeof(image->id), "%s", entry->id);
        (void) snprintf(image->manifest_digest, sizeof(image->manifest_digest), "%s", entry->digest);
        references = arena_alloc(image->arena, count + 1, sizeof(*references));
        for (size_t i = 0; i < count; i++)
                if (entries[i].reference && str_equal(entries[i].id, entry->id))
                        references[used++] = arena_strdup(image->arena, entries[i].reference);
        qsort(references, used, sizeof(*references), compare_text);
        image->references = references;
        image->diff_ids = image->config.diff_ids;
        for (size_t i = 0; i < image->config.diff_id_count; i++)
                image->size += layer_size(store, image->diff_ids[i]);
        if (timestamp_parse(image->config.created, &created) == 0 && created > 0)
                image->created = created / TIMESTAMP_SECOND;
        *out = take_ptr(image);
        return 0;
}

void image_free(struct image *image) {
        if (image)
                arena_free(image->arena);
        free(image);
}

static int read_entries(struct store *store, struct arena *arena, const struct store_entry **entries, size_t *count,
                        struct error *err) {
        struct image_index index;
        int r = store_index_read(store, arena, &index, err);

        if (r == 0)
                *entries = store_entries(store, arena, &index, count);
        return r;
}

int image_find(struct store *store, const char *name, struct image **out, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct store_entry *entries = NULL;
        const struct store_entry *entry;
        size_t count;
        int r = read_entries(store, arena, &entries, &count, err);

        if (r == 0)
                r = store_find_entry(entries, count, name, &entry, NULL, err);
        return r == 0 ? open_image(store, entries, count, entry, out, err) : r;
}

static int newest_first(const void *a, const void *b) {
        const struct image *one = *(struct image *const *) a;
        const struct image *other = *(struct image *const *) b;

        if (one->created != other->created)
                return one->created < other->created ? 1 : -1;
        return strcmp(one->id, other->id);
}

static bool listed_before(const struct store_entry *entries, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (str_equal(entries[j].id, entries[i].id))
                        return true;
        return false;
}

int image_list(struct store *store, struct image ***out, size_t *count, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct store_entry *entries = NULL;
        struct image **images;
        size_t entry_count;
        int r = read_entries(store, arena, &entries, &entry_count, err);

        if (r < 0)
                return r;
        images = xcalloc(entry_count + 1, sizeof(struct image *));
        *count = 0;
        for (size_t i = 0; i < entry_count; i++) {
                struct error local = {0};

                if (listed_before(entries, i))
                        continue;
                if (open_image(store, entries, entry_count, &entries[i], &images[*count], &local) < 0)
                        log_warning("image store: %s", local.message);
                else
                        (*count)++;
        }
        qsort(images, *count, sizeof(struct image *), newest_first);
        *out = images;
        return 0;
}

void image_list_free(struct image **images, size_t count) {
        for (size_t i = 0; images && i < count; i++)
                image_free(images[i]);
        free(images);
}
