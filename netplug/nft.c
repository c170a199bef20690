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

/*
 * Stages one element. An address is one attachment's at a time, so an element
 * that is there already was left by an attachment that is gone: it is replaced.
 */
static int stage_replacing(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
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

/* Stages an element of a set that names links: one is enough for all attachments. */
static int stage_once(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
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
                        r = stage_replacing(session, nft_set_of_family(NFT_SET_MASQUERADE, address), &element);
        }
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_masquerade_add(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                       struct error *err) {
        struct nft_addresses context = {.owner = owner, .items = addresses, .count = count};

        return nft_transact(stage_masquerade, &context, err);
}

/* --- published ports --------------------------------------------------------------------------------------------- */

const struct cni_address *nft_address_of_family(const struct nft_publish *publish, int family) {
        for (size_t i = 0; i < publish->address_count; i++)
                if (publish->addresses[i].family == family)
                        return &publish->addresses[i];
        return NULL;
}

const char *nft_protocol_name(uint8_t protocol) {
        return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

bool nft_port_is_anywhere(const struct cni_address *address) {
        static const unsigned char zero[16];

        return !address->family || memcmp(address->bytes, zero, 16) == 0;
}

void nft_port_key(const struct nft_port *port, bool at_address, struct nft_value *key) {
        const uint16_t number = htons(port->host_port);

        if (at_address)
                nft_value_add_address(key, &port->host_address);
        nft_value_add(key, &port->protocol, 1);
        nft_value_add(key, &number, 2);
}

/* What a new port is held against. */
struct port_clash {
        const struct nft_owner *owner;
        const struct nft_port *ports;
        size_t count;
        int family;
        size_t key_skip; /* bytes before the protocol in the keys that are looked through */
        char holder[NFT_COMMENT_SIZE];
        const struct nft_port *port;
};

static int compare_port(const struct nft_element *element, void *context) {
        struct port_clash *clash = context;

        for (size_t i = 0; i < clash->count; i++) {
                const struct nft_port *port = &clash->ports[i];
                bool any = nft_port_is_anywhere(&port->host_address);
                struct nft_value key = {0};

                if (port->host_address.family && port->host_address.family != clash->family)
                        continue;
                nft_port_key(port, false, &key);
                if (element->key.size != clash->key_skip + key.size ||
                    memcmp(element->key.bytes + clash->key_skip, key.bytes, key.size) != 0)
                        continue;
                /* Two different host addresses may publish the same port. */
                if (clash->key_skip && !any &&
                    memcmp(element->key.bytes, port->host_address.bytes, clash->key_skip) != 0)
                        continue;
                (void) snprintf(clash->holder, sizeof(clash->holder), "%s", element->comment ? element->comment : "");
                clash->port = port;
                return -EADDRINUSE;
        }
        return 0;
}

static int report_clash(const struct port_clash *clash, struct error *err) {
        char network[NFT_COMMENT_SIZE] = "", container[NFT_COMMENT_SIZE] = "";
        char address[CNI_ADDRESS_SIZE] = "";

        (void) sscanf(clash->holder, "%127s %127s", network, container);
        if (clash->port->host_address.family)
                (void) cni_address_text(&clash->port->host_address, address);
        (void) error_set(err, EADDRINUSE, "host port %s%s%u/%s is already allocated to container %s of network %s",
                         address, address[0] ? " " : "", clash->port->host_port,
                         nft_protocol_name(clash->port->protocol), container, network);
        return error_hint(err, "publish another host port, or remove that container");
}

/* Asks the kernel for each port on its own, which costs the same however many are published. */
static int find_exact_clash(struct nft_session *session, struct port_clash *clash, enum nft_set set) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < clash->count; i++) {
                struct nft_value key = {0};

                nft_port_key(&clash->ports[i], false, &key);
                r = nft_find_element(session, set, &key, compare_port, clash);
        }
        return r < 0 ? r : 0;
}

