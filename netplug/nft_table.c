#include "nft_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"

/* Attempts before we give up on a ruleset that never stands still. */
#define ATTEMPTS_MAX 2000
#define RULE_ROOM 2048

/* Types of fields as nft(8) numbers them, so that it can list our sets. */
enum field_type { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PROTOCOL = 12, TYPE_SERVICE = 13, TYPE_IFNAME = 41 };

#define FIELDS_MAX 3

struct set_row {
        const char *name;
        enum field_type key[FIELDS_MAX];
        enum field_type data[FIELDS_MAX];
        bool verdicts;
};

static const struct set_row sets[NFT_SET_COUNT] = {
        [NFT_SET_MASQUERADE] = {"masquerade4", {TYPE_IPV4}, {0}, true},
        [NFT_SET_MASQUERADE6] = {"masquerade6", {TYPE_IPV6}, {0}, true},
        [NFT_SET_PORTS] = {"ports4", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4, TYPE_SERVICE}, false},
        [NFT_SET_PORTS6] = {"ports6", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6, TYPE_SERVICE}, false},
        [NFT_SET_PORTS_AT] = {"ports_at4", {TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4, TYPE_SERVICE}, false},
        [NFT_SET_PORTS_AT6] = {"ports_at6", {TYPE_IPV6, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6, TYPE_SERVICE}, false},
        [NFT_SET_RETURNS] = {"returns4", {TYPE_IPV4}, {0}, true},
        [NFT_SET_RETURNS6] = {"returns6", {TYPE_IPV6}, {0}, true},
        [NFT_SET_FORWARD] = {"forward4", {TYPE_IFNAME, TYPE_IPV4}, {0}, false},
        [NFT_SET_FORWARD6] = {"forward6", {TYPE_IFNAME, TYPE_IPV6}, {0}, false},
        [NFT_SET_PUBLISHERS] = {"publishers", {TYPE_IFNAME, TYPE_IPV4}, {0}, false},
        [NFT_SET_LOCALNET] = {"localnet", {TYPE_IFNAME}, {0}, false},
        [NFT_SET_ISOLATED] = {"isolated", {TYPE_IFNAME}, {0}, false},
        [NFT_SET_TOGETHER] = {"together", {TYPE_IFNAME, TYPE_IFNAME}, {0}, false},
};

static uint32_t field_size(enum field_type type) {
        switch (type) {
        case TYPE_IPV4:
                return 4;
        case TYPE_IPV6:
        case TYPE_IFNAME:
                return 16;
        case TYPE_SERVICE:
                return 2;
        case TYPE_PROTOCOL:
                return 1;
        }
        return 0;
}

/* The number nft(8) gives a concatenation, and its size. A single field is not padded. */
static uint32_t fields_type(const enum field_type fields[FIELDS_MAX], uint32_t *size) {
        uint32_t type = 0, total = 0;

        for (size_t i = 0; i < FIELDS_MAX && fields[i]; i++) {
                type = type << 6 | fields[i];
                total += NFT_ALIGNED(field_size(fields[i]));
        }
        *size = fields[1] ? total : field_size(fields[0]);
        return type;
}

void nft_value_add(struct nft_value *value, const void *data, size_t size) {
        memcpy(value->bytes + value->size, data, size);
        value->size += NFT_ALIGNED(size);
}

void nft_value_add_link(struct nft_value *value, const char *link) {
        memcpy(value->bytes + value->size, link, strnlen(link, NFT_IFNAME_SIZE - 1));
        value->size += NFT_IFNAME_SIZE;
}

void nft_value_add_address(struct nft_value *value, const struct cni_address *address) {
        nft_value_add(value, address->bytes, address->family == AF_INET ? 4 : 16);
}

const char *nft_set_name(enum nft_set set) {
        return sets[set].name;
}

bool nft_set_has_verdicts(enum nft_set set) {
        return sets[set].verdicts;
}

/* --- transactions ------------------------------------------------------------------------------------------------ */

static int read_generation(struct nlmsghdr *header, void *context) {
        const struct nlattr *id = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_GEN_ID);

        if (id)
                *(uint32_t *) context = ntohl(nla_get_u32(id));
        return 0;
}

static int ignore_message(struct nlmsghdr *header, void *context) {
        (void) header;
        (void) context;
        return 0;
}

