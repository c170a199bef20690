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

/* Types of fields as nft(8) numbers them, so that it can list our sets. */
enum field_type { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PROTOCOL = 12, TYPE_SERVICE = 13, TYPE_IFNAME = 41 };

#define FIELDS_MAX 5

struct set_row {
        const char *name;
        enum field_type key[FIELDS_MAX];
        enum field_type data[FIELDS_MAX];
        bool verdicts;
        bool ranges;   /* of ports */
        uint32_t size; /* the most elements; 0: as many as come */
};

/*
 * A hash table that grows while one transaction fills it (the kernel lets a worker do that) is several tables
 * until the end, and an element takes longer. One whose size is told has room from the start.
 *
 * Maps to an address and a port hold no ranges: nft (1.0.6) could list such a table, but not load the list again.
 */
static const struct set_row sets[NFT_SET_COUNT] = {
        [NFT_SET_MASQUERADE] = {"masquerade4", {TYPE_IPV4}, .verdicts = true},
        [NFT_SET_MASQUERADE6] = {"masquerade6", {TYPE_IPV6}, .verdicts = true},
        [NFT_SET_PORTS] = {"ports4", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4, TYPE_SERVICE}},
        [NFT_SET_PORTS6] = {"ports6", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6, TYPE_SERVICE}},
        [NFT_SET_PORTS_AT] = {"ports_at4", {TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4, TYPE_SERVICE}},
        [NFT_SET_PORTS_AT6] = {"ports_at6", {TYPE_IPV6, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6, TYPE_SERVICE}},
        [NFT_SET_SAME] = {"same4", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4}, .ranges = true},
        [NFT_SET_SAME6] = {"same6", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6}, .ranges = true},
        [NFT_SET_SAME_AT] = {"same_at4", {TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4}, .ranges = true},
        [NFT_SET_SAME_AT6] = {"same_at6", {TYPE_IPV6, TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6}, .ranges = true},
        [NFT_SET_MANY] = {"many4", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV4, TYPE_SERVICE}, .size = NFT_MANY_MAX},
        [NFT_SET_MANY6] = {"many6", {TYPE_PROTOCOL, TYPE_SERVICE}, {TYPE_IPV6, TYPE_SERVICE}, .size = NFT_MANY_MAX},
        [NFT_SET_GATES] = {"gates4", {TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE}, .verdicts = true, .ranges = true},
        [NFT_SET_GATES6] = {"gates6", {TYPE_IPV6, TYPE_PROTOCOL, TYPE_SERVICE}, .verdicts = true, .ranges = true},
        [NFT_SET_RETURNS] = {"returns4", {TYPE_IPV4}, .verdicts = true},
        [NFT_SET_RETURNS6] = {"returns6", {TYPE_IPV6}, .verdicts = true},
        [NFT_SET_FORWARD] = {"forward4", {TYPE_IFNAME, TYPE_IPV4}},
        [NFT_SET_FORWARD6] = {"forward6", {TYPE_IFNAME, TYPE_IPV6}},
        [NFT_SET_PUBLISHERS] = {"publishers", {TYPE_IFNAME, TYPE_IPV4}},
        /* host address . protocol . ports . port of the container or 0 . address -> jump to the gate, or go on */
        [NFT_SET_WAITING] = {"waiting4",
                             {TYPE_IPV4, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_SERVICE, TYPE_IPV4},
                             .verdicts = true,
                             .ranges = true},
        [NFT_SET_WAITING6] = {"waiting6",
                              {TYPE_IPV6, TYPE_PROTOCOL, TYPE_SERVICE, TYPE_SERVICE, TYPE_IPV6},
                              .verdicts = true,
                              .ranges = true},
        [NFT_SET_LOCALNET] = {"localnet", {TYPE_IFNAME}},
        [NFT_SET_ISOLATED] = {"isolated", {TYPE_IFNAME}},
        [NFT_SET_TOGETHER] = {"together", {TYPE_IFNAME, TYPE_IFNAME}},
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

bool nft_set_waits(enum nft_set set) {
        return set == NFT_SET_WAITING || set == NFT_SET_WAITING6;
}

