/*
 * Image documents, read and checked. Documents by Docker and by older builders
 * say null where others leave a member out: both mean absent.
 */
#include <errno.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "image.h"

/* The member's strings as a list, or *out untouched when it is absent. */
static int read_strings(struct arena *arena, const struct json *object, const char *key, const char *const **out,
                        struct error *err) {
        const char **list = NULL;
        int r = json_get_strings(arena, object, key, &list, NULL, err);

        if (r == 0 && list)
                *out = list;
        return r;
}

static int read_pairs(struct arena *arena, const struct json *object, const char *key, const struct string_pair **out,
                      size_t *count, struct error *err) {
        const struct json *member = NULL;
        struct string_pair *pairs;
        int r = json_get_object(object, key, &member, err);

        if (r < 0 || !member)
                return r;
        pairs = arena_alloc(arena, member->count + 1, sizeof(*pairs));
        json_for_each (item, member) {
                r = json_expect(item, JSON_STRING, err);
                if (r < 0)
                        return r;
                pairs[item->index] = (struct string_pair){.key = item->key, .value = item->text};
        }
        *out = pairs;
        *count = member->count;
        return 0;
}

/* A set written as an object with empty values. */
static int read_set(struct arena *arena, const struct json *object, const char *key, const char *const **out,
                    struct error *err) {
        const struct json *member = NULL;
        const char **names;
        int r = json_get_object(object, key, &member, err);

        if (r < 0 || !member)
                return r;
        names = arena_alloc(arena, member->count + 1, sizeof(*names));
        json_for_each (item, member)
                names[item->index] = item->key;
        *out = names;
        return 0;
}

/* A list of words, or one string: old builders wrote Entrypoint and Cmd so. */
static int read_command(struct arena *arena, const struct json *object, const char *key, const char *const **out,
                        struct error *err) {
        const struct json *member = json_get(object, key);
        const char **words;

        if (!member || member->type != JSON_STRING)
                return read_strings(arena, object, key, out, err);
        words = arena_alloc(arena, 2, sizeof(*words));
        words[0] = member->text;
        *out = words;
        return 0;
}