static int find_clash(struct nft_session *session, const struct nft_publish *publish, int family, struct error *err) {
        const bool is_v6 = family == AF_INET6;
        struct port_clash clash = {.ports = publish->ports, .count = publish->port_count, .family = family};
        int r;

        /* A few gets beat a dump, a dump beats many gets. */
        if (publish->port_count <= 16)
                r = find_exact_clash(session, &clash, NFT_SET_PORTS + is_v6);
        else
                r = nft_read_elements(session, NFT_SET_PORTS + is_v6, compare_port, &clash);
        if (r >= 0) {
                clash.key_skip = is_v6 ? 16 : 4;
                r = nft_read_elements(session, NFT_SET_PORTS_AT + is_v6, compare_port, &clash);
        }
        if (r == -EADDRINUSE && clash.port)
                return report_clash(&clash, err);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

/* Stages the map elements of one family's ports; `at_address`: those with a host address. Returns their number. */
static size_t stage_ports(struct nft_session *session, const struct nft_publishing *publishing,
                          const struct cni_address *container, bool at_address, const char *comment) {
        const struct nft_publish *publish = publishing->publish;
        struct nft_element *elements = xcalloc(publish->port_count, sizeof(*elements));
        size_t count = 0;

        for (size_t i = 0; i < publish->port_count; i++) {
                const struct nft_port *port = &publish->ports[i];
                const uint16_t number = htons(port->container_port);

                if (port->host_address.family && port->host_address.family != container->family)
                        continue;
                if (nft_port_is_anywhere(&port->host_address) == at_address)
                        continue;
                elements[count].comment = comment;
                nft_port_key(port, at_address, &elements[count].key);
                nft_value_add_address(&elements[count].data, container);
                nft_value_add(&elements[count].data, &number, 2);
                count++;
        }
        nft_stage_elements(session, nft_set_of_family(at_address ? NFT_SET_PORTS_AT : NFT_SET_PORTS, container),
                           elements, count);
        free(elements);
        return count;
}

/* What makes replies come back through the host. */
static int stage_returns(struct nft_session *session, const struct nft_publish *publish,
                         const struct cni_address *container, const char *comment) {
        struct nft_element element = {.comment = comment, .chain = NFT_CHAIN_MASQUERADE_ALL};
        struct nft_element link = {0};
        int r = 0;

        nft_value_add_address(&element.key, container);
        if (!publish->masquerade_all)
                r = nft_stage_return_chain(session, container, element.chain);
        if (r >= 0)
                r = stage_replacing(session, nft_set_of_family(NFT_SET_RETURNS, container), &element);
        if (r < 0 || container->family != AF_INET || !publish->link)
                return r;
        nft_value_add_link(&link.key, publish->link);
        r = stage_once(session, NFT_SET_LOCALNET, &link);
        if (r < 0)
                return r;
        element = (struct nft_element){.comment = comment};
        nft_value_add_link(&element.key, publish->link);
        nft_value_add_address(&element.key, container);
        return stage_replacing(session, NFT_SET_PUBLISHERS, &element);
}

static int stage_publish(struct nft_session *session, void *context, struct error *err) {
        static const int both[] = {AF_INET, AF_INET6};
        const struct nft_publishing *publishing = context;
        const struct nft_publish *publish = publishing->publish;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        nft_owner_comment(publishing->owner->network, publishing->owner->container_id, publishing->owner->ifname,
                          comment);
        nft_stage_table(session);
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                const struct cni_address *container = nft_address_of_family(publish, both[i]);
                size_t count;

                if (!container)
                        continue;
                r = find_clash(session, publish, both[i], err);
                if (r < 0)
                        return r;
                count = stage_ports(session, publishing, container, false, comment) +
                        stage_ports(session, publishing, container, true, comment);
                if (count && (publish->snat || publish->masquerade_all))
                        r = stage_returns(session, publish, container, comment);
                if (r < 0)
                        return nft_kernel_error(r, err);
        }
        return 0;
}

int nft_publish_add(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err) {
        struct nft_publishing context = {.owner = owner, .publish = publish};

        return nft_transact(stage_publish, &context, err);
}

/* --- forwarding -------------------------------------------------------------------------------------------------- */

/* The sets of links that do not forward to each other. */
static int stage_isolation_links(struct nft_session *session, const struct nft_addresses *addresses) {
        struct nft_element element = {0};
        int r = 0;

        if (addresses->isolation == NFT_OPEN)
                return 0;
        nft_value_add_link(&element.key, addresses->link);
        r = stage_once(session, NFT_SET_ISOLATED, &element);
        if (r < 0 || addresses->isolation == NFT_ISOLATED)
                return r;
        nft_value_add_link(&element.key, addresses->link);
        return stage_once(session, NFT_SET_TOGETHER, &element);
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
                r = stage_replacing(session, nft_set_of_family(NFT_SET_FORWARD, &addresses->items[i]), &element);
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
