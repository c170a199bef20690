#include "cni.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"

#define LIST_PLUGINS_MAX 64

const char *const cni_versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL};

bool cni_version_supported(const char *version) {
        for (size_t i = 0; cni_versions[i]; i++)
                if (str_equal(cni_versions[i], version))
                        return true;
        return false;
}

int cni_version_compare(const char *a, const char *b) {
        unsigned int left[3] = {0}, right[3] = {0};

        (void) sscanf(a, "%3u.%3u.%3u", &left[0], &left[1], &left[2]);
        (void) sscanf(b, "%3u.%3u.%3u", &right[0], &right[1], &right[2]);
        for (size_t i = 0; i < ARRAY_SIZE(left); i++)
                if (left[i] != right[i])
                        return left[i] < right[i] ? -1 : 1;
        return 0;
}

char *cni_error_write(const char *version, int code, const char *message, const char *details) {
        _cleanup_json_writer_ struct json_writer writer = {0};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "cniVersion", version ? version : CNI_VERSION_LATEST);
        json_put_int(&writer, "code", code);
        json_put_string(&writer, "msg", message);
        if (!str_empty(details))
                json_put_string(&writer, "details", details);
        json_end_object(&writer);
        return json_writer_take(&writer);
}

int cni_error_parse(const char *text, size_t size, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        const char *message = NULL, *details = NULL;
        int64_t code = 0;

        if (json_parse(arena, text, size, NULL, &root, NULL) < 0 || root->type != JSON_OBJECT ||
            json_get_string(root, "msg", &message, NULL) < 0 || json_get_string(root, "details", &details, NULL) < 0 ||
            json_get_i64(root, "code", 0, INT32_MAX, &code, NULL) < 0 || str_empty(message)) {
                while (size > 0 && isspace((unsigned char) text[size - 1]))
                        size--;
                (void) error_set(err, EIO, "the plugin failed without an error object%s%.*s", size ? ": " : "",
                                 size > 400 ? 400 : (int) size, size ? text : "");
                return 0;
        }
        (void) error_set(err, EIO, "%s", message);
        if (!str_empty(details))
                (void) error_hint(err, "%s", details);
        return (int) code;
}

static int parse_plugin(const struct json *conf, struct cni_plugin *out, struct error *err) {
        const struct json *type;
        int r;

        r = json_expect(conf, JSON_OBJECT, err);
        if (r < 0)
                return r;
        r = json_require(conf, "type", &type, err);
        if (r < 0)
                return r;
        r = json_expect(type, JSON_STRING, err);
        if (r < 0)
                return r;
        /* CVE-2021-20206: the type becomes a file name below CNI_PATH. */
        if (!path_is_name(type->text))
                return json_error(type, err, EINVAL, "'%s' is not the name of a plugin", type->text);
        *out = (struct cni_plugin){.type = type->text, .conf = conf};
        return json_get_object(conf, "capabilities", &out->capabilities, err);
}

/* The highest version that both we and the list speak: cniVersions, since 1.1.0, offers several. */
static int choose_version(const struct json *root, const char **out, struct error *err) {
        const struct json *offers = NULL;
        const char *version = NULL, *best = NULL;
        int r;

        r = json_get_string(root, "cniVersion", &version, err);
        if (r >= 0)
                r = json_get_array(root, "cniVersions", &offers, err);
        if (r < 0)
                return r;
        if (version && cni_version_supported(version))
                best = version;
        for (const struct json *offer = offers ? offers->first : NULL; offer; offer = offer->next) {
                r = json_expect(offer, JSON_STRING, err);
                if (r < 0)
                        return r;
                if (cni_version_supported(offer->text) && (!best || cni_version_compare(offer->text, best) > 0))
                        best = offer->text;
        }
        if (!best) {
                if (!version)
                        return json_error(root, err, EINVAL, "cniVersion: required, but missing");
                r = json_error(json_get(root, "cniVersion"), err, EPROTONOSUPPORT, "%s is not supported", version);
                (void) error_hint(err, "supported are 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0");
                return r;
        }
        *out = best;
        return 0;
}