static int session_begin(struct nft_session *session, struct error *err) {
        struct nl_msg *message;
        int r = 0;

        if (session->netlink.fd < 0)
                r = netlink_open(NETLINK_NETFILTER, &session->netlink, err);
        if (r < 0)
                return r;
        r = netlink_query(&session->netlink, nft_message(NFT_MSG_GETGEN, 0, AF_UNSPEC, 0), read_generation,
                          &session->generation);
        if (r < 0) {
                (void) error_errno(err, -r, "cannot read the firewall rules");
                return error_hint(err, "this needs a kernel with nf_tables, and CAP_NET_ADMIN");
        }
        message = nft_message(NFT_MSG_GETTABLE, 0, NFPROTO_INET, 64);
        (void) nla_put_string(message, NFTA_TABLE_NAME, NFT_TABLE);
        r = netlink_query(&session->netlink, message, ignore_message, NULL);
        if (r < 0 && r != -ENOENT)
                return error_errno(err, -r, "cannot read the firewall rules");
        session->has_table = r == 0;
        netlink_batch_free(&session->batch);
        session->batch.transaction = true;
        netlink_batch_add(&session->batch, nft_batch_begin(session->generation));
        return 0;
}

static void session_end(struct nft_session *session) {
        netlink_batch_free(&session->batch);
        netlink_close(&session->netlink);
}

#define _cleanup_session_ _cleanup_(session_end)

static int session_commit(struct nft_session *session, struct error *err) {
        struct netlink_failure failure = {0};
        int r;

        if (session->batch.count == 1)
                return 0;
        netlink_batch_add(&session->batch, nft_batch_end());
        r = netlink_batch_send(&session->netlink, &session->batch, session->batch.count - 2, &failure);
        if (r < 0 && r != -ERESTART)
                return error_set(err, -r, "cannot change the firewall rules: %s%s%s", strerror(-r),
                                 failure.text[0] ? ": " : "", failure.text);
        return r;
}

static int transact(nft_stage stage, void *context, bool send, struct error *err) {
        _cleanup_session_ struct nft_session session = {.netlink = NETLINK_CLOSED};

        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
                int r = session_begin(&session, err);

                if (r >= 0)
                        r = stage(&session, context, err);
                if (r >= 0 && send)
                        r = session_commit(&session, err);
                if (r != -ERESTART && r != -EINTR)
                        return r;
        }
        (void) error_set(err, EAGAIN, "the firewall rules do not stand still");
        return error_hint(err, "another program changes them all the time; try again later");
}

int nft_transact(nft_stage stage, void *context, struct error *err) {
        return transact(stage, context, true, err);
}

int nft_inspect(nft_stage stage, void *context, struct error *err) {
        return transact(stage, context, false, err);
}

/* --- the table --------------------------------------------------------------------------------------------------- */

/* Tells nft(8) that names of links are not numbers, without which it cannot list a set of them. */
static void put_byte_order(struct nl_msg *message) {
        /* type NFTNL_UDATA_SET_KEYBYTEORDER, length, host order as a number in host order */
        unsigned char data[6] = {0, 4};
        const uint32_t host_order = 1;

        memcpy(data + 2, &host_order, sizeof(host_order));
        (void) nla_put(message, NFTA_SET_USERDATA, sizeof(data), data);
}

