#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/json.h"

static int parse(struct arena *arena, const char *text, const struct json **root, struct error *err) {
        return json_parse(arena, text, strlen(text), NULL, root, err);
}

static void assert_refused(const char *text, const char *message) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        struct error err = {0};

        assert_true(parse(arena, text, &root, &err) < 0);
        if (!strstr(err.message, message))
                fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
}

static void reads_members_of_every_type(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        const char *string = NULL;
        const char **list = NULL;
        const struct json *object = NULL;
        bool boolean = false;
        int64_t number = 0;
        double real = 0;
        size_t count = 0;

        (void) state;
        assert_int_equal(parse(arena, "{\"s\":\"x\\u00e9\",\"b\":true,\"n\":-7,\"d\":1.5,\"a\":[\"p\",\"q\"],\"o\":{}}",
                               &root, NULL),
                         0);
        assert_int_equal(json_get_string(root, "s", &string, NULL), 0);
        assert_string_equal(string, "x\xc3\xa9");
        assert_int_equal(json_get_bool(root, "b", &boolean, NULL), 0);
        assert_true(boolean);
        assert_int_equal(json_get_i64(root, "n", INT64_MIN, INT64_MAX, &number, NULL), 0);
        assert_int_equal(number, -7);
        assert_int_equal(json_get_double(root, "d", &real, NULL), 0);
        assert_true(real > 1.49 && real < 1.51);
        assert_int_equal(json_get_strings(arena, root, "a", &list, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_string_equal(list[1], "q");
        assert_null(list[2]);
        assert_int_equal(json_get_object(root, "o", &object, NULL), 0);
        assert_non_null(object);
}

static void leaves_absent_members_alone(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        const char *string = "default";

        (void) state;
        assert_int_equal(parse(arena, "{\"null\":null}", &root, NULL), 0);
        assert_int_equal(json_get_string(root, "missing", &string, NULL), 0);
        assert_int_equal(json_get_string(root, "null", &string, NULL), 0);
        assert_string_equal(string, "default");
}

static void errors_name_the_field(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL;
        const struct json *mounts = NULL;
        const struct json *value = NULL;
        const char *string = NULL;
        uint64_t number;
        struct error err = {0};

        (void) state;
        assert_int_equal(parse(arena, "{\"mounts\":[{},{\"source\":5,\"size\":-1}]}", &root, NULL), 0);
        assert_int_equal(json_get_array(root, "mounts", &mounts, NULL), 0);
        assert_int_equal(json_get_string(mounts->first->next, "source", &string, &err), -EINVAL);
        assert_string_equal(err.message, "mounts[1].source: expected a string, not a number");
        assert_int_equal(json_require(mounts->first, "destination", &value, &err), -EINVAL);
        assert_string_equal(err.message, "mounts[0].destination: required, but missing");
        assert_int_equal(json_get_u64(mounts->first->next, "size", UINT64_MAX, &number, &err), -ERANGE);
        assert_string_equal(err.message, "mounts[1].size: -1 is out of range");
}

static void refuses_what_is_not_json(void **state) {
        (void) state;
        assert_refused("", "premature EOF");
        assert_refused("{", "not valid JSON");
        assert_refused("{\"a\":1,}", "not valid JSON");
        assert_refused("{\"a\":\n 01}", "line 2");
        assert_refused("{} {}", "trailing garbage");
        assert_refused("\"\xff\"", "not valid JSON");
}

static void refuses_duplicate_keys_and_nul_characters(void **state) {
        (void) state;
        assert_refused("{\"a\":{\"b\":1,\"b\":2}}", "a.b: given twice");
        assert_refused("{\"path\":\"/etc\\u0000/x\"}", "NUL character");
        assert_refused("{\"a\\u0000\":1}", "NUL character");
}

/* {"k0":0,…} with `count` members, and then `last`. */
static char *large_object(size_t count, const char *last) {
        struct str_buf text = {0};

        str_buf_add(&text, "{");
        for (size_t i = 0; i < count; i++)
                str_buf_printf(&text, "\"k%zu\":%zu,", i, i);
        str_buf_printf(&text, "\"%s\":0}", last);
        return str_buf_take(&text);
}

static void finds_twins_in_large_objects(void **state) {
        static const size_t counts[] = {30, 31, 32, 33, 34, 600, 5000};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();
                _cleanup_free_ char *good = large_object(counts[i], "other"), *last = NULL, *twice = NULL;
                const struct json *root = NULL;

                assert_int_equal(parse(arena, good, &root, NULL), 0);
                assert_int_equal(root->count, counts[i] + 1);
                assert_string_equal(json_get(root, "k7")->text, "7");
                twice = large_object(counts[i], "k0");
                assert_refused(twice, "k0: given twice");
                last = str_format("k%zu", counts[i] - 1);
                free(twice);
                twice = large_object(counts[i], last);
                assert_refused(twice, "given twice");
        }
}

/* The same names in another object, large or small, are no twins. */
static void tells_objects_apart(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *large = large_object(100, "x"),
                            *text = str_format("[%s,%s,{\"k1\":%s}]", large, large, large);
        const struct json *root = NULL;

        (void) state;
        assert_int_equal(parse(arena, text, &root, NULL), 0);
        assert_int_equal(root->count, 3);
}

/* The reader remembers names by what they begin with, their middle and their length. */
static void keeps_names_apart_that_are_alike(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = NULL, *second;

        (void) state;
        assert_int_equal(parse(arena, "[{\"abc\":1,\"abd\":2},{\"abd\":3,\"abc\":4,\"\":5},{\"abc\":6}]", &root, NULL),
                         0);
        second = root->first->next;
        assert_string_equal(json_get(root->first, "abc")->text, "1");
        assert_string_equal(json_get(root->first, "abd")->text, "2");
        assert_string_equal(json_get(second, "abd")->text, "3");
        assert_string_equal(json_get(second, "abc")->text, "4");
        assert_string_equal(json_get(second, "")->text, "5");
        assert_string_equal(second->next->first->key, "abc");
        assert_refused("{\"abc\":1,\"abd\":2,\"abc\":3}", "abc: given twice");
}

static void refuses_what_exceeds_a_limit(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json_limits limits = {.size = 20, .depth = 2, .members = 2};
        const struct json *root;
        struct error err = {0};

        (void) state;
        assert_int_equal(json_parse(arena, "[[[]]]", 6, &limits, &root, &err), -E2BIG);
        assert_string_equal(err.message, "nested more than 2 levels deep");
        assert_int_equal(json_parse(arena, "{\"a\":1,\"b\":2,\"c\":3}", 19, &limits, &root, &err), -E2BIG);
        assert_int_equal(json_parse(arena, "[1,2,3,4,5,6,7,8,9,10,11]", 25, &limits, &root, &err), -EFBIG);
}

static void writes_what_it_reads(void **state) {
        static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"q\\\"\\\\\\n\\u0001\"],\"o\":{\"e\":{},\"l\":[]}}";
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *copy = NULL;
        const struct json *root = NULL;

        (void) state;
        assert_int_equal(parse(arena, text, &root, NULL), 0);
        json_put_value(&writer, NULL, root);
        copy = json_writer_take(&writer);
        assert_string_equal(copy, text);
}

static void replaces_bytes_that_are_no_utf8(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        const struct json *root = NULL;

        (void) state;
        json_put_string(&writer, NULL, "a\xff\xc3\xa9\xe2\x82z\xed\xa0\x80");
        text = json_writer_take(&writer);
        assert_int_equal(parse(arena, text, &root, NULL), 0);
        assert_string_equal(root->text,
                            "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void indents_for_people(void **state) {
        _cleanup_json_writer_ struct json_writer writer = {.indent = 2};
        _cleanup_free_ char *text = NULL;

        (void) state;
        json_begin_object(&writer, NULL);
        json_put_int(&writer, "n", 1);
        json_begin_array(&writer, "list");
        json_put_bool(&writer, NULL, false);
        json_end_array(&writer);
        json_begin_object(&writer, "empty");
        json_end_object(&writer);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        assert_string_equal(text, "{\n  \"n\": 1,\n  \"list\": [\n    false\n  ],\n  \"empty\": {}\n}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_members_of_every_type),
                cmocka_unit_test(leaves_absent_members_alone),
                cmocka_unit_test(errors_name_the_field),
                cmocka_unit_test(refuses_what_is_not_json),
                cmocka_unit_test(refuses_duplicate_keys_and_nul_characters),
                cmocka_unit_test(finds_twins_in_large_objects),
                cmocka_unit_test(tells_objects_apart),
                cmocka_unit_test(keeps_names_apart_that_are_alike),
                cmocka_unit_test(refuses_what_exceeds_a_limit),
                cmocka_unit_test(writes_what_it_reads),
                cmocka_unit_test(replaces_bytes_that_are_no_utf8),
                cmocka_unit_test(indents_for_people),
        };

        return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
