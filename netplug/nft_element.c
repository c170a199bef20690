/* The elements of our sets and maps: written, deleted, read. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft_table.h"

/* The most bytes of one element: three values, or two and a verdict, and the comment. */
#define ELEMENT_SIZE 352
_Static_assert(NFT_ELEMENTS_A_MESSAGE *ELEMENT_SIZE <= INT16_MAX, "a message's elements are one attribute");

/*
 * The attributes of elements are written without libnl's functions: an attachment may have a thousand of them. Each
 * returns what is behind the attribute.
 */
static unsigned char *put(unsigned char *at, uint16_t type, const void *data, size_t size) {
        const struct nlattr attribute = {.nla_type = type, .nla_len = (uint16_t) (NLA_HDRLEN + size)};

        memcpy(at, &attribute, NLA_HDRLEN);
        memcpy(at + NLA_HDRLEN, data, size);
        memset(at + NLA_HDRLEN + size, 0, NLA_ALIGN(size) - size);
        return at + NLA_HDRLEN + NLA_ALIGN(size);
}

/* What is between the attribute's header at `nest` and `end` is its content. */
static unsigned char *put_nest(unsigned char *nest, uint16_t type, unsigned char *end) {
        const struct nlattr attribute = {.nla_type = type | NLA_F_NESTED, .nla_len = (uint16_t) (end - nest)};

        memcpy(nest, &attribute, NLA_HDRLEN);
        return end;
}

static unsigned char *put_value(unsigned char *at, uint16_t type, const struct nft_value *value) {
        return value->size ? put_nest(at, type, put(at + NLA_HDRLEN, NFTA_DATA_VALUE, value->bytes, value->size)) : at;
}

static unsigned char *put_verdict(unsigned char *at, const char *chain) {
        const uint32_t verdict = htonl((uint32_t) (chain[0] ? NFT_JUMP : NFT_CONTINUE));
        unsigned char *end = put(at + 2 * NLA_HDRLEN, NFTA_VERDICT_CODE, &verdict, sizeof(verdict));

        if (chain[0])
                end = put(end, NFTA_VERDICT_CHAIN, chain, strlen(chain) + 1);
        return put_nest(at, NFTA_SET_ELEM_DATA, put_nest(at + NLA_HDRLEN, NFTA_DATA_VERDICT, end));
}

static unsigned char *put_comment(unsigned char *at, const char *comment) {
        unsigned char data[NFT_COMMENT_DATA_SIZE];
        size_t size = nft_comment_data(comment, data);

        return put(at, NFTA_SET_ELEM_USERDATA, data, size);
}

/* @whole: not the key alone. Returns the size. */
static size_t write_element(unsigned char *out, enum nft_set set, const struct nft_element *element, bool whole) {
        unsigned char *at = put_value(out + NLA_HDRLEN, NFTA_SET_ELEM_KEY, &element->key);

        at = put_value(at, NFTA_SET_ELEM_KEY_END, &element->key_last);
        if (whole && nft_set_has_verdicts(set))
                at = put_verdict(at, element->chain);
        else if (whole)
                at = put_value(at, NFTA_SET_ELEM_DATA, &element->data);
        if (whole && element->comment)
                at = put_comment(at, element->comment);
        return (size_t) (put_nest(out, NFTA_LIST_ELEM, at) - out);
}

/* A message about elements of one set. */
static struct nl_msg *elements_message(int type, int flags, enum nft_set set, const struct nft_element *elements,
                                       size_t count) {
        _cleanup_free_ unsigned char *bytes = xrealloc(NULL, count, ELEMENT_SIZE);
        struct nl_msg *message;
        size_t size = 0;

        for (size_t i = 0; i < count; i++)
                size += write_element(bytes + size, set, &elements[i], type == NFT_MSG_NEWSETELEM);
        message = nft_message(type, flags, NFPROTO_INET, 128 + size);
        nft_put_text(message, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
        nft_put_text(message, NFTA_SET_ELEM_LIST_SET, nft_set_name(set));
        if (count)
                nft_put(message, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, bytes, size);
        return message;
}

static void stage_elements(struct nft_session *session, int type, int flags, enum nft_set set,
                           const struct nft_element *elements, size_t count) {
        for (size_t i = 0; i < count; i += NFT_ELEMENTS_A_MESSAGE) {
                size_t portion = count - i < NFT_ELEMENTS_A_MESSAGE ? count - i : NFT_ELEMENTS_A_MESSAGE;

                netlink_batch_add(&session->batch, elements_message(type, flags, set, elements + i, portion));
        }
}

void nft_stage_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                        size_t count) {
        /* An attachment that comes again waits already. */
        stage_elements(session, NFT_MSG_NEWSETELEM, NLM_F_CREATE | (nft_set_waits(set) ? 0 : NLM_F_EXCL), set, elements,
                       count);
}

