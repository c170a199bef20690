#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../spec/cni.h"

static const struct json *parse(struct arena *arena, const char *text) {
        const struct json *root = NULL;
        struct error err = {0};

        if (json_parse(arena, text, strlen(text), NULL, &root, &err) < 0)
                fail_msg("%s", err.message);
        return root;
}

static void versions_are_compared_by_number(void **state) {
        (void) state;
        assert_true(cni_version_compare("0.4.0", "1.0.0") < 0);
        assert_true(cni_version_compare("1.1.0", "1.0.0") > 0);
        assert_true(cni_version_compare("0.10.0", "0.9.0") > 0);
        assert_int_equal(cni_version_compare("1.1.0", "1.1.0"), 0);
        assert_true(cni_version_supported("0.3.1"));
        assert_false(cni_version_supported("2.0.0"));
}

static void addresses_are_read_and_written(void **state) {
        struct cni_address address, network;
        char text[CNI_ADDRESS_SIZE];

        (void) state;
        assert_int_equal(cni_address_parse_cidr("10.1.2.3/24", &address), 0);
        assert_string_equal(cni_address_cidr(&address, text), "10.1.2.3/24");
        assert_string_equal(cni_address_text(&address, text), "10.1.2.3");
        assert_int_equal(cni_address_parse_cidr("10.1.2.0/23", &network), 0);
        assert_true(cni_address_within(&network, &address));
        assert_int_equal(cni_address_parse("10.1.4.1", &address), 0);
        assert_false(cni_address_within(&network, &address));
        assert_int_equal(cni_address_parse("::ffff:10.1.3.1", &address), 0);
        assert_true(cni_address_within(&network, &address));
        assert_int_equal(cni_address_parse_cidr("fd00::/129", &address), -EINVAL);
        assert_int_equal(cni_address_parse_cidr("10.1.2.3", &address), -EINVAL);
        assert_int_equal(cni_address_parse("10.1.2", &address), -EINVAL);
}

static const char result_text[] = "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"br0\",\"mtu\":1500},"
                                  "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"sandbox\":\"/run/netns/a\"}],"
                                  "\"ips\":[{\"interface\":1,\"address\":\"10.1.2.3/24\",\"gateway\":\"10.1.2.1\"},"
                                  "{\"interface\":1,\"address\":\"fd00::3/64\"}],"
                                  "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.2.1\",\"mtu\":1400}],"
                                  "\"dns\":{\"nameservers\":[\"10.1.2.1\"]}}";

static void a_result_comes_back_as_it_was(void **state) {
        struct arena *arena = arena_new();
        struct cni_result result;
        struct error err = {0};
        char *text;

        (void) state;
        assert_int_equal(cni_result_parse_text(arena, result_text, sizeof(result_text) - 1, &result, &err), 0);
        text = cni_result_write(&result, "1.1.0");
        assert_string_equal(text, result_text);
        free(text);
        arena_free(arena);
}

static void older_versions_tell_the_family_and_leave_new_fields_out(void **state) {
        struct arena *arena = arena_new();
        struct cni_result result;
        struct error err = {0};
        char *text;

        (void) state;
        assert_int_equal(cni_result_parse_text(arena, result_text, sizeof(result_text) - 1, &result, &err), 0);
        text = cni_result_write(&result, "0.4.0");
        assert_non_null(strstr(text, "\"version\":\"4\""));
        assert_non_null(strstr(text, "\"version\":\"6\""));
        assert_null(strstr(text, "mtu"));
        free(text);
        text = cni_result_write(&result, "1.0.0");
        assert_null(strstr(text, "\"version\""));
        assert_null(strstr(text, "mtu"));
        free(text);
        arena_free(arena);
}

static void a_bad_result_names_the_field(void **state) {
        static const struct {
                const char *text;
                const char *field;
        } rows[] = {
                {"{\"ips\":[{\"address\":\"10.1.2.3\"}]}", "ips[0].address"},
                {"{\"ips\":[{}]}", "address"},
                {"{\"ips\":[{\"address\":\"10.1.2.3/24\",\"interface\":4}]}", "ips[0].interface"},
                {"{\"routes\":[{\"dst\":\"x\"}]}", "routes[0].dst"},
                {"{\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"fd00::1\"}]}", "routes[0].gw"},
                {"{\"dns\":{\"nameservers\":\"x\"}}", "dns.nameservers"},
                {"{\"cniVersion\":\"7.0.0\"}", "cniVersion"},
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct arena *arena = arena_new();
                struct cni_result result;
                struct error err = {0};

                assert_true(cni_result_parse_text(arena, rows[i].text, strlen(rows[i].text), &result, &err) < 0);
                if (!strstr(err.message, rows[i].field))
                        fail_msg("'%s' does not name %s", err.message, rows[i].field);
                arena_free(arena);
        }
}

