#include "nft_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/netlink.h"

/* Kinds of user data as nft(8) writes them: type, length, value. */
#define USERDATA_COMMENT 0
#define COMMENT_MAX (NFT_COMMENT_DATA_SIZE - 2)

static struct nl_msg *nfnetlink_message(int type, int flags, uint8_t family, uint16_t resource, size_t room) {
        const struct nfgenmsg generic = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};

        return netlink_message(type, flags, &generic, sizeof(generic), room);
}

struct nl_msg *nft_message(int type, int flags, uint8_t family, size_t room) {
        return nfnetlink_message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0, room);
}

struct nl_msg *nft_batch_begin(uint32_t generation) {
        struct nl_msg *message = nfnetlink_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 16);

        if (generation)
                nft_put_u32(message, NFNL_BATCH_GENID, generation);
        return message;
}

struct nl_msg *nft_batch_end(void) {
        return nfnetlink_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
}

void nft_put(struct nl_msg *message, int attribute, const void *data, size_t size) {
        if (size > INT16_MAX || nla_put(message, attribute, (int) size, data) < 0)
                abort();
}

void nft_put_text(struct nl_msg *message, int attribute, const char *text) {
        nft_put(message, attribute, text, strlen(text) + 1);
}

void nft_put_u32(struct nl_msg *message, int attribute, uint32_t value) {
        const uint32_t wire = htonl(value);

        nft_put(message, attribute, &wire, sizeof(wire));
}

void nft_put_u64(struct nl_msg *message, int attribute, uint64_t value) {
        const uint64_t wire = htobe64(value);

        nft_put(message, attribute, &wire, sizeof(wire));
}

struct nlattr *nft_nest(struct nl_msg *message, int attribute) {
        struct nlattr *nest = nla_nest_start(message, attribute);

        if (!nest)
                abort();
        return nest;
}

size_t nft_comment_data(const char *comment, unsigned char data[NFT_COMMENT_DATA_SIZE]) {
        size_t size = strnlen(comment, COMMENT_MAX - 1);

        data[0] = USERDATA_COMMENT;
        data[1] = (unsigned char) (size + 1);
        memcpy(data + 2, comment, size);
        data[2 + size] = '\0';
        return size + 3;
}

void nft_put_comment(struct nl_msg *message, int attribute, const char *comment) {
        unsigned char data[NFT_COMMENT_DATA_SIZE];

        nft_put(message, attribute, data, nft_comment_data(comment, data));
}

const char *nft_comment(const void *data, size_t size) {
        const unsigned char *bytes = data;

        while (size >= 2 && size >= 2U + bytes[1]) {
                if (bytes[0] == USERDATA_COMMENT && bytes[1] > 0 && bytes[1 + bytes[1]] == '\0')
                        return (const char *) bytes + 2;
                size -= 2U + bytes[1];
                bytes += 2U + bytes[1];
        }
        return NULL;
}

/* The two attributes an expression stands in while it is written. */
struct expression {
        struct nlattr *element;
        struct nlattr *data;
};

static struct expression expression_begin(struct nl_msg *message, const char *name) {
        struct expression expression = {.element = nft_nest(message, NFTA_LIST_ELEM)};

        nft_put_text(message, NFTA_EXPR_NAME, name);
        expression.data = nft_nest(message, NFTA_EXPR_DATA);
        return expression;
}

static void expression_end(struct nl_msg *message, const struct expression *expression) {
        (void) nla_nest_end(message, expression->data);
        (void) nla_nest_end(message, expression->element);
}

/* An expression whose data are numbers only. */
struct number {
        int attribute;
        uint32_t value;
};

static void put_numbers(struct nl_msg *message, const char *name, const struct number *numbers, size_t count) {
        struct expression expression = expression_begin(message, name);

        for (size_t i = 0; i < count; i++)
                nft_put_u32(message, numbers[i].attribute, numbers[i].value);
        expression_end(message, &expression);
}

#define PUT_NUMBERS(message, name, ...)                                                                                \
        do {                                                                                                           \
                const struct number numbers_[] = {__VA_ARGS__};                                                        \
                put_numbers(message, name, numbers_, sizeof(numbers_) / sizeof(numbers_[0]));                          \
        } while (0)

void nft_put_value(struct nl_msg *message, int attribute, const void *data, size_t size) {
        struct nlattr *nest = nft_nest(message, attribute);

        nft_put(message, NFTA_DATA_VALUE, data, size);
        (void) nla_nest_end(message, nest);
}

