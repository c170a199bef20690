/* A cgroup as state.json keeps it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

static const struct cgroup_driver *const drivers[] = {&cgroup_v1_driver, &cgroup_v2_driver, &cgroup_systemd_driver};

void cgroup_write(const struct cgroup *cgroup, struct json_writer *writer, const char *key) {
        json_begin_object(writer, key);
        json_put_string(writer, "driver", cgroup->driver->name);
        if (cgroup->rootless)
                json_put_bool(writer, "rootless", true);
        json_put_string(writer, "unit", cgroup->unit);
        if (cgroup->user_manager)
                json_put_bool(writer, "userManager", true);
        json_begin_array(writer, "hierarchies");
        for (size_t i = 0; i < cgroup->total; i++) {
                const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];

                json_begin_object(writer, NULL);
                json_put_string(writer, "name", hierarchy->name);
                json_put_string(writer, "mount", hierarchy->mount);
                json_put_string(writer, "directory", hierarchy->directory);
                if (cgroup->places[i].kept)
                        json_put_bool(writer, "kept", true);
                if (cgroup->places[i].parents > 0)
                        json_put_uint(writer, "parents", cgroup->places[i].parents);
                json_end_object(writer);
        }
        json_end_array(writer);
        json_end_object(writer);
}

static int read_hierarchy(struct cgroup *cgroup, const struct json *value, struct error *err) {
        struct cgroup_hierarchy hierarchy = {0};
        const char *name = NULL, *mount = NULL, *directory = NULL;
        bool kept = false;
        uint32_t parents = 0;
        int r = json_expect(value, JSON_OBJECT, err);

        if (r == 0)
                r = json_get_string(value, "name", &name, err);
        if (r == 0)
                r = json_get_string(value, "mount", &mount, err);
        if (r == 0)
                r = json_get_string(value, "directory", &directory, err);
        if (r == 0)
                r = json_get_bool(value, "kept", &kept, err);
        if (r == 0)
                r = json_get_u32(value, "parents", &parents, err);
        if (r < 0)
                return r;
        /* Directories named here are removed later: nothing that cannot be a cgroup of ours may pass. */
        if (!name || !mount || !directory || mount[0] != '/' || !str_starts_with(directory, mount) ||
            directory[strlen(mount)] != '/' || strstr(directory, "/../"))
                return json_error(value, err, EINVAL, "does not describe a cgroup");

        hierarchy.name = arena_strdup(cgroup->arena, name);
        hierarchy.mount = arena_strdup(cgroup->arena, mount);
        hierarchy.directory = arena_strdup(cgroup->arena, directory);
        hierarchy.v2 = name[0] == '\0';
        /* An update may have made it since. */
        if (kept && access(directory, F_OK) == 0)
                kept = false;
        r = cgroup_add_hierarchy(cgroup, &hierarchy, kept, err);
        if (r == 0)
                cgroup->places[cgroup->total - 1].parents = parents;
        return r;
}

int cgroup_read(const struct json *value, struct cgroup **out, struct error *err) {
        _cleanup_(cgroup_free_at) struct cgroup *cgroup = NULL;
        const struct json *list = NULL;
        const char *name = "", *unit = NULL;
        size_t i = 0;
        int r = json_expect(value, JSON_OBJECT, err);

        if (r == 0)
                r = json_get_string(value, "driver", &name, err);
        if (r == 0)
                r = json_get_array(value, "hierarchies", &list, err);
        if (r < 0)
                return r;
        while (i < ARRAY_SIZE(drivers) && !str_equal(drivers[i]->name, name))
                i++;
        if (i == ARRAY_SIZE(drivers))
                return json_error(value, err, EINVAL, "unknown cgroup driver \"%s\"", name);

        cgroup = cgroup_new(drivers[i]);
        cgroup->complete = true;
        if ((r = json_get_bool(value, "rootless", &cgroup->rootless, err)) < 0 ||
            (r = json_get_bool(value, "userManager", &cgroup->user_manager, err)) < 0 ||
            (r = json_get_string(value, "unit", &unit, err)) < 0)
                return r;
        cgroup->unit = arena_strdup(cgroup->arena, unit);
        if (cgroup->driver->remove && !unit)
                return json_error(value, err, EINVAL, "names no unit");
        for (const struct json *child = list ? list->first : NULL; child; child = child->next) {
                r = read_hierarchy(cgroup, child, err);
                if (r < 0)
                        return r;
        }
        *out = take_ptr(cgroup);
        return 0;
}
