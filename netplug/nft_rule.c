/* Rules and chains of our table, as they are put together. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "nft_table.h"

/* Of conditions there may be many. */
#define RULE_ROOM 8192

void nft_stage_chain(struct nft_session *session, const struct nft_chain *chain) {
        struct nl_msg *message = nft_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, 256);
        struct nlattr *hook;

        nft_put_text(message, NFTA_CHAIN_TABLE, NFT_TABLE);
        nft_put_text(message, NFTA_CHAIN_NAME, chain->name);
        if (chain->type) {
                hook = nft_nest(message, NFTA_CHAIN_HOOK);
                nft_put_u32(message, NFTA_HOOK_HOOKNUM, chain->hook);
                nft_put_u32(message, NFTA_HOOK_PRIORITY, (uint32_t) chain->priority);
                (void) nla_nest_end(message, hook);
                nft_put_text(message, NFTA_CHAIN_TYPE, chain->type);
        }
        netlink_batch_add(&session->batch, message);
}

struct nft_rule nft_rule_begin(const char *chain) {
        struct nft_rule rule = {
                .message = nft_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_INET, RULE_ROOM)};

        nft_put_text(rule.message, NFTA_RULE_TABLE, NFT_TABLE);
        nft_put_text(rule.message, NFTA_RULE_CHAIN, chain);
        rule.expressions = nft_nest(rule.message, NFTA_RULE_EXPRESSIONS);
        return rule;
}

void nft_rule_end(struct nft_session *session, struct nft_rule *rule) {
        (void) nla_nest_end(rule->message, rule->expressions);
        netlink_batch_add(&session->batch, rule->message);
}

const struct nft_family nft_families[2] = {
        {NFPROTO_IPV4, 0, 4, 12, 16, {127}, {255}, 0xe0, 0xf0},
        {NFPROTO_IPV6,
         1,
         16,
         8,
         24,
         {[15] = 1},
         {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         0xff,
         0xff},
};

const struct nft_family *nft_family_of(const struct cni_address *address) {
        return &nft_families[address->family == AF_INET ? 0 : 1];
}

void nft_match_family(struct nl_msg *message, const struct nft_family *family) {
        nft_meta(message, NFT_META_NFPROTO, NFT_REGISTER(0));
        nft_compare(message, NFT_CMP_EQ, NFT_REGISTER(0), &family->protocol, 1);
}

void nft_load_source(struct nl_msg *message, const struct nft_family *family, uint32_t reg) {
        nft_payload(message, NFT_PAYLOAD_NETWORK_HEADER, family->source, family->size, reg);
}

void nft_load_destination(struct nl_msg *message, const struct nft_family *family, uint32_t reg) {
        nft_payload(message, NFT_PAYLOAD_NETWORK_HEADER, family->destination, family->size, reg);
}

void nft_match_network(struct nl_msg *message, const struct nft_family *family, enum nft_cmp_ops op,
                       const struct cni_address *network) {
        unsigned char mask[16] = {0}, base[16];

        for (size_t i = 0; i < network->prefix; i++)
                mask[i / 8] |= (unsigned char) (0x80 >> i % 8);
        for (size_t i = 0; i < family->size; i++)
                base[i] = network->bytes[i] & mask[i];
        nft_mask(message, NFT_REGISTER(0), mask, family->size);
        nft_compare(message, op, NFT_REGISTER(0), base, family->size);
}
