#include "inspect.h"

#include <stdio.h>

#include "../../lib/cleanup.h"

static void put_digest(struct json_writer *writer, const char *key, const char *hex) {
        _cleanup_free_ char *text = str_format("sha256:%s", hex);

        json_put_string(writer, key, text);
}

void image_inspect_write(struct json_writer *writer, const char *key, const struct image *image) {
        const struct image_config *config = &image->config;

        json_begin_object(writer, key);
        put_digest(writer, "Id", image->id);
        json_put_strings(writer, "RepoTags", image->references);
        put_digest(writer, "Digest", image->manifest_digest);
        json_put_string(writer, "Created", config->created ? config->created : "");
        json_put_string(writer, "Author", config->author ? config->author : "");
        if (config->history_count > 0)
                json_put_string(writer, "Comment", config->history[config->history_count - 1].comment);
        json_put_string(writer, "Architecture", config->architecture ? config->architecture : "");
        json_put_string(writer, "Os", config->os ? config->os : "");
        json_put_uint(writer, "Size", image->size);
        image_run_config_write(writer, "Config", &config->config);
        json_begin_object(writer, "RootFS");
        json_put_string(writer, "Type", "layers");
        json_begin_array(writer, "Layers");
        for (const char *const *diff_id = image->diff_ids; *diff_id; diff_id++)
                put_digest(writer, NULL, *diff_id);
        json_end_array(writer);
        json_end_object(writer);
        json_end_object(writer);
}
