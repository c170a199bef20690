/* Which hierarchies the host mounts, where this process is in them, and where a container's cgroup goes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "cgroup_private.h"
#include "mount_table.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define PROC_FILE_MAX (16 << 20)

bool cgroup_host_unified(void) {
        struct statfs fs;

        return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/*
 * The usual place of a hierarchy, when its root is mounted there. The root of a
 * cgroup file system has inode 1; anything else is a part of it (as in a
 * container) whose path only mountinfo tells. This spares reading mountinfo,
 * which grows with every container on the host.
 */
static bool mounted_at(const char *path, bool v2) {
        struct statfs fs;
        struct stat st;

        return statfs(path, &fs) == 0 && fs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC) &&
               stat(path, &st) == 0 && st.st_ino == 1;
}

/* False when something else is mounted over the hierarchy. */
static bool is_visible(const char *path, bool v2) {
        struct statfs fs;

        return statfs(path, &fs) == 0 && fs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

/* True if `list` ("rw,cpu,cpuacct") has the option. */
static bool has_option(const char *list, const char *option) {
        size_t size = strlen(option);

        for (const char *at = list; (at = strstr(at, option)); at += size)
                if ((at == list || at[-1] == ',') && (at[size] == ',' || at[size] == '\0' || at[size] == '\n'))
                        return true;
        return false;
}

struct mountinfo_line {
        char root[4096];
        char mount[4096];
        char type[64];
        char options[512];
};

/* proc_pid_mountinfo(5): id parent dev root mount-point options [tags...] - type source super-options */
static bool read_line(const char *line, struct mountinfo_line *out) {
        const char *rest = strstr(line, " - ");

        if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", out->root, out->mount) != 2 ||
            sscanf(rest, " - %63s %*s %511s", out->type, out->options) != 2)
                return false;
        mount_table_unescape(out->root);
        mount_table_unescape(out->mount);
        return true;
}

/*
 * Looks a hierarchy up in mountinfo.
 * @option: a super option that names it: a controller or "name=systemd"; NULL for v2
 * @own: this process's cgroup in the hierarchy; set to its path below the mount
 */
static bool find_mount(struct arena *arena, const char *mountinfo, const char *option, const char **mount,
                       const char **own) {
        _cleanup_free_ struct mountinfo_line *fields = xcalloc(1, sizeof(*fields));

        for (const char *line = mountinfo; line && *line;) {
                const char *end = strchr(line, '\n');
                _cleanup_free_ char *text = xstrndup(line, end ? (size_t) (end - line) : strlen(line));
                size_t size;

                line = end ? end + 1 : NULL;
                if (!read_line(text, fields))
                        continue;
                if (option ? !str_equal(fields->type, "cgroup") || !has_option(fields->options, option)
                           : !str_equal(fields->type, "cgroup2"))
                        continue;
                if (!is_visible(fields->mount, !option))
                        continue;

                size = str_equal(fields->root, "/") ? 0 : strlen(fields->root);
                *mount = arena_strdup(arena, fields->mount);
                /* A part of the hierarchy that this process is not in: its root is the nearest there is. */
                if (strncmp(*own, fields->root, size) == 0 && ((*own)[size] == '/' || (*own)[size] == '\0'))
                        *own = (*own)[size] ? *own + size : "/";
                else
                        *own = "/";
                return true;
        }
        return false;
}

/*
 * One line of /proc/self/cgroup: "4:cpu,cpuacct:/path". Sets mount->mount to NULL where it is not mounted.
 * @others: there are v1 hierarchies, beside which the v2 tree is an extra that counts at its usual place alone: that
 * it has none is no reason to read mountinfo
 */
static int read_own(struct arena *arena, char *line, bool others, char **mountinfo, struct cgroup_mount *mount,
                    struct error *err) {
        char *name = strchr(line, ':');
        char *path = name ? strchr(name + 1, ':') : NULL;
        const char *option, *usual;

        mount->mount = NULL;
        if (!path)
                return 0;
        *path++ = '\0';
        name++;
        option = name;
        mount->v2 = name[0] == '\0';
        if (str_starts_with(name, "name="))
                name += strlen("name=");
        mount->name = arena_strdup(arena, name);
        mount->own = arena_strdup(arena, path);

        usual = mount->v2 ? CGROUP_ROOT "/unified" : arena_printf(arena, CGROUP_ROOT "/%s", name);
        if (mounted_at(usual, mount->v2)) {
                mount->mount = usual;
                return 0;
        }
        if (mount->v2 && others && !is_visible(usual, true))
                return 0;
        if (!*mountinfo) {
                int r = file_read(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, mountinfo, NULL, err);

                if (r < 0)
                        return r;
        }
        /* Controllers mounted together are named in any order: the first one is enough. */
        if (!mount->v2)
                option = arena_strndup(arena, option, strcspn(option, ","));
        (void) find_mount(arena, *mountinfo, mount->v2 ? NULL : option, &mount->mount, &mount->own);
        return 0;
}

int cgroup_host_read(struct arena *arena, struct cgroup_host *out, struct error *err) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *mountinfo = NULL;
        bool unified = cgroup_host_unified();
        char *save = NULL;
        int r = file_read(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &text, NULL, err);

        *out = (struct cgroup_host){0};
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                struct cgroup_mount mount = {0};

                if (unified && str_starts_with(line, "0::")) {
                        mount = (struct cgroup_mount){
                                .name = "", .mount = CGROUP_ROOT, .v2 = true, .own = arena_strdup(arena, line + 3)};
                } else if (!unified) {
                        r = read_own(arena, line, out->count > 0, &mountinfo, &mount, err);
                        if (r < 0)
                                return r;
                }
                if (!mount.mount)
                        continue;
                if (out->count == ARRAY_SIZE(out->mounts))
                        return error_set(err, E2BIG, "cgroups: this host has more than %zu hierarchies",
                                         ARRAY_SIZE(out->mounts));
                out->mounts[out->count++] = mount;
        }
        if (out->count == 0) {
                error_set(err, ENOENT, "cgroups: no cgroup file system is mounted");
                return error_hint(err, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        }
        return 0;
}

const char *cgroup_host_path(struct arena *arena, const struct cgroup_mount *mount,
                             const struct cgroup_request *request) {
        const char *wanted = str_empty(request->cgroups_path) ? request->container_id : request->cgroups_path;
        /* Cleaned as an absolute path, so that no ".." leads out of the hierarchy. */
        _cleanup_free_ char *rooted = str_format("/%s", wanted);
        _cleanup_free_ char *clean = path_clean(rooted);
        const char *slash;
        size_t size;

        if (wanted[0] == '/')
                return arena_strdup(arena, clean);

        size = strlen(mount->own);
        if (mount->v2 && str_equal(mount->mount, CGROUP_ROOT)) {
                slash = strrchr(mount->own, '/');
                size = slash ? (size_t) (slash - mount->own) : 0;
        }
        while (size > 0 && mount->own[size - 1] == '/')
                size--;
        return arena_printf(arena, "%.*s%s", (int) size, mount->own, clean);
}
