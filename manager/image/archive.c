#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "unpack.h"
#include "unpack_internal.h"

/* An image has a handful of files a layer; a tar with more is something else, a root file system most likely. */
#define ARCHIVE_FILES_MAX ((size_t) 16384)
#define READ_SIZE ((size_t) 256 * 1024)
#define LINKS_MAX 8
#define BLOBS_PREFIX "blobs/sha256/"

DEFINE_CLEANUP(cleanup_reader, struct archive *, archive_read_free);
#define _cleanup_reader_ _cleanup_(cleanup_reader)
DEFINE_CLEANUP(cleanup_hash, struct sha256 *, sha256_free);
#define _cleanup_hash_ _cleanup_(cleanup_hash)

static int reader_error(struct archive *reader, struct error *err) {
        const char *text = archive_error_string(reader);

        (void) error_set(err, EINVAL, "not a readable archive: %s", text ? text : "damaged");
        return error_hint(err, "a tar file is needed, plain or compressed with gzip, zstd, bzip2 or xz");
}

static int copy_data(struct archive *reader, int fd, struct archive_file *file, struct error *err) {
        _cleanup_hash_ struct sha256 *hash = sha256_new();

        for (;;) {
                const void *data;
                size_t size;
                la_int64_t offset;
                int r = archive_read_data_block(reader, &data, &size, &offset);

                if (r == ARCHIVE_EOF)
                        break;
                if (r < ARCHIVE_WARN)
                        return reader_error(reader, err);
                if ((uint64_t) offset != file->size)
                        return error_set(err, EINVAL, "sparse files in an image archive are refused");
                sha256_update(hash, data, size);
                file->size += size;
                r = fd_write_all(fd, data, size);
                if (r < 0)
                        return error_errno(err, -r, "cannot write the staged file");
        }
        sha256_finish(hash, file->digest);
        return 0;
}

static int stage_file(struct staging *staging, struct archive *reader, struct archive_file *file, struct error *err) {
        char name[32];
        _cleanup_fd_ int fd = staging_file(staging, name, err);
        int r = fd < 0 ? fd : copy_data(reader, fd, file, err);

        if (r < 0)
                return r;
        if (str_starts_with(file->path, BLOBS_PREFIX) && !str_equal(file->path + strlen(BLOBS_PREFIX), file->digest))
                return error_set(err, EBADMSG, "its content does not match its digest: it is sha256:%s", file->digest);
        return staging_keep_blob(staging, name, file->digest, err);
}

/* docker-archives hold a layer once and link to it from wherever it occurs again. */
static int note_link(struct archive_entry *entry, struct archive_file *file, struct error *err) {
        const char *hardlink = archive_entry_hardlink(entry);
        const char *target = hardlink ? hardlink : archive_entry_symlink(entry);
        const char *slash = strrchr(file->path, '/');
        _cleanup_free_ char *joined = NULL;

        if (str_empty(target))
                return error_set(err, EINVAL, "a link to nothing");
        if (hardlink || target[0] == '/' || !slash)
                joined = xstrdup(target);
        else
                joined = str_format("%.*s/%s", (int) (slash - file->path), file->path, target);
        file->link = path_clean(joined + strspn(joined, "/"));
        if (str_equal(file->link, "..") || str_starts_with(file->link, "../"))
                return error_set(err, EINVAL, "a link that leads out of the archive");
        return 0;
}

static struct archive_file *add_file(struct archive_contents *contents) {
        if (contents->count == contents->room) {
                contents->room = contents->room ? 2 * contents->room : 64;
                contents->files = xrealloc(contents->files, contents->room, sizeof(*contents->files));
        }
        contents->files[contents->count] = (struct archive_file){0};
        return &contents->files[contents->count++];
}

static int stage_entry(struct staging *staging, struct archive *reader, struct archive_entry *entry,
                       struct archive_contents *out, struct error *err) {
        const char *name = archive_entry_pathname(entry);
        struct archive_file *file;
        int r;

        if (!name)
                return error_set(err, EINVAL, "an entry without a name");
        if (archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry))
                return 0;
        file = add_file(out);
        r = unpack_clean_name(name, &file->path, err);
        if (r == 0 && (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK))
                r = note_link(entry, file, err);
        else if (r == 0 && archive_entry_filetype(entry) == AE_IFREG)
                r = stage_file(staging, reader, file, err);
        else if (r == 0)
                r = error_set(err, EINVAL, "neither a file nor a link");
        return r < 0 ? error_wrap(err, "entry \"%.200s\"", name) : 0;
}

static struct archive *new_reader(void) {
        struct archive *reader = archive_read_new();

        if (!reader)
                return NULL;
        /* Only filters that libarchive has built in: the others would run programs found in PATH. */
        (void) archive_read_support_filter_gzip(reader);
        (void) archive_read_support_filter_zstd(reader);
        (void) archive_read_support_filter_bzip2(reader);
        (void) archive_read_support_filter_xz(reader);
        (void) archive_read_support_format_tar(reader);
        return reader;
}

int archive_stage(struct staging *staging, int fd, struct archive_contents *out, struct error *err) {
        _cleanup_reader_ struct archive *reader = new_reader();
        size_t entries = 0;

        if (!reader)
                return error_set(err, ENOMEM, "out of memory");
        if (archive_read_open_fd(reader, fd, READ_SIZE) != ARCHIVE_OK)
                return reader_error(reader, err);
        for (;;) {
                struct archive_entry *entry;
                int r = archive_read_next_header(reader, &entry);

                if (r == ARCHIVE_EOF)
                        return 0;
                if (r < ARCHIVE_WARN)
                        return reader_error(reader, err);
                if (++entries > ARCHIVE_FILES_MAX) {
                        (void) error_set(err, E2BIG, "not an image archive: more than %zu files", ARCHIVE_FILES_MAX);
                        return error_hint(err, "a root file system is read by mymgr import");
                }
                r = stage_entry(staging, reader, entry, out, err);
                if (r < 0)
                        return r;
        }
}

static const struct archive_file *find_path(const struct archive_contents *contents, const char *path) {
        for (size_t i = contents->count; i > 0; i--)
                if (str_equal(contents->files[i - 1].path, path))
                        return &contents->files[i - 1];
        return NULL;
}

const struct archive_file *archive_find(const struct archive_contents *contents, const char *path) {
        _cleanup_free_ char *clean = path_clean(path + strspn(path, "/"));
        const struct archive_file *file = find_path(contents, clean);

        for (int i = 0; file && file->link && i < LINKS_MAX; i++)
                file = find_path(contents, file->link);
        return file && !file->link ? file : NULL;
}

const struct archive_file *archive_find_digest(const struct archive_contents *contents, const char *digest) {
        for (size_t i = 0; i < contents->count; i++)
                if (!contents->files[i].link && str_equal(contents->files[i].digest, digest))
                        return &contents->files[i];
        return NULL;
}

void archive_contents_free(struct archive_contents *contents) {
        for (size_t i = 0; i < contents->count; i++) {
                free(contents->files[i].path);
                free(contents->files[i].link);
        }
        free(contents->files);
        *contents = (struct archive_contents){0};
}
