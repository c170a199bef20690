/*
 * format.h: how inspect commands print: documents as indented JSON, or each
 * through a template.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"

/**
 * Prints an array of documents.
 * @text: the array as JSON
 * @format: NULL or "json" for the array itself; else a template for each element (template.h)
 */
int format_print(const char *text, const char *format, struct error *err);
