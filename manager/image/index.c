/*
 * Changes of index.json in memory: which name points at which manifest. An
 * entry holds one name; an image with two names has two entries.
 */
#include <string.h>

#include "../../lib/cleanup.h"
#include "store_internal.h"

const char *index_reference(struct arena *arena, const struct image_descriptor *entry) {
        const char *name = string_pairs_get(entry->annotations, entry->annotation_count, IMAGE_ANNOTATION_REF_NAME);
        _cleanup_free_ char *normal = NULL;

        if (str_empty(name))
                return NULL;
        /* Another tool may have written a name that is no reference of ours: it is shown as it is. */
        if (reference_normalize(name, &normal, NULL) < 0)
                return name;
        return arena_strdup(arena, normal);
}

static bool has_digest(const struct image_index *index, size_t except, const char *digest) {
        for (size_t i = 0; i < index->manifest_count; i++)
                if (i != except && str_equal(index->manifests[i].digest, digest))
                        return true;
        return false;
}

/* The list is the arena's, but const for readers of the document: a changed one is a new one. */
static struct image_descriptor *copy_entries(struct arena *arena, const struct image_index *index) {
        struct image_descriptor *copy = arena_alloc(arena, index->manifest_count + 1, sizeof(*copy));

        if (index->manifest_count > 0)
                memcpy(copy, index->manifests, index->manifest_count * sizeof(*copy));
        return copy;
}

static void remove_entry(struct arena *arena, struct image_index *index, size_t i) {
        struct image_descriptor *copy = copy_entries(arena, index);

        memmove(&copy[i], &copy[i + 1], (index->manifest_count - i - 1) * sizeof(*copy));
        index->manifests = copy;
        index->manifest_count--;
}

void index_unname(struct arena *arena, struct image_index *index, size_t i, bool drop) {
        struct image_descriptor *copy;
        struct string_pair *kept;
        size_t count = 0;

        /* Without a name the entry only keeps the image from being forgotten; another entry of it does that, too. */
        if (drop || has_digest(index, i, index->manifests[i].digest)) {
                remove_entry(arena, index, i);
                return;
        }
        copy = copy_entries(arena, index);
        kept = arena_alloc(arena, copy[i].annotation_count + 1, sizeof(*kept));
        for (size_t j = 0; j < copy[i].annotation_count; j++)
                if (!str_equal(copy[i].annotations[j].key, IMAGE_ANNOTATION_REF_NAME))
                        kept[count++] = copy[i].annotations[j];
        copy[i].annotations = kept;
        copy[i].annotation_count = count;
        index->manifests = copy;
}

/* True when the name points at the image already; else whoever has the name loses it. */
static bool take_name(struct arena *arena, struct image_index *index, const char *digest, const char *reference) {
        for (size_t i = 0; i < index->manifest_count; i++) {
                if (!str_equal(index_reference(arena, &index->manifests[i]), reference))
                        continue;
                if (str_equal(index->manifests[i].digest, digest))
                        return true;
                index_unname(arena, index, i, false);
                return false;
        }
        return false;
}

void index_add(struct arena *arena, struct image_index *index, const struct image_descriptor *manifest,
               const char *reference) {
        struct image_descriptor *copy;
        struct string_pair *name;

        if (reference ? take_name(arena, index, manifest->digest, reference)
                      : has_digest(index, SIZE_MAX, manifest->digest))
                return;
        for (size_t i = 0; i < index->manifest_count; i++) {
                if (!str_equal(index->manifests[i].digest, manifest->digest) ||
                    index_reference(arena, &index->manifests[i]))
                        continue;
                remove_entry(arena, index, i);
                break;
        }
        copy = copy_entries(arena, index);
        copy[index->manifest_count] = *manifest;
        copy[index->manifest_count].annotations = NULL;
        copy[index->manifest_count].annotation_count = 0;
        if (reference) {
                name = arena_alloc(arena, 1, sizeof(*name));
                *name = (struct string_pair){IMAGE_ANNOTATION_REF_NAME, arena_strdup(arena, reference)};
                copy[index->manifest_count].annotations = name;
                copy[index->manifest_count].annotation_count = 1;
        }
        index->manifests = copy;
        index->manifest_count++;
}