static void error_objects_are_written_and_read(void **state) {
        char *written = cni_error_write("1.0.0", CNI_CODE_INVALID_CONFIG, "bad \"thing\"", "do better");
        const char *text = written;
        struct error err = {0};

        (void) state;
        assert_int_equal(cni_error_parse(text, strlen(text), &err), CNI_CODE_INVALID_CONFIG);
        assert_string_equal(err.message, "bad \"thing\"");
        assert_string_equal(err.hint, "do better");
        free(written);
        assert_int_equal(cni_error_parse("Segmentation fault\n", 19, &err), 0);
        assert_non_null(strstr(err.message, "Segmentation fault"));
        /* One that says nothing is quoted, too. */
        text = "{\"code\":7,\"msg\":\"\",\"details\":\"\"}";
        assert_int_equal(cni_error_parse(text, strlen(text), &err), 0);
        assert_non_null(strstr(err.message, text));
}

static void a_plugin_gets_what_is_its_own(void **state) {
        struct arena *arena = arena_new();
        const struct json *root = parse(arena, "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":["
                                               "{\"type\":\"bridge\",\"mtu\":1400,\"prevResult\":{\"x\":1}},"
                                               "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}");
        const struct json *args = parse(arena, "{\"portMappings\":[{\"hostPort\":80}],\"mac\":\"x\"}");
        const struct json *previous = parse(arena, "{\"ips\":[]}");
        struct cni_network_list list;
        struct error err = {0};
        char *text;

        (void) state;
        assert_int_equal(cni_network_list_parse(arena, root, &list, &err), 0);
        assert_int_equal(list.plugin_count, 2);
        text = cni_request_write(
                &(struct cni_request){.list = &list, .plugin = &list.plugins[0], .capability_args = args});
        assert_string_equal(text, "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"bridge\",\"mtu\":1400}");
        free(text);
        text = cni_request_write(&(struct cni_request){
                .list = &list, .plugin = &list.plugins[1], .capability_args = args, .prev_result = previous});
        assert_string_equal(text,
                            "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"portmap\","
                            "\"capabilities\":{\"portMappings\":true},"
                            "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]},\"prevResult\":{\"ips\":[]}}");
        free(text);
        text = cni_request_write(&(struct cni_request){.list = &list, .plugin = &list.plugins[0], .is_gc = true});
        assert_non_null(strstr(text, "\"cni.dev/valid-attachments\":[]"));
        free(text);
        arena_free(arena);
}

static void a_single_plugin_is_a_list_of_one(void **state) {
        struct arena *arena = arena_new();
        struct cni_network_list list;
        struct error err = {0};

        (void) state;
        assert_int_equal(cni_network_list_parse(
                                 arena, parse(arena, "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"bridge\"}"),
                                 &list, &err),
                         0);
        assert_int_equal(list.plugin_count, 1);
        assert_string_equal(list.plugins[0].type, "bridge");
        arena_free(arena);
}

static void the_highest_common_version_is_chosen(void **state) {
        struct arena *arena = arena_new();
        struct cni_network_list list;
        struct error err = {0};

        (void) state;
        assert_int_equal(
                cni_network_list_parse(arena,
                                       parse(arena, "{\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"1.1.0\",\"9.0.0\"],"
                                                    "\"name\":\"n\",\"type\":\"bridge\"}"),
                                       &list, &err),
                0);
        assert_string_equal(list.cni_version, "1.1.0");
        arena_free(arena);
}

static void bad_lists_are_refused(void **state) {
        static const char *const texts[] = {
                "{\"cniVersion\":\"1.0.0\",\"type\":\"bridge\"}",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\",\"type\":\"bridge\"}",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[]}",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"../sh\"}]}",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{}]}",
                "{\"cniVersion\":\"5.0.0\",\"name\":\"n\",\"type\":\"bridge\"}",
                "[]",
        };

        (void) state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct arena *arena = arena_new();
                struct cni_network_list list;
                struct error err = {0};

                assert_true(cni_network_list_parse(arena, parse(arena, texts[i]), &list, &err) < 0);
                assert_true(err.message[0] != '\0');
                arena_free(arena);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_are_compared_by_number),
                cmocka_unit_test(addresses_are_read_and_written),
                cmocka_unit_test(a_result_comes_back_as_it_was),
                cmocka_unit_test(older_versions_tell_the_family_and_leave_new_fields_out),
                cmocka_unit_test(a_bad_result_names_the_field),
                cmocka_unit_test(error_objects_are_written_and_read),
                cmocka_unit_test(a_plugin_gets_what_is_its_own),
                cmocka_unit_test(a_single_plugin_is_a_list_of_one),
                cmocka_unit_test(the_highest_common_version_is_chosen),
                cmocka_unit_test(bad_lists_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
