/* config.json's outermost object (config.md): root, mounts, hooks, and the sections of the other files. */
#include "runtime_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "runtime_config_types.h"

const char *const runtime_no_strings[] = {NULL};

static const char *const hook_point_names[HOOK_POINT_COUNT] = {
        [HOOK_PRESTART] = "prestart",
        [HOOK_CREATE_RUNTIME] = "createRuntime",
        [HOOK_CREATE_CONTAINER] = "createContainer",
        [HOOK_START_CONTAINER] = "startContainer",
        [HOOK_POSTSTART] = "poststart",
        [HOOK_POSTSTOP] = "poststop",
};

const char *runtime_hook_point_name(enum runtime_hook_point point) {
        return hook_point_names[point];
}

#define ROW(member) DOCUMENT_MEMBER(struct runtime_config, member)

static const struct document_field root_fields[] = {
        {"path", DOCUMENT_STRING, DOCUMENT_REQUIRED, DOCUMENT_MEMBER(struct runtime_root, path)},
        {"readonly", DOCUMENT_BOOL, 0, DOCUMENT_MEMBER(struct runtime_root, readonly)},
};

static const struct document_type root_type = {DOCUMENT_ROWS(root_fields), sizeof(struct runtime_root), NULL};

#define MOUNT_ROW(member) DOCUMENT_MEMBER(struct runtime_mount, member)
#define MOUNT_ITEMS(member) DOCUMENT_ITEMS(struct runtime_mount, member.items, member.count)

static const struct document_field mount_fields[] = {
        {"destination", DOCUMENT_STRING, DOCUMENT_REQUIRED, MOUNT_ROW(destination)},
        {"type", DOCUMENT_STRING, 0, MOUNT_ROW(type)},
        {"source", DOCUMENT_STRING, 0, MOUNT_ROW(source)},
        {"options", DOCUMENT_STRINGS, 0, MOUNT_ROW(options)},
        {"uidMappings", DOCUMENT_LIST, 0, MOUNT_ITEMS(uid_mappings), .type = &runtime_id_mapping_type},
        {"gidMappings", DOCUMENT_LIST, 0, MOUNT_ITEMS(gid_mappings), .type = &runtime_id_mapping_type},
};

static int mount_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_mount *mount = item;

        if (mount->destination[0] != '/')
                mount->destination = arena_printf(arena, "/%s", mount->destination);
        if (!mount->options)
                mount->options = runtime_no_strings;
        if ((mount->uid_mappings.count == 0) != (mount->gid_mappings.count == 0))
                return json_error(object, err, EINVAL, "uidMappings and gidMappings must be given together");
        return 0;
}

static const struct document_type mount_type = {DOCUMENT_ROWS(mount_fields), sizeof(struct runtime_mount),
                                                mount_finish};

#define HOOK_ROW(member) DOCUMENT_MEMBER(struct runtime_hook, member)

static const struct document_field hook_fields[] = {
        {"path", DOCUMENT_STRING, DOCUMENT_REQUIRED | DOCUMENT_ABSOLUTE, HOOK_ROW(path)},
        {"args", DOCUMENT_STRINGS, 0, HOOK_ROW(args)},
        {"env", DOCUMENT_STRINGS, 0, HOOK_ROW(env)},
        {"timeout", DOCUMENT_OPT_I64, 0, HOOK_ROW(timeout)},
};

static int hook_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_hook *hook = item;

        (void) arena;
        if (hook->timeout.set && hook->timeout.value < 1)
                return json_error(json_get(object, "timeout"), err, ERANGE, "must be at least 1 second");
        if (hook->args && !hook->args[0])
                hook->args = NULL;
        return 0;
}

static const struct document_type hook_type = {DOCUMENT_ROWS(hook_fields), sizeof(struct runtime_hook), hook_finish};

#define HOOKS(point) DOCUMENT_ITEMS(struct runtime_config, hooks[point].items, hooks[point].count), .type = &hook_type

static const struct document_field hooks_fields[] = {
        {"prestart", DOCUMENT_LIST, 0, HOOKS(HOOK_PRESTART)},
        {"createRuntime", DOCUMENT_LIST, 0, HOOKS(HOOK_CREATE_RUNTIME)},
        {"createContainer", DOCUMENT_LIST, 0, HOOKS(HOOK_CREATE_CONTAINER)},
        {"startContainer", DOCUMENT_LIST, 0, HOOKS(HOOK_START_CONTAINER)},
        {"poststart", DOCUMENT_LIST, 0, HOOKS(HOOK_POSTSTART)},
        {"poststop", DOCUMENT_LIST, 0, HOOKS(HOOK_POSTSTOP)},
};

static const struct document_type hooks_type = {DOCUMENT_ROWS(hooks_fields), sizeof(struct runtime_config), NULL};

