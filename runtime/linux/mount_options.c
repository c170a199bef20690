#include "mount_options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum kind { OWN, RECURSIVE, PROPAGATION, SUPERBLOCK, BIND, RBIND, REMOUNT, COPY_UP, IDMAP, RIDMAP, NOTHING };

struct row {
        const char *word;
        enum kind kind;
        uint64_t set; /* attributes, or the propagation */
        uint64_t clear;
        const char *superblock; /* the superblock's option of that name, where it has one */
};

static const struct row rows[] = {
        {"ro", OWN, MOUNT_ATTR_RDONLY, 0, "ro"},
        {"rw", OWN, 0, MOUNT_ATTR_RDONLY, NULL},
        {"nosuid", OWN, MOUNT_ATTR_NOSUID, 0, NULL},
        {"suid", OWN, 0, MOUNT_ATTR_NOSUID, NULL},
        {"nodev", OWN, MOUNT_ATTR_NODEV, 0, NULL},
        {"dev", OWN, 0, MOUNT_ATTR_NODEV, NULL},
        {"noexec", OWN, MOUNT_ATTR_NOEXEC, 0, NULL},
        {"exec", OWN, 0, MOUNT_ATTR_NOEXEC, NULL},
        {"nodiratime", OWN, MOUNT_ATTR_NODIRATIME, 0, NULL},
        {"diratime", OWN, 0, MOUNT_ATTR_NODIRATIME, NULL},
        {"nosymfollow", OWN, MOUNT_ATTR_NOSYMFOLLOW, 0, NULL},
        {"symfollow", OWN, 0, MOUNT_ATTR_NOSYMFOLLOW, NULL},
        {"relatime", OWN, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"norelatime", OWN, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NULL},
        {"noatime", OWN, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, NULL},
        {"atime", OWN, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"strictatime", OWN, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NULL},
        {"nostrictatime", OWN, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"rro", RECURSIVE, MOUNT_ATTR_RDONLY, 0, NULL},
        {"rrw", RECURSIVE, 0, MOUNT_ATTR_RDONLY, NULL},
        {"rnosuid", RECURSIVE, MOUNT_ATTR_NOSUID, 0, NULL},
        {"rsuid", RECURSIVE, 0, MOUNT_ATTR_NOSUID, NULL},
        {"rnodev", RECURSIVE, MOUNT_ATTR_NODEV, 0, NULL},
        {"rdev", RECURSIVE, 0, MOUNT_ATTR_NODEV, NULL},
        {"rnoexec", RECURSIVE, MOUNT_ATTR_NOEXEC, 0, NULL},
        {"rexec", RECURSIVE, 0, MOUNT_ATTR_NOEXEC, NULL},
        {"rnodiratime", RECURSIVE, MOUNT_ATTR_NODIRATIME, 0, NULL},
        {"rdiratime", RECURSIVE, 0, MOUNT_ATTR_NODIRATIME, NULL},
        {"rnosymfollow", RECURSIVE, MOUNT_ATTR_NOSYMFOLLOW, 0, NULL},
        {"rsymfollow", RECURSIVE, 0, MOUNT_ATTR_NOSYMFOLLOW, NULL},
        {"rrelatime", RECURSIVE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"rnorelatime", RECURSIVE, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NULL},
        {"rnoatime", RECURSIVE, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, NULL},
        {"ratime", RECURSIVE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"rstrictatime", RECURSIVE, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NULL},
        {"rnostrictatime", RECURSIVE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
        {"private", PROPAGATION, MS_PRIVATE, 0, NULL},
        {"rprivate", PROPAGATION, MS_PRIVATE | MS_REC, 0, NULL},
        {"slave", PROPAGATION, MS_SLAVE, 0, NULL},
        {"rslave", PROPAGATION, MS_SLAVE | MS_REC, 0, NULL},
        {"shared", PROPAGATION, MS_SHARED, 0, NULL},
        {"rshared", PROPAGATION, MS_SHARED | MS_REC, 0, NULL},
        {"unbindable", PROPAGATION, MS_UNBINDABLE, 0, NULL},
        {"runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC, 0, NULL},
        {"sync", SUPERBLOCK, 0, 0, "sync"},
        {"async", SUPERBLOCK, 0, 0, "async"},
        {"dirsync", SUPERBLOCK, 0, 0, "dirsync"},
        {"lazytime", SUPERBLOCK, 0, 0, "lazytime"},
        {"nolazytime", SUPERBLOCK, 0, 0, "nolazytime"},
        {"mand", SUPERBLOCK, 0, 0, "mand"},
        {"nomand", SUPERBLOCK, 0, 0, "nomand"},
        {"iversion", NOTHING, 0, 0, NULL},
        {"noiversion", NOTHING, 0, 0, NULL},
        {"silent", NOTHING, 0, 0, NULL},
        {"loud", NOTHING, 0, 0, NULL},
        {"defaults", NOTHING, 0, 0, NULL},
        {"bind", BIND, 0, 0, NULL},
        {"rbind", RBIND, 0, 0, NULL},
        {"remount", REMOUNT, 0, 0, NULL},
        {"tmpcopyup", COPY_UP, 0, 0, NULL},
        {"idmap", IDMAP, 0, 0, NULL},
        {"ridmap", RIDMAP, 0, 0, NULL},
};

static const struct row *find_row(const char *word) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (str_equal(rows[i].word, word))
                        return &rows[i];
        return NULL;
}

/* The last word about an attribute counts. */
static void set_attributes(struct mount_attributes *attributes, const struct row *row) {
        attributes->set = (attributes->set & ~row->clear) | row->set;
        attributes->clear = (attributes->clear & ~row->set) | row->clear;
}

static void apply_row(struct mount_options *out, const struct row *row) {
        switch (row->kind) {
        case OWN:
                set_attributes(&out->own, row);
                break;
        case RECURSIVE:
                set_attributes(&out->recursive, row);
                break;
        case PROPAGATION:
                out->propagation = row->set & ~(uint64_t) MS_REC;
                out->propagation_recursive = (row->set & MS_REC) != 0;
                break;
        case BIND:
                out->bind = true;
                break;
        case RBIND:
                out->bind = out->bind_recursive = true;
                break;
        case REMOUNT:
                out->remount = true;
                break;
        case COPY_UP:
                out->copy_up = true;
                break;
        case IDMAP:
                out->idmap = true;
                break;
        case RIDMAP:
                out->idmap = out->idmap_recursive = true;
                break;
        case SUPERBLOCK:
        case NOTHING:
                break;
        }
}

void mount_options_parse(struct arena *arena, const char *const *words, struct mount_options *out) {
        const char **fs;
        const char **fs_set;
        size_t count = 0;

        *out = (struct mount_options){0};
        while (words[count])
                count++;
        out->fs = fs = arena_alloc(arena, count + 1, sizeof(*fs));
        out->fs_set = fs_set = arena_alloc(arena, count + 1, sizeof(*fs_set));
        for (size_t i = 0; i < count; i++) {
                const struct row *row = find_row(words[i]);

                if (row) {
                        apply_row(out, row);
                        if (row->superblock)
                                *fs_set++ = row->superblock;
                } else if (words[i][0] != '\0') {
                        *fs++ = words[i];
                }
        }
}

int mount_propagation_parse(const char *word, uint64_t *propagation, bool *recursive, struct error *err) {
        const struct row *row = str_empty(word) ? NULL : find_row(word);

        *propagation = 0;
        *recursive = false;
        if (str_empty(word))
                return 0;
        if (!row || row->kind != PROPAGATION)
                return error_set(err, EINVAL, "linux.rootfsPropagation: unknown value \"%s\"", word);
        *propagation = row->set & ~(uint64_t) MS_REC;
        *recursive = (row->set & MS_REC) != 0;
        return 0;
}

const char *const *mount_options_known(void) {
        static const char *names[ARRAY_SIZE(rows) + 1];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                names[i] = rows[i].word;
        return names;
}
