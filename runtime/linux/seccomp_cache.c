/*
 * Compiled programs in files. A file is named by a quick hash and holds the
 * whole key beside the program, so that two profiles with one hash cannot be
 * taken for each other, whoever made them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "seccomp_private.h"

/* The name cannot be a container's id, for those begin with a letter or digit. */
#define CACHE_DIRECTORY ".seccomp"
#define FILE_MAX (4 << 20)
/* Each distinct profile leaves a file; a host uses a handful. */
#define ENTRIES_MAX 64

static const char magic[8] = "myrunsf1";

struct header {
        char magic[8];
        uint64_t key_size;
        uint64_t code_size;
};

static void add_text(struct str_buf *key, const char *text) {
        str_buf_add(key, text ? text : "");
        str_buf_add_bytes(key, "", 1);
}

static void add_number(struct str_buf *key, uint64_t number) {
        str_buf_add_bytes(key, &number, sizeof(number));
}

static void add_option(struct str_buf *key, struct opt_u64 option) {
        add_number(key, option.set);
        add_number(key, option.value);
}

/* The count comes first, so that no list runs into what follows it. */
static void add_list(struct str_buf *key, const char *const *list) {
        uint64_t count = 0;

        while (list && list[count])
                count++;
        add_number(key, count);
        for (uint64_t i = 0; i < count; i++)
                add_text(key, list[i]);
}

void seccomp_cache_key(const struct runtime_seccomp *seccomp, struct str_buf *key) {
        const struct scmp_version *library = seccomp_version();
        struct utsname system = {0};

        (void) uname(&system);
        add_text(key, VERSION);
        add_number(key, (uint64_t) library->major << 32 | library->minor << 16 | library->micro);
        add_text(key, system.release);
        add_text(key, system.machine);
        add_text(key, seccomp->default_action);
        add_option(key, seccomp->default_errno_ret);
        add_list(key, seccomp->architectures);
        add_list(key, seccomp->flags);
        add_number(key, seccomp->rule_count);
        for (size_t i = 0; i < seccomp->rule_count; i++) {
                const struct runtime_seccomp_rule *rule = &seccomp->rules[i];

                add_list(key, rule->names);
                add_text(key, rule->action);
                add_option(key, rule->errno_ret);
                add_number(key, rule->arg_count);
                for (size_t j = 0; j < rule->arg_count; j++) {
                        add_number(key, rule->args[j].index);
                        add_number(key, rule->args[j].value);
                        add_number(key, rule->args[j].value_two);
                        add_text(key, rule->args[j].op);
                }
        }
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const struct str_buf *key) {
        uint64_t value = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < key->size; i++)
                value = (value ^ (unsigned char) key->data[i]) * UINT64_C(1099511628211);
        return value;
}

static void entry_name(const struct str_buf *key, char *out, size_t size) {
        (void) snprintf(out, size, "%016" PRIx64, hash(key));
}

/* Nobody but this user may have written it. */
static bool is_ours(const struct stat *st) {
        return st->st_uid == geteuid() && (st->st_mode & 022) == 0;
}

static int open_directory(int dir_fd) {
        _cleanup_fd_ int fd = openat(dir_fd, CACHE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !is_ours(&st))
                return -EPERM;
        return take_fd(&fd);
}

bool seccomp_cache_read(int dir_fd, const struct str_buf *key, struct seccomp_program *program) {
        _cleanup_fd_ int directory = open_directory(dir_fd);
        _cleanup_fd_ int fd = -1;
        _cleanup_free_ char *content = NULL;
        struct header header;
        char name[32];
        size_t size = 0;
        struct stat st;

        if (directory < 0)
                return false;
        entry_name(key, name, sizeof(name));
        fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st) ||
            fd_read_all(fd, FILE_MAX, &content, &size) < 0 || size < sizeof(header))
                return false;

        memcpy(&header, content, sizeof(header));
        if (memcmp(header.magic, magic, sizeof(magic)) != 0 || header.key_size != key->size ||
            header.code_size != size - sizeof(header) - key->size || header.code_size > size ||
            memcmp(content + sizeof(header), key->data, key->size) != 0)
                return false;
        program->size = header.code_size;
        program->code = xcalloc(1, program->size);
        memcpy(program->code, content + sizeof(header) + key->size, program->size);
        return true;
}

/* Too many: all go, and those in use come back one by one. */
static void limit_entries(int directory) {
        int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        size_t count = 0;

        if (!dir) {
                if (copy >= 0)
                        fd_close(copy);
                return;
        }
        while (readdir(dir))
                count++;
        if (count <= ENTRIES_MAX)
                return;
        rewinddir(dir);
        for (const struct dirent *entry; (entry = readdir(dir));)
                (void) unlinkat(directory, entry->d_name, 0);
}

void seccomp_cache_write(int dir_fd, const struct str_buf *key, const struct seccomp_program *program) {
        struct header header = {.key_size = key->size, .code_size = program->size};
        _cleanup_str_buf_ struct str_buf content = {0};
        _cleanup_fd_ int directory = -1;
        struct error ignored = {0};
        char name[32];

        if (mkdirat(dir_fd, CACHE_DIRECTORY, 0700) < 0 && errno != EEXIST)
                return;
        directory = open_directory(dir_fd);
        if (directory < 0)
                return;
        memcpy(header.magic, magic, sizeof(magic));
        str_buf_add_bytes(&content, &header, sizeof(header));
        str_buf_add_bytes(&content, key->data, key->size);
        str_buf_add_bytes(&content, program->code, program->size);
        if (content.size > FILE_MAX)
                return;
        limit_entries(directory);
        entry_name(key, name, sizeof(name));
        (void) file_write_atomic(directory, name, content.data, content.size, 0600, &ignored);
}