bool nft_set_is_optional(enum nft_set set) {
        return nft_set_waits(set) || set == NFT_SET_MANY || set == NFT_SET_MANY6;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

/* Tells nft(8) that names of links are not numbers, without which it cannot list a set of them. */
static void put_byte_order(struct nl_msg *message) {
        /* type NFTNL_UDATA_SET_KEYBYTEORDER, length, host order as a number in host order */
        unsigned char data[6] = {0, 4};
        const uint32_t host_order = 1;

        memcpy(data + 2, &host_order, sizeof(host_order));
        nft_put(message, NFTA_SET_USERDATA, data, sizeof(data));
}

/* Ranges within a concatenation: the kernel has to know where its fields are. */
static void put_fields(struct nl_msg *message, const struct set_row *row) {
        struct nlattr *description = nft_nest(message, NFTA_SET_DESC);
        struct nlattr *fields = nft_nest(message, NFTA_SET_DESC_CONCAT);

        for (size_t i = 0; i < FIELDS_MAX && row->key[i]; i++) {
                struct nlattr *field = nft_nest(message, NFTA_LIST_ELEM);

                nft_put_u32(message, NFTA_SET_FIELD_LEN, field_size(row->key[i]));
                (void) nla_nest_end(message, field);
        }
        (void) nla_nest_end(message, fields);
        (void) nla_nest_end(message, description);
}

static void put_size(struct nl_msg *message, const struct set_row *row) {
        struct nlattr *description = nft_nest(message, NFTA_SET_DESC);

        nft_put_u32(message, NFTA_SET_DESC_SIZE, row->size);
        (void) nla_nest_end(message, description);
}

static void stage_set(struct nft_session *session, enum nft_set set) {
        struct nl_msg *message = nft_message(NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_INET, 512);
        const struct set_row *row = &sets[set];
        uint32_t size, type;

        nft_put_text(message, NFTA_SET_TABLE, NFT_TABLE);
        nft_put_text(message, NFTA_SET_NAME, row->name);
        nft_put_u32(message, NFTA_SET_ID, set + 1);
        nft_put_u32(message, NFTA_SET_FLAGS,
                    (row->verdicts || row->data[0] ? NFT_SET_MAP : 0) |
                            (row->ranges ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0));
        type = fields_type(row->key, &size);
        nft_put_u32(message, NFTA_SET_KEY_TYPE, type);
        nft_put_u32(message, NFTA_SET_KEY_LEN, size);
        if (row->key[0] == TYPE_IFNAME && !row->key[1])
                put_byte_order(message);
        if (row->ranges)
                put_fields(message, row);
        if (row->size)
                put_size(message, row);
        if (row->verdicts) {
                nft_put_u32(message, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
        } else if (row->data[0]) {
                type = fields_type(row->data, &size);
                nft_put_u32(message, NFTA_SET_DATA_TYPE, type);
                nft_put_u32(message, NFTA_SET_DATA_LEN, size);
        }
        netlink_batch_add(&session->batch, message);
}

/*
 * Behind the usual place of destination NAT: who translates a connection first has decided
 * it, and rules of others (kube-proxy's services, the host's own) know better what they want
 * than a port published at every address (CVE-2019-9946).
 */
#define PRIORITY_PUBLISH (NF_IP_PRI_NAT_DST + 10)

static const struct nft_chain chains[] = {
        {NFT_CHAIN_MASQUERADE_ALL, NULL, 0, 0},
        {"published", NULL, 0, 0},
        {"guard", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
        {"prerouting", "nat", NF_INET_PRE_ROUTING, PRIORITY_PUBLISH},
        {"output", "nat", NF_INET_LOCAL_OUT, PRIORITY_PUBLISH},
        {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
};

/* Local packets only: what is forwarded through this host is never caught. */
static void stage_publish_hook(struct nft_session *session, const char *chain) {
        const uint32_t local = RTN_LOCAL;
        struct nft_rule rule = nft_rule_begin(chain);

        nft_fib_type(rule.message, NFTA_FIB_F_DADDR, NFT_REGISTER(0));
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), &local, sizeof(local));
        nft_verdict(rule.message, NFT_JUMP, "published");
        nft_rule_end(session, &rule);
}

/*
 * There is no route_localnet for IPv6: what a container answers to ::1 is dropped when it
 * is routed, however it was translated. Left alone, a connection to ::1 is refused at once
 * (or reaches a program of the host), and callers go on to 127.0.0.1.
 */
static void stage_skip_loopback6(struct nft_session *session) {
        const struct nft_family *family = &nft_families[1];
        struct nft_rule rule = nft_rule_begin("published");

        nft_match_family(rule.message, family);
        nft_load_destination(rule.message, family, NFT_REGISTER(0));
        nft_compare(rule.message, NFT_CMP_EQ, NFT_REGISTER(0), family->loopback, family->size);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
}

/* Looks for the packet's destination in one of the maps of published ports. Returns the register behind the address. */
static uint32_t look_up_port(struct nl_msg *message, const struct nft_family *family, enum nft_set set,
                             uint32_t target) {
        bool at_address = set == NFT_SET_PORTS_AT || set == NFT_SET_SAME_AT || set == NFT_SET_GATES;
        uint32_t words = family->size / 4, next = at_address ? words : 0;

        nft_match_family(message, family);
        if (at_address)
                nft_load_destination(message, family, NFT_REGISTER(0));
        nft_meta(message, NFT_META_L4PROTO, NFT_REGISTER(next));
        nft_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REGISTER(next + 1));
        nft_lookup(message, sets[set + (enum nft_set) family->offset].name, NFT_REGISTER(0), true, target);
        return NFT_REGISTER(8 + words);
}

static void stage_dnat_by(struct nft_session *session, const struct nft_family *family, enum nft_set map) {
        bool same = map == NFT_SET_SAME || map == NFT_SET_SAME_AT;
        struct nft_rule rule = nft_rule_begin("published");
        uint32_t port = look_up_port(rule.message, family, map, NFT_REGISTER(8));

        nft_dnat(rule.message, family->protocol, NFT_REGISTER(8), same ? 0 : port);
        nft_rule_end(session, &rule);
}

/* What is published at one address goes before what is published at all. */
static void stage_dnat(struct nft_session *session, const struct nft_family *family) {
        static const enum nft_set maps[] = {NFT_SET_PORTS_AT, NFT_SET_SAME_AT, NFT_SET_PORTS, NFT_SET_SAME};
        struct nft_rule rule = nft_rule_begin("published");

        (void) look_up_port(rule.message, family, NFT_SET_GATES, NFT_REG_VERDICT);
        nft_rule_end(session, &rule);
        for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
                stage_dnat_by(session, family, maps[i]);
}

/* Jumps by the packet's source (masquerade) or, for what came through a published port, its destination. */
static void stage_postrouting(struct nft_session *session, const struct nft_family *family, bool published) {
        const uint32_t translated = IPS_DST_NAT, none = 0;
        struct nft_rule rule = nft_rule_begin("postrouting");

        nft_match_family(rule.message, family);
        if (published) {
                nft_conntrack(rule.message, NFT_CT_STATUS, NFT_REGISTER(0));
                nft_mask(rule.message, NFT_REGISTER(0), &translated, sizeof(translated));
                nft_compare(rule.message, NFT_CMP_NEQ, NFT_REGISTER(0), &none, sizeof(none));
                nft_load_destination(rule.message, family, NFT_REGISTER(0));
        } else {
                nft_load_source(rule.message, family, NFT_REGISTER(0));
        }
        nft_lookup(rule.message, sets[(published ? NFT_SET_RETURNS : NFT_SET_MASQUERADE) + family->offset].name,
                   NFT_REGISTER(0), true, NFT_REG_VERDICT);
        nft_rule_end(session, &rule);
}

/* Addresses of 127.0.0.0/8, in the header's field that `load` loads. */
static void match_loopback(struct nl_msg *message, void (*load)(struct nl_msg *, const struct nft_family *, uint32_t)) {
        const struct nft_family *family = &nft_families[0];

        nft_match_family(message, family);
        load(message, family, NFT_REGISTER(0));
        nft_mask(message, NFT_REGISTER(0), family->mask, family->size);
        nft_compare(message, NFT_CMP_EQ, NFT_REGISTER(0), family->loopback, family->size);
}

/*
 * A neighbour may address a packet to 127.0.0.1. Translated before it is routed, it would reach what is published for
 * this host alone. (The kernel itself drops what comes from outside for ::1.)
 */
static void stage_skip_loopback4(struct nft_session *session) {
        struct nft_rule rule = nft_rule_begin("prerouting");

        match_loopback(rule.message, nft_load_destination);
        nft_verdict(rule.message, NFT_RETURN, NULL);
        nft_rule_end(session, &rule);
}

/*
 * route_localnet lets a neighbour address the host's loopback services (CVE-2020-8558): what comes from a link where we
 * need it stops here, unless it answers one of the host's own connections to a published port. This is where packets
 * are delivered, so that those which are forwarded are spared the question.
 */
static void stage_guard(struct nft_session *session) {
        const uint32_t translated = IPS_DST_NAT, none = 0;
        struct nft_rule rule = nft_rule_begin("guard");

        match_loopback(rule.message, nft_load_destination);
        nft_conntrack(rule.message, NFT_CT_STATUS, NFT_REGISTER(0));
        nft_mask(rule.message, NFT_REGISTER(0), &translated, sizeof(translated));
        nft_compare(rule.message, NFT_CMP_NEQ, NFT_REGISTER(0), &none, sizeof(none));
        nft_verdict(rule.message, NF_ACCEPT, NULL);
        nft_rule_end(session, &rule);
        for (size_t i = 0; i < 2; i++) {
                rule = nft_rule_begin("guard");
                match_loopback(rule.message, i == 0 ? nft_load_destination : nft_load_source);
                nft_meta(rule.message, NFT_META_IIFNAME, NFT_REGISTER(0));
                nft_lookup(rule.message, sets[NFT_SET_LOCALNET].name, NFT_REGISTER(0), false, 0);
                nft_verdict(rule.message, NF_DROP, NULL);
                nft_rule_end(session, &rule);
        }
}

static void stage_rules(struct nft_session *session) {
        struct nft_rule rule = nft_rule_begin(NFT_CHAIN_MASQUERADE_ALL);

        nft_masquerade_verdict(rule.message);
        nft_rule_end(session, &rule);
        stage_guard(session);
        stage_skip_loopback4(session);
        stage_publish_hook(session, "prerouting");
        stage_publish_hook(session, "output");
        stage_skip_loopback6(session);
        for (size_t i = 0; i < ARRAY_SIZE(nft_families); i++) {
                stage_dnat(session, &nft_families[i]);
                stage_postrouting(session, &nft_families[i], false);
                stage_postrouting(session, &nft_families[i], true);
        }
}

static int read_uses(struct nlmsghdr *header, void *context) {
        const struct nlattr *uses = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_CHAIN_USE);

        if (uses)
                *(uint32_t *) context = ntohl(nla_get_u32(uses));
        return 0;
}

