/* Chains of our table that come with a network or with conditions, and go with them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "nft_table.h"

static void network_chain_name(const char *what, const struct cni_address *network, char name[64]) {
        const struct nft_family *family = nft_family_of(network);
        size_t used = (size_t) snprintf(name, 64, "%s%c_", what, family->offset ? '6' : '4');

        for (size_t i = 0; i < family->size; i++) {
                unsigned int bits = network->prefix >= 8 * (i + 1) ? 8
                                    : network->prefix > 8 * i      ? network->prefix % 8
                                                                   : 0;

                used += (size_t) snprintf(name + used, 64 - used, "%02x", network->bytes[i] & (0xff00U >> bits & 0xff));
        }
        (void) snprintf(name + used, 64 - used, "_%u", network->prefix);
}

/* Stages the bare chain. Returns 1 if it has to be filled, 0 if it stands, or a negative errno. */
static int stage_chain_once(struct nft_session *session, const struct nft_chain *chain) {
        struct nl_msg *message;
        int r = -ENOENT;

        if (session->has_table) {
                message = nft_message(NFT_MSG_GETCHAIN, 0, NFPROTO_INET, 256);
                nft_put_text(message, NFTA_CHAIN_TABLE, NFT_TABLE);
                nft_put_text(message, NFTA_CHAIN_NAME, chain->name);
                r = netlink_query(&session->netlink, message, nft_ignore_message, NULL);
        }
        if (r != -ENOENT)
                return r;
        nft_stage_chain(session, chain);
        return 1;
}

static int stage_unhooked_once(struct nft_session *session, const char *name) {
        return stage_chain_once(session, &(const struct nft_chain){.name = name});
}

/* The rule for all packets that get so far. */
static void stage_verdict(struct nft_session *session, const char *chain, int verdict) {
        struct nft_rule rule = nft_rule_begin(chain);

        nft_verdict(rule.message, verdict, NULL);
        nft_rule_end(session, &rule);
}

void nft_stage_delete_chain(struct nft_session *session, const char *name) {
        struct nl_msg *message = nft_message(NFT_MSG_DELCHAIN, 0, NFPROTO_INET, 256);

        nft_put_text(message, NFTA_CHAIN_TABLE, NFT_TABLE);
        nft_put_text(message, NFTA_CHAIN_NAME, name);
        netlink_batch_add(&session->batch, message);
}

int nft_stage_masquerade_chain(struct nft_session *session, const struct cni_address *network, char name[64]) {
        const struct nft_family *family = nft_family_of(network);
        struct nft_rule rule;
        int r;

        network_chain_name("masquerade", network, name);
        r = stage_unhooked_once(session, name);
        if (r <= 0)
                return r;
        rule = nft_rule_begin(name);
        nft_match_family(rule.message, family);
        nft_load_destination(rule.message, family, NFT_REGISTER(0));
        nft_match_network(rule.message, family, NFT_CMP_EQ, network);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
        rule = nft_rule_begin(name);
        nft_match_family(rule.message, family);
        nft_payload(rule.message, NFT_PAYLOAD_NETWORK_HEADER, family->destination, 1, NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), &family->multicast_mask, 1);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), &family->multicast, 1);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
        rule = nft_rule_begin(name);
        nft_masquerade_verdict(rule.message);
        nft_rule_end(session, &rule);
        return 0;
}

int nft_stage_return_chain(struct nft_session *session, const struct cni_address *network, char name[64]) {
        const struct nft_family *family = nft_family_of(network);
        struct nft_rule rule;
        int r;

        network_chain_name("returns", network, name);
        r = stage_unhooked_once(session, name);
        if (r <= 0)
                return r;
        /* A neighbour would answer directly, past the translation: it has to answer the host. */
        rule = nft_rule_begin(name);
        nft_match_family(rule.message, family);
        nft_load_source(rule.message, family, NFT_REGISTER(0));
        nft_match_network(rule.message, family, NFT_CMP_EQ, network);
        nft_masquerade_verdict(rule.message);
        nft_rule_end(session, &rule);
        rule = nft_rule_begin(name);
        nft_match_family(rule.message, family);
        nft_load_source(rule.message, family, NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), family->mask, family->size);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), family->loopback, family->size);
        nft_masquerade_verdict(rule.message);
        nft_rule_end(session, &rule);
        return 0;
}

