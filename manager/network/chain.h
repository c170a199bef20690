/*
 * chain.h: runs the plugins of a CNI network list (CNI spec 1.1.0, section
 * "Network configuration execution") on one container.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/str.h"
#include "../../spec/cni.h"

struct chain_request {
        const struct str_list *plugin_dirs;
        const struct cni_network_list *list;
        const char *container_id;
        const char *netns; /* path; NULL or "": gone (DEL only) */
        const char *interface;
        const char *arguments;              /* CNI_ARGS, or NULL */
        const struct json *capability_args; /* portMappings and so on, or NULL */
        const struct json *result;          /* DEL: what ADD gave, or NULL when it never came to its end */
};

/**
 * ADD, first plugin to last. When one fails those before it are undone.
 * @result: set to the last plugin's answer, in the arena
 */
int chain_add(const struct chain_request *request, struct arena *arena, const struct json **result, struct error *err);

/** DEL, last plugin to first; every plugin is called, and the first error is returned. May run again. */
int chain_delete(const struct chain_request *request, struct error *err);