static int read_run_config(struct arena *arena, const struct json *object, struct image_run_config *out,
                           struct error *err) {
        const struct {
                const char *key;
                const char **out;
        } texts[] = {
                {"User", &out->user},
                {"WorkingDir", &out->working_dir},
                {"StopSignal", &out->stop_signal},
        };
        const struct {
                const char *key;
                int (*read)(struct arena *, const struct json *, const char *, const char *const **, struct error *);
                const char *const **out;
        } lists[] = {
                {"ExposedPorts", read_set, &out->exposed_ports},
                {"Volumes", read_set, &out->volumes},
                {"Env", read_strings, &out->env},
                {"Entrypoint", read_command, &out->entrypoint},
                {"Cmd", read_command, &out->cmd},
                {"OnBuild", read_strings, &out->on_build},
                {"Shell", read_strings, &out->shell},
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
                r = json_get_string(object, texts[i].key, texts[i].out, err);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = lists[i].read(arena, object, lists[i].key, lists[i].out, err);
        if (r == 0)
                r = read_pairs(arena, object, "Labels", &out->labels, &out->label_count, err);
        if (r == 0)
                r = json_get_object(object, "Healthcheck", &out->healthcheck, err);
        if (r == 0)
                r = json_get_bool(object, "ArgsEscaped", &out->args_escaped, err);
        return r;
}

static int read_history(struct arena *arena, const struct json *root, struct image_config *out, struct error *err) {
        const struct json *list = NULL;
        struct image_history *steps;
        int r = json_get_array(root, "history", &list, err);

        if (r < 0 || !list)
                return r;
        steps = arena_alloc(arena, list->count + 1, sizeof(*steps));
        json_for_each (item, list) {
                struct image_history *step = &steps[item->index];

                r = json_expect(item, JSON_OBJECT, err);
                if (r == 0)
                        r = json_get_string(item, "created", &step->created, err);
                if (r == 0)
                        r = json_get_string(item, "author", &step->author, err);
                if (r == 0)
                        r = json_get_string(item, "created_by", &step->created_by, err);
                if (r == 0)
                        r = json_get_string(item, "comment", &step->comment, err);
                if (r == 0)
                        r = json_get_bool(item, "empty_layer", &step->empty_layer, err);
                if (r < 0)
                        return r;
        }
        out->history = steps;
        out->history_count = list->count;
        return 0;
}

/* A digest as its 64 digits; the message starts with the value's place. */
static int read_digest(const struct json *value, const char **hex, struct error *err) {
        struct error inner = {0};
        int r = json_expect(value, JSON_STRING, err);

        if (r < 0)
                return r;
        r = image_digest_parse(value->text, hex, &inner);
        return r < 0 ? json_error(value, err, -r, "%s", inner.message) : 0;
}

static int read_diff_ids(struct arena *arena, const struct json *root, struct image_config *out, struct error *err) {
        const struct json *rootfs;
        const struct json *list = NULL;
        const char **ids;
        int r = json_require(root, "rootfs", &rootfs, err);

        if (r == 0)
                r = json_expect(rootfs, JSON_OBJECT, err);
        if (r == 0)
                r = json_get_array(rootfs, "diff_ids", &list, err);
        if (r < 0)
                return r;
        /* An image FROM scratch without a layer has null here. */
        if (list && list->count > IMAGE_LAYERS_MAX)
                return json_error(list, err, E2BIG, "more than %zu layers", IMAGE_LAYERS_MAX);
        ids = arena_alloc(arena, (list ? list->count : 0) + 1, sizeof(*ids));
        out->diff_ids = ids;
        if (!list)
                return 0;
        json_for_each (item, list) {
                r = read_digest(item, &ids[item->index], err);
                if (r < 0)
                        return r;
        }
        out->diff_id_count = list->count;
        return 0;
}

int image_config_parse(struct arena *arena, const struct json *root, struct image_config *out, struct error *err) {
        const struct {
                const char *key;
                const char **out;
        } texts[] = {
                {"created", &out->created}, {"author", &out->author}, {"architecture", &out->architecture},
                {"variant", &out->variant}, {"os", &out->os},         {"os.version", &out->os_version},
        };
        const struct json *run = NULL;
        int r = json_expect(root, JSON_OBJECT, err);

        *out = (struct image_config){0};
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
                r = json_get_string(root, texts[i].key, texts[i].out, err);
        if (r == 0)
                r = json_get_object(root, "config", &run, err);
        if (r == 0 && run)
                r = read_run_config(arena, run, &out->config, err);
        if (r == 0)
                r = read_diff_ids(arena, root, out, err);
        if (r == 0)
                r = read_history(arena, root, out, err);
        return r;
}

static int read_platform(const struct json *object, struct image_descriptor *out, struct error *err) {
        const struct json *platform = NULL;
        int r = json_get_object(object, "platform", &platform, err);

        if (r < 0 || !platform)
                return r;
        out->has_platform = true;
        r = json_get_string(platform, "architecture", &out->platform.architecture, err);
        if (r == 0)
                r = json_get_string(platform, "os", &out->platform.os, err);
        if (r == 0)
                r = json_get_string(platform, "variant", &out->platform.variant, err);
        return r;
}

static int read_descriptor(struct arena *arena, const struct json *object, struct image_descriptor *out,
                           struct error *err) {
        const struct json *digest;
        const struct json *size;
        int r = json_expect(object, JSON_OBJECT, err);

        if (r == 0)
                r = json_require(object, "digest", &digest, err);
        if (r == 0)
                r = read_digest(digest, &out->digest, err);
        if (r == 0)
                r = json_require(object, "size", &size, err);
        if (r == 0)
                r = json_to_u64(size, INT64_MAX, &out->size, err);
        if (r == 0)
                r = json_get_string(object, "mediaType", &out->media_type, err);
        if (r == 0)
                r = read_pairs(arena, object, "annotations", &out->annotations, &out->annotation_count, err);
        if (r == 0)
                r = read_platform(object, out, err);
        return r;
}

static int read_descriptors(struct arena *arena, const struct json *root, const char *key, size_t max,
                            const struct image_descriptor **out, size_t *count, struct error *err) {
        const struct json *list;
        struct image_descriptor *items;
        int r = json_require(root, key, &list, err);

        if (r == 0)
                r = json_expect(list, JSON_ARRAY, err);
        if (r < 0)
                return r;
        if (list->count > max)
                return json_error(list, err, E2BIG, "more than %zu entries", max);
        items = arena_alloc(arena, list->count + 1, sizeof(*items));
        json_for_each (item, list) {
                r = read_descriptor(arena, item, &items[item->index], err);
                if (r < 0)
                        return r;
        }
        *out = items;
        *count = list->count;
        return 0;
}

/* schemaVersion 2: version 1 was Docker's, with an entirely different content. */
static int check_schema(const struct json *root, struct error *err) {
        const struct json *version;
        int64_t number;
        int r = json_require(root, "schemaVersion", &version, err);

        if (r == 0)
                r = json_to_i64(version, INT32_MIN, INT32_MAX, &number, err);
        if (r == 0 && number != 2)
                r = json_error(version, err, ENOTSUP, "version %s: only 2 is supported", version->text);
        return r;
}

int image_manifest_parse(struct arena *arena, const struct json *root, struct image_manifest *out, struct error *err) {
        const struct json *config;
        int r = check_schema(root, err);

        *out = (struct image_manifest){0};
        if (r == 0)
                r = json_get_string(root, "mediaType", &out->media_type, err);
        if (r == 0 && out->media_type && image_media_kind(out->media_type) != IMAGE_KIND_MANIFEST)
                r = error_set(err, EINVAL, "mediaType: \"%s\" is not an image manifest", out->media_type);
        if (r == 0)
                r = json_require(root, "config", &config, err);
        if (r == 0)
                r = read_descriptor(arena, config, &out->config, err);
        if (r == 0)
                r = read_descriptors(arena, root, "layers", IMAGE_LAYERS_MAX, &out->layers, &out->layer_count, err);
        if (r == 0)
                r = read_pairs(arena, root, "annotations", &out->annotations, &out->annotation_count, err);
        return r;
}

int image_index_parse(struct arena *arena, const struct json *root, struct image_index *out, struct error *err) {
        int r = check_schema(root, err);

        *out = (struct image_index){0};
        if (r == 0)
                r = json_get_string(root, "mediaType", &out->media_type, err);
        if (r == 0)
                r = read_descriptors(arena, root, "manifests", SIZE_MAX, &out->manifests, &out->manifest_count, err);
        if (r == 0)
                r = read_pairs(arena, root, "annotations", &out->annotations, &out->annotation_count, err);
        return r;
}

int docker_archive_parse(struct arena *arena, const struct json *root, const struct docker_archive_item **out,
                         size_t *count, struct error *err) {
        struct docker_archive_item *items;
        int r = json_expect(root, JSON_ARRAY, err);

        if (r < 0)
                return r;
        items = arena_alloc(arena, root->count + 1, sizeof(*items));
        json_for_each (entry, root) {
                struct docker_archive_item *item = &items[entry->index];
                const struct json *config;
                const char **layers = NULL;

                r = json_require(entry, "Config", &config, err);
                if (r == 0)
                        r = json_expect(config, JSON_STRING, err);
                if (r == 0)
                        r = read_strings(arena, entry, "RepoTags", &item->repo_tags, err);
                if (r == 0)
                        r = json_get_strings(arena, entry, "Layers", &layers, &item->layer_count, err);
                if (r == 0 && item->layer_count > IMAGE_LAYERS_MAX)
                        r = json_error(entry, err, E2BIG, "more than %zu layers", IMAGE_LAYERS_MAX);
                if (r < 0)
                        return r;
                item->config = config->text;
                item->layers = layers ? layers : arena_alloc(arena, 1, sizeof(*layers));
        }
        *out = items;
        *count = root->count;
        return 0;
}

int image_layout_check(const struct json *root, struct error *err) {
        const struct json *version;
        int r = json_require(root, "imageLayoutVersion", &version, err);

        if (r == 0)
                r = json_expect(version, JSON_STRING, err);
        if (r == 0 && !str_starts_with(version->text, "1."))
                r = json_error(version, err, ENOTSUP, "version %s: only 1.x is supported", version->text);
        return r;
}