static void stage_set(struct nft_session *session, enum nft_set set) {
        struct nl_msg *message = nft_message(NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_INET, 512);
        const struct set_row *row = &sets[set];
        uint32_t size, type;

        (void) nla_put_string(message, NFTA_SET_TABLE, NFT_TABLE);
        (void) nla_put_string(message, NFTA_SET_NAME, row->name);
        nft_put_u32(message, NFTA_SET_ID, set + 1);
        nft_put_u32(message, NFTA_SET_FLAGS, row->verdicts || row->data[0] ? NFT_SET_MAP : 0);
        type = fields_type(row->key, &size);
        nft_put_u32(message, NFTA_SET_KEY_TYPE, type);
        nft_put_u32(message, NFTA_SET_KEY_LEN, size);
        if (row->key[0] == TYPE_IFNAME && !row->key[1])
                put_byte_order(message);
        if (row->verdicts) {
                nft_put_u32(message, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
        } else if (row->data[0]) {
                type = fields_type(row->data, &size);
                nft_put_u32(message, NFTA_SET_DATA_TYPE, type);
                nft_put_u32(message, NFTA_SET_DATA_LEN, size);
        }
        netlink_batch_add(&session->batch, message);
}

struct chain_row {
        const char *name;
        const char *type; /* NULL: not hooked */
        uint32_t hook;
        int32_t priority;
};

static const struct chain_row chains[] = {
        {NFT_CHAIN_MASQUERADE_ALL, NULL, 0, 0},
        {"published", NULL, 0, 0},
        {"guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
        {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
        {"prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST},
        {"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST},
        {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
};

static void stage_chain(struct nft_session *session, const struct chain_row *row) {
        struct nl_msg *message = nft_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, 256);
        struct nlattr *hook;

        (void) nla_put_string(message, NFTA_CHAIN_TABLE, NFT_TABLE);
        (void) nla_put_string(message, NFTA_CHAIN_NAME, row->name);
        if (row->type) {
                hook = nla_nest_start(message, NFTA_CHAIN_HOOK);
                nft_put_u32(message, NFTA_HOOK_HOOKNUM, row->hook);
                nft_put_u32(message, NFTA_HOOK_PRIORITY, (uint32_t) row->priority);
                (void) nla_nest_end(message, hook);
                (void) nla_put_string(message, NFTA_CHAIN_TYPE, row->type);
        }
        netlink_batch_add(&session->batch, message);
}

/* A rule under construction. */
struct rule {
        struct nl_msg *message;
        struct nlattr *expressions;
};

static struct rule rule_begin(const char *chain) {
        struct rule rule = {.message =
                                    nft_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_INET, RULE_ROOM)};

        (void) nla_put_string(rule.message, NFTA_RULE_TABLE, NFT_TABLE);
        (void) nla_put_string(rule.message, NFTA_RULE_CHAIN, chain);
        rule.expressions = nla_nest_start(rule.message, NFTA_RULE_EXPRESSIONS);
        return rule;
}

static void rule_end(struct nft_session *session, struct rule *rule) {
        (void) nla_nest_end(rule->message, rule->expressions);
        netlink_batch_add(&session->batch, rule->message);
}

/* Where a family keeps its addresses in the packet. */
struct family {
        uint8_t protocol;
        int offset; /* to be added to an IPv4 set */
        uint32_t size;
        uint32_t source;
        uint32_t destination;
        unsigned char loopback[16]; /* the loopback network ... */
        unsigned char mask[16];     /* ... and its mask */
        unsigned char multicast;    /* first byte of multicast addresses ... */
        unsigned char multicast_mask;
};

static const struct family families[] = {
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

static const struct family *family_of(const struct cni_address *address) {
        return &families[address->family == AF_INET ? 0 : 1];
}

/* Loads the low registers are free for: the rest of a rule loads its own. */
static void match_family(struct nl_msg *message, const struct family *family) {
        nft_meta(message, NFT_META_NFPROTO, NFT_REGISTER(0));
        nft_compare(message, NFT_CMP_EQ, NFT_REGISTER(0), &family->protocol, 1);
}

static void load_source(struct nl_msg *message, const struct family *family, uint32_t reg) {
        nft_payload(message, NFT_PAYLOAD_NETWORK_HEADER, family->source, family->size, reg);
}

static void load_destination(struct nl_msg *message, const struct family *family, uint32_t reg) {
        nft_payload(message, NFT_PAYLOAD_NETWORK_HEADER, family->destination, family->size, reg);
}

/* Local packets only: what is forwarded through this host is never caught. */
static void stage_publish_hook(struct nft_session *session, const char *chain) {
        const uint32_t local = RTN_LOCAL;
        struct rule rule = rule_begin(chain);

        nft_fib_type(rule.message, NFTA_FIB_F_DADDR, NFT_REGISTER(0));
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), &local, sizeof(local));
        nft_verdict(rule.message, NFT_JUMP, "published");
        rule_end(session, &rule);
}

/*
 * There is no route_localnet for IPv6: a container could never answer ::1. Left
 * alone, a connection to it is refused at once, and callers go on to 127.0.0.1.
 */
static void stage_skip_loopback6(struct nft_session *session) {
        const struct family *family = &families[1];
        struct rule rule = rule_begin("published");

        match_family(rule.message, family);
        load_destination(rule.message, family, NFT_REGISTER(0));
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), family->loopback, family->size);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        rule_end(session, &rule);
}

static void stage_dnat(struct nft_session *session, const struct family *family, bool at_address) {
        uint32_t words = family->size / 4, next = 0;
        struct rule rule = rule_begin("published");

        match_family(rule.message, family);
        if (at_address) {
                load_destination(rule.message, family, NFT_REGISTER(0));
                next = words;
        }
        nft_meta(rule.message, NFT_META_L4PROTO, NFT_REGISTER(next));
        nft_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REGISTER(next + 1));
        nft_lookup(rule.message, sets[(at_address ? NFT_SET_PORTS_AT : NFT_SET_PORTS) + family->offset].name,
                   NFT_REGISTER(0), true, NFT_REGISTER(8));
        nft_dnat(rule.message, family->protocol, NFT_REGISTER(8), NFT_REGISTER(8 + words));
        rule_end(session, &rule);
}

