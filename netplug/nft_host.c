/*
 * Chains of the host's own that are hooked where packets are forwarded. An
 * accept in our table cannot overrule a drop in theirs, so a chain that drops
 * gets accepts for our link, marked with a comment by which they are found.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "nft_table.h"

#define RULE_ROOM 2048
#define CHAINS_MAX 64
#define INNER_MAX 16
/* Before the link's name in the comments of our rules. */
#define COMMENT_START "netplug "

/* A base chain hooked at forward. */
struct host_chain {
        uint8_t family;
        char table[64];
        char name[64];
        bool drops;           /* by policy or by a rule for everything */
        bool accepts;         /* has our accepts for the link */
        bool jumps;           /* to the admin chain */
        bool has_admin;       /* its table has that chain */
        uint64_t after;       /* handle of the rule our accepts go behind; 0: first of all */
        uint64_t handles[64]; /* of our rules for the link */
        size_t handle_count;
        char inner[INNER_MAX][64]; /* chains that everything is sent to, which may drop it as well */
        size_t inner_count;
};

struct host_chains {
        struct nft_session *session;
        const char *link; /* NULL: any */
        const char *admin_chain;
        bool has_admin[2]; /* table filter of iptables and of ip6tables */
        char comment[NFT_COMMENT_SIZE];
        struct host_chain items[CHAINS_MAX];
        size_t count;
        struct host_chain *reading;
        const char *inside; /* the inner chain of it that is being read; NULL: itself */
};

static int read_chain(struct nlmsghdr *header, void *context) {
        const struct nfgenmsg *generic = nlmsg_data(header);
        struct nlattr *fields[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
        struct host_chains *chains = context;
        struct host_chain *chain = &chains->items[chains->count];
        uint8_t family = generic->nfgen_family;

        if (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET)
                return 0;
        if (nlmsg_parse(header, sizeof(*generic), fields, NFTA_CHAIN_MAX, NULL) < 0 || !fields[NFTA_CHAIN_TABLE] ||
            !fields[NFTA_CHAIN_NAME])
                return 0;
        if (family != NFPROTO_INET && strcmp(nla_get_string(fields[NFTA_CHAIN_TABLE]), "filter") == 0 &&
            str_equal(nla_get_string(fields[NFTA_CHAIN_NAME]), chains->admin_chain))
                chains->has_admin[family == NFPROTO_IPV6] = true;
        if (!fields[NFTA_CHAIN_HOOK] || !fields[NFTA_CHAIN_TYPE] ||
            nla_parse_nested(hook, NFTA_HOOK_MAX, fields[NFTA_CHAIN_HOOK], NULL) < 0 || !hook[NFTA_HOOK_HOOKNUM])
                return 0;
        if (ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM])) != NF_INET_FORWARD ||
            strcmp(nla_get_string(fields[NFTA_CHAIN_TYPE]), "filter") != 0)
                return 0;
        if (family == NFPROTO_INET && strcmp(nla_get_string(fields[NFTA_CHAIN_TABLE]), NFT_TABLE) == 0)
                return 0;
        if (chains->count == CHAINS_MAX)
                return -E2BIG;
        *chain = (struct host_chain){.family = family};
        /* A name that does not fit is none we could name again: such a chain is left alone. */
        if (nla_strlcpy(chain->table, fields[NFTA_CHAIN_TABLE], sizeof(chain->table)) >= sizeof(chain->table) ||
            nla_strlcpy(chain->name, fields[NFTA_CHAIN_NAME], sizeof(chain->name)) >= sizeof(chain->name))
                return 0;
        chain->drops = fields[NFTA_CHAIN_POLICY] && ntohl(nla_get_u32(fields[NFTA_CHAIN_POLICY])) == NF_DROP;
        chains->count++;
        return 0;
}

/* What a rule ends with. */
struct rule_end {
        bool drops;         /* drop or reject */
        bool unconditional; /* and nothing before it but counters */
        char jump[64];      /* the chain it jumps to */
        /* A match of iptables: what was a comment of nft's is one after iptables-save and iptables-restore. */
        char comment[NFT_COMMENT_SIZE];
};

