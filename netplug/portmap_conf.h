/*
 * portmap_conf.h: the configuration of portmap: which ports are published, and
 * on what conditions, as nft_publish.c wants them: consecutive ports that
 * lead to those of the same numbers are one range.
 */
#pragma once

#include "nft.h"
#include "plugin.h"

struct portmap_conf {
        bool snat;
        bool masquerade_all;
        struct nft_conditions conditions[2]; /* by family, IPv4 first */
        struct nft_port *ports;
        size_t port_count;
};

/** Reads the call's configuration and runtimeConfig.portMappings; *out lives in the call's arena. */
int portmap_conf_parse(struct plugin_call *call, struct portmap_conf *out, struct error *err);
