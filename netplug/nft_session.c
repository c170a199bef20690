/* One attempt after another at changing the rules, until nobody else changed them meanwhile. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft_table.h"

/* Attempts before we give up on a ruleset that never stands still. */
#define ATTEMPTS_MAX 2000

static int read_generation(struct nlmsghdr *header, void *context) {
        const struct nlattr *id = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_GEN_ID);

        if (id)
                *(uint32_t *) context = ntohl(nla_get_u32(id));
        return 0;
}

int nft_ignore_message(struct nlmsghdr *header, void *context) {
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
        nft_put_text(message, NFTA_TABLE_NAME, NFT_TABLE);
        r = netlink_query(&session->netlink, message, nft_ignore_message, NULL);
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
                error_clear(err);
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
