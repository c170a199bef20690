/*
 * Chains of the host's own that are hooked where packets are forwarded. An
 * accept in our table cannot overrule a drop in theirs, so a chain that drops
 * gets accepts for our link, or for addresses where no link is known, marked with
 * a comment by which they are found.
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
/* Before the pass's name in the comments of our rules. */
#define COMMENT_START "netplug "
/* The comment of an admin chain that we made: no pass has this name. */
#define ADMIN_COMMENT COMMENT_START "admin chain"

/* A base chain hooked at forward. */
struct host_chain {
        uint8_t family;
        char table[64];
        char name[64];
        bool drops;                /* by policy or by a rule for everything */
        bool accepts;              /* has our accepts for the pass */
        bool jumps;                /* to the admin chain */
        bool has_admin;            /* its table has that chain */
        uint64_t after;            /* handle of the rule our accepts go behind; 0: first of all */
        size_t admin_jumps;        /* of our rules for the passes, to an admin chain of ours */
        char inner[INNER_MAX][64]; /* chains that everything is sent to, which may drop it as well */
        size_t inner_count;
};

struct host_chains {
        struct nft_session *session;
        const struct nft_pass *pass;  /* what is accepted */
        const struct str_list *names; /* of passes whose rules are looked for; NULL: of all */
        const char *admin_chain;
        bool has_admin[2]; /* table filter of iptables and of ip6tables */
        struct {
                char name[64];
                uint32_t uses; /* its rules, and jumps to it */
        } made_admin[2];       /* admin chains that we made there; "" for none */
        struct host_chain items[CHAINS_MAX];
        size_t count;
        struct host_chain *reading;
        const char *inside; /* the inner chain of it that is being read; NULL: itself */
        bool forget;        /* the deletion of rules for the passes is staged as they are read */
};

static const char *comment_of(const struct nlattr *userdata) {
        return userdata ? nft_comment(nla_data(userdata), (size_t) nla_len(userdata)) : NULL;
}

/* A chain of the tables filter, which may be the admin chain. */
static void note_admin_chain(struct host_chains *chains, bool is_v6, struct nlattr **fields) {
        const char *name = nla_get_string(fields[NFTA_CHAIN_NAME]);

        if (str_equal(name, chains->admin_chain))
                chains->has_admin[is_v6] = true;
        if (str_equal(comment_of(fields[NFTA_CHAIN_USERDATA]), ADMIN_COMMENT) && fields[NFTA_CHAIN_USE]) {
                (void) snprintf(chains->made_admin[is_v6].name, sizeof(chains->made_admin[0].name), "%s", name);
                chains->made_admin[is_v6].uses = ntohl(nla_get_u32(fields[NFTA_CHAIN_USE]));
        }
}

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
        if (family != NFPROTO_INET && strcmp(nla_get_string(fields[NFTA_CHAIN_TABLE]), "filter") == 0)
                note_admin_chain(chains, family == NFPROTO_IPV6, fields);
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

/* True for the comment of a rule for one of the passes that are looked for. */
static bool is_wanted(const struct host_chains *chains, const char *comment) {
        return str_starts_with(comment, COMMENT_START) &&
               (!chains->names || str_list_contains(chains->names, comment + strlen(COMMENT_START)));
}

static void add_inner(struct host_chain *chain, const char *name) {
        for (size_t i = 0; i < chain->inner_count; i++)
                if (strcmp(chain->inner[i], name) == 0)
                        return;
        if (chain->inner_count < INNER_MAX)
                (void) snprintf(chain->inner[chain->inner_count++], sizeof(chain->inner[0]), "%s", name);
}

static void stage_delete_rule(struct nft_session *session, const struct host_chain *chain, uint64_t handle) {
        struct nl_msg *message = nft_message(NFT_MSG_DELRULE, 0, chain->family, 256);

        nft_put_text(message, NFTA_RULE_TABLE, chain->table);
        nft_put_text(message, NFTA_RULE_CHAIN, chain->name);
        nft_put_u64(message, NFTA_RULE_HANDLE, handle);
        netlink_batch_add(&session->batch, message);
}

