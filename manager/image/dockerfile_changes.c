/*
 * Dockerfile instructions that change how an image is run, as --change of
 * import and commit takes them: one row an instruction.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "store_internal.h"

struct change {
        struct arena *arena;
        struct image_run_config *config;
        bool cmd_set; /* CMD was given: a later ENTRYPOINT keeps it */
};

static size_t list_length(const char *const *list) {
        size_t count = 0;

        while (list && list[count])
                count++;
        return count;
}

/* The list with one more item, in the arena. */
static const char *const *list_with(struct arena *arena, const char *const *list, const char *item) {
        size_t count = list_length(list);
        const char **longer = arena_alloc(arena, count + 2, sizeof(*longer));

        if (list)
                memcpy(longer, list, count * sizeof(*longer));
        longer[count] = item;
        return longer;
}

static const char *const *set_with(struct arena *arena, const char *const *list, const char *item) {
        for (size_t i = 0; list && list[i]; i++)
                if (str_equal(list[i], item))
                        return list;
        return list_with(arena, list, item);
}

static const char *skip_space(const char *text) {
        while (isspace((unsigned char) *text))
                text++;
        return text;
}

/* The next word with its quotes and backslashes resolved, or NULL at the end. */
static const char *next_word(struct arena *arena, const char **text) {
        const char *from = skip_space(*text);
        char *word = arena_strdup(arena, from);
        char *to = word;
        char quote = 0;

        if (*from == '\0')
                return NULL;
        for (; *from && (quote || !isspace((unsigned char) *from)); from++) {
                if (*from == quote) {
                        quote = 0;
                } else if (!quote && (*from == '"' || *from == '\'')) {
                        quote = *from;
                } else {
                        if (*from == '\\' && quote != '\'' && from[1])
                                from++;
                        *to++ = *from;
                }
        }
        *to = '\0';
        *text = from;
        return word;
}

/* ["a", "b"]; 1 when the text is such a list, 0 when it is not. */
static int json_words(struct arena *arena, const char *text, const char *const **out) {
        const struct json *root;
        const char **words;

        if (text[0] != '[' || json_parse(arena, text, strlen(text), NULL, &root, NULL) < 0 || root->type != JSON_ARRAY)
                return 0;
        words = arena_alloc(arena, root->count + 1, sizeof(*words));
        json_for_each (item, root) {
                if (item->type != JSON_STRING)
                        return 0;
                words[item->index] = item->text;
        }
        *out = words;
        return 1;
}

static const char *const default_shell[] = {"/bin/sh", "-c", NULL};

/* The list form as it is; any other text is a shell's business. */
static const char *const *command_words(const struct change *change, const char *text) {
        const char *const *words = change->config->shell ? change->config->shell : default_shell;

        if (json_words(change->arena, text, &words))
                return words;
        return list_with(change->arena, words, arena_strdup(change->arena, text));
}

static int change_cmd(struct change *change, const char *text, struct error *err) {
        (void) err;
        change->config->cmd = command_words(change, text);
        change->cmd_set = true;
        return 0;
}

static int change_entrypoint(struct change *change, const char *text, struct error *err) {
        (void) err;
        change->config->entrypoint = command_words(change, text);
        /* The arguments were those of the entry point before. */
        if (!change->cmd_set)
                change->config->cmd = NULL;
        return 0;
}

static void set_env(struct change *change, const char *name, size_t length, const char *value) {
        const char *pair = arena_printf(change->arena, "%.*s=%s", (int) length, name, value);
        size_t count = list_length(change->config->env);
        const char **env = arena_alloc(change->arena, count + 2, sizeof(*env));

        size_t at = count;

        for (size_t i = 0; i < count; i++) {
                env[i] = change->config->env[i];
                if (strncmp(env[i], pair, length + 1) == 0)
                        at = i;
        }
        env[at] = pair;
        change->config->env = env;
}

static void set_label(struct change *change, const char *name, size_t length, const char *value) {
        struct image_run_config *config = change->config;
        struct string_pair *labels = arena_alloc(change->arena, config->label_count + 1, sizeof(*labels));
        size_t i = 0;

        if (config->label_count > 0)
                memcpy(labels, config->labels, config->label_count * sizeof(*labels));
        while (i < config->label_count && !(strlen(labels[i].key) == length && !strncmp(labels[i].key, name, length)))
                i++;
        labels[i] =
                (struct string_pair){arena_strndup(change->arena, name, length), arena_strdup(change->arena, value)};
        config->labels = labels;
        if (i == config->label_count)
                config->label_count++;
}

