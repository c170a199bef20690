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
static int stage_isolation_links(struct nft_session *session, const struct nft_forward *forward) {
        struct nft_element element = {0};
        int r;

        if (forward->isolation == NFT_OPEN)
                return 0;
        r = nft_stage_isolation_chains(session);
        if (r < 0)
                return r;
        nft_value_add_link(&element.key, forward->link);
        r = nft_stage_once(session, NFT_SET_ISOLATED, &element);
        if (r < 0 || forward->isolation == NFT_ISOLATED)
                return r;
        nft_value_add_link(&element.key, forward->link);
        return nft_stage_once(session, NFT_SET_TOGETHER, &element);
}

static int stage_forward(struct nft_session *session, void *context, struct error *err) {
        const struct nft_forwarding *forwarding = context;
        const struct nft_forward *forward = forwarding->forward;
        const struct nft_owner *owner = forwarding->owner;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        nft_owner_comment(owner->network, owner->container_id, owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; r >= 0 && i < forward->count; i++) {
                struct nft_element element = {.comment = comment};

                nft_value_add_link(&element.key, forward->link);
                nft_value_add_address(&element.key, &forward->addresses[i]);
                r = nft_stage_replacing(session, nft_set_of_family(NFT_SET_FORWARD, &forward->addresses[i]), &element);
        }
        if (r >= 0)
                r = stage_isolation_links(session, forward);
        if (r >= 0)
                r = nft_host_accept(session, forward->link, forward->admin_chain);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_forward_add(const struct nft_owner *owner, const struct nft_forward *forward, struct error *err) {
        struct nft_forwarding context = {.owner = owner, .forward = forward};

        return nft_transact(stage_forward, &context, err);
}

static int add_link(const struct nft_element *element, void *context) {
        char link[NFT_IFNAME_SIZE + 1] = {0};

        memcpy(link, element->key.bytes, NFT_IFNAME_SIZE);
        if (!str_list_contains(context, link))
                str_list_add(context, link);
        return 0;
}

static int read_links(struct nft_session *session, void *context, struct error *err) {
        int r = nft_read_elements(session, NFT_SET_FORWARD, add_link, context);

        if (r >= 0)
                r = nft_read_elements(session, NFT_SET_FORWARD6, add_link, context);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_forward_links(struct str_list *out, struct error *err) {
        return nft_inspect(read_links, out, err);
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