static void read_verdict(struct nlattr *data, struct rule_end *end) {
        struct nlattr *value = nla_find(nla_data(data), nla_len(data), NFTA_IMMEDIATE_DATA);
        struct nlattr *verdict = value ? nla_find(nla_data(value), nla_len(value), NFTA_DATA_VERDICT) : NULL;
        struct nlattr *fields[NFTA_VERDICT_MAX + 1];

        if (!verdict || nla_parse_nested(fields, NFTA_VERDICT_MAX, verdict, NULL) < 0 || !fields[NFTA_VERDICT_CODE])
                return;
        end->drops = (int) ntohl(nla_get_u32(fields[NFTA_VERDICT_CODE])) == NF_DROP;
        if (fields[NFTA_VERDICT_CHAIN])
                (void) nla_strlcpy(end->jump, fields[NFTA_VERDICT_CHAIN], sizeof(end->jump));
}

/* True if the match is a comment, which matches everything. */
static bool read_match(struct nlattr *data, struct rule_end *end) {
        struct nlattr *fields[NFTA_MATCH_MAX + 1];

        if (!data || nla_parse_nested(fields, NFTA_MATCH_MAX, data, NULL) < 0 || !fields[NFTA_MATCH_NAME] ||
            strcmp(nla_get_string(fields[NFTA_MATCH_NAME]), "comment") != 0)
                return false;
        if (fields[NFTA_MATCH_INFO])
                (void) snprintf(end->comment, sizeof(end->comment), "%.*s", nla_len(fields[NFTA_MATCH_INFO]),
                                (const char *) nla_data(fields[NFTA_MATCH_INFO]));
        return true;
}

static void read_rule_end(struct nlattr *expressions, struct rule_end *end) {
        struct nlattr *item;
        int left;

        end->unconditional = true;
        nla_for_each_nested(item, expressions, left) {
                struct nlattr *fields[NFTA_EXPR_MAX + 1];
                const char *name;

                if (nla_parse_nested(fields, NFTA_EXPR_MAX, item, NULL) < 0 || !fields[NFTA_EXPR_NAME])
                        continue;
                name = nla_get_string(fields[NFTA_EXPR_NAME]);
                if (strcmp(name, "immediate") == 0 && fields[NFTA_EXPR_DATA])
                        read_verdict(fields[NFTA_EXPR_DATA], end);
                else if (strcmp(name, "reject") == 0)
                        end->drops = true;
                else if (strcmp(name, "target") == 0 && fields[NFTA_EXPR_DATA]) {
                        struct nlattr *target = nla_find(nla_data(fields[NFTA_EXPR_DATA]),
                                                         nla_len(fields[NFTA_EXPR_DATA]), NFTA_TARGET_NAME);

                        end->drops = target && strcmp(nla_get_string(target), "REJECT") == 0;
                } else if (strcmp(name, "counter") != 0 && strcmp(name, "log") != 0 &&
                           !(strcmp(name, "match") == 0 && read_match(fields[NFTA_EXPR_DATA], end)))
                        end->unconditional = false;
        }
}

static bool is_ours(const struct host_chains *chains, const char *comment) {
        return chains->link ? str_equal(comment, chains->comment) : str_starts_with(comment, COMMENT_START);
}

static void add_inner(struct host_chain *chain, const char *name) {
        for (size_t i = 0; i < chain->inner_count; i++)
                if (strcmp(chain->inner[i], name) == 0)
                        return;
        if (chain->inner_count < INNER_MAX)
                (void) snprintf(chain->inner[chain->inner_count++], sizeof(chain->inner[0]), "%s", name);
}

