/* The plugin firewall: lets the host's own filters forward what the container sends and is sent. */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "iptables_legacy.h"
#include "nft.h"
#include "plugin.h"

#define ADMIN_CHAIN "CNI-ADMIN"
/* As long as iptables takes. */
#define CHAIN_NAME_MAX 28

static int parse_isolation(const char *policy, enum nft_isolation *out) {
        static const struct {
                const char *name;
                enum nft_isolation isolation;
        } policies[] = {
                {"", NFT_OPEN}, {"open", NFT_OPEN}, {"same-bridge", NFT_SAME_BRIDGE}, {"isolated", NFT_ISOLATED}};

        for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
                if (str_equal(policies[i].name, policy)) {
                        *out = policies[i].isolation;
                        return 0;
                }
        return -EINVAL;
}

/* What we write is nf_tables; a configuration made for another way to write rules means the same. */
static bool is_backend(const char *name) {
        return str_empty(name) || str_equal(name, "iptables") || str_equal(name, "firewalld") ||
               str_equal(name, "nftables");
}

static int parse_configuration(struct plugin_call *call, struct nft_forward *out, struct error *err) {
        const char *policy = "open", *backend = NULL, *chain = NULL;
        int r;

        *out = (struct nft_forward){.admin_chain = ADMIN_CHAIN};
        r = json_get_string(call->conf, "backend", &backend, err);
        if (r >= 0)
                r = json_get_string(call->conf, "ingressPolicy", &policy, err);
        if (r >= 0)
                r = json_get_string(call->conf, "iptablesAdminChainName", &chain, err);
        if (r < 0)
                return r;
        if (!is_backend(backend))
                return json_error(json_get(call->conf, "backend"), err, EINVAL,
                                  "'%.32s' is none of iptables, firewalld and nftables", backend);
        if (!str_empty(chain) && (strlen(chain) > CHAIN_NAME_MAX || strpbrk(chain, " \t\n") || chain[0] == '-'))
                return json_error(json_get(call->conf, "iptablesAdminChainName"), err, EINVAL,
                                  "'%.64s' is not a name for a chain of iptables", chain);
        if (!str_empty(chain))
                out->admin_chain = chain;
        if (parse_isolation(policy, &out->isolation) < 0)
                return json_error(json_get(call->conf, "ingressPolicy"), err, EINVAL,
                                  "'%.32s' is none of open, same-bridge and isolated", policy);
        return 0;
}

/* The configuration, with what the result says is forwarded. Returns 1, 0 when nothing is, or a negative errno. */
static int prepare(struct plugin_call *call, const struct cni_result *result, struct nft_forward *out,
                   struct error *err) {
        int r;

        r = parse_configuration(call, out, err);
        if (r >= 0)
                r = attach_require_previous(call, err);
        if (r < 0)
                return r;
        out->addresses = attach_addresses(call, result, &out->count);
        out->link = attach_forward_link(result);
        return out->count > 0;
}

static int firewall_del(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        int r = nft_release(&owner, NFT_PART_FORWARD, NULL, err);

        return r < 0 ? r : iptables_legacy_sweep(err);
}

static int firewall_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct nft_forward forward;
        struct nft_pass pass;
        int r;

        r = prepare(call, result, &forward, err);
        if (r <= 0)
                return r;
        r = nft_forward_add(&owner, &forward, err);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && nft_forward_pass(&forward, i, &pass); i++)
                r = iptables_legacy_accept(&pass, forward.admin_chain, err);
        if (r < 0)
                (void) firewall_del(call, NULL);
        return r;
}

static int firewall_check(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct nft_forward forward;
        int r = prepare(call, &call->previous, &forward, err);

        return r <= 0 ? r : nft_forward_check(&owner, &forward, err);
}

static int firewall_status(struct plugin_call *call, struct error *err) {
        struct nft_forward forward;
        int r = parse_configuration(call, &forward, err);

        return r < 0 ? r : nft_available(err);
}

const struct plugin plugin_firewall = {.type = "firewall",
                                       .summary = "let the host's filters forward the container's packets",
                                       .add = firewall_add,
                                       .del = firewall_del,
                                       .check = firewall_check,
                                       .status = firewall_status,
                                       .gc = firewall_del};
