#include "template.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../lib/cleanup.h"

/*
 * A template is a list of nodes. Values are JSON: what a pipeline yields is
 * either part of the document or made in the arena.
 */
enum node_type { NODE_TEXT, NODE_PRINT, NODE_IF, NODE_RANGE, NODE_WITH, NODE_SET };

struct node {
        enum node_type type;
        const char *text;         /* NODE_TEXT */
        const char *pipeline;     /* the expression as written */
        const char *variables[2]; /* names that range or := set, or NULL */
        struct node *body;
        struct node *otherwise;
        struct node *next;
};

struct template {
        struct arena *arena;
        struct node *nodes;
};

static int bad(struct error *err, const char *what, const char *where) {
        error_set(err, EINVAL, "template: %s: %s", what, where);
        return error_hint(err, "Go's template language, such as {{.State.Status}} or {{json .Config}}");
}

/* --- Reading: text and {{actions}} into nodes. --- */

struct parser {
        struct arena *arena;
        const char *at;
};

static bool is_word(const char *action, const char *word) {
        size_t size = strlen(word);

        return strncmp(action, word, size) == 0 && (action[size] == '\0' || isspace((unsigned char) action[size]));
}

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
                (void) bad(err, "unclosed action", parser->at);
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
                if (!is_word(action, blocks[i].word))
                        continue;
                action += strlen(blocks[i].word);
                action += strspn(action, " \t\n");
                node->type = blocks[i].type;
                node->pipeline = take_variables(parser, action, node->variables);
                r = parse_nodes(parser, true, &ended_by, &node->body, err);
                if (r < 0 || str_equal(ended_by, "end"))
                        return r;
                if (is_word(ended_by, "else") && is_word(ended_by + 4 + strspn(ended_by + 4, " "), "if")) {
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
                if (is_word(action, "end") || is_word(action, "else")) {
                        *ended_by = action;
                        return nested ? 0 : bad(err, "unexpected", action);
                }
                r = parse_block(parser, action, node, err);
                if (r < 0)
                        return r;
                *link = node;
                link = &node->next;
        }
        return nested ? bad(err, "missing", "{{end}}") : 0;
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

/* --- Running: pipelines on the document. --- */

#define VARIABLES_MAX 32

struct run {
        struct arena *arena;
        const struct json *root;
        struct {
                const char *name;
                const struct json *value;
        } variables[VARIABLES_MAX];
        size_t variable_count;
        struct error *err;
};

static const struct json *make_text(struct run *run, const char *text) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_STRING;
        value->text = text;
        return value;
}

static const struct json *make_number(struct run *run, size_t number) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_NUMBER;
        value->text = arena_printf(run->arena, "%zu", number);
        return value;
}

static const struct json *make_bool(struct run *run, bool boolean) {
        struct json *value = arena_alloc(run->arena, 1, sizeof(*value));

        value->type = JSON_BOOL;
        value->boolean = boolean;
        return value;
}

static bool is_true(const struct json *value) {
        if (!value || value->type == JSON_NULL)
                return false;
        if (value->type == JSON_BOOL)
                return value->boolean;
        if (value->type == JSON_STRING)
                return value->text[0] != '\0';
        if (value->type == JSON_NUMBER)
                return strtod(value->text, NULL) != 0;
        return value->count > 0;
}

/* As Go prints: maps as map[a:1 b:2], lists as [a b]. */
static void print(struct str_buf *out, const struct json *value) {
        if (!value || value->type == JSON_NULL) {
                str_buf_add(out, "<no value>");
                return;
        }
        if (value->type == JSON_BOOL) {
                str_buf_add(out, value->boolean ? "true" : "false");
                return;
        }
        if (value->type == JSON_STRING || value->type == JSON_NUMBER) {
                str_buf_add(out, value->text);
                return;
        }
        str_buf_add(out, value->type == JSON_OBJECT ? "map[" : "[");
        json_for_each (child, value) {
                if (child->index > 0)
                        str_buf_add(out, " ");
                if (value->type == JSON_OBJECT)
                        str_buf_printf(out, "%s:", child->key);
                print(out, child);
        }
        str_buf_add(out, "]");
}

/* Cursor over a pipeline's text. */
struct expression {
        struct run *run;
        const struct json *dot;
        const char *at;
        int r;
};

