/*
 * Changes to a JSON document that leave it one, so that what is behind the parser is reached: members dropped, doubled,
 * renamed, replaced by others of the document or by values that are seldom expected. One change in three is libFuzzer's
 * own, to the bytes. Linked into the targets whose input is JSON alone.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum change { CHANGE_VALUE, CHANGE_TEXT, CHANGE_KEY, CHANGE_DROP, CHANGE_DOUBLE, CHANGE_COPY, CHANGE_COUNT };

struct mutation {
        enum change change;
        const struct json *target;
        const struct json *other; /* CHANGE_COPY: what is put there */
        const char *text;         /* CHANGE_VALUE, CHANGE_TEXT, CHANGE_KEY */
};

static const char *const rare_values[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "1",
                                          "-1",
                                          "-2",
                                          "255",
                                          "65535",
                                          "65536",
                                          "1.5",
                                          "1e3",
                                          "\"\"",
                                          "[]",
                                          "{}",
                                          "[{}]",
                                          "[\"\"]",
                                          "4294967295",
                                          "\"/\"",
                                          "4294967296",
                                          "\".\"",
                                          "\"..\"",
                                          "\"a\"",
                                          "[0]",
                                          "\"-1\"",
                                          "[[]]",
                                          "\"0-3,7\"",
                                          "-9223372036854775808",
                                          "1e999",
                                          "\"%s\"",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616"};

static size_t count_values(const struct json *value) {
        size_t count = 1;

        json_for_each (child, value)
                count += count_values(child);
        return count;
}

/* The n-th value in the order of the text. */
static const struct json *find_value(const struct json *value, size_t *n) {
        if ((*n)-- == 0)
                return value;
        json_for_each (child, value) {
                const struct json *found = find_value(child, n);

                if (found)
                        return found;
        }
        return NULL;
}

static const struct json *choose(const struct json *root, size_t count) {
        size_t n = (size_t) rand() % count;

        return find_value(root, &n);
}

static const char *mutate_text(struct arena *arena, const char *text) {
        uint8_t bytes[256];
        size_t size = strnlen(text, sizeof(bytes) / 2);

        memcpy(bytes, text, size);
        return fuzz_text(arena, bytes, LLVMFuzzerMutate(bytes, size, sizeof(bytes)));
}

static void put(struct json_writer *writer, const char *key, const struct json *value, const struct mutation *mutation);

static void put_children(struct json_writer *writer, const char *key, const struct json *value,
                         const struct mutation *mutation) {
        if (value->type == JSON_OBJECT)
                json_begin_object(writer, key);
        else
                json_begin_array(writer, key);
        json_for_each (child, value)
                put(writer, child->key, child, mutation);
        if (value->type == JSON_OBJECT)
                json_end_object(writer);
        else
                json_end_array(writer);
}

static void put(struct json_writer *writer, const char *key, const struct json *value,
                const struct mutation *mutation) {
        enum change change = value == mutation->target ? mutation->change : CHANGE_COUNT;
        const struct json raw = {.type = JSON_NUMBER, .text = mutation->text};
        const struct json *copy = mutation->other;

        if (change == CHANGE_DROP)
                return;
        if (change == CHANGE_KEY && key)
                key = mutation->text;
        if (change == CHANGE_DOUBLE)
                put(writer, key ? "doubled" : NULL, value, &(const struct mutation){0});
        if (change == CHANGE_COPY)
                /* A value within itself would double the document. */
                put(writer, key, copy, &(const struct mutation){0});
        else if (change == CHANGE_VALUE)
                json_put_value(writer, key, &raw);
        else if (change == CHANGE_TEXT && value->type == JSON_STRING)
                json_put_string(writer, key, mutation->text);
        else if (value->type == JSON_OBJECT || value->type == JSON_ARRAY)
                put_children(writer, key, value, mutation);
        else
                json_put_value(writer, key, value);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        const struct json *root = NULL;
        struct mutation mutation;
        size_t count;

        srand(seed);
        if (rand() % 3 == 0 || json_parse(arena, (const char *) data, size, NULL, &root, NULL) < 0)
                return LLVMFuzzerMutate(data, size, max_size);
        count = count_values(root);
        mutation = (struct mutation){.change = (enum change)(rand() % CHANGE_COUNT),
                                     .target = choose(root, count),
                                     .other = choose(root, count)};
        if (mutation.change == CHANGE_VALUE)
                mutation.text = rare_values[(size_t) rand() % ARRAY_SIZE(rare_values)];
        else if (mutation.change == CHANGE_KEY)
                mutation.text = mutate_text(arena, mutation.target->key ? mutation.target->key : "");
        else if (mutation.change == CHANGE_TEXT)
                mutation.text = mutate_text(arena, mutation.target->text ? mutation.target->text : "");
        put(&writer, NULL, root, &mutation);
        if (writer.out.size == 0 || writer.out.size > max_size)
                return LLVMFuzzerMutate(data, size, max_size);
        memcpy(data, writer.out.data, writer.out.size);
        return writer.out.size;
}
