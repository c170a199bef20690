/*
 * The walk over a layer's tar: names, parents, whiteouts, what replaces what.
 * unpack_entry.c makes the single file.
 */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "stream.h"
#include "unpack_internal.h"

/* Names that only aufs itself used, beside the mark of an opaque directory. */
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

static const struct layer_limits default_limits = {
        .entries = 4 * 1000 * 1000,
        .bytes = (uint64_t) 256 << 30,
        .depth = 256,
};

static la_ssize_t on_read(struct archive *archive, void *context, const void **data) {
        struct unpack *unpack = context;
        ssize_t n = layer_stream_read(unpack->stream, data, &unpack->stream_error);

        if (n < 0)
                archive_set_error(archive, (int) -n, "%s", unpack->stream_error.message);
        return n < 0 ? -1 : n;
}

int unpack_archive_error(struct unpack *unpack, struct error *err) {
        const char *text = archive_error_string(unpack->archive);

        if (unpack->stream_error.code != 0) {
                *err = unpack->stream_error;
                return -err->code;
        }
        return error_set(err, EINVAL, "%s", text ? text : "damaged tar archive");
}

int unpack_clean_name(const char *name, char **out, struct error *err) {
        _cleanup_str_list_ struct str_list parts = {0};
        _cleanup_str_list_ struct str_list kept = {0};

        if (strlen(name) >= PATH_MAX)
                return error_set(err, ENAMETOOLONG, "the name is longer than %d bytes", PATH_MAX - 1);
        str_list_split(&parts, name, '/');
        for (size_t i = 0; i < parts.count; i++) {
                const char *part = parts.items[i];

                if (str_equal(part, ".."))
                        return error_set(err, EINVAL, "\"..\" in a name is refused");
                if (!str_empty(part) && !str_equal(part, "."))
                        str_list_add(&kept, part);
        }
        *out = str_list_join(&kept, "/");
        return 0;
}

/* Links in the path may nest deeper than any name is long, so the depth is read off the directory itself. */
static int check_depth(const struct unpack *unpack, int fd, struct error *err) {
        char link[PATH_FD_MAX];
        char path[PATH_MAX];
        ssize_t length = readlink(path_of_fd(fd, link), path, sizeof(path));
        unsigned int depth = 0;

        /* A path too long to be read is too deep, too. */
        if (length < 0 || length == (ssize_t) sizeof(path))
                return error_set(err, ELOOP, "nested too deeply");
        for (ssize_t i = 0; i < length; i++)
                depth += path[i] == '/';
        if (depth > unpack->root_depth + unpack->limits.depth)
                return error_set(err, ELOOP, "nested more than %u directories deep", unpack->limits.depth);
        return 0;
}

static int measure_root(struct unpack *unpack, struct error *err) {
        char link[PATH_FD_MAX];
        char path[PATH_MAX];
        ssize_t length = readlink(path_of_fd(unpack->root_fd, link), path, sizeof(path));

        if (length < 0 || length == (ssize_t) sizeof(path))
                return error_set(err, ENAMETOOLONG, "the layer's directory");
        for (ssize_t i = 0; i < length; i++)
                unpack->root_depth += path[i] == '/';
        return 0;
}

void unpack_forget_parent(struct unpack *unpack) {
        free(take_ptr(unpack->parent));
        fd_close_at(&unpack->parent_fd);
}

int unpack_parent(struct unpack *unpack, const char *path, const char **name, struct error *err) {
        const char *slash = strrchr(path, '/');
        size_t length = slash ? (size_t) (slash - path) : 0;
        _cleanup_free_ char *parent = NULL;
        _cleanup_fd_ int fd = -1;
        int r;

        *name = slash ? slash + 1 : path;
        /* Archives list a directory's entries one after the other. */
        if (unpack->parent && strlen(unpack->parent) == length && strncmp(unpack->parent, path, length) == 0)
                return unpack->parent_fd;

        parent = xstrndup(path, length);
        /* A parent that the archive leaves out becomes an ordinary directory, as in Docker. */
        fd = path_make_dirs(unpack->root_fd, parent, PATH_IN_ROOT, 0755, err);
        if (fd < 0)
                return fd;
        r = check_depth(unpack, fd, err);
        if (r < 0)
                return r;
        unpack_forget_parent(unpack);
        unpack->parent = take_ptr(parent);
        unpack->parent_fd = take_fd(&fd);
        return unpack->parent_fd;
}

