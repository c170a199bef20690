/*
 * nft_message.h: the language of the kernel's nf_tables: messages and rule
 * expressions, built with libnl (linux/netfilter/nf_tables.h). What our rules
 * mean is in nft.c and nft_table.c; here is only how they are spelled.
 */
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;
struct nlattr;

/* Registers of 4 bytes, counted from 0; a value of n bytes takes (n + 3) / 4 of them. */
#define NFT_REGISTER(n) ((uint32_t) (NFT_REG32_00 + (n)))

/** Bytes a value takes within a concatenation. */
#define NFT_ALIGNED(size) (((size) + 3U) & ~3U)

/** Length of an interface's name as nf_tables compares it, padded with NULs. */
#define NFT_IFNAME_SIZE 16

/**
 * A message of the nf_tables subsystem.
 * @type: NFT_MSG_*
 * @flags: NLM_F_* (NLM_F_REQUEST is added when it is sent)
 * @family: NFPROTO_*
 * @room: the most bytes it will hold
 */
struct nl_msg *nft_message(int type, int flags, uint8_t family, size_t room);

/** The message that opens a transaction; it fails with ERESTART unless the ruleset is of this generation (0: any). */
struct nl_msg *nft_batch_begin(uint32_t generation);
/** The message that closes a transaction. */
struct nl_msg *nft_batch_end(void);

/*
 * Attributes. The message is made large enough: what does not fit is a fault of this program, and ends it.
 */
void nft_put(struct nl_msg *message, int attribute, const void *data, size_t size);
void nft_put_text(struct nl_msg *message, int attribute, const char *text);
void nft_put_u32(struct nl_msg *message, int attribute, uint32_t value);
void nft_put_u64(struct nl_msg *message, int attribute, uint64_t value);
struct nlattr *nft_nest(struct nl_msg *message, int attribute) __attribute__((returns_nonnull));

#define NFT_COMMENT_DATA_SIZE 130

/** User data of an element, rule or chain that holds a comment as nft(8) shows it. Returns its size. */
size_t nft_comment_data(const char *comment, unsigned char data[NFT_COMMENT_DATA_SIZE]);
/** NFTA_RULE_USERDATA or NFTA_CHAIN_USERDATA holding a comment as nft(8) shows it. */
void nft_put_comment(struct nl_msg *message, int attribute, const char *comment);

/** The comment within user data of an element or rule as `nft` writes it, or NULL. The text ends in NUL. */
const char *nft_comment(const void *data, size_t size);

/* Expressions, appended to a rule whose NFTA_RULE_EXPRESSIONS is open. Registers are NFT_REGISTER(n). */
void nft_meta(struct nl_msg *message, enum nft_meta_keys key, uint32_t target);
void nft_payload(struct nl_msg *message, enum nft_payload_bases base, uint32_t offset, uint32_t size, uint32_t target);
void nft_compare(struct nl_msg *message, enum nft_cmp_ops op, uint32_t source, const void *data, size_t size);
void nft_mask(struct nl_msg *message, uint32_t reg, const void *mask, size_t size);
/** Looks a register up in a set; with `is_map` the value goes to `target` (NFT_REG_VERDICT: it is carried out). */
void nft_lookup(struct nl_msg *message, const char *set, uint32_t source, bool is_map, uint32_t target);
void nft_fib_type(struct nl_msg *message, uint32_t flags, uint32_t target);
void nft_conntrack(struct nl_msg *message, enum nft_ct_keys key, uint32_t target);
/** Destination NAT to the address and port in two registers; port 0: the port stays. */
void nft_dnat(struct nl_msg *message, uint8_t family, uint32_t address, uint32_t port);
void nft_masquerade_verdict(struct nl_msg *message);
void nft_counter(struct nl_msg *message);
/** NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP with a chain, ... */
void nft_verdict(struct nl_msg *message, int verdict, const char *chain);
/** A match of iptables, for rules in tables that iptables-nft owns and has to understand. */
void nft_xtables_match(struct nl_msg *message, const char *name, uint32_t revision, const void *info, size_t size);
/** NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA and the like: a value inside NFTA_DATA_VALUE. */
void nft_put_value(struct nl_msg *message, int attribute, const void *data, size_t size);