int nft_check_table(struct nft_session *session, struct error *err) {
        struct nl_msg *message;
        uint32_t rules = 0;
        int r;

        if (!session->has_table)
                return 0;
        message = nft_message(NFT_MSG_GETCHAIN, 0, NFPROTO_INET, 256);
        nft_put_text(message, NFTA_CHAIN_TABLE, NFT_TABLE);
        nft_put_text(message, NFTA_CHAIN_NAME, "postrouting");
        r = netlink_query(&session->netlink, message, read_uses, &rules);
        if (r < 0 && r != -ENOENT)
                return nft_kernel_error(r, err);
        if (rules > 0)
                return 0;
        (void) error_set(err, ENOENT, "table inet " NFT_TABLE " has lost its rules");
        return error_hint(err, "another program flushed it: delete the table, and attach its containers anew");
}

int nft_stage_table(struct nft_session *session, struct error *err) {
        struct nl_msg *message;

        if (session->has_table)
                return nft_check_table(session, err);
        message = nft_message(NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_INET, 64);
        nft_put_text(message, NFTA_TABLE_NAME, NFT_TABLE);
        netlink_batch_add(&session->batch, message);
        for (enum nft_set set = 0; set < NFT_SET_COUNT; set++)
                if (!nft_set_is_optional(set))
                        stage_set(session, set);
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
                nft_stage_chain(session, &chains[i]);
        stage_rules(session);
        return 0;
}

int nft_stage_optional_set(struct nft_session *session, enum nft_set set) {
        struct nl_msg *message;
        int r = -ENOENT;

        if (session->has_table) {
                message = nft_message(NFT_MSG_GETSET, 0, NFPROTO_INET, 256);
                nft_put_text(message, NFTA_SET_TABLE, NFT_TABLE);
                nft_put_text(message, NFTA_SET_NAME, sets[set].name);
                r = netlink_query(&session->netlink, message, nft_ignore_message, NULL);
        }
        if (r != -ENOENT)
                return r;
        stage_set(session, set);
        if (!nft_set_waits(set))
                stage_dnat_by(session, &nft_families[set % 2], NFT_SET_MANY);
        return 0;
}

void nft_stage_delete_table(struct nft_session *session) {
        struct nl_msg *message = nft_message(NFT_MSG_DELTABLE, 0, NFPROTO_INET, 64);

        nft_put_text(message, NFTA_TABLE_NAME, NFT_TABLE);
        netlink_batch_add(&session->batch, message);
}
