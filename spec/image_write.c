/*
 * Image documents, written with their members in the order the specification lists them.
 */
#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "image.h"

static void write_pairs(struct json_writer *writer, const char *key, const struct string_pair *pairs, size_t count) {
        if (count == 0)
                return;
        json_begin_object(writer, key);
        for (size_t i = 0; i < count; i++)
                json_put_string(writer, pairs[i].key, pairs[i].value);
        json_end_object(writer);
}

/* Go's map[string]struct{}: a set of names whose values are empty objects. */
static void write_set(struct json_writer *writer, const char *key, const char *const *names) {
        if (!names || !names[0])
                return;
        json_begin_object(writer, key);
        for (; *names; names++) {
                json_begin_object(writer, *names);
                json_end_object(writer);
        }
        json_end_object(writer);
}

static void write_text(struct json_writer *writer, const char *key, const char *text) {
        if (!str_empty(text))
                json_put_string(writer, key, text);
}

static void write_digest(struct json_writer *writer, const char *key, const char *hex) {
        _cleanup_free_ char *text = str_format("sha256:%s", hex);

        json_put_string(writer, key, text);
}

void image_run_config_write(struct json_writer *writer, const char *key, const struct image_run_config *config) {
        json_begin_object(writer, key);
        write_text(writer, "User", config->user);
        write_set(writer, "ExposedPorts", config->exposed_ports);
        json_put_strings(writer, "Env", config->env);
        json_put_strings(writer, "Entrypoint", config->entrypoint);
        json_put_strings(writer, "Cmd", config->cmd);
        json_put_value(writer, "Healthcheck", config->healthcheck);
        write_set(writer, "Volumes", config->volumes);
        write_text(writer, "WorkingDir", config->working_dir);
        json_put_strings(writer, "OnBuild", config->on_build);
        write_pairs(writer, "Labels", config->labels, config->label_count);
        write_text(writer, "StopSignal", config->stop_signal);
        json_put_strings(writer, "Shell", config->shell);
        if (config->args_escaped)
                json_put_bool(writer, "ArgsEscaped", true);
        json_end_object(writer);
}

static void write_history(struct json_writer *writer, const struct image_config *config) {
        if (config->history_count == 0)
                return;
        json_begin_array(writer, "history");
        for (size_t i = 0; i < config->history_count; i++) {
                const struct image_history *step = &config->history[i];

                json_begin_object(writer, NULL);
                json_put_string(writer, "created", step->created);
                write_text(writer, "author", step->author);
                write_text(writer, "created_by", step->created_by);
                write_text(writer, "comment", step->comment);
                if (step->empty_layer)
                        json_put_bool(writer, "empty_layer", true);
                json_end_object(writer);
        }
        json_end_array(writer);
}

void image_config_write(struct json_writer *writer, const struct image_config *config) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "created", config->created);
        write_text(writer, "author", config->author);
        json_put_string(writer, "architecture", config->architecture);
        write_text(writer, "variant", config->variant);
        json_put_string(writer, "os", config->os);
        write_text(writer, "os.version", config->os_version);
        image_run_config_write(writer, "config", &config->config);
        json_begin_object(writer, "rootfs");
        json_put_string(writer, "type", "layers");
        json_begin_array(writer, "diff_ids");
        for (size_t i = 0; i < config->diff_id_count; i++)
                write_digest(writer, NULL, config->diff_ids[i]);
        json_end_array(writer);
        json_end_object(writer);
        write_history(writer, config);
        json_end_object(writer);
}

static void write_descriptor(struct json_writer *writer, const char *key, const struct image_descriptor *descriptor) {
        json_begin_object(writer, key);
        json_put_string(writer, "mediaType", descriptor->media_type);
        write_digest(writer, "digest", descriptor->digest);
        json_put_uint(writer, "size", descriptor->size);
        if (descriptor->has_platform) {
                json_begin_object(writer, "platform");
                json_put_string(writer, "architecture", descriptor->platform.architecture);
                json_put_string(writer, "os", descriptor->platform.os);
                write_text(writer, "variant", descriptor->platform.variant);
                json_end_object(writer);
        }
        write_pairs(writer, "annotations", descriptor->annotations, descriptor->annotation_count);
        json_end_object(writer);
}

static void write_descriptors(struct json_writer *writer, const char *key, const struct image_descriptor *items,
                              size_t count) {
        json_begin_array(writer, key);
        for (size_t i = 0; i < count; i++)
                write_descriptor(writer, NULL, &items[i]);
        json_end_array(writer);
}

void image_manifest_write(struct json_writer *writer, const struct image_manifest *manifest) {
        json_begin_object(writer, NULL);
        json_put_int(writer, "schemaVersion", 2);
        json_put_string(writer, "mediaType", manifest->media_type);
        write_descriptor(writer, "config", &manifest->config);
        write_descriptors(writer, "layers", manifest->layers, manifest->layer_count);
        write_pairs(writer, "annotations", manifest->annotations, manifest->annotation_count);
        json_end_object(writer);
}

void image_index_write(struct json_writer *writer, const struct image_index *index) {
        json_begin_object(writer, NULL);
        json_put_int(writer, "schemaVersion", 2);
        json_put_string(writer, "mediaType", index->media_type);
        write_descriptors(writer, "manifests", index->manifests, index->manifest_count);
        write_pairs(writer, "annotations", index->annotations, index->annotation_count);
        json_end_object(writer);
}
