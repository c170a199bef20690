/*
 * template.h: the part of Go's text/template that people write after --format:
 * fields, variables, range, if/else, with, pipelines and the functions json,
 * index, len, join, upper, lower, title, println, printf-less text.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/str.h"

struct template;

/** Reads a template; it lives in the arena. -EINVAL: "template: …" says where. */
int template_parse(const char *text, struct arena *arena, struct template **out, struct error *err);

/** Appends what the template makes of a document. -EINVAL for a field that is not there. */
int template_run(const struct template *template, const struct json *data, struct str_buf *out, struct error *err);
