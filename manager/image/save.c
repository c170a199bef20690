/*
 * `save`: images as an archive that every loader knows: an OCI layout, and
 * beside it the manifest.json by which `docker load` finds the same blobs.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "store_internal.h"

#define BLOBS "blobs/sha256/"
#define COPY_SIZE ((size_t) 256 * 1024)

/* One image to be saved, with the name it was asked for by. */
struct saved_image {
        const char *reference; /* normalised; NULL when it was asked for by id */
        struct image_descriptor descriptor;
        struct image_manifest manifest;
        struct image_config config;
};

struct saving {
        struct store *store;
        struct arena *arena;
        struct archive *archive;
        struct saved_image *images;
        size_t count;
};

static int archive_failed(const struct saving *saving, struct error *err) {
        const char *text = archive_error_string(saving->archive);

        return error_set(err, EIO, "cannot write the archive: %s", text ? text : "unknown");
}

/* All times are zero: the same images give the same archive. */
static int write_header(const struct saving *saving, const char *path, int64_t size, struct error *err) {
        struct archive_entry *entry = archive_entry_new();
        int r;

        archive_entry_set_pathname(entry, path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, size);
        archive_entry_set_mtime(entry, 0, 0);
        r = archive_write_header(saving->archive, entry);
        archive_entry_free(entry);
        return r < ARCHIVE_WARN ? archive_failed(saving, err) : 0;
}

static int write_text(const struct saving *saving, const char *path, const char *text, struct error *err) {
        int r = write_header(saving, path, (int64_t) strlen(text), err);

        if (r == 0 && archive_write_data(saving->archive, text, strlen(text)) < 0)
                r = archive_failed(saving, err);
        return r;
}