static int read_rule(struct nlmsghdr *header, void *context) {
        struct nlattr *fields[NFTA_RULE_MAX + 1];
        struct host_chains *chains = context;
        struct host_chain *chain = chains->reading;
        struct rule_end end = {0};
        const char *comment;
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
        comment = comment_of(fields[NFTA_RULE_USERDATA]);
        if (!comment && end.comment[0])
                comment = end.comment;
        /* DOCKER-USER and the admin chain are where the owner of the host decides: they stay before our accepts. */
        if (is_owners)
                chain->after = handle;
        /* The jump that we made for another pass goes with that one. */
        if (end.jump[0] && str_equal(end.jump, chains->admin_chain))
                chain->jumps |= !comment || !str_starts_with(comment, COMMENT_START) || is_wanted(chains, comment);
        if (comment && is_wanted(chains, comment)) {
                chain->accepts |= !end.jump[0];
                chain->admin_jumps +=
                        end.jump[0] && str_equal(end.jump, chains->made_admin[chain->family == NFPROTO_IPV6].name);
                if (chains->forget)
                        stage_delete_rule(chains->session, chain, handle);
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

        nft_put_text(message, NFTA_RULE_TABLE, chains->reading->table);
        nft_put_text(message, NFTA_RULE_CHAIN, name);
        return netlink_query(&chains->session->netlink, message, read_rule, chains);
}

/* Reads the host's forward chains and what they hold for the passes of those names. */
static int read_chains(struct nft_session *session, const struct str_list *names, const char *admin_chain,
                       struct host_chains *chains) {
        int r;

        chains->session = session;
        chains->names = names;
        chains->admin_chain = admin_chain;
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
enum accept { ACCEPT_FROM, ACCEPT_ANSWERS, ACCEPT_PUBLISHED, ACCEPT_COUNT };

/* Bits of the connection's state as nft's `ct state` loads them. */
#define CT_STATE_ESTABLISHED (1U << 1)
#define CT_STATE_RELATED (1U << 2)

/* A rule of ours in a chain of the host, its expressions open. */
static struct nft_rule host_rule_begin(const struct host_chains *chains, const struct host_chain *chain) {
        struct nft_rule rule = {.message =
                                        nft_message(NFT_MSG_NEWRULE, NLM_F_CREATE | (chain->after ? NLM_F_APPEND : 0),
                                                    chain->family, RULE_ROOM)};

        char comment[NFT_COMMENT_SIZE];

        nft_put_text(rule.message, NFTA_RULE_TABLE, chain->table);
        nft_put_text(rule.message, NFTA_RULE_CHAIN, chain->name);
        if (chain->after)
                nft_put_u64(rule.message, NFTA_RULE_POSITION, chain->after);
        (void) snprintf(comment, sizeof(comment), COMMENT_START "%s", chains->pass->name);
        nft_put_comment(rule.message, NFTA_RULE_USERDATA, comment);
        rule.expressions = nft_nest(rule.message, NFTA_RULE_EXPRESSIONS);
        return rule;
}

static void host_rule_end(struct host_chains *chains, struct nft_rule *rule, int verdict, const char *jump) {
        nft_counter(rule->message);
        nft_verdict(rule->message, verdict, jump);
        nft_rule_end(chains->session, rule);
}

/* The packet comes from, or goes to, what the pass is for. */
static void match_pass(struct nl_msg *message, const struct host_chain *chain, const struct nft_pass *pass, bool from) {
        const struct nft_family *family;

        if (pass->link) {
                nft_meta(message, from ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG_1);
                nft_compare(message, NFT_CMP_EQ, NFT_REG_1, pass->link, strlen(pass->link) + 1);
                return;
        }
        family = nft_family_of(pass->address);
        /* Where it goes without saying, iptables does not understand it. */
        if (chain->family == NFPROTO_INET)
                nft_match_family(message, family);
        (from ? nft_load_source : nft_load_destination)(message, family, NFT_REGISTER(0));
        nft_compare(message, NFT_CMP_EQ, NFT_REGISTER(0), pass->address->bytes, family->size);
}

static void stage_accept(struct host_chains *chains, const struct host_chain *chain, enum accept accept) {
        const uint32_t answers = CT_STATE_ESTABLISHED | CT_STATE_RELATED, published = IPS_DST_NAT, none = 0;
        struct nft_rule rule = host_rule_begin(chains, chain);

        match_pass(rule.message, chain, chains->pass, accept == ACCEPT_FROM);
        if (accept != ACCEPT_FROM && is_iptables(chain)) {
                put_iptables_match(rule.message);
        } else if (accept != ACCEPT_FROM) {
                nft_conntrack(rule.message, accept == ACCEPT_ANSWERS ? NFT_CT_STATE : NFT_CT_STATUS, NFT_REG_1);
                nft_mask(rule.message, NFT_REG_1, accept == ACCEPT_ANSWERS ? &answers : &published, 4);
                nft_compare(rule.message, NFT_CMP_NEQ, NFT_REG_1, &none, 4);
        }
        host_rule_end(chains, &rule, NF_ACCEPT, NULL);
}

static void stage_accepts(struct host_chains *chains, const struct host_chain *chain) {
        for (enum accept accept = 0; accept < ACCEPT_COUNT; accept++)
                /* The match of iptables covers the last two in one rule. */
                if (!(accept == ACCEPT_PUBLISHED && is_iptables(chain)))
                        stage_accept(chains, chain, accept);
}

/* A message about a chain in the table of another one. */
static struct nl_msg *chain_message(int type, int flags, const struct host_chain *beside, const char *name) {
        struct nl_msg *message = nft_message(type, flags, beside->family, 512);

        nft_put_text(message, NFTA_CHAIN_TABLE, beside->table);
        nft_put_text(message, NFTA_CHAIN_NAME, name);
        return message;
}

static void stage_admin_chain(struct host_chains *chains, const struct host_chain *chain) {
        struct nl_msg *message = chain_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain, chains->admin_chain);

        nft_put_comment(message, NFTA_CHAIN_USERDATA, ADMIN_COMMENT);
        netlink_batch_add(&chains->session->batch, message);
}

/* A pass by address is for chains of its family. */
static bool concerns(const struct host_chain *chain, const struct nft_pass *pass) {
        return pass->link || chain->family == NFPROTO_INET ||
               (chain->family == NFPROTO_IPV6) == (pass->address->family == AF_INET6);
}

int nft_host_accept(struct nft_session *session, const struct nft_pass *pass, const char *admin_chain) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        _cleanup_str_list_ struct str_list name = {0};
        int r;

        str_list_add(&name, pass->name);
        r = read_chains(session, &name, admin_chain, chains);
        if (r < 0)
                return r;
        chains->pass = pass;
        for (size_t i = 0; i < chains->count; i++) {
                const struct host_chain *chain = &chains->items[i];
                const bool drops = chain->drops && concerns(chain, pass);

                if (drops && !chain->accepts)
                        stage_accepts(chains, chain);
                if (drops && is_iptables(chain) && !chain->has_admin)
                        stage_admin_chain(chains, chain);
                /* Rules go in first of all, the last one before the others: the owner's are asked before our accepts.
                 */
                if ((chain->has_admin || (drops && is_iptables(chain))) && !chain->jumps) {
                        struct nft_rule rule = host_rule_begin(chains, chain);

                        host_rule_end(chains, &rule, NFT_JUMP, admin_chain);
                }
        }
        return 0;
}

