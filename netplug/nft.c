#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft_table.h"

/* --- elements that replace stale ones ---------------------------------------------------------------------------- */

int nft_note_element(const struct nft_element *element, void *context) {
        *(struct nft_element *) context = *element;
        return 0;
}

int nft_stage_replacing(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
        struct nft_element old;
        int r;

        r = nft_find_element(session, set, &element->key, nft_note_element, &old);
        if (r < 0)
                return r;
        if (r > 0)
                nft_stage_delete_elements(session, set, element, 1);
        nft_stage_elements(session, set, element, 1);
        return 0;
}

int nft_stage_once(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
        struct nft_element old;
        int r;

        r = nft_find_element(session, set, &element->key, nft_note_element, &old);
        if (r == 0)
                nft_stage_elements(session, set, element, 1);
        return r < 0 ? r : 0;
}

int nft_kernel_error(int r, struct error *err) {
        if (r == -EINTR || r == -ERESTART)
                return r;
        return error_errno(err, -r, "cannot read the firewall rules");
}

enum nft_set nft_set_of_family(enum nft_set set, const struct cni_address *address) {
        return set + (address->family == AF_INET6);
}

/* --- masquerade -------------------------------------------------------------------------------------------------- */

static int stage_masquerade(struct nft_session *session, void *context, struct error *err) {
        const struct nft_addresses *addresses = context;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        nft_owner_comment(addresses->owner->network, addresses->owner->container_id, addresses->owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; r >= 0 && i < addresses->count; i++) {
                const struct cni_address *address = &addresses->items[i];
                struct nft_element element = {.comment = comment};

                nft_value_add_address(&element.key, address);
                r = nft_stage_masquerade_chain(session, address, element.chain);
                if (r >= 0)
                        r = nft_stage_replacing(session, nft_set_of_family(NFT_SET_MASQUERADE, address), &element);
        }
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_masquerade_add(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                       struct error *err) {
        struct nft_addresses context = {.owner = owner, .items = addresses, .count = count};

        return nft_transact(stage_masquerade, &context, err);
}

/* --- forwarding -------------------------------------------------------------------------------------------------- */

/* The sets of links that do not forward to each other. */
static int stage_isolation_links(struct nft_session *session, const struct nft_addresses *addresses) {
        struct nft_element element = {0};
        int r = 0;

        if (addresses->isolation == NFT_OPEN)
                return 0;
        nft_value_add_link(&element.key, addresses->link);
        r = nft_stage_once(session, NFT_SET_ISOLATED, &element);
        if (r < 0 || addresses->isolation == NFT_ISOLATED)
                return r;
        nft_value_add_link(&element.key, addresses->link);
        return nft_stage_once(session, NFT_SET_TOGETHER, &element);
}

static int stage_forward(struct nft_session *session, void *context, struct error *err) {
        const struct nft_addresses *addresses = context;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        nft_owner_comment(addresses->owner->network, addresses->owner->container_id, addresses->owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; r >= 0 && i < addresses->count; i++) {
                struct nft_element element = {.comment = comment};

                nft_value_add_link(&element.key, addresses->link);
                nft_value_add_address(&element.key, &addresses->items[i]);
                r = nft_stage_replacing(session, nft_set_of_family(NFT_SET_FORWARD, &addresses->items[i]), &element);
        }
        if (r >= 0)
                r = stage_isolation_links(session, addresses);
        if (r >= 0)
                r = nft_host_accept(session, addresses->link);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_forward_add(const struct nft_owner *owner, const char *link, const struct cni_address *addresses, size_t count,
                    enum nft_isolation isolation, struct error *err) {
        struct nft_addresses context = {
                .owner = owner, .items = addresses, .count = count, .link = link, .isolation = isolation};

        return nft_transact(stage_forward, &context, err);
}

static int do_nothing(struct nft_session *session, void *context, struct error *err) {
        (void) session;
        (void) context;
        (void) err;
        return 0;
}

int nft_available(struct error *err) {
        return nft_inspect(do_nothing, NULL, err);
}