/* Jumps by the packet's source (masquerade) or, for what came through a published port, its destination. */
static void stage_postrouting(struct nft_session *session, const struct family *family, bool published) {
        const uint32_t translated = IPS_DST_NAT, none = 0;
        struct rule rule = rule_begin("postrouting");

        match_family(rule.message, family);
        if (published) {
                nft_conntrack(rule.message, NFT_CT_STATUS, NFT_REGISTER(0));
                nft_mask(rule.message, NFT_REGISTER(0), &translated, sizeof(translated));
                nft_compare(rule.message, NFT_CMP_NEQ, NFT_REGISTER(0), &none, sizeof(none));
                load_destination(rule.message, family, NFT_REGISTER(0));
        } else {
                load_source(rule.message, family, NFT_REGISTER(0));
        }
        nft_lookup(rule.message, sets[(published ? NFT_SET_RETURNS : NFT_SET_MASQUERADE) + family->offset].name,
                   NFT_REGISTER(0), true, NFT_REG_VERDICT);
        rule_end(session, &rule);
}

/*
 * route_localnet lets a neighbour address the host's loopback services
 * (CVE-2020-8558): on links where we need it, such packets stop here. Replies
 * to the host's own connections still carry the link's address at this point.
 */
static void stage_guard(struct nft_session *session) {
        struct rule rule = rule_begin("guard");

        match_family(rule.message, &families[0]);
        nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
        nft_lookup(rule.message, sets[NFT_SET_LOCALNET].name, NFT_REGISTER(0), false, 0);
        load_destination(rule.message, &families[0], NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), families[0].mask, 4);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), families[0].loopback, 4);
        nft_verdict(rule.message, NF_DROP, NULL);
        rule_end(session, &rule);
}

static void stage_isolation(struct nft_session *session) {
        struct rule rule = rule_begin("forward");

        nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
        nft_meta(rule.message, NFT_META_OIFNAME, NFT_REGISTER(4));
        nft_lookup(rule.message, sets[NFT_SET_TOGETHER].name, NFT_REGISTER(0), false, 0);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        rule_end(session, &rule);
        rule = rule_begin("forward");
        nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
        nft_lookup(rule.message, sets[NFT_SET_ISOLATED].name, NFT_REGISTER(0), false, 0);
        nft_meta(rule.message, NFT_META_OIFNAME, NFT_REGISTER(0));
        nft_lookup(rule.message, sets[NFT_SET_ISOLATED].name, NFT_REGISTER(0), false, 0);
        nft_verdict(rule.message, NF_DROP, NULL);
        rule_end(session, &rule);
}

static void stage_rules(struct nft_session *session) {
        struct rule rule = rule_begin(NFT_CHAIN_MASQUERADE_ALL);

        nft_masquerade_verdict(rule.message);
        rule_end(session, &rule);
        stage_guard(session);
        stage_isolation(session);
        stage_publish_hook(session, "prerouting");
        stage_publish_hook(session, "output");
        stage_skip_loopback6(session);
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                stage_dnat(session, &families[i], true);
                stage_dnat(session, &families[i], false);
                stage_postrouting(session, &families[i], false);
                stage_postrouting(session, &families[i], true);
        }
}

void nft_stage_table(struct nft_session *session) {
        struct nl_msg *message;

        if (session->has_table)
                return;
        message = nft_message(NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_INET, 64);
        (void) nla_put_string(message, NFTA_TABLE_NAME, NFT_TABLE);
        netlink_batch_add(&session->batch, message);
        for (enum nft_set set = 0; set < NFT_SET_COUNT; set++)
                stage_set(session, set);
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
                stage_chain(session, &chains[i]);
        stage_rules(session);
}

void nft_stage_delete_table(struct nft_session *session) {
        struct nl_msg *message = nft_message(NFT_MSG_DELTABLE, 0, NFPROTO_INET, 64);

        (void) nla_put_string(message, NFTA_TABLE_NAME, NFT_TABLE);
        netlink_batch_add(&session->batch, message);
}