int layer_set_opaque(int fd) {
        return fsetxattr(fd, LAYER_OPAQUE_XATTR, "y", 1, 0) < 0 ? -errno : 0;
}

static int set_opaque_at(int parent_fd, const char *name, struct error *err) {
        _cleanup_fd_ int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 ? -errno : layer_set_opaque(fd);

        return r < 0 ? error_errno(err, -r, "cannot hide what is below the directory") : 0;
}

/*
 * A whiteout hides what lower layers have, whatever the order of the entries;
 * what this layer itself brings in that place stays.
 */
static int apply_whiteout(int parent_fd, const char *target, struct error *err) {
        struct stat st;

        if (!path_is_name(target))
                return error_set(err, EINVAL, "a whiteout of \"%s\" is refused", target);
        if (fstatat(parent_fd, target, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return S_ISDIR(st.st_mode) ? set_opaque_at(parent_fd, target, err) : 0;
        if (mknodat(parent_fd, target, S_IFCHR, makedev(0, 0)) < 0)
                return error_errno(err, errno, "cannot make the whiteout");
        return 0;
}

/* Such a directory would be made, and could be in no layer again. */
static int refuse_below_whiteout(const char *path, const char *name, struct error *err) {
        const char *found = str_starts_with(path, LAYER_WHITEOUT) ? path : strstr(path, "/" LAYER_WHITEOUT);

        if (found && found < name - 1)
                return error_set(err, EINVAL, "an entry below a whiteout is refused");
        return 0;
}

/* True when the entry is a whiteout or aufs' own; *r is then the result. */
static bool handle_whiteout(struct unpack *unpack, const char *path, int *r, struct error *err) {
        const char *name = strrchr(path, '/');
        int parent_fd;

        name = name ? name + 1 : path;
        if (strstr(path, "/" WHITEOUT_META) || str_starts_with(path, WHITEOUT_META)) {
                *r = 0;
                if (!str_equal(name, WHITEOUT_OPAQUE))
                        return true;
        } else if (!str_starts_with(name, LAYER_WHITEOUT)) {
                return false;
        }
        *r = refuse_below_whiteout(path, name, err);
        if (*r < 0)
                return true;
        *r = parent_fd = unpack_parent(unpack, path, &name, err);
        if (parent_fd < 0)
                return true;
        /* A root that hides all below it is allowed, too: image_layer_directories() leaves the layers below out. */
        if (str_equal(name, WHITEOUT_OPAQUE))
                *r = set_opaque_at(parent_fd, ".", err);
        else
                *r = apply_whiteout(parent_fd, name + strlen(LAYER_WHITEOUT), err);
        return true;
}

/* Clears the way for an entry. Returns 1 when a directory went. */
static int replace_existing(struct unpack_entry *entry, struct error *err) {
        struct stat st;

        if (fstatat(entry->parent_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at what is there");
        if (entry->type == AE_IFDIR && S_ISDIR(st.st_mode)) {
                entry->exists = true;
                return 0;
        }
        /* A directory where a file or a whiteout was: the lower layers' directory is gone for good. */
        entry->hide = entry->type == AE_IFDIR;
        if (!S_ISDIR(st.st_mode)) {
                if (unlinkat(entry->parent_fd, entry->name, 0) < 0)
                        return error_errno(err, errno, "cannot replace what is there");
                return 0;
        }
        if (path_remove_tree(entry->parent_fd, entry->name, err) < 0)
                return error_wrap(err, "cannot replace the directory there");
        return 1;
}

static int apply_root(struct unpack *unpack, struct archive_entry *archive_entry, struct error *err) {
        struct unpack_entry entry = {.entry = archive_entry, .type = archive_entry_filetype(archive_entry)};

        if (entry.type != AE_IFDIR || archive_entry_hardlink(archive_entry))
                return error_set(err, EINVAL, "the root of a layer must be a directory");
        entry.path = "";
        entry.name = ".";
        entry.parent_fd = unpack->root_fd;
        entry.exists = true;
        return unpack_make_entry(unpack, &entry, err);
}

static int apply_named(struct unpack *unpack, struct archive_entry *archive_entry, const char *path,
                       struct error *err) {
        struct unpack_entry entry = {.entry = archive_entry, .type = archive_entry_filetype(archive_entry)};
        const char *hardlink = archive_entry_hardlink(archive_entry);
        int removed;
        int r = refuse_below_whiteout(path, path + strlen(path), err);

        if (r < 0)
                return r;
        entry.path = path;
        entry.parent_fd = unpack_parent(unpack, path, &entry.name, err);
        if (entry.parent_fd < 0)
                return entry.parent_fd;
        if (hardlink)
                return unpack_make_hardlink(unpack, &entry, hardlink, err);
        removed = replace_existing(&entry, err);
        if (removed < 0)
                return removed;
        r = unpack_make_entry(unpack, &entry, err);
        /* Behind a link, the kept parent's name may have led through the directory that went. */
        if (removed > 0)
                unpack_forget_parent(unpack);
        return r;
}

static int apply_entry(struct unpack *unpack, struct archive_entry *entry, struct error *err) {
        const char *name = archive_entry_pathname(entry);
        _cleanup_free_ char *path = NULL;
        int r;

        if (!name)
                return error_set(err, EINVAL, "an entry without a name");
        r = unpack_clean_name(name, &path, err);
        if (r == 0 && str_empty(path))
                r = apply_root(unpack, entry, err);
        else if (r == 0 && !handle_whiteout(unpack, path, &r, err))
                r = apply_named(unpack, entry, path, err);
        return r < 0 ? error_wrap(err, "entry \"%.200s\"", name) : 0;
}

static int apply_all(struct unpack *unpack, struct error *err) {
        uint64_t entries = 0;
        int r;

        for (;;) {
                struct archive_entry *entry;

                r = archive_read_next_header(unpack->archive, &entry);
                if (r == ARCHIVE_EOF)
                        break;
                if (r < ARCHIVE_WARN)
                        return unpack_archive_error(unpack, err);
                if (++entries > unpack->limits.entries)
                        return error_set(err, E2BIG, "more than %llu entries",
                                         (unsigned long long) unpack->limits.entries);
                r = apply_entry(unpack, entry, err);
                if (r < 0)
                        return r;
        }
        return unpack_finish_directories(unpack, err);
}

static int open_tar(struct unpack *unpack, struct error *err) {
        unpack->archive = archive_read_new();
        if (!unpack->archive)
                return error_set(err, ENOMEM, "out of memory");
        (void) archive_read_support_format_tar(unpack->archive);
        (void) archive_read_support_format_empty(unpack->archive);
        if (archive_read_open(unpack->archive, unpack, NULL, on_read, NULL) != ARCHIVE_OK)
                return unpack_archive_error(unpack, err);
        return 0;
}

int layer_unpack(struct layer_stream *stream, int fd, const struct layer_limits *limits, uint64_t *size,
                 struct error *err) {
        struct unpack unpack = {.stream = stream, .root_fd = fd, .parent_fd = -1, .limits = default_limits};
        struct error local = {0};
        int r;

        err = err ? err : &local;
        if (limits && limits->entries)
                unpack.limits.entries = limits->entries;
        if (limits && limits->bytes)
                unpack.limits.bytes = limits->bytes;
        if (limits && limits->depth)
                unpack.limits.depth = limits->depth;
        r = measure_root(&unpack, err);
        if (r == 0)
                r = open_tar(&unpack, err);
        if (r == 0)
                r = apply_all(&unpack, err);
        *size = unpack.bytes;
        (void) archive_read_free(unpack.archive);
        unpack_forget_parent(&unpack);
        unpack_forget_directories(&unpack);
        return r;
}
