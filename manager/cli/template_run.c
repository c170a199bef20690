#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "template_internal.h"

const struct json *template_fail(struct expression *expression, const char *what, const char *where) {
        if (expression->r == 0)
                expression->r = template_error(expression->run->err, what, where);
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
                                return template_fail(expression, "no such field", name);
                } else if (value && value->type != JSON_NULL) {
                        return template_fail(expression, "can't evaluate field", name);
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
                return template_fail(expression, "unterminated string", "");
        expression->at++;
        return template_text(expression->run, arena_strdup(expression->run->arena, text.data ? text.data : ""));
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
        return template_fail(expression, "undefined variable", name);
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
                        return template_fail(expression, "missing )", at);
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
                return template_number(expression->run, strtoull(at, NULL, 10));
        }
        if (template_is_word(at, "true") || template_is_word(at, "false")) {
                expression->at += size;
                return template_bool(expression->run, *at == 't');
        }
        return template_fail(expression, "unexpected", at);
}

/* One command of a pipeline: an operand, or a function with its operands and what came before "|". */
static const struct json *take_command(struct expression *expression, const struct json *before, bool piped) {
        struct arguments *arguments = arena_alloc(expression->run->arena, 1, sizeof(*arguments));
        const struct template_function *function;
        size_t size;

        skip_space(expression);
        size = name_size(expression->at);
        function = template_find_function(expression->at, size);
        if (!function)
                return piped ? template_fail(expression, "not a function", expression->at) : take_operand(expression);
        expression->at += size;
        for (skip_space(expression); *expression->at && *expression->at != ')' && *expression->at != '|';
             skip_space(expression)) {
                if (arguments->count == ARGUMENTS_MAX - 1)
                        return template_fail(expression, "too many arguments", function->name);
                arguments->values[arguments->count++] = take_operand(expression);
                if (expression->r < 0)
                        return NULL;
        }
        if (piped)
                arguments->values[arguments->count++] = before;
        if (arguments->count < function->minimum)
                return template_fail(expression, "too few arguments", function->name);
        return function->call(expression, arguments);
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
                (void) template_fail(&expression, "unexpected", expression.at);
        return expression.r;
}

static int set_variable(struct run *run, const char *name, const struct json *value) {
        if (run->variable_count == VARIABLES_MAX)
                return template_error(run->err, "too many variables", name);
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
                        list->type == JSON_OBJECT ? template_text(run, item->key) : template_number(run, item->index);
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
                template_print(out, value);
                return 0;
        case NODE_SET:
                return set_variable(run, node->variables[0], value);
        case NODE_RANGE:
                return run_range(run, node, value, dot, out);
        case NODE_IF:
                r = run_nodes(run, template_is_true(value) ? node->body : node->otherwise, dot, out);
                break;
        case NODE_WITH:
                if (node->variables[0])
                        r = set_variable(run, node->variables[0], value);
                if (r == 0)
                        r = run_nodes(run, template_is_true(value) ? node->body : node->otherwise,
                                      template_is_true(value) ? value : dot, out);
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
