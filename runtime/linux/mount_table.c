#include "mount_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
void mount_table_unescape(char *text) {
        char *out = text;

        for (const char *in = text; *in; in++) {
                if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] && in[3]) {
                        *out++ = (char) ((in[1] & 3) << 6 | (in[2] & 7) << 3 | (in[3] & 7));
                        in += 3;
                } else {
                        *out++ = *in;
                }
        }
        *out = '\0';
}

/* What stands behind " - ". */
static bool is_of_type(const char *rest, const char *const *types) {
        if (!types)
                return true;
        for (; *types; types++) {
                size_t size = strlen(*types);

                if (strncmp(rest, *types, size) == 0 && rest[size] == ' ')
                        return true;
        }
        return false;
}

/* id parent dev root mount-point options [tags...] - type source super-options */
static char *point_of(char *line, const char *const *types, uint64_t *id) {
        const char *rest = strstr(line, " - ");
        char *save = NULL;
        char *field;

        if (!rest || !is_of_type(rest + 3, types))
                return NULL;
        field = strtok_r(line, " ", &save);
        if (!field || str_to_u64(field, UINT64_MAX, id) < 0)
                return NULL;
        for (int i = 0; field && i < 4; i++)
                field = strtok_r(NULL, " ", &save);
        return field;
}

int mount_table_read(struct mount_table *out, pid_t pid, const char *const *types, struct error *err) {
        _cleanup_free_ char *path =
                pid > 0 ? str_format("/proc/%d/mountinfo", (int) pid) : xstrdup("/proc/self/mountinfo");
        _cleanup_file_ FILE *file = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return error_errno(err, errno, "%s", path);
        while (getline(&line, &size, file) > 0) {
                uint64_t id = 0;
                char *point = point_of(line, types, &id);

                if (!point)
                        continue;
                mount_table_unescape(point);
                out->paths = xrealloc(out->paths, out->count + 1, sizeof(*out->paths));
                out->ids = xrealloc(out->ids, out->count + 1, sizeof(*out->ids));
                out->ids[out->count] = id;
                out->paths[out->count++] = xstrdup(point);
        }
        return 0;
}

void mount_table_free(struct mount_table *table) {
        for (size_t i = 0; i < table->count; i++)
                free(table->paths[i]);
        free(table->paths);
        free(table->ids);
        *table = (struct mount_table){0};
}
