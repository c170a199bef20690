/*
 * template_internal.h: what the parts of the template language share: nodes
 * (template.c makes them), values and functions (template_functions.c), and
 * pipelines (template_run.c).
 */
#pragma once

#include "template.h"

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

/* Cursor over a pipeline's text. */
struct expression {
        struct run *run;
        const struct json *dot;
        const char *at;
        int r;
};

#define ARGUMENTS_MAX 8

struct arguments {
        const struct json *values[ARGUMENTS_MAX];
        size_t count;
};

/* A function of templates. */
struct template_function {
        const char *name;
        size_t minimum; /* arguments, the piped one included */
        const struct json *(*call)(struct expression *expression, const struct arguments *arguments);
};

/** "template: what: where", with a hint. Returns -EINVAL. */
int template_error(struct error *err, const char *what, const char *where);

/** True if the text begins with this word, and space or nothing follows. */
bool template_is_word(const char *text, const char *word);

/** Remembers the first error of an expression. Returns NULL. */
const struct json *template_fail(struct expression *expression, const char *what, const char *where);

/** The function of this name, or NULL. */
const struct template_function *template_find_function(const char *text, size_t size);

/* Values made while running, in the arena. */
const struct json *template_text(struct run *run, const char *text);
const struct json *template_number(struct run *run, size_t number);
const struct json *template_bool(struct run *run, bool boolean);

/** Go's idea of true: not empty, not zero, not false. */
bool template_is_true(const struct json *value);

/** As Go prints: maps as map[a:1 b:2], lists as [a b]. */
void template_print(struct str_buf *out, const struct json *value);
