#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../spec/image.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct json *parse(struct arena *arena, const char *text) {
        const struct json *root = NULL;

        assert_int_equal(json_parse(arena, text, strlen(text), NULL, &root, NULL), 0);
        return root;
}

static void a_config_is_written_as_it_was_read(void **state) {
        static const char text[] =
                "{\"created\":\"2020-01-02T03:04:05Z\",\"author\":\"a\",\"architecture\":\"arm\",\"variant\":\"v7\","
                "\"os\":\"linux\",\"os.version\":\"1\",\"config\":{\"User\":\"1:2\",\"ExposedPorts\":{\"80/tcp\":{}},"
                "\"Env\":[\"A=b\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"d\"],"
                "\"Healthcheck\":{\"Test\":[\"NONE\"]},\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\","
                "\"OnBuild\":[\"RUN x\"],\"Labels\":{\"k\":\"v\"},\"StopSignal\":\"SIGQUIT\",\"Shell\":[\"/sh\"],"
                "\"ArgsEscaped\":true},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]},"
                "\"history\":[{\"created\":\"2020-01-02T03:04:05Z\",\"created_by\":\"RUN\",\"comment\":\"m\","
                "\"empty_layer\":true}]}";
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *written = NULL;
        struct image_config config;

        (void) state;
        assert_int_equal(image_config_parse(arena, parse(arena, text), &config, NULL), 0);
        assert_int_equal(config.diff_id_count, 1);
        assert_string_equal(config.diff_ids[0], HEX);
        assert_string_equal(config.config.exposed_ports[0], "80/tcp");
        image_config_write(&writer, &config);
        written = json_writer_take(&writer);
        assert_string_equal(written, text);
}

static void null_members_mean_absent(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct image_config config;

        (void) state;
        assert_int_equal(image_config_parse(arena,
                                            parse(arena, "{\"config\":{\"Env\":null,\"Cmd\":null,\"Labels\":null,"
                                                         "\"Volumes\":null,\"User\":null},\"history\":null,"
                                                         "\"rootfs\":{\"diff_ids\":null}}"),
                                            &config, NULL),
                         0);
        assert_null(config.config.env);
        assert_null(config.config.cmd);
        assert_int_equal(config.diff_id_count, 0);
        assert_non_null(config.diff_ids);
}

/* Each document with the start of the message it must give. */
static void bad_documents_name_the_field(void **state) {
        static const struct {
                const char *text;
                const char *message;
        } rows[] = {
                {"{}", "schemaVersion: required"},
                {"{\"schemaVersion\":1}", "schemaVersion: version 1"},
                {"{\"schemaVersion\":2}", "config: required"},
                {"{\"schemaVersion\":2,\"config\":{\"digest\":\"x\",\"size\":1}}", "config.digest: not a digest"},
                {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha512:00\",\"size\":1}}", "config.digest: sha512"},
                {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX "\",\"size\":-1}}", "config.size: "},
                {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX "\",\"size\":1},\"layers\":{}}",
                 "layers: "},
                {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX "\",\"size\":1},\"layers\":[7]}",
                 "layers[0]: "},
                {"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\"}", "mediaType: "},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();
                struct image_manifest manifest;
                struct error err = {0};

                assert_true(image_manifest_parse(arena, parse(arena, rows[i].text), &manifest, &err) < 0);
                if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
                        fail_msg("%s: \"%s\"", rows[i].text, err.message);
        }
}

static void media_types_of_oci_and_docker_are_known(void **state) {
        (void) state;
        assert_int_equal(image_media_kind(IMAGE_MEDIA_LAYER_ZSTD), IMAGE_KIND_LAYER);
        assert_int_equal(image_media_kind("application/vnd.docker.image.rootfs.diff.tar.gzip"), IMAGE_KIND_LAYER);
        assert_int_equal(image_media_kind("application/vnd.docker.distribution.manifest.v2+json"), IMAGE_KIND_MANIFEST);
        assert_int_equal(image_media_kind("application/vnd.docker.distribution.manifest.list.v2+json"),
                         IMAGE_KIND_INDEX);
        assert_int_equal(image_media_kind("application/json"), IMAGE_KIND_UNKNOWN);
        assert_int_equal(image_media_kind(NULL), IMAGE_KIND_UNKNOWN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_config_is_written_as_it_was_read),
                cmocka_unit_test(null_members_mean_absent),
                cmocka_unit_test(bad_documents_name_the_field),
                cmocka_unit_test(media_types_of_oci_and_docker_are_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