static int parse_plugins(struct arena *arena, const struct json *root, struct cni_network_list *out,
                         struct error *err) {
        const struct json *plugins = NULL;
        size_t i = 0;
        int r;

        r = json_get_array(root, "plugins", &plugins, err);
        if (r < 0)
                return r;
        if (!plugins) {
                out->plugins = arena_alloc(arena, 1, sizeof(*out->plugins));
                out->plugin_count = 1;
                return parse_plugin(root, &out->plugins[0], err);
        }
        if (plugins->count == 0 || plugins->count > LIST_PLUGINS_MAX)
                return json_error(plugins, err, EINVAL, "%u plugins; 1 to %d are possible", plugins->count,
                                  LIST_PLUGINS_MAX);
        out->plugins = arena_alloc(arena, plugins->count, sizeof(*out->plugins));
        out->plugin_count = plugins->count;
        json_for_each (plugin, plugins) {
                r = parse_plugin(plugin, &out->plugins[i++], err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cni_network_list_parse(struct arena *arena, const struct json *root, struct cni_network_list *out,
                           struct error *err) {
        const struct json *name;
        int r;

        *out = (struct cni_network_list){.root = root};
        r = json_expect(root, JSON_OBJECT, err);
        if (r >= 0)
                r = json_require(root, "name", &name, err);
        if (r >= 0)
                r = json_expect(name, JSON_STRING, err);
        if (r < 0)
                return r;
        if (!path_is_id(name->text))
                return json_error(name, err, EINVAL,
                                  "'%s' is not a network's name: a letter or digit, then letters, digits, _ . and -",
                                  name->text);
        out->name = name->text;
        r = choose_version(root, &out->cni_version, err);
        if (r >= 0)
                r = json_get_bool(root, "disableCheck", &out->disable_check, err);
        if (r >= 0)
                r = json_get_bool(root, "disableGC", &out->disable_gc, err);
        if (r < 0)
                return r;
        return parse_plugins(arena, root, out, err);
}

int cni_network_list_parse_file(struct arena *arena, int dir_fd, const char *path, struct cni_network_list *out,
                                struct error *err) {
        const struct json *root;
        int r;

        r = json_parse_file(arena, dir_fd, path, NULL, &root, err);
        if (r < 0)
                return r;
        r = cni_network_list_parse(arena, root, out, err);
        if (r < 0)
                return error_wrap(err, "%s", path);
        return 0;
}

bool cni_plugin_has_capability(const struct cni_plugin *plugin, const char *capability) {
        bool declared = false;

        (void) json_get_bool(plugin->capabilities, capability, &declared, NULL);
        return declared;
}

/* Members of a plugin's object that the runtime alone writes. */
static bool is_runtime_member(const char *key) {
        static const char *const members[] = {"name",       "cniVersion",    "cniVersions",
                                              "prevResult", "runtimeConfig", "cni.dev/valid-attachments"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (str_equal(key, members[i]))
                        return true;
        return false;
}

static void put_runtime_config(struct json_writer *writer, const struct cni_request *request) {
        bool open = false;

        if (!request->capability_args)
                return;
        json_for_each (argument, request->capability_args) {
                if (argument->type == JSON_NULL || !cni_plugin_has_capability(request->plugin, argument->key))
                        continue;
                if (!open)
                        json_begin_object(writer, "runtimeConfig");
                open = true;
                json_put_value(writer, argument->key, argument);
        }
        if (open)
                json_end_object(writer);
}

static void put_valid_attachments(struct json_writer *writer, const struct cni_request *request) {
        json_begin_array(writer, "cni.dev/valid-attachments");
        for (size_t i = 0; i < request->attachment_count; i++) {
                json_begin_object(writer, NULL);
                json_put_string(writer, "containerID", request->valid_attachments[i].container_id);
                json_put_string(writer, "ifname", request->valid_attachments[i].ifname);
                json_end_object(writer);
        }
        json_end_array(writer);
}

char *cni_request_write(const struct cni_request *request) {
        _cleanup_json_writer_ struct json_writer writer = {0};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "cniVersion", request->list->cni_version);
        json_put_string(&writer, "name", request->list->name);
        json_for_each (member, request->plugin->conf) {
                if (!is_runtime_member(member->key))
                        json_put_value(&writer, member->key, member);
        }
        put_runtime_config(&writer, request);
        if (request->is_gc)
                put_valid_attachments(&writer, request);
        json_put_value(&writer, "prevResult", request->prev_result);
        json_end_object(&writer);
        return json_writer_take(&writer);
}