static const struct json *fail(struct expression *expression, const char *what, const char *where) {
        if (expression->r == 0)
                expression->r = bad(expression->run->err, what, where);
        return NULL;
}

static void skip_space(struct expression *expression) {
        while (isspace((unsigned char) *expression->at))
                expression->at++;
}

static size_t name_size(const char *text) {
        size_t size = 0;

        while (isalnum((unsigned char) text[size]) || text[size] == '_')
                size++;
        return size;
}

/* ".A.B" behind a value. */
static const struct json *take_fields(struct expression *expression, const struct json *value) {
        while (expression->at[0] == '.' && name_size(expression->at + 1) > 0) {
                size_t size = name_size(expression->at + 1);
                const char *name = arena_strndup(expression->run->arena, expression->at + 1, size);
                const struct json *found = NULL;

                if (value && value->type == JSON_OBJECT) {
                        json_for_each (member, value) {
                                if (str_equal(member->key, name))
                                        found = member;
                        }
                        if (!found && value == expression->run->root)
                                return fail(expression, "no such field", name);
                } else if (value && value->type != JSON_NULL) {
                        return fail(expression, "can't evaluate field", name);
                }
                value = found;
                expression->at += size + 1;
        }
        return value;
}

static const struct json *take_string(struct expression *expression) {
        char quote = *expression->at++;
        _cleanup_str_buf_ struct str_buf text = {0};

        while (*expression->at && *expression->at != quote) {
                char c = *expression->at++;

                if (c == '\\' && quote == '"' && *expression->at) {
                        c = *expression->at++;
                        c = (char) (c == 'n' ? '\n' : c == 't' ? '\t' : c);
                }
                str_buf_add_bytes(&text, &c, 1);
        }
        if (!*expression->at)
                return fail(expression, "unterminated string", "");
        expression->at++;
        return make_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static const struct json *take_variable(struct expression *expression) {
        const struct run *run = expression->run;
        size_t size = 1 + name_size(expression->at + 1);
        const char *name = expression->at;

        expression->at += size;
        if (size == 1)
                return take_fields(expression, run->root);
        for (size_t i = run->variable_count; i-- > 0;)
                if (strlen(run->variables[i].name) == size && strncmp(run->variables[i].name, name, size) == 0)
                        return take_fields(expression, run->variables[i].value);
        return fail(expression, "undefined variable", name);
}

static const struct json *evaluate(struct expression *expression);

/* One operand: field, variable, literal, or an expression in parentheses. */
static const struct json *take_operand(struct expression *expression) {
        const char *at = expression->at;
        size_t size;

        if (*at == '(') {
                const struct json *value;

                expression->at++;
                value = evaluate(expression);
                skip_space(expression);
                if (*expression->at != ')')
                        return fail(expression, "missing )", at);
                expression->at++;
                return take_fields(expression, value);
        }
        if (*at == '.' && name_size(at + 1) == 0) {
                expression->at++;
                return expression->dot;
        }
        if (*at == '.')
                return take_fields(expression, expression->dot);
        if (*at == '$')
                return take_variable(expression);
        if (*at == '"' || *at == '`')
                return take_string(expression);
        size = name_size(at);
        if (isdigit((unsigned char) *at) && size > 0) {
                expression->at += size;
                return make_number(expression->run, strtoull(at, NULL, 10));
        }
        if (is_word(at, "true") || is_word(at, "false")) {
                expression->at += size;
                return make_bool(expression->run, *at == 't');
        }
        return fail(expression, "unexpected", at);
}

#define ARGUMENTS_MAX 8

struct arguments {
        const struct json *values[ARGUMENTS_MAX];
        size_t count;
};

static const struct json *call_json(struct expression *expression, const struct arguments *arguments) {
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        if (!arguments->values[0])
                return make_text(expression->run, "null");
        json_put_value(&writer, NULL, arguments->values[0]);
        text = json_writer_take(&writer);
        return make_text(expression->run, arena_strdup(expression->run->arena, text));
}

static const struct json *call_index(struct expression *expression, const struct arguments *arguments) {
        const struct json *value = arguments->values[0];

        for (size_t i = 1; i < arguments->count; i++) {
                const struct json *key = arguments->values[i], *found = NULL;

                if (!value || !key)
                        return NULL;
                if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
                        return fail(expression, "index of what is no map or list", json_type_name(value->type));
                json_for_each (child, value) {
                        if (value->type == JSON_OBJECT ? str_equal(child->key, key->text)
                                                       : key->text && child->index == strtoul(key->text, NULL, 10))
                                found = child;
                }
                if (!found && value->type == JSON_ARRAY)
                        return fail(expression, "index out of range", key->text ? key->text : "");
                value = found;
        }
        return value;
}

static const struct json *call_len(struct expression *expression, const struct arguments *arguments) {
        const struct json *value = arguments->values[0];

        if (!value)
                return make_number(expression->run, 0);
        return make_number(expression->run, value->type == JSON_STRING ? strlen(value->text) : value->count);
}

static const struct json *call_join(struct expression *expression, const struct arguments *arguments) {
        const struct json *list = arguments->values[0], *separator = arguments->values[1];
        _cleanup_str_buf_ struct str_buf text = {0};

        if (list)
                json_for_each (item, list) {
                        if (item->index > 0 && separator)
                                str_buf_add(&text, separator->text);
                        print(&text, item);
                }
        return make_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static const struct json *change_case(struct expression *expression, const struct json *value, int (*change)(int),
                                      bool first_only) {
        _cleanup_str_buf_ struct str_buf text = {0};

        print(&text, value);
        for (size_t i = 0; i < text.size && (!first_only || i < 1); i++)
                text.data[i] = (char) change((unsigned char) text.data[i]);
        return make_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static const struct json *call_upper(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], toupper, false);
}

static const struct json *call_lower(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], tolower, false);
}

