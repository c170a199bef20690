/*
 * runtime_config_types.h: the tables of config.json's sections, for the files
 * spec/runtime_config*.c alone. Everybody else uses runtime_config.h.
 */
#pragma once

#include "document.h"
#include "runtime_config.h"

extern const struct document_type runtime_process_type;    /* struct runtime_process */
extern const struct document_type runtime_linux_type;      /* struct runtime_linux */
extern const struct document_type runtime_resources_type;  /* struct runtime_resources */
extern const struct document_type runtime_seccomp_type;    /* struct runtime_seccomp */
extern const struct document_type runtime_id_mapping_type; /* struct runtime_id_mapping */

/* The highest id of a user or group: setresuid(2) and chown(2) take UINT32_MAX for "leave it as it is", which is root.
 */
#define RUNTIME_ID_MAX (UINT32_MAX - 1)

/* The list {NULL}: what an absent list becomes where callers want to loop over it unasked. */
extern const char *const runtime_no_strings[];

/* A table's rows and their number. */
#define DOCUMENT_ROWS(rows) .fields = (rows), .field_count = sizeof(rows) / sizeof((rows)[0])

/* A row of a member that one pointer or value holds, and of a list with its count beside it. */
#define DOCUMENT_MEMBER(structure, member) .offset = offsetof(structure, member)
#define DOCUMENT_ITEMS(structure, items, number)                                                                       \
        .offset = offsetof(structure, items), .count = offsetof(structure, number)
