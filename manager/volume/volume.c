#include "volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"

char *volume_path(const struct manager *manager, const char *name) {
        return str_format("%s/volumes/%s/_data", manager->root, name);
}

static char *random_name(void) {
        unsigned char bytes[32];
        _cleanup_str_buf_ struct str_buf name = {0};

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                abort();
        for (size_t i = 0; i < sizeof(bytes); i++)
                str_buf_printf(&name, "%02x", bytes[i]);
        return str_buf_take(&name);
}

int volume_create(const struct manager *manager, const char *name, char **out_name, struct error *err) {
        _cleanup_free_ char *own = name ? xstrdup(name) : random_name(), *path = NULL;
        int r;

        if (!path_is_id(own))
                return error_set(err, EINVAL, "volume name %s: letters, digits, \"_\", \".\" and \"-\" only", own);
        path = volume_path(manager, own);
        r = path_make_trusted_dirs(path, 0755, err);
        if (r == 0)
                *out_name = take_ptr(own);
        return r;
}

int volume_check(const struct manager *manager, const char *name, struct error *err) {
        _cleanup_free_ char *path = path_is_id(name) ? volume_path(manager, name) : NULL;

        if (!path || access(path, F_OK) < 0)
                return error_set(err, ENOENT, "no such volume: %s", name);
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int volume_list(const struct manager *manager, struct str_list *names, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/volumes", manager->root);
        _cleanup_dir_ DIR *directory = opendir(path);
        const struct dirent *entry;

        if (!directory)
                return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
        while ((entry = readdir(directory)))
                if (path_is_id(entry->d_name))
                        str_list_add(names, entry->d_name);
        if (names->count > 1)
                qsort(names->items, names->count, sizeof(char *), compare);
        return 0;
}

int volume_remove(const struct manager *manager, const char *name, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/volumes", manager->root);
        _cleanup_fd_ int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = volume_check(manager, name, err);

        return r < 0 ? r : path_remove_tree(directory, name, err);
}