/* "A=b C=d", or the old form "A the rest". */
static int change_pairs(struct change *change, const char *text,
                        void (*set)(struct change *, const char *, size_t, const char *), struct error *err) {
        const char *space = text + strcspn(text, " \t");
        const char *equals = strchr(text, '=');
        const char *word;

        if (!equals || (*space && space < equals)) {
                if (*space == '\0')
                        return error_set(err, EINVAL, "NAME=VALUE is needed, not \"%s\"", text);
                set(change, text, (size_t) (space - text), skip_space(space));
                return 0;
        }
        while ((word = next_word(change->arena, &text))) {
                equals = strchr(word, '=');
                if (!equals || equals == word)
                        return error_set(err, EINVAL, "NAME=VALUE is needed, not \"%s\"", word);
                set(change, word, (size_t) (equals - word), equals + 1);
        }
        return 0;
}

static int change_env(struct change *change, const char *text, struct error *err) {
        return change_pairs(change, text, set_env, err);
}

static int change_label(struct change *change, const char *text, struct error *err) {
        return change_pairs(change, text, set_label, err);
}

static int expose(struct change *change, const char *word, struct error *err) {
        int64_t first;
        int64_t last;
        const char *slash = strchr(word, '/');
        const char *protocol = slash ? slash + 1 : "tcp";
        _cleanup_free_ char *ports = xstrndup(word, slash ? (size_t) (slash - word) : strlen(word));
        char *dash = strchr(ports, '-');

        if (dash)
                *dash = '\0';
        if (str_to_i64(ports, 1, 65535, &first) < 0 || str_to_i64(dash ? dash + 1 : ports, first, 65535, &last) < 0 ||
            (!str_equal(protocol, "tcp") && !str_equal(protocol, "udp") && !str_equal(protocol, "sctp")))
                return error_set(err, EINVAL, "not a port: \"%s\"", word);
        for (; first <= last; first++)
                change->config->exposed_ports = set_with(change->arena, change->config->exposed_ports,
                                                         arena_printf(change->arena, "%d/%s", (int) first, protocol));
        return 0;
}

static int change_expose(struct change *change, const char *text, struct error *err) {
        const char *word;
        int r = 0;

        while (r == 0 && (word = next_word(change->arena, &text)))
                r = expose(change, word, err);
        return r;
}

static int change_volume(struct change *change, const char *text, struct error *err) {
        const char *const *words = NULL;
        const char *word;

        if (!json_words(change->arena, text, &words))
                while ((word = next_word(change->arena, &text)))
                        words = list_with(change->arena, words, word);
        for (; words && *words; words++) {
                if (str_empty(*words))
                        return error_set(err, EINVAL, "an empty path");
                change->config->volumes = set_with(change->arena, change->config->volumes, *words);
        }
        return 0;
}

static int change_user(struct change *change, const char *text, struct error *err) {
        (void) err;
        change->config->user = arena_strdup(change->arena, text);
        return 0;
}

static int change_workdir(struct change *change, const char *text, struct error *err) {
        const char *base = str_empty(change->config->working_dir) ? "/" : change->config->working_dir;
        _cleanup_free_ char *joined = text[0] == '/' ? xstrdup(text) : path_join(base, text);
        _cleanup_free_ char *clean = path_clean(joined);

        (void) err;
        change->config->working_dir = arena_strdup(change->arena, clean);
        return 0;
}

static int change_stop_signal(struct change *change, const char *text, struct error *err) {
        (void) err;
        change->config->stop_signal = arena_strdup(change->arena, text);
        return 0;
}

static int change_on_build(struct change *change, const char *text, struct error *err) {
        (void) err;
        change->config->on_build =
                list_with(change->arena, change->config->on_build, arena_strdup(change->arena, text));
        return 0;
}

static int change_shell(struct change *change, const char *text, struct error *err) {
        if (!json_words(change->arena, text, &change->config->shell))
                return error_set(err, EINVAL, "a list such as [\"/bin/sh\", \"-c\"] is needed");
        return 0;
}