static int write_blob(const struct saving *saving, const char *digest, struct error *err) {
        _cleanup_fd_ int fd = openat(saving->store->blobs_fd, digest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *path = str_format(BLOBS "%s", digest);
        _cleanup_free_ char *buffer = xcalloc(1, COPY_SIZE);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "blob sha256:%s", digest);
        r = write_header(saving, path, st.st_size, err);
        while (r == 0) {
                ssize_t n = read(fd, buffer, COPY_SIZE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errno(err, errno, "blob sha256:%s", digest);
                if (n == 0)
                        break;
                if (archive_write_data(saving->archive, buffer, (size_t) n) < 0)
                        r = archive_failed(saving, err);
        }
        return r;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int write_blobs(const struct saving *saving, struct error *err) {
        _cleanup_str_list_ struct str_list digests = {0};
        int r = 0;

        for (size_t i = 0; i < saving->count; i++) {
                const struct saved_image *image = &saving->images[i];

                str_list_add(&digests, image->descriptor.digest);
                str_list_add(&digests, image->manifest.config.digest);
                for (size_t j = 0; j < image->manifest.layer_count; j++)
                        str_list_add(&digests, image->manifest.layers[j].digest);
        }
        if (digests.items)
                qsort(digests.items, digests.count, sizeof(*digests.items), compare_text);
        for (size_t i = 0; r == 0 && i < digests.count; i++)
                if (i == 0 || !str_equal(digests.items[i], digests.items[i - 1]))
                        r = write_blob(saving, digests.items[i], err);
        return r;
}

/* docker and containerd want the whole name, with the registry this store leaves out. */
static const char *full_name(struct arena *arena, const char *reference) {
        const char *slash = strchr(reference, '/');
        size_t host = slash ? (size_t) (slash - reference) : 0;

        if (!slash)
                return arena_printf(arena, "docker.io/library/%s", reference);
        if (memchr(reference, '.', host) || memchr(reference, ':', host))
                return reference;
        return arena_printf(arena, "docker.io/%s", reference);
}

static int write_index(const struct saving *saving, struct error *err) {
        struct image_descriptor *entries = arena_alloc(saving->arena, saving->count + 1, sizeof(*entries));
        struct image_index index = {
                .media_type = IMAGE_MEDIA_INDEX, .manifests = entries, .manifest_count = saving->count};
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < saving->count; i++) {
                const struct saved_image *image = &saving->images[i];
                struct string_pair *names = arena_alloc(saving->arena, 2, sizeof(*names));

                entries[i] = image->descriptor;
                entries[i].annotations = names;
                entries[i].annotation_count = image->reference ? 2 : 0;
                if (!image->reference)
                        continue;
                names[0] = (struct string_pair){IMAGE_ANNOTATION_CONTAINERD_NAME,
                                                full_name(saving->arena, image->reference)};
                names[1] = (struct string_pair){IMAGE_ANNOTATION_REF_NAME, image->reference};
        }
        image_index_write(&writer, &index);
        text = json_writer_take(&writer);
        return write_text(saving, "index.json", text, err);
}

static void put_blob_path(struct json_writer *writer, const char *key, const char *digest) {
        _cleanup_free_ char *path = str_format(BLOBS "%s", digest);

        json_put_string(writer, key, path);
}

static int write_docker_manifest(const struct saving *saving, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        json_begin_array(&writer, NULL);
        for (size_t i = 0; i < saving->count; i++) {
                const struct saved_image *image = &saving->images[i];
                const char *tags[] = {image->reference, NULL};

                json_begin_object(&writer, NULL);
                put_blob_path(&writer, "Config", image->manifest.config.digest);
                json_put_strings(&writer, "RepoTags", tags);
                json_begin_array(&writer, "Layers");
                for (size_t j = 0; j < image->manifest.layer_count; j++)
                        put_blob_path(&writer, NULL, image->manifest.layers[j].digest);
                json_end_array(&writer);
                json_end_object(&writer);
        }
        json_end_array(&writer);
        text = json_writer_take(&writer);
        return write_text(saving, "manifest.json", text, err);
}

static int find_image(struct saving *saving, const struct image_index *index, const struct store_entry *entries,
                      size_t count, const char *name, struct error *err) {
        struct saved_image *image = &saving->images[saving->count];
        const struct store_entry *entry;
        bool by_reference;
        int r = store_find_entry(entries, count, name, &entry, &by_reference, err);

        if (r == 0)
                r = blob_read_image(saving->store->blobs_fd, saving->arena, entry->digest, &image->manifest,
                                    &image->config, err);
        if (r < 0)
                return r;
        image->descriptor = index->manifests[entry->index];
        image->reference = by_reference ? entry->reference : NULL;
        saving->count++;
        return 0;
}

static int write_archive(struct saving *saving, int fd, struct error *err) {
        int r;

        saving->archive = archive_write_new();
        if (!saving->archive)
                return error_set(err, ENOMEM, "out of memory");
        if (archive_write_set_format_pax_restricted(saving->archive) != ARCHIVE_OK ||
            archive_write_open_fd(saving->archive, fd) != ARCHIVE_OK) {
                r = archive_failed(saving, err);
        } else {
                r = write_blobs(saving, err);
                if (r == 0)
                        r = write_index(saving, err);
                if (r == 0)
                        r = write_docker_manifest(saving, err);
                if (r == 0)
                        r = write_text(saving, "oci-layout", IMAGE_LAYOUT_TEXT, err);
                if (r == 0 && archive_write_close(saving->archive) != ARCHIVE_OK)
                        r = archive_failed(saving, err);
        }
        (void) archive_write_free(saving->archive);
        return r;
}

int image_save(struct store *store, const char *const *names, size_t name_count, int fd, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct saving saving = {.store = store, .arena = arena};
        const struct store_entry *entries;
        struct image_index index;
        size_t count;
        int r = store_index_read(store, arena, &index, err);

        if (r < 0)
                return r;
        entries = store_entries(store, arena, &index, &count);
        saving.images = arena_alloc(arena, name_count + 1, sizeof(*saving.images));
        for (size_t i = 0; r == 0 && i < name_count; i++)
                r = find_image(&saving, &index, entries, count, names[i], err);
        return r == 0 ? write_archive(&saving, fd, err) : r;
}
