/* Published ports. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft.h"
#include "nft_table.h"

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

uint16_t nft_port_last(const struct nft_port *port) {
        return port->last_port ? port->last_port : port->host_port;
}

static void add_port_key(struct nft_value *key, uint8_t protocol, uint16_t port) {
        const uint16_t number = htons(port);

        nft_value_add(key, &protocol, 1);
        nft_value_add(key, &number, 2);
}

/* The port of a key, behind the address and the protocol. */
static uint16_t key_port(const struct nft_value *key, size_t address_size) {
        uint16_t number;

        memcpy(&number, key->bytes + address_size + 4, sizeof(number));
        return ntohs(number);
}

enum nft_set nft_port_element(const struct nft_port *port, const struct cni_address *container,
                              struct nft_element *element) {
        bool at_address = !nft_port_is_anywhere(&port->host_address);
        const uint16_t number = htons(port->container_port);

        if (port->host_address.family && port->host_address.family != container->family)
                return NFT_SET_COUNT;
        if (at_address)
                nft_value_add_address(&element->key, &port->host_address);
        if (!port->container_port) {
                element->key_last = element->key;
                add_port_key(&element->key_last, port->protocol, nft_port_last(port));
        }
        add_port_key(&element->key, port->protocol, port->host_port);
        nft_value_add_address(&element->data, container);
        if (port->container_port)
                nft_value_add(&element->data, &number, 2);
        return nft_set_of_family(port->container_port ? at_address ? NFT_SET_PORTS_AT : NFT_SET_PORTS
                                 : at_address         ? NFT_SET_SAME_AT
                                                      : NFT_SET_SAME,
                                 container);
}

void nft_gate_element(const struct nft_port *port, const struct cni_address *container, struct nft_element *element) {
        struct cni_address all = {.family = container->family};

        if (nft_port_is_anywhere(&port->host_address)) {
                nft_value_add_address(&element->key, &all);
                memset(all.bytes, 0xff, sizeof(all.bytes));
                nft_value_add_address(&element->key_last, &all);
        } else {
                nft_value_add_address(&element->key, &port->host_address);
                element->key_last = element->key;
        }
        add_port_key(&element->key, port->protocol, port->host_port);
        add_port_key(&element->key_last, port->protocol, nft_port_last(port));
}

void nft_port_of_element(enum nft_set set, const struct nft_element *element, struct nft_port *out) {
        const bool at_address = set == NFT_SET_PORTS_AT || set == NFT_SET_PORTS_AT6 || set == NFT_SET_SAME_AT ||
                                set == NFT_SET_SAME_AT6;
        const bool is_v6 = set % 2; /* each set of IPv6 follows that of IPv4 */
        const size_t address_size = is_v6 ? 16 : 4, before = at_address ? address_size : 0;
        const struct nft_value *last = element->key_last.size ? &element->key_last : &element->key;
        uint16_t number;

        *out = (struct nft_port){0};
        if (at_address) {
                out->host_address =
                        (struct cni_address){.family = is_v6 ? AF_INET6 : AF_INET, .prefix = is_v6 ? 128 : 32};
                memcpy(out->host_address.bytes, element->key.bytes, address_size);
        }
        out->protocol = element->key.bytes[before];
        out->host_port = key_port(&element->key, before);
        out->last_port = key_port(last, before);
        out->container_port = out->host_port;
        if (element->data.size > address_size) {
                memcpy(&number, element->data.bytes + address_size, sizeof(number));
                out->container_port = ntohs(number);
        }
}

/* --- ports that are taken ---------------------------------------------------------------------------------------- */

/* What new ports are held against. */
struct port_clash {
        const struct nft_port *ports;
        size_t count;
        const char *own;       /* comment of the attachment that publishes */
        const char *container; /* its container */
        bool *held;            /* of each port: another attachment of the container publishes it already */
        int family;
        size_t address_size; /* bytes before the protocol in the keys that are looked through */
        char holder[NFT_COMMENT_SIZE];
        const struct nft_port *port;
        uint16_t number;
};

/* A container publishes its ports in each network it is attached to: the first one's attachment has them. */
static bool is_held(const struct port_clash *clash, const struct nft_element *element, const struct nft_port *port,
                    uint16_t from, uint16_t to) {
        return nft_owner_is_container(element->comment, clash->container) &&
               strcmp(element->comment, clash->own) != 0 && from <= port->host_port && nft_port_last(port) <= to &&
               (clash->address_size == 0 || !nft_port_is_anywhere(&port->host_address));
}