/* --interval=30s and its like: nanoseconds in the config, retries as they are. */
static int health_option(struct json_writer *writer, const char *word, struct error *err) {
        static const struct {
                const char *option;
                const char *member;
        } rows[] = {
                {"--interval=", "Interval"},        {"--timeout=", "Timeout"},
                {"--start-period=", "StartPeriod"}, {"--start-interval=", "StartInterval"},
                {"--retries=", "Retries"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *value = word + strlen(rows[i].option);
                int64_t number;
                int r;

                if (!str_starts_with(word, rows[i].option))
                        continue;
                r = str_equal(rows[i].member, "Retries") ? str_to_i64(value, 0, INT32_MAX, &number)
                                                         : str_to_duration(value, &number);
                if (r < 0)
                        return error_set(err, EINVAL, "%s: not a number or span", word);
                json_put_int(writer, rows[i].member, number);
                return 0;
        }
        return error_set(err, EINVAL, "unknown flag: %s", word);
}

static int health_test(struct change *change, struct json_writer *writer, const char *text, struct error *err) {
        const char *const *words;
        const char *first;

        if (strcasecmp(text, "NONE") == 0) {
                json_put_string(writer, NULL, "NONE");
                return 0;
        }
        first = text + strcspn(text, " \t");
        if (strncasecmp(text, "CMD", 3) != 0 || first != text + 3 || *skip_space(first) == '\0')
                return error_set(err, EINVAL, "CMD or NONE is needed");
        first = skip_space(first);
        if (!json_words(change->arena, first, &words)) {
                json_put_string(writer, NULL, "CMD-SHELL");
                json_put_string(writer, NULL, first);
                return 0;
        }
        json_put_string(writer, NULL, "CMD");
        for (; *words; words++)
                json_put_string(writer, NULL, *words);
        return 0;
}

static int change_healthcheck(struct change *change, const char *text, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *document = NULL;
        int r = 0;

        json_begin_object(&writer, NULL);
        while (r == 0 && str_starts_with(text, "--")) {
                const char *word = next_word(change->arena, &text);

                r = health_option(&writer, word, err);
                text = skip_space(text);
        }
        if (r < 0)
                return r;
        json_begin_array(&writer, "Test");
        r = health_test(change, &writer, text, err);
        json_end_array(&writer);
        json_end_object(&writer);
        document = json_writer_take(&writer);
        if (r == 0)
                r = json_parse(change->arena, document, strlen(document), NULL, &change->config->healthcheck, err);
        return r;
}

static const struct {
        const char *name;
        int (*apply)(struct change *change, const char *text, struct error *err);
} instructions[] = {
        {"CMD", change_cmd},
        {"ENTRYPOINT", change_entrypoint},
        {"ENV", change_env},
        {"EXPOSE", change_expose},
        {"HEALTHCHECK", change_healthcheck},
        {"LABEL", change_label},
        {"ONBUILD", change_on_build},
        {"SHELL", change_shell},
        {"STOPSIGNAL", change_stop_signal},
        {"USER", change_user},
        {"VOLUME", change_volume},
        {"WORKDIR", change_workdir},
};

static int apply_one(struct change *change, const char *line, struct error *err) {
        const char *text = skip_space(line);
        size_t length = strcspn(text, " \t=");
        const char *rest = skip_space(text + length);
        _cleanup_free_ char *trimmed = NULL;
        size_t end;

        /* `CMD=["sh"]` is what podman takes, too. */
        if (*rest == '=')
                rest = skip_space(rest + 1);
        end = strlen(rest);
        while (end > 0 && isspace((unsigned char) rest[end - 1]))
                end--;
        trimmed = xstrndup(rest, end);
        /* In a document two names that are not would become the same. */
        if (!str_is_utf8(trimmed))
                return error_set(err, EINVAL, "change \"%s\": not UTF-8", line);
        for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
                if (strlen(instructions[i].name) != length || strncasecmp(instructions[i].name, text, length) != 0)
                        continue;
                if (str_empty(trimmed))
                        return error_set(err, EINVAL, "change \"%s\": an argument is needed", line);
                if (instructions[i].apply(change, trimmed, err) < 0)
                        return error_wrap(err, "change \"%s\"", line);
                return 0;
        }
        (void) error_set(err, EINVAL, "change \"%s\": not an instruction that changes an image", line);
        return error_hint(err, "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, "
                               "VOLUME or WORKDIR");
}

int dockerfile_changes_apply(struct arena *arena, const char *const *changes, struct image_run_config *config,
                             struct error *err) {
        struct change change = {.arena = arena, .config = config};
        int r = 0;

        for (; r == 0 && changes && *changes; changes++)
                r = apply_one(&change, *changes, err);
        return r;
}
