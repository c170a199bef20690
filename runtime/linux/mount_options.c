#include "mount_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* An attribute of a mount. Each word has a recursive form, with an "r" before it. */
struct attribute {
        const char *word;
        uint64_t set;
        uint64_t clear;
};

static const struct attribute attributes[] = {
        {"ro", MOUNT_ATTR_RDONLY, 0},
        {"rw", 0, MOUNT_ATTR_RDONLY},
        {"nosuid", MOUNT_ATTR_NOSUID, 0},
        {"suid", 0, MOUNT_ATTR_NOSUID},
        {"nodev", MOUNT_ATTR_NODEV, 0},
        {"dev", 0, MOUNT_ATTR_NODEV},
        {"noexec", MOUNT_ATTR_NOEXEC, 0},
        {"exec", 0, MOUNT_ATTR_NOEXEC},
        {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
        {"diratime", 0, MOUNT_ATTR_NODIRATIME},
        {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
        {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
        {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {"norelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
        {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
        {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

/* Words that only take another one back; then the kernel's default is left, relatime (mount(8)). */
static const struct {
        const char *word;
        uint64_t taken;
} takes_back[] = {
        {"atime", MOUNT_ATTR_NOATIME},
        {"norelatime", MOUNT_ATTR_RELATIME},
        {"nostrictatime", MOUNT_ATTR_STRICTATIME},
};

/* How mounts made below are passed on. Again with recursive forms. */
static const struct propagation {
        const char *word;
        uint64_t value;
} propagations[] = {
        {"private", MS_PRIVATE},
        {"slave", MS_SLAVE},
        {"shared", MS_SHARED},
        {"unbindable", MS_UNBINDABLE},
};

/* Options of the file system itself that mount(2) has a flag for; 0: the word says what is so anyway. */
static const struct superblock {
        const char *word;
        unsigned long flag;
        bool old_call; /* fsconfig(2) does not know the word */
} superblocks[] = {
        {"sync", MS_SYNCHRONOUS, false},
        {"async", 0, false},
        {"dirsync", MS_DIRSYNC, false},
        {"lazytime", MS_LAZYTIME, false},
        {"nolazytime", 0, false},
        {"mand", MS_MANDLOCK, false},
        {"nomand", 0, false},
        {"iversion", MS_I_VERSION, true},
        {"noiversion", 0, true},
        {"silent", 0, true},
        {"loud", 0, true},
        {"defaults", 0, true},
};

/* What the runtime itself has to do. */
#define NONE SIZE_MAX
#define AT(field) offsetof(struct mount_options, field)

static const struct action {
        const char *word;
        size_t flag;
        size_t recursive;
} actions[] = {
        {"bind", AT(bind), NONE},       {"rbind", AT(bind), AT(bind_recursive)},
        {"remount", AT(remount), NONE}, {"tmpcopyup", AT(copy_up), NONE},
        {"idmap", AT(idmap), NONE},     {"ridmap", AT(idmap), AT(idmap_recursive)},
};

/* The rows of all these tables begin with the word. */
static const char *word_of(const void *table, size_t size, size_t row) {
        const char *word;

        memcpy(&word, (const char *) table + row * size, sizeof(const char *));
        return word;
}

static const void *find_row(const void *table, size_t count, size_t size, const char *word) {
        for (size_t i = 0; i < count; i++)
                if (str_equal(word_of(table, size, i), word))
                        return (const char *) table + i * size;
        return NULL;
}

/* A table as find_row() takes it. */
#define ROWS(table) (table), ARRAY_SIZE(table), sizeof((table)[0])

/* The same where "r" before the word makes the recursive form. */
static const void *find_either(const void *table, size_t count, size_t size, const char *word, bool *recursive) {
        const void *row = find_row(table, count, size, word);

        *recursive = !row && word[0] == 'r';
        return *recursive ? find_row(table, count, size, word + 1) : row;
}

/* True for a word that would take back another access time than the one that is set. */
static bool takes_back_another(const struct attribute *row, uint64_t set) {
        for (size_t i = 0; i < ARRAY_SIZE(takes_back); i++)
                if (str_equal(row->word, takes_back[i].word))
                        return set != takes_back[i].taken;
        return false;
}

/* The last word about an attribute counts. */
static void set_attributes(struct mount_attributes *out, const struct attribute *row) {
        if ((out->clear & MOUNT_ATTR__ATIME) && takes_back_another(row, out->set & MOUNT_ATTR__ATIME))
                return;
        out->set = (out->set & ~row->clear) | row->set;
        out->clear = (out->clear & ~row->set) | row->clear;
}

static void set_flag(struct mount_options *out, size_t offset) {
        if (offset != NONE)
                *(bool *) ((char *) out + offset) = true;
}

/* "idmap=uids=0-1000-10;gids=0-1000-10", crun's way to give the map with the option. */
static bool apply_idmap(const char *word, struct mount_options *out) {
        const char *equals = strchr(word, '=');

        if (!equals || !(str_starts_with(word, "idmap=") || str_starts_with(word, "ridmap=")))
                return false;
        out->idmap = true;
        out->idmap_recursive = word[0] == 'r';
        out->idmap_text = equals + 1;
        return true;
}

/* True if the word is one of ours; *superblock is set to it if fsconfig(2) knows it, too. */
static bool apply_word(const char *word, struct mount_options *out, const char **superblock) {
        const struct attribute *attribute;
        const struct propagation *propagation;
        const struct superblock *option = find_row(ROWS(superblocks), word);
        const struct action *action = find_row(ROWS(actions), word);
        bool recursive;

        *superblock = NULL;
        if ((attribute = find_either(ROWS(attributes), word, &recursive))) {
                set_attributes(recursive ? &out->recursive : &out->own, attribute);
        } else if ((propagation = find_either(ROWS(propagations), word, &recursive))) {
                out->propagation = propagation->value;
                out->propagation_recursive = recursive;
        } else if (option) {
                out->old_flags |= option->flag;
                out->old_call |= option->old_call && option->flag != 0;
                *superblock = option->old_call ? NULL : word;
        } else if (action) {
                set_flag(out, action->flag);
                set_flag(out, action->recursive);
        } else {
                return apply_idmap(word, out);
        }
        return true;
}

void mount_options_parse(struct arena *arena, const char *const *words, struct mount_options *out) {
        const char **fs;
        const char **fs_set;
        size_t count = 0;

        *out = (struct mount_options){0};
        while (words[count])
                count++;
        out->fs = fs = arena_alloc(arena, count + 1, sizeof(*fs));
        out->fs_set = fs_set = arena_alloc(arena, count + 2, sizeof(*fs_set));
        for (size_t i = 0; i < count; i++) {
                const char *superblock = NULL;

                if (!apply_word(words[i], out, &superblock) && words[i][0] != '\0')
                        *fs++ = words[i];
                if (superblock)
                        *fs_set++ = superblock;
        }
        if (out->own.set & MOUNT_ATTR_RDONLY)
                *fs_set = "ro";
}

int mount_propagation_parse(const char *word, uint64_t *propagation, bool *recursive, struct error *err) {
        const struct propagation *row;

        *propagation = 0;
        *recursive = false;
        if (str_empty(word))
                return 0;
        row = find_either(ROWS(propagations), word, recursive);
        if (!row)
                return error_set(err, EINVAL, "linux.rootfsPropagation: unknown value \"%s\"", word);
        *propagation = row->value;
        return 0;
}

const char *const *mount_options_known(struct arena *arena) {
        static const struct {
                const void *rows;
                size_t count;
                size_t size;
                bool recursive; /* the words have recursive forms */
        } tables[] = {{ROWS(attributes), true},
                      {ROWS(propagations), true},
                      {ROWS(superblocks), false},
                      {ROWS(actions), false}};
        size_t room = 1;
        size_t count = 0;
        const char **names;

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                room += 2 * tables[i].count;
        names = arena_alloc(arena, room, sizeof(*names));
        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                for (size_t row = 0; row < tables[i].count; row++) {
                        names[count++] = word_of(tables[i].rows, tables[i].size, row);
                        if (tables[i].recursive) {
                                const char *word = names[count - 1];

                                names[count++] = arena_printf(arena, "r%s", word);
                        }
                }
        return names;
}