static const struct json *call_title(struct expression *expression, const struct arguments *arguments) {
        return change_case(expression, arguments->values[0], toupper, true);
}

static const struct json *call_println(struct expression *expression, const struct arguments *arguments) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < arguments->count; i++) {
                if (i > 0)
                        str_buf_add(&text, " ");
                print(&text, arguments->values[i]);
        }
        str_buf_add(&text, "\n");
        return make_text(expression->run, arena_strdup(expression->run->arena, text.data));
}

static const struct json *call_print(struct expression *expression, const struct arguments *arguments) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < arguments->count; i++)
                print(&text, arguments->values[i]);
        return make_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
}

static bool same(const struct json *a, const struct json *b) {
        if (!a || !b)
                return a == b;
        if (a->type == JSON_BOOL || b->type == JSON_BOOL)
                return a->type == b->type && a->boolean == b->boolean;
        return str_equal(a->text, b->text);
}

static const struct json *call_eq(struct expression *expression, const struct arguments *arguments) {
        return make_bool(expression->run, same(arguments->values[0], arguments->values[1]));
}

static const struct json *call_ne(struct expression *expression, const struct arguments *arguments) {
        return make_bool(expression->run, !same(arguments->values[0], arguments->values[1]));
}

static const struct json *call_not(struct expression *expression, const struct arguments *arguments) {
        return make_bool(expression->run, !is_true(arguments->values[0]));
}

static const struct json *call_and(struct expression *expression, const struct arguments *arguments) {
        (void) expression;
        for (size_t i = 0; i + 1 < arguments->count; i++)
                if (!is_true(arguments->values[i]))
                        return arguments->values[i];
        return arguments->values[arguments->count - 1];
}

static const struct json *call_or(struct expression *expression, const struct arguments *arguments) {
        (void) expression;
        for (size_t i = 0; i + 1 < arguments->count; i++)
                if (is_true(arguments->values[i]))
                        return arguments->values[i];
        return arguments->values[arguments->count - 1];
}

static const struct function {
        const char *name;
        size_t minimum;
        const struct json *(*call)(struct expression *expression, const struct arguments *arguments);
} functions[] = {
        {"json", 1, call_json},   {"index", 2, call_index}, {"len", 1, call_len},     {"join", 2, call_join},
        {"upper", 1, call_upper}, {"lower", 1, call_lower}, {"title", 1, call_title}, {"println", 0, call_println},
        {"print", 0, call_print}, {"eq", 2, call_eq},       {"ne", 2, call_ne},       {"not", 1, call_not},
        {"and", 1, call_and},     {"or", 1, call_or},
};

static const struct function *find_function(const char *text, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
                if (strlen(functions[i].name) == size && strncmp(functions[i].name, text, size) == 0)
                        return &functions[i];
        return NULL;
}