static int read_rule(struct nlmsghdr *header, void *context) {
        struct nlattr *fields[NFTA_RULE_MAX + 1];
        struct host_chains *chains = context;
        struct host_chain *chain = chains->reading;
        struct rule_end end = {0};
        const char *comment = NULL;
        uint64_t handle;
        bool is_owners;

        if (nlmsg_parse(header, sizeof(struct nfgenmsg), fields, NFTA_RULE_MAX, NULL) < 0 || !fields[NFTA_RULE_HANDLE])
                return 0;
        /* Kernels before 4.x give the rules of all chains. */
        if (!fields[NFTA_RULE_CHAIN] ||
            !str_equal(nla_get_string(fields[NFTA_RULE_CHAIN]), chains->inside ? chains->inside : chain->name))
                return 0;
        handle = be64toh(nla_get_u64(fields[NFTA_RULE_HANDLE]));
        if (fields[NFTA_RULE_EXPRESSIONS])
                read_rule_end(fields[NFTA_RULE_EXPRESSIONS], &end);
        if (end.drops && end.unconditional)
                chain->drops = true;
        is_owners = end.jump[0] && (str_equal(end.jump, "DOCKER-USER") || str_equal(end.jump, chains->admin_chain));
        if (end.jump[0] && end.unconditional && !is_owners)
                add_inner(chain, end.jump);
        if (chains->inside)
                return 0;
        if (fields[NFTA_RULE_USERDATA])
                comment =
                        nft_comment(nla_data(fields[NFTA_RULE_USERDATA]), (size_t) nla_len(fields[NFTA_RULE_USERDATA]));
        if (!comment && end.comment[0])
                comment = end.comment;
        /* DOCKER-USER and the admin chain are where the owner of the host decides: they stay before our accepts. */
        if (is_owners)
                chain->after = handle;
        /* The jump that we made for another link goes with that link. */
        if (end.jump[0] && str_equal(end.jump, chains->admin_chain))
                chain->jumps |=
                        !comment || !str_starts_with(comment, COMMENT_START) || str_equal(comment, chains->comment);
        if (comment && is_ours(chains, comment) && chain->handle_count < ARRAY_SIZE(chain->handles)) {
                chain->handles[chain->handle_count++] = handle;
                chain->accepts |= !end.jump[0];
        }
        return 0;
}

/* Tables of iptables-nft must stay readable for iptables, which knows no `ct` expression. */
static bool is_iptables(const struct host_chain *chain) {
        return chain->family != NFPROTO_INET && strcmp(chain->table, "filter") == 0 &&
               strcmp(chain->name, "FORWARD") == 0;
}

static int read_rules(struct host_chains *chains, const char *name) {
        struct nl_msg *message = nft_message(NFT_MSG_GETRULE, NLM_F_DUMP, chains->reading->family, 256);

        (void) nla_put_string(message, NFTA_RULE_TABLE, chains->reading->table);
        (void) nla_put_string(message, NFTA_RULE_CHAIN, name);
        return netlink_query(&chains->session->netlink, message, read_rule, chains);
}

/* Reads the host's forward chains and what they hold for the link. */
static int read_chains(struct nft_session *session, const char *link, const char *admin_chain,
                       struct host_chains *chains) {
        int r;

        chains->session = session;
        chains->link = link;
        chains->admin_chain = admin_chain;
        (void) snprintf(chains->comment, sizeof(chains->comment), COMMENT_START "%s", link ? link : "");
        r = netlink_query(&session->netlink, nft_message(NFT_MSG_GETCHAIN, NLM_F_DUMP, AF_UNSPEC, 0), read_chain,
                          chains);
        for (size_t i = 0; r >= 0 && i < chains->count; i++) {
                struct host_chain *chain = &chains->items[i];

                chain->has_admin = is_iptables(chain) && chains->has_admin[chain->family == NFPROTO_IPV6];
                chains->reading = chain;
                chains->inside = NULL;
                r = read_rules(chains, chain->name);
                for (size_t j = 0; r >= 0 && j < chain->inner_count && !chain->drops; j++) {
                        chains->inside = chain->inner[j];
                        r = read_rules(chains, chain->inner[j]);
                }
        }
        return r;
}

/* The match of iptables for answers to the containers' own connections and connections to published ports. */
static void put_iptables_match(struct nl_msg *message) {
        const struct xt_conntrack_mtinfo3 info = {.match_flags = XT_CONNTRACK_STATE,
                                                  .state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) |
                                                                XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) |
                                                                XT_CONNTRACK_STATE_DNAT};
        unsigned char padded[(sizeof(info) + 7) & ~7UL] = {0};

        memcpy(padded, &info, sizeof(info));
        nft_xtables_match(message, "conntrack", 3, padded, sizeof(padded));
}

/* What an accept asks of a packet. */
enum accept { ACCEPT_FROM_LINK, ACCEPT_ANSWERS, ACCEPT_PUBLISHED, ACCEPT_COUNT };

/* Bits of the connection's state as nft's `ct state` loads them. */
#define CT_STATE_ESTABLISHED (1U << 1)
#define CT_STATE_RELATED (1U << 2)