void nft_stage_delete_elements(struct nft_session *session, enum nft_set set, const struct nft_element *elements,
                               size_t count) {
        stage_elements(session, NFT_MSG_DELSETELEM, 0, set, elements, count);
}

struct element_reader {
        nft_element_handler handler;
        void *context;
        size_t seen;
};

static void read_value(const struct nlattr *attribute, struct nft_value *out) {
        const struct nlattr *value = nla_find(nla_data(attribute), nla_len(attribute), NFTA_DATA_VALUE);

        if (value && (size_t) nla_len(value) <= sizeof(out->bytes)) {
                out->size = (size_t) nla_len(value);
                memcpy(out->bytes, nla_data(value), out->size);
        }
}

static void read_chain(const struct nlattr *attribute, char name[64]) {
        const struct nlattr *verdict = nla_find(nla_data(attribute), nla_len(attribute), NFTA_DATA_VERDICT);
        const struct nlattr *chain = verdict ? nla_find(nla_data(verdict), nla_len(verdict), NFTA_VERDICT_CHAIN) : NULL;

        if (chain)
                (void) nla_strlcpy(name, chain, 64);
}

static int read_element_message(struct nlmsghdr *header, void *context) {
        struct nlattr *list = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
        struct element_reader *reader = context;
        struct nlattr *item;
        int left, r = 0;

        if (!list)
                return 0;
        nla_for_each_nested(item, list, left) {
                struct nlattr *fields[NFTA_SET_ELEM_MAX + 1];
                struct nft_element element = {0};

                if (nla_parse_nested(fields, NFTA_SET_ELEM_MAX, item, NULL) < 0 || !fields[NFTA_SET_ELEM_KEY])
                        continue;
                read_value(fields[NFTA_SET_ELEM_KEY], &element.key);
                if (fields[NFTA_SET_ELEM_KEY_END])
                        read_value(fields[NFTA_SET_ELEM_KEY_END], &element.key_last);
                if (fields[NFTA_SET_ELEM_DATA]) {
                        read_value(fields[NFTA_SET_ELEM_DATA], &element.data);
                        read_chain(fields[NFTA_SET_ELEM_DATA], element.chain);
                }
                if (fields[NFTA_SET_ELEM_USERDATA])
                        element.comment = nft_comment(nla_data(fields[NFTA_SET_ELEM_USERDATA]),
                                                      (size_t) nla_len(fields[NFTA_SET_ELEM_USERDATA]));
                reader->seen++;
                r = reader->handler ? reader->handler(&element, reader->context) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

int nft_read_elements(struct nft_session *session, enum nft_set set, nft_element_handler handler, void *context) {
        struct element_reader reader = {.handler = handler, .context = context};
        int r;

        if (!session->has_table)
                return 0;
        r = netlink_query(&session->netlink, elements_message(NFT_MSG_GETSETELEM, NLM_F_DUMP, set, NULL, 0),
                          read_element_message, &reader);
        /* The table went in between; what is read then is not committed. */
        return r != -ENOENT ? r : nft_set_is_optional(set) ? 0 : -ERESTART;
}

int nft_find_element(struct nft_session *session, enum nft_set set, const struct nft_value *key,
                     nft_element_handler handler, void *context) {
        const struct nft_element element = {.key = *key};
        struct element_reader reader = {.handler = handler, .context = context};
        int r;

        if (!session->has_table)
                return 0;
        r = netlink_query(&session->netlink, elements_message(NFT_MSG_GETSETELEM, 0, set, &element, 1),
                          read_element_message, &reader);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : reader.seen > 0;
}
