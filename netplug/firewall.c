/* The plugin firewall: lets the host's own filters forward what the container sends and is sent. */
#include <errno.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "nft.h"
#include "plugin.h"

struct configuration {
        enum nft_isolation isolation;
};

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        static const struct {
                const char *name;
                enum nft_isolation isolation;
        } policies[] = {
                {"", NFT_OPEN}, {"open", NFT_OPEN}, {"same-bridge", NFT_SAME_BRIDGE}, {"isolated", NFT_ISOLATED}};
        const char *policy = "open", *backend = NULL;
        int r;

        /* What we write is nf_tables; a configuration made for another way to write rules means the same. */
        r = json_get_string(call->conf, "backend", &backend, err);
        if (r >= 0)
                r = json_get_string(call->conf, "ingressPolicy", &policy, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
                if (str_equal(policies[i].name, policy)) {
                        conf->isolation = policies[i].isolation;
                        return 0;
                }
        return json_error(json_get(call->conf, "ingressPolicy"), err, EINVAL,
                          "'%.32s' is none of open, same-bridge and isolated", policy);
}

/* The link forwarded packets come from: the bridge, or the host's end of the pair. NULL: nothing is forwarded. */
static const char *forward_link(const struct cni_result *result) {
        const struct cni_interface *interface = attach_host_interface(result, 0);

        return interface && attach_link_name_is_valid(interface->name) ? interface->name : NULL;
}

static int firewall_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct configuration conf;
        const struct cni_address *addresses;
        size_t count;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = attach_require_previous(call, err);
        if (r < 0)
                return r;
        addresses = attach_addresses(call, result, &count);
        if (count == 0 || !forward_link(result))
                return 0;
        return nft_forward_add(&owner, forward_link(result), addresses, count, conf.isolation, err);
}

static int firewall_del(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);

        return nft_release(&owner, NFT_PART_FORWARD, NULL, err);
}

static int firewall_check(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct configuration conf;
        const struct cni_address *addresses;
        size_t count;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r < 0)
                return r;
        addresses = attach_addresses(call, &call->previous, &count);
        if (count == 0 || !forward_link(&call->previous))
                return 0;
        return nft_forward_check(&owner, forward_link(&call->previous), addresses, count, err);
}

static int firewall_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : nft_available(err);
}

const struct plugin plugin_firewall = {.type = "firewall",
                                       .summary = "let the host's filters forward the container's packets",
                                       .add = firewall_add,
                                       .del = firewall_del,
                                       .check = firewall_check,
                                       .status = firewall_status,
                                       .gc = firewall_del};