void nft_meta(struct nl_msg *message, enum nft_meta_keys key, uint32_t target) {
        PUT_NUMBERS(message, "meta", {NFTA_META_KEY, key}, {NFTA_META_DREG, target});
}

void nft_payload(struct nl_msg *message, enum nft_payload_bases base, uint32_t offset, uint32_t size, uint32_t target) {
        PUT_NUMBERS(message, "payload", {NFTA_PAYLOAD_DREG, target}, {NFTA_PAYLOAD_BASE, base},
                    {NFTA_PAYLOAD_OFFSET, offset}, {NFTA_PAYLOAD_LEN, size});
}

void nft_compare(struct nl_msg *message, enum nft_cmp_ops op, uint32_t source, const void *data, size_t size) {
        struct expression expression = expression_begin(message, "cmp");

        nft_put_u32(message, NFTA_CMP_SREG, source);
        nft_put_u32(message, NFTA_CMP_OP, op);
        nft_put_value(message, NFTA_CMP_DATA, data, size);
        expression_end(message, &expression);
}

void nft_mask(struct nl_msg *message, uint32_t reg, const void *mask, size_t size) {
        static const unsigned char zero[16];
        struct expression expression = expression_begin(message, "bitwise");

        nft_put_u32(message, NFTA_BITWISE_SREG, reg);
        nft_put_u32(message, NFTA_BITWISE_DREG, reg);
        nft_put_u32(message, NFTA_BITWISE_LEN, (uint32_t) size);
        nft_put_value(message, NFTA_BITWISE_MASK, mask, size);
        nft_put_value(message, NFTA_BITWISE_XOR, zero, size);
        expression_end(message, &expression);
}

void nft_lookup(struct nl_msg *message, const char *set, uint32_t source, bool is_map, uint32_t target) {
        struct expression expression = expression_begin(message, "lookup");

        nft_put_text(message, NFTA_LOOKUP_SET, set);
        nft_put_u32(message, NFTA_LOOKUP_SREG, source);
        if (is_map)
                nft_put_u32(message, NFTA_LOOKUP_DREG, target);
        expression_end(message, &expression);
}

void nft_fib_type(struct nl_msg *message, uint32_t flags, uint32_t target) {
        PUT_NUMBERS(message, "fib", {NFTA_FIB_DREG, target}, {NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE},
                    {NFTA_FIB_FLAGS, flags});
}

void nft_conntrack(struct nl_msg *message, enum nft_ct_keys key, uint32_t target) {
        PUT_NUMBERS(message, "ct", {NFTA_CT_KEY, key}, {NFTA_CT_DREG, target});
}

void nft_dnat(struct nl_msg *message, uint8_t family, uint32_t address, uint32_t port) {
        const struct number numbers[] = {{NFTA_NAT_TYPE, NFT_NAT_DNAT},    {NFTA_NAT_FAMILY, family},
                                         {NFTA_NAT_REG_ADDR_MIN, address}, {NFTA_NAT_REG_ADDR_MAX, address},
                                         {NFTA_NAT_REG_PROTO_MIN, port},   {NFTA_NAT_REG_PROTO_MAX, port}};

        put_numbers(message, "nat", numbers, port ? 6 : 4);
}

void nft_masquerade_verdict(struct nl_msg *message) {
        put_numbers(message, "masq", NULL, 0);
}

void nft_counter(struct nl_msg *message) {
        put_numbers(message, "counter", NULL, 0);
}

void nft_verdict(struct nl_msg *message, int verdict, const char *chain) {
        struct expression expression = expression_begin(message, "immediate");
        struct nlattr *data, *nest;

        nft_put_u32(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = nft_nest(message, NFTA_IMMEDIATE_DATA);
        nest = nft_nest(message, NFTA_DATA_VERDICT);
        nft_put_u32(message, NFTA_VERDICT_CODE, (uint32_t) verdict);
        if (chain)
                nft_put_text(message, NFTA_VERDICT_CHAIN, chain);
        (void) nla_nest_end(message, nest);
        (void) nla_nest_end(message, data);
        expression_end(message, &expression);
}

void nft_xtables_match(struct nl_msg *message, const char *name, uint32_t revision, const void *info, size_t size) {
        struct expression expression = expression_begin(message, "match");

        nft_put_text(message, NFTA_MATCH_NAME, name);
        nft_put_u32(message, NFTA_MATCH_REV, revision);
        nft_put(message, NFTA_MATCH_INFO, info, size);
        expression_end(message, &expression);
}