static int compare_port(const struct nft_element *element, void *context) {
        struct port_clash *clash = context;
        const struct nft_value *last = element->key_last.size ? &element->key_last : &element->key;
        uint16_t from, to;

        if (element->key.size != clash->address_size + 8 || last->size != element->key.size)
                return 0;
        from = key_port(&element->key, clash->address_size);
        to = key_port(last, clash->address_size);
        for (size_t i = 0; i < clash->count; i++) {
                const struct nft_port *port = &clash->ports[i];

                if (port->host_address.family && port->host_address.family != clash->family)
                        continue;
                if (element->key.bytes[clash->address_size] != port->protocol || nft_port_last(port) < from ||
                    port->host_port > to)
                        continue;
                /* Two different host addresses may publish the same port. */
                if (clash->address_size && !nft_port_is_anywhere(&port->host_address) &&
                    memcmp(element->key.bytes, port->host_address.bytes, clash->address_size) != 0)
                        continue;
                if (is_held(clash, element, port, from, to)) {
                        clash->held[i] = true;
                        continue;
                }
                (void) snprintf(clash->holder, sizeof(clash->holder), "%s", element->comment ? element->comment : "");
                clash->port = port;
                clash->number = port->host_port > from ? port->host_port : from;
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
                         address, address[0] ? " " : "", clash->number, nft_protocol_name(clash->port->protocol),
                         container, network);
        return error_hint(err, "publish another host port, or remove that container");
}

/* Single ports, and few of them: asking the kernel for each costs the same however many others are published. */
static bool asks_for_each(const struct nft_publish *publish) {
        for (size_t i = 0; i < publish->port_count; i++)
                if (nft_port_last(&publish->ports[i]) != publish->ports[i].host_port)
                        return false;
        return publish->port_count <= 16;
}

static int find_clash_in(struct nft_session *session, struct port_clash *clash, enum nft_set set, bool each) {
        int r = 0;

        if (!each)
                return nft_read_elements(session, set, compare_port, clash);
        for (size_t i = 0; r >= 0 && i < clash->count; i++) {
                struct nft_value key = {0};

                add_port_key(&key, clash->ports[i].protocol, clash->ports[i].host_port);
                r = nft_find_element(session, set, &key, compare_port, clash);
        }
        return r < 0 ? r : 0;
}

/* Fills `held`, of as many as there are ports, which is false before. */
static int find_clash(struct nft_session *session, const struct nft_publishing *publishing, int family,
                      const char *comment, bool *held, struct error *err) {
        static const enum nft_set maps[] = {NFT_SET_PORTS, NFT_SET_SAME, NFT_SET_MANY, NFT_SET_PORTS_AT,
                                            NFT_SET_SAME_AT};
        const struct nft_publish *publish = publishing->publish;
        const bool is_v6 = family == AF_INET6, each = asks_for_each(publish);
        struct port_clash clash = {.ports = publish->ports,
                                   .count = publish->port_count,
                                   .own = comment,
                                   .container = publishing->owner->container_id,
                                   .held = held,
                                   .family = family};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(maps); i++) {
                bool at_address = maps[i] == NFT_SET_PORTS_AT || maps[i] == NFT_SET_SAME_AT;

                clash.address_size = at_address ? is_v6 ? 16 : 4 : 0;
                r = find_clash_in(session, &clash, maps[i] + is_v6, each && !at_address);
        }
        if (r == -EADDRINUSE && clash.port)
                return report_clash(&clash, err);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

/* --- publishing -------------------------------------------------------------------------------------------------- */

/* Elements for one set that go out in one message. */
struct portion {
        struct nft_element items[NFT_ELEMENTS_A_MESSAGE];
        size_t count;
};

static void stage_portion(struct nft_session *session, enum nft_set set, struct portion *portion) {
        nft_stage_elements(session, set, portion->items, portion->count);
        portion->count = 0;
}

/* @portions: by set; the first element of an optional set stages that, too */
static int stage_in_portions(struct nft_session *session, enum nft_set set, struct portion **portions,
                             const struct nft_element *element) {
        struct portion *portion = portions[set];

        if (!portion) {
                int r = nft_set_is_optional(set) ? nft_stage_optional_set(session, set) : 0;

                if (r < 0)
                        return r;
                /* Not cleared: most have a port or two. */
                portion = portions[set] = xrealloc(NULL, 1, sizeof(*portion));
                portion->count = 0;
        }
        portion->items[portion->count++] = *element;
        if (portion->count == NFT_ELEMENTS_A_MESSAGE)
                stage_portion(session, set, portion);
        return 0;
}

/*
 * True if the n-th port is published at one address, and another one, which covers it, everywhere. (Those come first:
 * for both families, then for one.)
 */
