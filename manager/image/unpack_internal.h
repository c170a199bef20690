/*
 * unpack_internal.h: between unpack.c, which walks the tar, and unpack_entry.c, which makes one file.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "unpack.h"

/* A directory's time is set when nothing more is made in it. */
struct unpack_directory {
        char *path;
        struct timespec times[2];
};

struct unpack {
        struct archive *archive;
        struct layer_stream *stream;
        struct error stream_error;
        struct layer_limits limits;
        uint64_t bytes; /* of files so far, holes included */
        int root_fd;
        unsigned int root_depth; /* slashes in the path of root_fd */
        char *parent;            /* the directory of the last entry, kept open */
        int parent_fd;
        struct unpack_directory *directories;
        size_t directory_count;
        size_t directory_room;
        bool xattrs_lost; /* one warning a layer is enough */
};

struct unpack_entry {
        struct archive_entry *entry;
        const char *path; /* cleaned */
        const char *name; /* its last part, or "." for the root */
        mode_t type;      /* AE_IFREG, … */
        int parent_fd;    /* belongs to struct unpack */
        bool exists;      /* a directory that is there already */
        bool hide;        /* a directory that must not show what lower layers have in its place */
};

/** Removes leading and doubled slashes and "." parts; "" is the root. A ".." is refused. The caller frees *out. */
int unpack_clean_name(const char *name, char **out, struct error *err);

/** The directory an entry goes to, made if need be; the fd belongs to struct unpack. *name points into path. */
int unpack_parent(struct unpack *unpack, const char *path, const char **name, struct error *err);
void unpack_forget_parent(struct unpack *unpack);

int unpack_archive_error(struct unpack *unpack, struct error *err);

/** Makes the file, directory, link or device and sets owner, mode, attributes and times, in this order. */
int unpack_make_entry(struct unpack *unpack, const struct unpack_entry *entry, struct error *err);

/** Makes a hard link to something this layer holds already. */
int unpack_make_hardlink(struct unpack *unpack, const struct unpack_entry *entry, const char *target,
                         struct error *err);

int unpack_finish_directories(struct unpack *unpack, struct error *err);
void unpack_forget_directories(struct unpack *unpack);
