/* CHECK: whether the rules an ADD made are still there. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "iptables_legacy.h"
#include "nft.h"
#include "nft_table.h"

/* Whether an element is there and, for a map, leads where it should. */
struct expectation {
        struct nft_owner_texts owner;
        const char *container; /* another attachment of it does as well; NULL: none does */
        const struct nft_element *element;
        bool met;
};

static int compare_expected(const struct nft_element *element, void *context) {
        struct expectation *expectation = context;
        const struct nft_value *wanted = &expectation->element->data, *last = &expectation->element->key_last;
        const struct nft_value *found = element->key_last.size ? &element->key_last : &element->key;

        if (nft_owner_texts_have(&expectation->owner, element->comment))
                expectation->met =
                        (wanted->size == 0 || (wanted->size == element->data.size &&
                                               memcmp(wanted->bytes, element->data.bytes, wanted->size) == 0)) &&
                        (last->size == 0 || memcmp(last->bytes, found->bytes, last->size) == 0);
        else
                expectation->met =
                        expectation->container && nft_owner_is_container(element->comment, expectation->container);
        return 0;
}

static int expect_element(struct nft_session *session, const struct nft_owner *owner, enum nft_set set,
                          const struct nft_element *element, const char *container, struct error *err) {
        struct expectation expectation = {.element = element, .container = container};
        int r;

        nft_owner_texts_make(owner, &expectation.owner);
        r = nft_find_element(session, set, &element->key, compare_expected, &expectation);
        nft_owner_texts_free(&expectation.owner);
        if (r < 0)
                return nft_kernel_error(r, err);
        return expectation.met ? 0 : -ENOENT;
}

static int missing(struct error *err, const char *what, const struct cni_address *address) {
        char text[CNI_ADDRESS_SIZE];

        (void) error_set(err, ENOENT, "the %s of %s is gone from the firewall rules", what,
                         cni_address_text(address, text));
        return error_hint(err, "another program changed table inet " NFT_TABLE "; attach the container anew");
}

static int check_masquerade(struct nft_session *session, void *context, struct error *err) {
        const struct nft_addresses *addresses = context;
        int r = nft_check_table(session, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < addresses->count; i++) {
                const struct cni_address *address = &addresses->items[i];
                struct nft_element element = {0};

                nft_value_add_address(&element.key, address);
                r = expect_element(session, addresses->owner, nft_set_of_family(NFT_SET_MASQUERADE, address), &element,
                                   NULL, err);
                if (r == -ENOENT)
                        return missing(err, "masquerade", address);
                if (r < 0)
                        return r;
        }
        return 0;
}

int nft_masquerade_check(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                         struct error *err) {
        struct nft_addresses context = {.owner = owner, .items = addresses, .count = count};

        return nft_inspect(check_masquerade, &context, err);
}

static int check_publish(struct nft_session *session, void *context, struct error *err) {
        const struct nft_publishing *publishing = context;
        const struct nft_publish *publish = publishing->publish;
        int r = nft_check_table(session, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < publish->port_count * 2; i++) {
                const struct nft_port *port = &publish->ports[i / 2];
                const struct cni_address *container = nft_address_of_family(publish, i % 2 ? AF_INET6 : AF_INET);
                struct nft_element element = {0};
                enum nft_set set = container ? nft_port_element(port, container, &element) : NFT_SET_COUNT;

                if (set == NFT_SET_COUNT)
                        continue;
                r = expect_element(session, publishing->owner, set, &element, publishing->owner->container_id, err);
                if (r == -ENOENT && (set == NFT_SET_PORTS || set == NFT_SET_PORTS6))
                        r = expect_element(session, publishing->owner, nft_set_of_family(NFT_SET_MANY, container),
                                           &element, publishing->owner->container_id, err);
                if (r == -ENOENT) {
                        (void) error_set(err, ENOENT, "host port %u/%s is not published to the container any more",
                                         port->host_port, nft_protocol_name(port->protocol));
                        return error_hint(err, "another program changed table inet " NFT_TABLE
                                               "; attach the container anew");
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int nft_publish_check(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err) {
        struct nft_publishing context = {.owner = owner, .publish = publish};

        return nft_inspect(check_publish, &context, err);
}

static int check_forward(struct nft_session *session, void *context, struct error *err) {
        const struct nft_forwarding *forwarding = context;
        const struct nft_forward *forward = forwarding->forward;
        char text[CNI_ADDRESS_SIZE];
        struct nft_pass pass;
        int r = nft_check_table(session, err);

        if (r < 0)
                return r;
        /* Without a link an earlier version's ADD wrote nothing: there it counts alone what the host drops. */
        for (size_t i = 0; forward->link && i < forward->count; i++) {
                struct nft_element element = {0};

                nft_value_add_link(&element.key, forward->link);
                nft_value_add_address(&element.key, &forward->addresses[i]);
                r = expect_element(session, forwarding->owner,
                                   nft_set_of_family(NFT_SET_FORWARD, &forward->addresses[i]), &element, NULL, err);
                if (r == -ENOENT)
                        return missing(err, "forwarding", &forward->addresses[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; nft_forward_pass(forward, i, &pass); i++) {
                r = nft_host_lacks(session, &pass, forward->admin_chain);
                if (r < 0)
                        return nft_kernel_error(r, err);
                if (r == 0)
                        r = iptables_legacy_lacks(&pass, err);
                if (r < 0)
                        return r;
                if (r > 0) {
                        (void) error_set(err, ENOENT, "the host drops forwarded packets, and the accept for %s is gone",
                                         pass.link ? pass.link : cni_address_text(pass.address, text));
                        return error_hint(err, "the host's firewall was loaded anew; attach the container anew%s",
                                          pass.link ? ", or another one of its network" : "");
                }
        }
        return 0;
}

int nft_forward_check(const struct nft_owner *owner, const struct nft_forward *forward, struct error *err) {
        struct nft_forwarding context = {.owner = owner, .forward = forward};

        return nft_inspect(check_forward, &context, err);
}