/* With the last jump to it an admin chain of ours goes, unless the owner of the host has put rules there. */
static void stage_end_of_admin_chain(struct host_chains *chains, const struct host_chain *chain) {
        const char *name = chains->made_admin[chain->family == NFPROTO_IPV6].name;

        if (is_iptables(chain) && name[0] &&
            chains->made_admin[chain->family == NFPROTO_IPV6].uses == chain->admin_jumps)
                netlink_batch_add(&chains->session->batch, chain_message(NFT_MSG_DELCHAIN, 0, chain, name));
}

int nft_host_forget(struct nft_session *session, const struct str_list *names) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        int r;

        chains->forget = true;
        r = read_chains(session, names, NULL, chains);
        for (size_t i = 0; r >= 0 && i < chains->count; i++)
                stage_end_of_admin_chain(chains, &chains->items[i]);
        return r;
}

int nft_host_lacks(struct nft_session *session, const struct nft_pass *pass, const char *admin_chain) {
        _cleanup_free_ struct host_chains *chains = xcalloc(1, sizeof(*chains));
        _cleanup_str_list_ struct str_list name = {0};
        int r;

        str_list_add(&name, pass->name);
        r = read_chains(session, &name, admin_chain, chains);
        for (size_t i = 0; r >= 0 && i < chains->count; i++)
                if (chains->items[i].drops && !chains->items[i].accepts && concerns(&chains->items[i], pass))
                        return 1;
        return r;
}