static bool is_covered(const struct nft_publish *publish, size_t n, int family) {
        const struct nft_port *port = &publish->ports[n];

        for (size_t i = 0; !nft_port_is_anywhere(&port->host_address) && i < n; i++) {
                const struct nft_port *wide = &publish->ports[i];

                if (!nft_port_is_anywhere(&wide->host_address))
                        return false;
                if ((!wide->host_address.family || wide->host_address.family == family) &&
                    wide->protocol == port->protocol && wide->host_port <= port->host_port &&
                    nft_port_last(wide) >= nft_port_last(port))
                        return true;
        }
        return false;
}

/* Stages the map elements of one family's ports. Returns the number of those ports or a negative errno. */
static int stage_ports(struct nft_session *session, const struct nft_publishing *publishing,
                       const struct cni_address *container, const char *comment, const bool *held) {
        const struct nft_publish *publish = publishing->publish;
        const struct nft_conditions *conditions = &publish->conditions[container->family == AF_INET6];
        const bool many =
                publish->port_count >= NFT_MANY_MIN && publish->port_count <= NFT_MANY_MAX && !publishing->many_is_full;
        struct portion *portions[NFT_SET_COUNT] = {0};
        struct nft_element gate = {.comment = comment};
        int count = 0, r = 0;

        if (conditions->count)
                r = nft_stage_gate_chain(session, conditions, gate.chain);
        for (size_t i = 0; r >= 0 && i < publish->port_count; i++) {
                const struct nft_port *port = &publish->ports[i];
                struct nft_element element = {.comment = comment};
                enum nft_set set = nft_port_element(port, container, &element);

                if (set == NFT_SET_COUNT)
                        continue;
                count++;
                if (held[i]) {
                        element = gate;
                        nft_waiting_element(port, container, &element);
                        r = stage_in_portions(session, nft_set_of_family(NFT_SET_WAITING, container), portions,
                                              &element);
                        continue;
                }
                if (many && (set == NFT_SET_PORTS || set == NFT_SET_PORTS6))
                        set = nft_set_of_family(NFT_SET_MANY, container);
                r = stage_in_portions(session, set, portions, &element);
                /* The conditions are the same for all of them. */
                if (r < 0 || !conditions->count || is_covered(publish, i, container->family))
                        continue;
                element = gate;
                nft_gate_element(port, container, &element);
                r = stage_in_portions(session, nft_set_of_family(NFT_SET_GATES, container), portions, &element);
        }
        for (enum nft_set set = 0; set < NFT_SET_COUNT; set++) {
                if (portions[set])
                        stage_portion(session, set, portions[set]);
                free(portions[set]);
        }
        return r < 0 ? r : count;
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
                r = nft_stage_replacing(session, nft_set_of_family(NFT_SET_RETURNS, container), &element);
        if (r < 0 || container->family != AF_INET || !publish->link)
                return r;
        nft_value_add_link(&link.key, publish->link);
        r = nft_stage_once(session, NFT_SET_LOCALNET, &link);
        if (r < 0)
                return r;
        element = (struct nft_element){.comment = comment};
        nft_value_add_link(&element.key, publish->link);
        nft_value_add_address(&element.key, container);
        return nft_stage_replacing(session, NFT_SET_PUBLISHERS, &element);
}

static int stage_publish(struct nft_session *session, void *context, struct error *err) {
        static const int both[] = {AF_INET, AF_INET6};
        const struct nft_publishing *publishing = context;
        const struct nft_publish *publish = publishing->publish;
        char comment[NFT_COMMENT_SIZE];
        int r;

        nft_owner_comment(publishing->owner->network, publishing->owner->container_id, publishing->owner->ifname,
                          comment);
        r = nft_stage_table(session, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                const struct cni_address *container = nft_address_of_family(publish, both[i]);
                _cleanup_free_ bool *held = NULL;

                if (!container)
                        continue;
                held = xcalloc(publish->port_count, sizeof(*held));
                r = find_clash(session, publishing, both[i], comment, held, err);
                if (r < 0)
                        return r;
                r = stage_ports(session, publishing, container, comment, held);
                if (r > 0 && (publish->snat || publish->masquerade_all))
                        r = stage_returns(session, publish, container, comment);
                if (r < 0)
                        return nft_kernel_error(r, err);
        }
        return 0;
}

int nft_publish_add(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err) {
        struct nft_publishing context = {.owner = owner, .publish = publish};
        int r = nft_transact(stage_publish, &context, err);

        /* The map of many is full, unless this process has no room for a file. */
        if (r != -ENFILE)
                return r;
        error_clear(err);
        context.many_is_full = true;
        return nft_transact(stage_publish, &context, err);
}