/* --- isolated links ---------------------------------------------------------------------------------------------- */

#define CHAIN_FORWARD "forward"
#define CHAIN_APART "apart"

int nft_stage_isolation_chains(struct nft_session *session) {
        const struct nft_chain forward = {CHAIN_FORWARD, "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER};
        struct nft_rule rule;
        int r = stage_chain_once(session, &forward);

        if (r <= 0)
                return r;
        nft_stage_chain(session, &(const struct nft_chain){.name = CHAIN_APART});
        rule = nft_rule_begin(CHAIN_FORWARD);
        nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
        nft_lookup(rule.message, nft_set_name(NFT_SET_ISOLATED), NFT_REGISTER(0), false, 0);
        nft_meta(rule.message, NFT_META_OIFNAME, NFT_REGISTER(0));
        nft_lookup(rule.message, nft_set_name(NFT_SET_ISOLATED), NFT_REGISTER(0), false, 0);
        nft_verdict(rule.message, NFT_JUMP, CHAIN_APART);
        nft_rule_end(session, &rule);
        rule = nft_rule_begin(CHAIN_APART);
        nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
        nft_meta(rule.message, NFT_META_OIFNAME, NFT_REGISTER(4));
        nft_lookup(rule.message, nft_set_name(NFT_SET_TOGETHER), NFT_REGISTER(0), false, 0);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
        stage_verdict(session, CHAIN_APART, NF_DROP);
        return 0;
}

void nft_stage_delete_isolation_chains(struct nft_session *session) {
        nft_stage_delete_chain(session, CHAIN_FORWARD);
        nft_stage_delete_chain(session, CHAIN_APART);
}

/* --- conditions of published ports ------------------------------------------------------------------------------- */

static void add_condition(struct nl_msg *message, const struct nft_condition *condition) {
        const struct nft_family *family = nft_family_of(&condition->network);
        enum nft_cmp_ops op = condition->negated ? NFT_CMP_NEQ : NFT_CMP_EQ;
        size_t size = strlen(condition->link);

        switch (condition->kind) {
        case NFT_SOURCE:
                nft_load_source(message, family, NFT_REGISTER(0));
                nft_match_network(message, family, op, &condition->network);
                break;
        case NFT_DESTINATION:
                nft_load_destination(message, family, NFT_REGISTER(0));
                nft_match_network(message, family, op, &condition->network);
                break;
        case NFT_INPUT_LINK:
        case NFT_OUTPUT_LINK:
                nft_meta(message, condition->kind == NFT_INPUT_LINK ? NFT_META_IIFNAME : NFT_META_OIFNAME,
                         NFT_REGISTER(0));
                /* With the NUL that ends it the whole name is compared. */
                nft_compare(message, op, NFT_REGISTER(0), condition->link,
                            condition->link[size - 1] == '+' ? size - 1 : size + 1);
                break;
        }
}

/* The same conditions share a chain: its name is made from them. */
static void gate_name(const struct nft_conditions *conditions, char name[64]) {
        char text[CNI_ADDRESS_SIZE];
        _cleanup_str_buf_ struct str_buf all = {0};

        for (size_t i = 0; i < conditions->count; i++) {
                const struct nft_condition *condition = &conditions->items[i];

                str_buf_printf(&all, "%d%d%s;", condition->kind, condition->negated,
                               condition->kind <= NFT_DESTINATION ? cni_address_cidr(&condition->network, text)
                                                                  : condition->link);
        }
        (void) snprintf(name, 64, "gate_%016llx", (unsigned long long) str_hash(all.data, all.size));
}

int nft_stage_gate_chain(struct nft_session *session, const struct nft_conditions *conditions, char name[64]) {
        struct nft_rule rule;
        int r;

        gate_name(conditions, name);
        r = stage_unhooked_once(session, name);
        if (r <= 0)
                return r;
        rule = nft_rule_begin(name);
        for (size_t i = 0; i < conditions->count; i++)
                add_condition(rule.message, &conditions->items[i]);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
        stage_verdict(session, name, NF_ACCEPT);
        return 0;
}
