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

int nft_stage_removed(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
        struct nft_element old;
        int r = nft_find_element(session, set, &element->key, nft_note_element, &old);

        if (r > 0)
                nft_stage_delete_elements(session, set, element, 1);
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
        int r;

        nft_owner_comment(addresses->owner->network, addresses->owner->container_id, addresses->owner->ifname, comment);
        r = nft_stage_table(session, err);
        if (r < 0)
                return r;
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
        struct nft_element link = {0}, pair = {0}, old;
        int r;

        if (forward->isolation == NFT_OPEN || !forward->link)
                return 0;
        r = nft_stage_isolation_chains(session);
        if (r < 0)
                return r;
        nft_value_add_link(&pair.key, forward->link);
        nft_value_add_link(&pair.key, forward->link);
        nft_value_add_link(&link.key, forward->link);
        r = nft_find_element(session, NFT_SET_ISOLATED, &link.key, nft_note_element, &old);
        if (r < 0)
                return r;
        /* Of several policies for one bridge the strictest counts, until its last attachment goes. */
        if (r > 0 && forward->isolation == NFT_ISOLATED)
                return nft_stage_removed(session, NFT_SET_TOGETHER, &pair);
        if (r > 0)
                return 0;
        nft_stage_elements(session, NFT_SET_ISOLATED, &link, 1);
        if (forward->isolation == NFT_SAME_BRIDGE)
                nft_stage_elements(session, NFT_SET_TOGETHER, &pair, 1);
        return 0;
}

static int stage_forward(struct nft_session *session, void *context, struct error *err) {
        const struct nft_forwarding *forwarding = context;
        const struct nft_forward *forward = forwarding->forward;
        const struct nft_owner *owner = forwarding->owner;
        char comment[NFT_COMMENT_SIZE];
        struct nft_pass pass;
        int r;

        nft_owner_comment(owner->network, owner->container_id, owner->ifname, comment);
        r = nft_stage_table(session, err);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < forward->count; i++) {
                struct nft_element element = {.comment = comment};

                nft_value_add_link(&element.key, forward->link ? forward->link : "");
                nft_value_add_address(&element.key, &forward->addresses[i]);
                r = nft_stage_replacing(session, nft_set_of_family(NFT_SET_FORWARD, &forward->addresses[i]), &element);
        }
        if (r >= 0)
                r = stage_isolation_links(session, forward);
        for (size_t i = 0; r >= 0 && nft_forward_pass(forward, i, &pass); i++)
                r = nft_host_accept(session, &pass, forward->admin_chain);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_forward_add(const struct nft_owner *owner, const struct nft_forward *forward, struct error *err) {
        struct nft_forwarding context = {.owner = owner, .forward = forward};

        return nft_transact(stage_forward, &context, err);
}

/* No link's name has a space. */
static void name_address(const struct cni_address *address, char name[64]) {
        char text[CNI_ADDRESS_SIZE];

        (void) snprintf(name, 64, "at %s", cni_address_text(address, text));
}

bool nft_forward_pass(const struct nft_forward *forward, size_t n, struct nft_pass *out) {
        if (n >= (forward->link ? 1 : forward->count))
                return false;
        *out = (struct nft_pass){.link = forward->link, .address = forward->link ? NULL : &forward->addresses[n]};
        if (forward->link)
                (void) snprintf(out->name, sizeof(out->name), "%s", forward->link);
        else
                name_address(out->address, out->name);
        return true;
}

void nft_pass_of_element(enum nft_set set, const struct nft_element *element, char name[64]) {
        const bool is_v6 = set == NFT_SET_FORWARD6;
        struct cni_address address = {.family = is_v6 ? AF_INET6 : AF_INET};

        (void) snprintf(name, 64, "%.*s", NFT_IFNAME_SIZE, (const char *) element->key.bytes);
        if (name[0])
                return;
        memcpy(address.bytes, element->key.bytes + NFT_IFNAME_SIZE, is_v6 ? 16 : 4);
        name_address(&address, name);
}

struct pass_names {
        struct str_list *out;
        enum nft_set set;
};

static int add_pass_name(const struct nft_element *element, void *context) {
        const struct pass_names *names = context;
        char name[64];

        nft_pass_of_element(names->set, element, name);
        if (!str_list_contains(names->out, name))
                str_list_add(names->out, name);
        return 0;
}

static int read_pass_names(struct nft_session *session, void *context, struct error *err) {
        struct pass_names names = {.out = context};
        int r = 0;

        for (names.set = NFT_SET_FORWARD; r >= 0 && names.set <= NFT_SET_FORWARD6; names.set++)
                r = nft_read_elements(session, names.set, add_pass_name, &names);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_forward_pass_names(struct str_list *out, struct error *err) {
        return nft_inspect(read_pass_names, out, err);
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
