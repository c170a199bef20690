#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "template_internal.h"

bool template_is_word(const char *action, const char *word) {
        size_t size = strlen(word);

        return strncmp(action, word, size) == 0 && (action[size] == '\0' || isspace((unsigned char) action[size]));
}

int template_error(struct error *err, const char *what, const char *where) {
        error_set(err, EINVAL, "template: %s: %s", what, where);
        return error_hint(err, "Go's template language, such as {{.State.Status}} or {{json .Config}}");
}

struct parser {
        struct arena *arena;
        const char *at;
};

/* Takes "{{ … }}" and returns what is between, trimmed. "{{-" and "-}}" trim the text around them. */
static char *take_action(struct parser *parser, struct error *err) {
        const char *start = parser->at + 2, *end = start, *quote = NULL;
        size_t size;

        for (; *end && !(!quote && end[0] == '}' && end[1] == '}'); end++) {
                if (quote && *end == '\\' && *quote == '"' && end[1])
                        end++;
                else if (quote ? *end == *quote : *end == '"' || *end == '`')
                        quote = quote ? NULL : end;
        }
        if (!*end) {
                (void) template_error(err, "unclosed action", parser->at);
                return NULL;
        }
        parser->at = end + 2;
        if (start[0] == '-' && isspace((unsigned char) start[1]))
                start++;
        if (end > start + 1 && end[-1] == '-' && isspace((unsigned char) end[-2])) {
                end--;
                while (isspace((unsigned char) *parser->at))
                        parser->at++;
        }
        while (start < end && isspace((unsigned char) *start))
                start++;
        size = (size_t) (end - start);
        while (size > 0 && isspace((unsigned char) start[size - 1]))
                size--;
        return arena_strndup(parser->arena, start, size);
}

/* Takes "$a, $b :=" or "$a :=" from the front of an action. */
static const char *take_variables(struct parser *parser, const char *action, const char *variables[2]) {
        const char *assign = strstr(action, ":="), *at = action;

        if (action[0] != '$' || !assign)
                return action;
        for (size_t i = 0; i < 2 && at < assign; i++) {
                size_t size = strcspn(at, ", \t:");

                variables[i] = arena_strndup(parser->arena, at, size);
                at += size;
                at += strspn(at, ", \t");
        }
        at = assign + 2;
        return at + strspn(at, " \t");
}

static int parse_nodes(struct parser *parser, bool nested, const char **ended_by, struct node **out, struct error *err);

static int parse_block(struct parser *parser, const char *action, struct node *node, struct error *err) {
        static const struct {
                const char *word;
                enum node_type type;
        } blocks[] = {{"if", NODE_IF}, {"range", NODE_RANGE}, {"with", NODE_WITH}};
        const char *ended_by;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
                if (!template_is_word(action, blocks[i].word))
                        continue;
                action += strlen(blocks[i].word);
                action += strspn(action, " \t\n");
                node->type = blocks[i].type;
                node->pipeline = take_variables(parser, action, node->variables);
                r = parse_nodes(parser, true, &ended_by, &node->body, err);
                if (r < 0 || str_equal(ended_by, "end"))
                        return r;
                if (template_is_word(ended_by, "else") &&
                    template_is_word(ended_by + 4 + strspn(ended_by + 4, " "), "if")) {
                        node->otherwise = arena_alloc(parser->arena, 1, sizeof(*node->otherwise));
                        return parse_block(parser, ended_by + 4 + strspn(ended_by + 4, " "), node->otherwise, err);
                }
                return parse_nodes(parser, true, &ended_by, &node->otherwise, err);
        }
        node->type = action[0] == '$' && strstr(action, ":=") ? NODE_SET : NODE_PRINT;
        node->pipeline = take_variables(parser, action, node->variables);
        return 0;
}

/* Text as it is, but "\t" and "\n" as people write them in a shell's quotes. */
static const char *plain_text(struct arena *arena, const char *text, size_t size) {
        char *copy = arena_strndup(arena, text, size), *to = copy;

        for (const char *from = copy; *from; from++) {
                if (from[0] == '\\' && (from[1] == 't' || from[1] == 'n'))
                        *to++ = *++from == 't' ? '\t' : '\n';
                else
                        *to++ = *from;
        }
        *to = '\0';
        return copy;
}

static int parse_nodes(struct parser *parser, bool nested, const char **ended_by, struct node **out,
                       struct error *err) {
        struct node **link = out;

        while (*parser->at) {
                const char *open = strstr(parser->at, "{{");
                struct node *node = arena_alloc(parser->arena, 1, sizeof(*node));
                char *action;
                int r;

                if (open != parser->at) {
                        size_t size = open ? (size_t) (open - parser->at) : strlen(parser->at);
                        size_t kept = size;

                        while (open && open[2] == '-' && isspace((unsigned char) open[3]) && kept > 0 &&
                               isspace((unsigned char) parser->at[kept - 1]))
                                kept--;
                        node->text = plain_text(parser->arena, parser->at, kept);
                        parser->at += size;
                        *link = node;
                        link = &node->next;
                        continue;
                }
                action = take_action(parser, err);
                if (!action)
                        return -EINVAL;
                if (action[0] == '/' && action[1] == '*')
                        continue;
                if (template_is_word(action, "end") || template_is_word(action, "else")) {
                        *ended_by = action;
                        return nested ? 0 : template_error(err, "unexpected", action);
                }
                r = parse_block(parser, action, node, err);
                if (r < 0)
                        return r;
                *link = node;
                link = &node->next;
        }
        return nested ? template_error(err, "missing", "{{end}}") : 0;
}

int template_parse(const char *text, struct arena *arena, struct template **out, struct error *err) {
        struct template *template = arena_alloc(arena, 1, sizeof(*template));
        struct parser parser = {.arena = arena, .at = text};
        const char *ended_by;
        int r;

        template->arena = arena;
        r = parse_nodes(&parser, false, &ended_by, &template->nodes, err);
        if (r == 0)
                *out = template;
        return r;
}