/* --- chains of a network ----------------------------------------------------------------------------------------- */

static void network_chain_name(const char *what, const struct cni_address *network, char name[64]) {
        const struct family *family = family_of(network);
        size_t used = (size_t) snprintf(name, 64, "%s%c_", what, family->offset ? '6' : '4');

        for (size_t i = 0; i < family->size; i++) {
                unsigned int bits = network->prefix >= 8 * (i + 1) ? 8
                                    : network->prefix > 8 * i      ? network->prefix % 8
                                                                   : 0;

                used += (size_t) snprintf(name + used, 64 - used, "%02x", network->bytes[i] & (0xff00U >> bits & 0xff));
        }
        (void) snprintf(name + used, 64 - used, "_%u", network->prefix);
}

/* Compares a loaded address with the network. */
static void match_network(struct nl_msg *message, const struct family *family, const struct cni_address *network) {
        unsigned char mask[16] = {0}, base[16];

        for (size_t i = 0; i < network->prefix; i++)
                mask[i / 8] |= (unsigned char) (0x80 >> i % 8);
        for (size_t i = 0; i < family->size; i++)
                base[i] = network->bytes[i] & mask[i];
        nft_mask(message, NFT_REGISTER(0), mask, family->size);
        nft_compare(message, NFT_CMP_EQ, NFT_REGISTER(0), base, family->size);
}

/* Stages the bare chain. Returns 1 if it has to be filled, 0 if it stands, or a negative errno. */
static int stage_network_chain(struct nft_session *session, const char *name) {
        struct nl_msg *message;
        int r = -ENOENT;

        if (session->has_table) {
                message = nft_message(NFT_MSG_GETCHAIN, 0, NFPROTO_INET, 256);
                (void) nla_put_string(message, NFTA_CHAIN_TABLE, NFT_TABLE);
                (void) nla_put_string(message, NFTA_CHAIN_NAME, name);
                r = netlink_query(&session->netlink, message, ignore_message, NULL);
        }
        if (r != -ENOENT)
                return r;
        stage_chain(session, &(const struct chain_row){.name = name});
        return 1;
}

int nft_stage_masquerade_chain(struct nft_session *session, const struct cni_address *network, char name[64]) {
        const struct family *family = family_of(network);
        struct rule rule;
        int r;

        network_chain_name("masquerade", network, name);
        r = stage_network_chain(session, name);
        if (r <= 0)
                return r;
        rule = rule_begin(name);
        match_family(rule.message, family);
        load_destination(rule.message, family, NFT_REGISTER(0));
        match_network(rule.message, family, network);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        rule_end(session, &rule);
        rule = rule_begin(name);
        match_family(rule.message, family);
        nft_payload(rule.message, NFT_PAYLOAD_NETWORK_HEADER, family->destination, 1, NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), &family->multicast_mask, 1);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), &family->multicast, 1);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        rule_end(session, &rule);
        rule = rule_begin(name);
        nft_masquerade_verdict(rule.message);
        rule_end(session, &rule);
        return 0;
}

int nft_stage_return_chain(struct nft_session *session, const struct cni_address *network, char name[64]) {
        const struct family *family = family_of(network);
        struct rule rule;
        int r;

        network_chain_name("returns", network, name);
        r = stage_network_chain(session, name);
        if (r <= 0)
                return r;
        /* A neighbour would answer directly, past the translation: it has to answer the host. */
        rule = rule_begin(name);
        match_family(rule.message, family);
        load_source(rule.message, family, NFT_REGISTER(0));
        match_network(rule.message, family, network);
        nft_masquerade_verdict(rule.message);
        rule_end(session, &rule);
        rule = rule_begin(name);
        match_family(rule.message, family);
        load_source(rule.message, family, NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), family->mask, family->size);
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), family->loopback, family->size);
        nft_masquerade_verdict(rule.message);
        rule_end(session, &rule);
        return 0;
}

void nft_stage_delete_chain(struct nft_session *session, const char *name) {
        struct nl_msg *message = nft_message(NFT_MSG_DELCHAIN, 0, NFPROTO_INET, 256);

        (void) nla_put_string(message, NFTA_CHAIN_TABLE, NFT_TABLE);
        (void) nla_put_string(message, NFTA_CHAIN_NAME, name);
        netlink_batch_add(&session->batch, message);
}