/* One command of a pipeline: an operand, or a function with its operands and what came before "|". */
static const struct json *take_command(struct expression *expression, const struct json *before, bool piped) {
        struct arguments arguments = {0};
        const struct function *function;
        size_t size;

        skip_space(expression);
        size = name_size(expression->at);
        function = find_function(expression->at, size);
        if (!function)
                return piped ? fail(expression, "not a function", expression->at) : take_operand(expression);
        expression->at += size;
        for (skip_space(expression); *expression->at && *expression->at != ')' && *expression->at != '|';
             skip_space(expression)) {
                if (arguments.count == ARGUMENTS_MAX - 1)
                        return fail(expression, "too many arguments", function->name);
                arguments.values[arguments.count++] = take_operand(expression);
                if (expression->r < 0)
                        return NULL;
        }
        if (piped)
                arguments.values[arguments.count++] = before;
        if (arguments.count < function->minimum)
                return fail(expression, "too few arguments", function->name);
        return function->call(expression, &arguments);
}

static const struct json *evaluate(struct expression *expression) {
        const struct json *value = take_command(expression, NULL, false);

        for (skip_space(expression); expression->r == 0 && *expression->at == '|'; skip_space(expression)) {
                expression->at++;
                value = take_command(expression, value, true);
        }
        return value;
}

static int value_of(struct run *run, const char *pipeline, const struct json *dot, const struct json **out) {
        struct expression expression = {.run = run, .dot = dot, .at = pipeline};

        *out = evaluate(&expression);
        if (expression.r == 0 && *expression.at)
                (void) fail(&expression, "unexpected", expression.at);
        return expression.r;
}

static int set_variable(struct run *run, const char *name, const struct json *value) {
        if (run->variable_count == VARIABLES_MAX)
                return bad(run->err, "too many variables", name);
        run->variables[run->variable_count].name = name;
        run->variables[run->variable_count++].value = value;
        return 0;
}

static int run_nodes(struct run *run, const struct node *node, const struct json *dot, struct str_buf *out);

static int run_range(struct run *run, const struct node *node, const struct json *list, const struct json *dot,
                     struct str_buf *out) {
        size_t variables = run->variable_count;

        if (!list || list->count == 0)
                return run_nodes(run, node->otherwise, dot, out);
        json_for_each (item, list) {
                const struct json *key =
                        list->type == JSON_OBJECT ? make_text(run, item->key) : make_number(run, item->index);
                int r = 0;

                if (node->variables[1]) {
                        r = set_variable(run, node->variables[0], key);
                        r = r < 0 ? r : set_variable(run, node->variables[1], item);
                } else if (node->variables[0]) {
                        r = set_variable(run, node->variables[0], item);
                }
                if (r == 0)
                        r = run_nodes(run, node->body, item, out);
                run->variable_count = variables;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int run_node(struct run *run, const struct node *node, const struct json *dot, struct str_buf *out) {
        size_t variables = run->variable_count;
        const struct json *value = NULL;
        int r;

        if (node->type == NODE_TEXT) {
                str_buf_add(out, node->text);
                return 0;
        }
        r = value_of(run, node->pipeline, dot, &value);
        if (r < 0)
                return r;
        switch (node->type) {
        case NODE_PRINT:
                print(out, value);
                return 0;
        case NODE_SET:
                return set_variable(run, node->variables[0], value);
        case NODE_RANGE:
                return run_range(run, node, value, dot, out);
        case NODE_IF:
                r = run_nodes(run, is_true(value) ? node->body : node->otherwise, dot, out);
                break;
        case NODE_WITH:
                if (node->variables[0])
                        r = set_variable(run, node->variables[0], value);
                if (r == 0)
                        r = run_nodes(run, is_true(value) ? node->body : node->otherwise, is_true(value) ? value : dot,
                                      out);
                break;
        case NODE_TEXT:
                break;
        }
        run->variable_count = variables;
        return r;
}

static int run_nodes(struct run *run, const struct node *node, const struct json *dot, struct str_buf *out) {
        for (; node; node = node->next) {
                int r = run_node(run, node, dot, out);

                if (r < 0)
                        return r;
        }
        return 0;
}

int template_run(const struct template *template, const struct json *data, struct str_buf *out, struct error *err) {
        struct run run = {.arena = template->arena, .root = data, .err = err};

        return run_nodes(&run, template->nodes, data, out);
}
