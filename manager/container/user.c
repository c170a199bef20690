#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"

#define ID_MAX ((uint64_t) INT32_MAX)
#define FILE_MAX ((size_t) 16 * 1024 * 1024)

/* The lines of a file in the container; none when it is not there. */
static void read_lines(int root_fd, const char *path, struct str_list *out) {
        _cleanup_fd_ int fd = path_open(root_fd, path, PATH_IN_ROOT, O_RDONLY | O_NONBLOCK, 0, NULL);
        _cleanup_free_ char *text = NULL;

        if (fd >= 0 && fd_read_all(fd, FILE_MAX, &text, NULL) == 0)
                str_list_split(out, text, '\n');
}

/* A line of passwd(5) or group(5) in its parts; false for a line that is none. */
static bool split_line(const char *line, size_t fields, struct str_list *parts) {
        str_list_split(parts, line, ':');
        return parts->count >= fields && line[0] != '#';
}

static bool parse_id(const char *text, uint32_t *out) {
        uint64_t value;

        if (str_to_u64(text, ID_MAX, &value) < 0)
                return false;
        *out = (uint32_t) value;
        return true;
}

struct found_user {
        bool found;
        char *name;
        uint32_t uid;
        uint32_t gid;
        const char *home;
};

static void find_user(const struct str_list *passwd, const char *who, struct arena *arena, struct found_user *out) {
        uint32_t wanted = 0;
        bool by_number = parse_id(who, &wanted);

        for (size_t i = 0; i < passwd->count && !out->found; i++) {
                _cleanup_str_list_ struct str_list parts = {0};
                uint32_t uid, gid;

                if (!split_line(passwd->items[i], 6, &parts) || !parse_id(parts.items[2], &uid) ||
                    !parse_id(parts.items[3], &gid))
                        continue;
                if (!str_equal(parts.items[0], who) && !(by_number && uid == wanted))
                        continue;
                *out = (struct found_user){
                        .found = true,
                        .name = arena_strdup(arena, parts.items[0]),
                        .uid = uid,
                        .gid = gid,
                        .home = parts.items[5][0] ? arena_strdup(arena, parts.items[5]) : "/",
                };
        }
}

static bool find_group(const struct str_list *groups, const char *name, uint32_t *out) {
        for (size_t i = 0; i < groups->count; i++) {
                _cleanup_str_list_ struct str_list parts = {0};

                if (split_line(groups->items[i], 3, &parts) && str_equal(parts.items[0], name) &&
                    parse_id(parts.items[2], out))
                        return true;
        }
        return parse_id(name, out);
}

static void add_gid(uint32_t **list, size_t *count, uint32_t gid) {
        for (size_t i = 0; i < *count; i++)
                if ((*list)[i] == gid)
                        return;
        *list = xrealloc(*list, *count + 1, sizeof(uint32_t));
        (*list)[(*count)++] = gid;
}

/* The groups that list the user as a member. */
static void add_memberships(const struct str_list *groups, const char *user, uint32_t **list, size_t *count) {
        for (size_t i = 0; i < groups->count; i++) {
                _cleanup_str_list_ struct str_list parts = {0}, members = {0};
                uint32_t gid;

                if (!split_line(groups->items[i], 4, &parts) || !parse_id(parts.items[2], &gid))
                        continue;
                str_list_split(&members, parts.items[3], ',');
                if (str_list_contains(&members, user))
                        add_gid(list, count, gid);
        }
}

static int resolve_groups(const struct str_list *groups, const struct str_list *more, const char *member,
                          struct arena *arena, struct runtime_user *out, struct error *err) {
        _cleanup_free_ uint32_t *list = NULL;
        uint32_t *kept;
        size_t count = 0;

        if (member)
                add_memberships(groups, member, &list, &count);
        for (size_t i = 0; i < more->count; i++) {
                uint32_t gid;

                if (!find_group(groups, more->items[i], &gid))
                        return error_set(err, EINVAL, "unable to find group %s: no matching entries in group file",
                                         more->items[i]);
                add_gid(&list, &count, gid);
        }
        kept = arena_alloc(arena, count + 1, sizeof(*kept));
        if (count > 0)
                memcpy(kept, list, count * sizeof(*kept));
        out->additional_gids = kept;
        out->additional_gid_count = count;
        return 0;
}

int user_resolve(int root_fd, const char *spec, const struct str_list *groups, struct arena *arena,
                 struct runtime_user *out, const char **home, struct error *err) {
        _cleanup_str_list_ struct str_list passwd = {0}, group = {0}, parts = {0};
        const char *name, *group_name;
        struct found_user user = {.home = "/"};

        str_list_split(&parts, str_empty(spec) ? "0" : spec, ':');
        if (parts.count > 2)
                return error_set(err, EINVAL, "invalid user %s: expected name|uid[:group|gid]", spec);
        name = parts.items[0][0] ? parts.items[0] : "0";
        group_name = parts.count == 2 && parts.items[1][0] ? parts.items[1] : NULL;
        read_lines(root_fd, "/etc/passwd", &passwd);
        read_lines(root_fd, "/etc/group", &group);
        find_user(&passwd, name, arena, &user);
        if (!user.found && !parse_id(name, &user.uid))
                return error_set(err, EINVAL, "unable to find user %s: no matching entries in passwd file", name);
        if (group_name && !find_group(&group, group_name, &user.gid))
                return error_set(err, EINVAL, "unable to find group %s: no matching entries in group file", group_name);
        *out = (struct runtime_user){.uid = user.uid, .gid = user.gid};
        *home = user.uid == 0 && !user.found ? "/root" : user.home;
        /* A group that is asked for replaces the memberships, as docker does it. */
        return resolve_groups(&group, groups, group_name ? NULL : user.name, arena, out, err);
}