/* A rule of ours in a chain of the host, its expressions open. */
static struct nft_rule host_rule_begin(const struct host_chains *chains, const struct host_chain *chain) {
        struct nft_rule rule = {.message =
                                        nft_message(NFT_MSG_NEWRULE, NLM_F_CREATE | (chain->after ? NLM_F_APPEND : 0),
                                                    chain->family, RULE_ROOM)};

        (void) nla_put_string(rule.message, NFTA_RULE_TABLE, chain->table);
        (void) nla_put_string(rule.message, NFTA_RULE_CHAIN, chain->name);
        if (chain->after)
                nft_put_u64(rule.message, NFTA_RULE_POSITION, chain->after);
        nft_put_comment(rule.message, NFTA_RULE_USERDATA, chains->comment);
        rule.expressions = nla_nest_start(rule.message, NFTA_RULE_EXPRESSIONS);
        return rule;
}

static void host_rule_end(struct host_chains *chains, struct nft_rule *rule, int verdict, const char *jump) {
        nft_counter(rule->message);
        nft_verdict(rule->message, verdict, jump);
        nft_rule_end(chains->session, rule);
}

static void stage_accept(struct host_chains *chains, const struct host_chain *chain, enum accept accept) {
        const uint32_t answers = CT_STATE_ESTABLISHED | CT_STATE_RELATED, published = IPS_DST_NAT, none = 0;
        struct nft_rule rule = host_rule_begin(chains, chain);

        nft_meta(rule.message, accept == ACCEPT_FROM_LINK ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG_1);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REG_1, chains->link, strlen(chains->link) + 1);
        if (accept != ACCEPT_FROM_LINK && is_iptables(chain)) {
                put_iptables_match(rule.message);
        } else if (accept != ACCEPT_FROM_LINK) {
                nft_conntrack(rule.message, accept == ACCEPT_ANSWERS ? NFT_CT_STATE : NFT_CT_STATUS, NFT_REG_1);
                nft_mask(rule.message, NFT_REG_1, accept == ACCEPT_ANSWERS ? &answers : &published, 4);
                nft_compare(rule.message, NFT_CMP_NEQ, NFT_REG_1, &none, 4);
        }
        host_rule_end(chains, &rule, NF_ACCEPT, NULL);
}

int nft_host_accept(struct nft_session *session, const char *link, const char *admin_chain) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        int r = read_chains(session, link, admin_chain, chains);

        if (r < 0)
                return r;
        for (size_t i = 0; i < chains->count; i++) {
                const struct host_chain *chain = &chains->items[i];

                for (enum accept accept = 0; chain->drops && !chain->accepts && accept < ACCEPT_COUNT; accept++)
                        /* The match of iptables covers the last two in one rule. */
                        if (!(accept == ACCEPT_PUBLISHED && is_iptables(chain)))
                                stage_accept(chains, chain, accept);
                /* Rules go in first of all, the last one before the others: the owner's are asked before our accepts.
                 */
                if (chain->has_admin && !chain->jumps) {
                        struct nft_rule rule = host_rule_begin(chains, chain);

                        host_rule_end(chains, &rule, NFT_JUMP, admin_chain);
                }
        }
        return 0;
}

int nft_host_forget(struct nft_session *session, const char *link) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        int r = read_chains(session, link, NULL, chains);

        for (size_t i = 0; r >= 0 && i < chains->count; i++) {
                const struct host_chain *chain = &chains->items[i];

                for (size_t j = 0; j < chain->handle_count; j++) {
                        struct nl_msg *message = nft_message(NFT_MSG_DELRULE, 0, chain->family, 256);

                        (void) nla_put_string(message, NFTA_RULE_TABLE, chain->table);
                        (void) nla_put_string(message, NFTA_RULE_CHAIN, chain->name);
                        nft_put_u64(message, NFTA_RULE_HANDLE, chain->handles[j]);
                        netlink_batch_add(&session->batch, message);
                }
        }
        return r;
}

int nft_host_lacks(struct nft_session *session, const char *link) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        int r = read_chains(session, link, NULL, chains);

        for (size_t i = 0; r >= 0 && i < chains->count; i++)
                if (chains->items[i].drops && !chains->items[i].accepts)
                        return 1;
        return r;
}
