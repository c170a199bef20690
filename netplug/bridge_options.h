/*
 * bridge_options.h: the configuration of the plugin bridge, whose options are
 * those of the reference plugin.
 */
#pragma once

#include "link.h"
#include "link_vlan.h"
#include "plugin.h"

struct bridge_options {
        const char *bridge;
        bool is_gateway;
        bool is_default_gateway;
        bool force_address;
        bool masquerade;
        bool hairpin;
        bool promiscuous;
        bool isolated;
        bool check_mac;         /* macspoofchk */
        bool detect_duplicates; /* enabledad */
        bool leave_down;        /* disableContainerInterface */
        int64_t mtu;
        bool has_vlans;
        struct link_vlans vlans; /* of the container's port: `vlan`, `vlanTrunk`, `preserveDefaultVlan` */
        char mac[LINK_MAC_SIZE]; /* asked for; "" for none */
};

int bridge_options_parse(struct plugin_call *call, struct bridge_options *out, struct error *err);