static const struct document_field config_fields[] = {
        {"ociVersion", DOCUMENT_STRING, DOCUMENT_REQUIRED, ROW(oci_version)},
        {"root", DOCUMENT_POINTER, 0, ROW(root), .type = &root_type},
        {"mounts", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_config, mounts, mount_count), .type = &mount_type},
        {"process", DOCUMENT_POINTER, 0, ROW(process), .type = &runtime_process_type},
        {"hostname", DOCUMENT_STRING, 0, ROW(hostname)},
        {"domainname", DOCUMENT_STRING, 0, ROW(domainname)},
        {"hooks", DOCUMENT_GROUP, 0, .offset = 0, .type = &hooks_type},
        {"annotations", DOCUMENT_PAIRS, 0, ROW(annotations)},
        {"linux", DOCUMENT_GROUP, 0, ROW(linux_), .type = &runtime_linux_type},
};

/* semver.org: three numbers without leading zeros, and maybe a suffix ("1.3.0-rc.1+build"). */
static bool parse_version(const char *version, unsigned long numbers[3]) {
        const char *rest = version;

        for (size_t i = 0; i < 3; i++) {
                char *end = NULL;

                if (*rest < '0' || *rest > '9' || (rest[0] == '0' && rest[1] >= '0' && rest[1] <= '9'))
                        return false;
                numbers[i] = strtoul(rest, &end, 10);
                rest = end;
                if (i < 2 && *rest++ != '.')
                        return false;
        }
        if (*rest == '\0')
                return true;
        return (*rest == '-' || *rest == '+') && rest[1] != '\0' &&
               rest[strspn(rest, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+")] == '\0';
}

/*
 * A version whose major number is 1. Drafts (0.x) are read as 1.0: old generators still write
 * them, and the members they know are the same.
 */
static int check_version(const struct json *object, const char *version, unsigned long numbers[3], struct error *err) {
        const struct json *value = json_get(object, "ociVersion");

        if (!parse_version(version, numbers))
                return json_error(value, err, EINVAL, "\"%s\" is not a version such as \"1.2.0\"", version);
        if (numbers[0] > 1)
                return json_error(value, err, EINVAL, "version %s of the specification is not supported (1.x is)",
                                  version);
        return 0;
}

/* From version 1.3 on 0 is a limit; before, who had no limit to give could say it so, and old engines still do. */
static void read_pids_limit(const struct runtime_config *config, const unsigned long version[3]) {
        struct runtime_resources *resources = (struct runtime_resources *) config->linux_.resources;

        if (resources && resources->pids_limit.value == 0 && (version[0] == 0 || version[1] < 3))
                resources->pids_limit.value = RUNTIME_NO_LIMIT;
}

static int config_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_config *config = item;
        const struct {
                const char *member;
                bool used;
        } names[] = {{"hostname", config->hostname != NULL}, {"domainname", config->domainname != NULL}};
        unsigned long version[3];
        int r = check_version(object, config->oci_version, version, err);

        (void) arena;
        if (r < 0)
                return r;
        read_pids_limit(config, version);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i].used && !config->linux_.namespaces[NAMESPACE_UTS].present)
                        return json_error(json_get(object, names[i].member), err, EINVAL,
                                          "needs a uts namespace, but linux.namespaces has none");

        /* The section may be absent altogether; its lists are still there to be looped over. */
        if (!config->linux_.masked_paths)
                config->linux_.masked_paths = runtime_no_strings;
        if (!config->linux_.readonly_paths)
                config->linux_.readonly_paths = runtime_no_strings;
        return 0;
}

static const struct document_type config_type = {DOCUMENT_ROWS(config_fields), sizeof(struct runtime_config),
                                                 config_finish};

int runtime_config_parse(struct arena *arena, const struct json *root, struct runtime_config *out, struct error *err) {
        *out = (struct runtime_config){0};
        return document_parse(arena, root, &config_type, out, err);
}

void runtime_config_warn(struct arena *arena, const struct json *root, const struct runtime_config *config) {
        const struct json *mounts = json_get(root, "mounts");

        if (str_starts_with(config->oci_version, "0."))
                log_warning("ociVersion: %s is a draft of the specification; it is read as 1.0.0", config->oci_version);
        if (!mounts)
                return;
        json_for_each (mount, mounts) {
                const char *destination = json_get(mount, "destination")->text;

                if (destination[0] != '/')
                        log_warning("%s: \"%s\" is not an absolute path: \"/%s\" is meant", json_path(mount, arena),
                                    destination, destination);
        }
}

void runtime_config_write(struct json_writer *writer, const struct runtime_config *config) {
        document_write(writer, NULL, &config_type, config);
}
