/*
 * Names given and taken, and what no image needs any more removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "store_internal.h"

int image_tag(struct store *store, const char *name, const char *reference, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *normal = NULL;
        const struct store_entry *entries;
        const struct store_entry *entry;
        struct image_index index;
        struct image_descriptor manifest;
        _cleanup_fd_ int lock = -1;
        size_t count;
        int r = reference_normalize(reference, &normal, err);

        if (r < 0)
                return r;
        if (strchr(normal, '@'))
                return error_set(err, EINVAL, "%s: a digest cannot be given to an image as its name", reference);
        lock = store_lock(store, err);
        r = lock < 0 ? lock : store_index_read(store, arena, &index, err);
        if (r < 0)
                return r;
        entries = store_entries(store, arena, &index, &count);
        r = store_find_entry(entries, count, name, &entry, NULL, err);
        if (r < 0)
                return r;
        manifest = index.manifests[entry->index];
        index_add(arena, &index, &manifest, normal);
        return store_index_write(store, &index, err);
}

/* One removal under way: the names to take, and whether the image goes with them. */
struct removal {
        struct arena *arena;
        struct image_index index;
        const struct store_entry *entries;
        size_t count;
        const struct store_entry *target;
        bool by_reference;
        size_t references;
        bool untag_all; /* else only the target's own name */
        bool delete;
};

static int plan_removal(struct removal *removal, const char *name, bool force, bool used, struct error *err) {
        const char *id = removal->target->id;

        for (size_t i = 0; i < removal->count; i++)
                removal->references += removal->entries[i].reference && str_equal(removal->entries[i].id, id);
        if (removal->by_reference && removal->references > 1)
                return 0;
        removal->untag_all = true;
        if (!removal->by_reference && removal->references > 1 && !force) {
                (void) error_set(err, EBUSY, "%s: the image has %zu names", name, removal->references);
                return error_hint(err, "remove it by name, or all of it with -f");
        }
        if (used && !(force && removal->references > 0)) {
                (void) error_set(err, EBUSY, "%s: a container uses the image", name);
                return error_hint(err, removal->references > 0
                                               ? "remove the container first, or take the image's name with -f"
                                               : "remove the container first");
        }
        removal->delete = !used;
        return 0;
}

static int compare_descending(const void *a, const void *b) {
        size_t one = *(const size_t *) a;
        size_t other = *(const size_t *) b;

        return one < other ? 1 : one > other ? -1 : 0;
}

static void apply_removal(struct removal *removal, struct str_list *removed) {
        size_t *doomed = arena_alloc(removal->arena, removal->count + 1, sizeof(*doomed));
        size_t doomed_count = 0;

        for (size_t i = 0; i < removal->count; i++) {
                const struct store_entry *entry = &removal->entries[i];

                if (!str_equal(entry->id, removal->target->id) || (!removal->untag_all && entry != removal->target))
                        continue;
                if (entry->reference)
                        str_list_printf(removed, "Untagged: %s", entry->reference);
                doomed[doomed_count++] = entry->index;
        }
        /* From the last on, so that the positions before stay valid. */
        qsort(doomed, doomed_count, sizeof(*doomed), compare_descending);
        for (size_t i = 0; i < doomed_count; i++)
                index_unname(removal->arena, &removal->index, doomed[i], removal->delete);
        if (removal->delete)
                str_list_printf(removed, "Deleted: sha256:%s", removal->target->id);
}

/* What the index leads to. */
struct marks {
        struct str_list blobs;
        struct str_list layers;
};

static int mark_manifest(struct store *store, struct arena *arena, const char *digest, struct marks *marks,
                         struct error *err) {
        struct image_manifest manifest;
        struct image_config config;
        int r = blob_read_image(store->blobs_fd, arena, digest, &manifest, &config, err);

        if (r < 0)
                return r;
        str_list_add(&marks->blobs, digest);
        str_list_add(&marks->blobs, manifest.config.digest);
        for (size_t i = 0; i < manifest.layer_count; i++) {
                str_list_add(&marks->blobs, manifest.layers[i].digest);
                str_list_add(&marks->layers, config.diff_ids[i]);
                str_list_printf(&marks->layers, "%s.size", config.diff_ids[i]);
        }
        return 0;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static bool is_marked(const struct str_list *marks, const char *name) {
        return marks->count > 0 && bsearch(&name, marks->items, marks->count, sizeof(*marks->items), compare_text);
}

static void sort_marks(struct str_list *marks) {
        if (marks->count > 0)
                qsort(marks->items, marks->count, sizeof(*marks->items), compare_text);
}

/* Moves what is not marked into the staging directory, where it is removed without holding anybody up. */
static int collect(int dir_fd, const struct str_list *marks, struct staging *staging, struct error *err) {
        int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!dir) {
                fd_close_at(&copy);
                return error_errno(err, errno, "%s", staging->store->root);
        }
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *hex = xstrndup(entry->d_name, strnlen(entry->d_name, SHA256_HEX_SIZE - 1));
                char name[32];

                /* Only what the store itself named: digests and "<digest>.size". */
                if (!image_digest_is_hex(hex) || is_marked(marks, entry->d_name))
                        continue;
                (void) snprintf(name, sizeof(name), "old-%u", staging->files++);
                if (renameat(dir_fd, entry->d_name, staging->layers_fd, name) < 0)
                        return error_errno(err, errno, "%s: cannot be removed", entry->d_name);
        }
        return 0;
}

/*
 * Frees what nothing in the index leads to. An entry that cannot be read stops
 * this: what it needs is not known.
 */
static int sweep(struct store *store, struct arena *arena, const struct image_index *index, struct staging *staging,
                 struct error *err) {
        struct marks marks = {0};
        int r = 0;

        for (size_t i = 0; r == 0 && i < index->manifest_count; i++)
                r = mark_manifest(store, arena, index->manifests[i].digest, &marks, err);
        sort_marks(&marks.blobs);
        sort_marks(&marks.layers);
        if (r == 0)
                r = collect(store->blobs_fd, &marks.blobs, staging, err);
        if (r == 0)
                r = collect(store->layers_fd, &marks.layers, staging, err);
        str_list_free(&marks.blobs);
        str_list_free(&marks.layers);
        return r;
}

int image_remove(struct store *store, const char *name, bool force, bool (*in_use)(const char *id, void *context),
                 void *context, struct str_list *removed, struct error *err) {
        _cleanup_staging_ struct staging staging = STAGING_EMPTY;
        _cleanup_arena_ struct arena *arena = arena_new();
        struct removal removal = {.arena = arena};
        struct error sweep_error = {0};
        _cleanup_fd_ int lock = -1;
        int r = staging_begin(store, &staging, err);

        if (r == 0)
                r = lock = store_lock(store, err);
        if (r >= 0)
                r = store_index_read(store, arena, &removal.index, err);
        if (r < 0)
                return r;
        removal.entries = store_entries(store, arena, &removal.index, &removal.count);
        r = store_find_entry(removal.entries, removal.count, name, &removal.target, &removal.by_reference, err);
        if (r == 0)
                r = plan_removal(&removal, name, force, in_use && in_use(removal.target->id, context), err);
        if (r < 0)
                return r;
        apply_removal(&removal, removed);
        r = store_index_write(store, &removal.index, err);
        /* The names are gone by now. What stays behind costs space only, and the next removal tries again. */
        if (r == 0 && removal.delete &&sweep(store, arena, &removal.index, &staging, &sweep_error) < 0)
                log_warning("image store: not everything could be freed: %s", sweep_error.message);
        return r;
}
