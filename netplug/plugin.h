/*
 * plugin.h: what a CNI plugin is here: a row of functions, and the call (one
 * execution: environment, configuration, result of the plugins before) that is
 * handed to them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"
#include "../spec/cni.h"

enum plugin_command { PLUGIN_ADD, PLUGIN_DEL, PLUGIN_CHECK, PLUGIN_STATUS, PLUGIN_GC, PLUGIN_VERSION };

struct plugin_call {
        struct arena *arena;
        enum plugin_command command;
        const char *command_name; /* "ADD", ... */
        const char *container_id; /* "" where the command has none */
        const char *ifname;
        const char *netns;     /* path; "" when none was given */
        int netns_fd;          /* -1: none, or it is gone (DEL) */
        const char *path;      /* CNI_PATH, "" when not given */
        const char *arguments; /* CNI_ARGS */
        const char *input;     /* standard input, as it came */
        size_t input_size;
        const struct json *conf;    /* the same, parsed */
        const struct json *runtime; /* runtimeConfig, or NULL */
        const char *network;        /* the network's name */
        const char *type;           /* of the plugin */
        const char *version;        /* cniVersion of the call */
        struct cni_result previous; /* prevResult */
        bool has_previous;
        struct cni_attachment *valid; /* GC: what must be kept */
        size_t valid_count;
        int code; /* a CNI error code that a failing plugin sets; 0: chosen by errno */
};

/* A plugin. Every function returns 0 or a negative errno with `err` set. */
struct plugin {
        const char *type;
        const char *summary;
        bool is_ipam;       /* gives addresses to others that ask for it by `ipam` */
        bool without_netns; /* never looks into the container's namespace, which need not be there */
        /** Fills `result`, which starts as prevResult. A failing ADD has undone what it did. */
        int (*add)(struct plugin_call *call, struct cni_result *result, struct error *err);
        /** Succeeds on what is gone already. */
        int (*del)(struct plugin_call *call, struct error *err);
        int (*check)(struct plugin_call *call, struct error *err);
        int (*status)(struct plugin_call *call, struct error *err);
        int (*gc)(struct plugin_call *call, struct error *err);
};

/** The plugins of this build; ends with NULL. */
extern const struct plugin *const plugins[];

/** The plugin of this type, or NULL. */
const struct plugin *plugin_find(const char *type);

/** A value of CNI_ARGS ("KEY=VALUE;..."), in the call's arena, or NULL. */
const char *plugin_argument(const struct plugin_call *call, const char *key);

/** The runtime's arguments for plugins, `args.cni`; NULL when there are none. */
int plugin_args(const struct plugin_call *call, const struct json **out, struct error *err);

/** Fails with a CNI error code: sets call->code and returns what error_set() returned. */
#define plugin_fail(call_, code_, ...) ((call_)->code = (code_), error_set(__VA_ARGS__))

extern const struct plugin plugin_bandwidth;
extern const struct plugin plugin_bridge;
extern const struct plugin plugin_dnsname;
extern const struct plugin plugin_firewall;
extern const struct plugin plugin_host_device;
extern const struct plugin plugin_host_local;
extern const struct plugin plugin_loopback;
extern const struct plugin plugin_macvlan;
extern const struct plugin plugin_portmap;
extern const struct plugin plugin_ptp;
extern const struct plugin plugin_static;
extern const struct plugin plugin_tuning;
