/*
 * iptables_legacy.h: a host whose FORWARD chain is of the old iptables, which
 * nf_tables cannot change: its own program is asked to accept what the host
 * would drop. Where the kernel has no such table in this network namespace,
 * nothing is executed; where the program is missing, there is a warning. Our rules carry a comment by which they are
 * found.
 */
#pragma once

#include "../lib/error.h"
#include "nft.h"

/**
 * Adds accepts for the pass to FORWARD chains of the old iptables that drop.
 * @admin_chain: rules of the host's owner, which stay before ours
 */
int iptables_legacy_accept(const struct nft_pass *pass, const char *admin_chain, struct error *err);

/** Takes back the accepts of passes that nothing is forwarded for any more. */
int iptables_legacy_sweep(struct error *err);

/** Returns 1 if such a chain drops and has no accept for the pass, 0 if not, or a negative errno. */
int iptables_legacy_lacks(const struct nft_pass *pass, struct error *err);
