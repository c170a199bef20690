/*
 * ipam.h: addresses from the plugin that the configuration's `ipam` names. One
 * that is this program itself is called as a function, any other is executed.
 */
#pragma once

#include "plugin.h"

/** True if the configuration names an IPAM plugin. */
bool ipam_is_wanted(const struct plugin_call *call);

/**
 * True if the addresses are another program's to give, which may ask for them over the container's link (DHCP): that
 * has to be there, then, before ipam_add().
 */
bool ipam_needs_link(struct plugin_call *call);

/** Gets addresses, routes and DNS settings. *out lives in the call's arena. */
int ipam_add(struct plugin_call *call, struct cni_result *out, struct error *err);

/** Passes the call's command (DEL, CHECK, STATUS, GC) on; 0 when no IPAM plugin is named. */
int ipam_pass_on(struct plugin_call *call, struct error *err);

/** Gives back what ipam_add() got, for an ADD that fails later; errors are passed over. */
void ipam_undo(struct plugin_call *call);
