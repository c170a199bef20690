#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft_table.h"

/* --- owners ------------------------------------------------------------------------------------------------------ */

/* FNV-1a: only to keep shortened names apart, nothing depends on its strength. */
static uint64_t text_hash(const char *text) {
        uint64_t hash = 0xcbf29ce484222325;

        for (; *text; text++)
                hash = (hash ^ (unsigned char) *text) * 0x100000001b3;
        return hash;
}

/* Appends a name, shortened when it is longer than `max` so that a comment holds all three. */
static void add_name(char comment[NFT_COMMENT_SIZE], const char *name, size_t max) {
        size_t used = strlen(comment);
        const char *space = used ? " " : "";

        if (strlen(name) <= max)
                (void) snprintf(comment + used, NFT_COMMENT_SIZE - used, "%s%s", space, name);
        else
                (void) snprintf(comment + used, NFT_COMMENT_SIZE - used, "%s%.*s~%016llx", space, (int) max - 17, name,
                                (unsigned long long) text_hash(name));
}

/* "NETWORK CONTAINER IFNAME": none of the three holds a space. */
static void owner_comment(const char *network, const char *container_id, const char *ifname,
                          char comment[NFT_COMMENT_SIZE]) {
        comment[0] = '\0';
        add_name(comment, network, 40);
        if (container_id) {
                add_name(comment, container_id, 64);
                add_name(comment, ifname, 15);
        }
}

/* True if the comment tells that the element belongs to what `owner` describes. */
static bool owner_has(const struct nft_owner *owner, const char *comment) {
        char text[NFT_COMMENT_SIZE];
        size_t size;

        if (!comment)
                return false;
        owner_comment(owner->network, owner->container_id, owner->ifname, text);
        if (owner->container_id)
                return strcmp(comment, text) == 0;
        size = strlen(text);
        if (strncmp(comment, text, size) != 0 || comment[size] != ' ')
                return false;
        for (size_t i = 0; i < owner->valid_count; i++) {
                owner_comment(owner->network, owner->valid[i].container_id, owner->valid[i].ifname, text);
                if (strcmp(comment, text) == 0)
                        return false;
        }
        return true;
}

/* --- elements that replace stale ones ---------------------------------------------------------------------------- */

static int note_element(const struct nft_element *element, void *context) {
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

        r = nft_find_element(session, set, &element->key, note_element, &old);
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

        r = nft_find_element(session, set, &element->key, note_element, &old);
        if (r == 0)
                nft_stage_elements(session, set, element, 1);
        return r < 0 ? r : 0;
}

static int kernel_error(int r, struct error *err) {
        if (r == -EINTR || r == -ERESTART)
                return r;
        return error_errno(err, -r, "cannot read the firewall rules");
}

static enum nft_set of_family(enum nft_set set, const struct cni_address *address) {
        return set + (address->family == AF_INET6);
}

/* --- masquerade -------------------------------------------------------------------------------------------------- */

struct addresses {
        const struct nft_owner *owner;
        const struct cni_address *items;
        size_t count;
        const char *link;
        enum nft_isolation isolation;
};

static int stage_masquerade(struct nft_session *session, void *context, struct error *err) {
        const struct addresses *addresses = context;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        owner_comment(addresses->owner->network, addresses->owner->container_id, addresses->owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; r >= 0 && i < addresses->count; i++) {
                const struct cni_address *address = &addresses->items[i];
                struct nft_element element = {.comment = comment};

                nft_value_add_address(&element.key, address);
                r = nft_stage_masquerade_chain(session, address, element.chain);
                if (r >= 0)
                        r = stage_replacing(session, of_family(NFT_SET_MASQUERADE, address), &element);
        }
        return r < 0 ? kernel_error(r, err) : 0;
}

int nft_masquerade_add(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                       struct error *err) {
        struct addresses context = {.owner = owner, .items = addresses, .count = count};

        return nft_transact(stage_masquerade, &context, err);
}

/* --- published ports --------------------------------------------------------------------------------------------- */

struct publishing {
        const struct nft_owner *owner;
        const struct nft_publish *publish;
};

static const struct cni_address *address_of_family(const struct nft_publish *publish, int family) {
        for (size_t i = 0; i < publish->address_count; i++)
                if (publish->addresses[i].family == family)
                        return &publish->addresses[i];
        return NULL;
}

static const char *protocol_name(uint8_t protocol) {
        return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

static bool address_is_any(const struct cni_address *address) {
        static const unsigned char zero[16];

        return !address->family || memcmp(address->bytes, zero, 16) == 0;
}

static void port_key(const struct nft_port *port, bool at_address, struct nft_value *key) {
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
                bool any = address_is_any(&port->host_address);
                struct nft_value key = {0};

                if (port->host_address.family && port->host_address.family != clash->family)
                        continue;
                port_key(port, false, &key);
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
                         protocol_name(clash->port->protocol), container, network);
        return error_hint(err, "publish another host port, or remove that container");
}

/* Asks the kernel for each port on its own, which costs the same however many are published. */
static int find_exact_clash(struct nft_session *session, struct port_clash *clash, enum nft_set set) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < clash->count; i++) {
                struct nft_value key = {0};

                port_key(&clash->ports[i], false, &key);
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
        return r < 0 ? kernel_error(r, err) : 0;
}

/* Stages the map elements of one family's ports; `at_address`: those with a host address. Returns their number. */
static size_t stage_ports(struct nft_session *session, const struct publishing *publishing,
                          const struct cni_address *container, bool at_address, const char *comment) {
        const struct nft_publish *publish = publishing->publish;
        struct nft_element *elements = xcalloc(publish->port_count, sizeof(*elements));
        size_t count = 0;

        for (size_t i = 0; i < publish->port_count; i++) {
                const struct nft_port *port = &publish->ports[i];
                const uint16_t number = htons(port->container_port);

                if (port->host_address.family && port->host_address.family != container->family)
                        continue;
                if (address_is_any(&port->host_address) == at_address)
                        continue;
                elements[count].comment = comment;
                port_key(port, at_address, &elements[count].key);
                nft_value_add_address(&elements[count].data, container);
                nft_value_add(&elements[count].data, &number, 2);
                count++;
        }
        nft_stage_elements(session, of_family(at_address ? NFT_SET_PORTS_AT : NFT_SET_PORTS, container), elements,
                           count);
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
                r = stage_replacing(session, of_family(NFT_SET_RETURNS, container), &element);
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
        const struct publishing *publishing = context;
        const struct nft_publish *publish = publishing->publish;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        owner_comment(publishing->owner->network, publishing->owner->container_id, publishing->owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                const struct cni_address *container = address_of_family(publish, both[i]);
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
                        return kernel_error(r, err);
        }
        return 0;
}

int nft_publish_add(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err) {
        struct publishing context = {.owner = owner, .publish = publish};

        return nft_transact(stage_publish, &context, err);
}

/* --- forwarding -------------------------------------------------------------------------------------------------- */

/* The sets of links that do not forward to each other. */
static int stage_isolation_links(struct nft_session *session, const struct addresses *addresses) {
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
        const struct addresses *addresses = context;
        char comment[NFT_COMMENT_SIZE];
        int r = 0;

        owner_comment(addresses->owner->network, addresses->owner->container_id, addresses->owner->ifname, comment);
        nft_stage_table(session);
        for (size_t i = 0; r >= 0 && i < addresses->count; i++) {
                struct nft_element element = {.comment = comment};

                nft_value_add_link(&element.key, addresses->link);
                nft_value_add_address(&element.key, &addresses->items[i]);
                r = stage_replacing(session, of_family(NFT_SET_FORWARD, &addresses->items[i]), &element);
        }
        if (r >= 0)
                r = stage_isolation_links(session, addresses);
        if (r >= 0)
                r = nft_host_accept(session, addresses->link);
        return r < 0 ? kernel_error(r, err) : 0;
}

int nft_forward_add(const struct nft_owner *owner, const char *link, const struct cni_address *addresses, size_t count,
                    enum nft_isolation isolation, struct error *err) {
        struct addresses context = {
                .owner = owner, .items = addresses, .count = count, .link = link, .isolation = isolation};

        return nft_transact(stage_forward, &context, err);
}

/* --- release ----------------------------------------------------------------------------------------------------- */

/* The part of the rules each owned set belongs to. */
static const unsigned int set_parts[NFT_SET_OWNED] = {
        [NFT_SET_MASQUERADE] = NFT_PART_MASQUERADE, [NFT_SET_MASQUERADE6] = NFT_PART_MASQUERADE,
        [NFT_SET_PORTS] = NFT_PART_PUBLISH,         [NFT_SET_PORTS6] = NFT_PART_PUBLISH,
        [NFT_SET_PORTS_AT] = NFT_PART_PUBLISH,      [NFT_SET_PORTS_AT6] = NFT_PART_PUBLISH,
        [NFT_SET_RETURNS] = NFT_PART_PUBLISH,       [NFT_SET_RETURNS6] = NFT_PART_PUBLISH,
        [NFT_SET_FORWARD] = NFT_PART_FORWARD,       [NFT_SET_FORWARD6] = NFT_PART_FORWARD,
        [NFT_SET_PUBLISHERS] = NFT_PART_PUBLISH,
};

struct release {
        const struct nft_owner *owner;
        unsigned int parts;
        struct str_list *unpublished;
        enum nft_set set; /* the one that is being read */
        struct {
                struct nft_element *items;
                size_t count;
                size_t room;
        } removed[NFT_SET_OWNED];
        size_t kept;
        struct str_list chains_kept; /* chains that remaining elements jump to */
        struct str_list chains_left; /* chains that removed elements jumped to */
        /* Links of remaining and removed elements: [0] of the forward sets, [1] of the publishers. */
        struct str_list links_kept[2];
        struct str_list links_left[2];
};

static void release_reset(struct release *release) {
        for (size_t i = 0; i < NFT_SET_OWNED; i++) {
                free(release->removed[i].items);
                memset(&release->removed[i], 0, sizeof(release->removed[i]));
        }
        release->kept = 0;
        str_list_free(&release->chains_kept);
        str_list_free(&release->chains_left);
        for (size_t i = 0; i < 2; i++) {
                str_list_free(&release->links_kept[i]);
                str_list_free(&release->links_left[i]);
        }
}

#define _cleanup_release_ _cleanup_(release_reset)

static void add_once(struct str_list *list, const char *text) {
        if (text[0] && !str_list_contains(list, text))
                str_list_add(list, text);
}

static void note_removed(struct release *release, const struct nft_element *element) {
        size_t *count = &release->removed[release->set].count, *room = &release->removed[release->set].room;
        struct nft_element **items = &release->removed[release->set].items;

        if (*count == *room) {
                *room = *room ? 2 * *room : 8;
                *items = xrealloc(*items, *room, sizeof(**items));
        }
        (*items)[*count] = *element;
        /* The comment goes with the buffer it was read into. */
        (*items)[(*count)++].comment = NULL;
}

static int sort_element(const struct nft_element *element, void *context) {
        struct release *release = context;
        bool removed = set_parts[release->set] & release->parts && owner_has(release->owner, element->comment);
        bool forward = release->set == NFT_SET_FORWARD || release->set == NFT_SET_FORWARD6;

        if (removed)
                note_removed(release, element);
        else
                release->kept++;
        add_once(removed ? &release->chains_left : &release->chains_kept, element->chain);
        if (forward || release->set == NFT_SET_PUBLISHERS) {
                struct str_list *links = removed ? release->links_left : release->links_kept;
                char link[NFT_IFNAME_SIZE + 1] = {0};

                memcpy(link, element->key.bytes, NFT_IFNAME_SIZE);
                add_once(&links[forward ? 0 : 1], link);
        }
        return 0;
}

/* Reads the owned sets that belong to the parts, or all the others. */
static int sort_sets(struct nft_session *session, struct release *release, bool within_parts) {
        int r = 0;

        for (enum nft_set set = 0; r >= 0 && set < NFT_SET_OWNED; set++) {
                release->set = set;
                if (!!(set_parts[set] & release->parts) == within_parts)
                        r = nft_read_elements(session, set, sort_element, release);
        }
        return r;
}

static int delete_if_there(struct nft_session *session, enum nft_set set, const struct nft_element *element) {
        struct nft_element old;
        int r = nft_find_element(session, set, &element->key, note_element, &old);

        if (r > 0)
                nft_stage_delete_elements(session, set, element, 1);
        return r < 0 ? r : 0;
}

/* The last attachment behind a link is gone. */
static int stage_forget_link(struct nft_session *session, const char *link) {
        struct nft_element element = {0};
        int r;

        nft_value_add_link(&element.key, link);
        r = delete_if_there(session, NFT_SET_ISOLATED, &element);
        nft_value_add_link(&element.key, link);
        if (r >= 0)
                r = delete_if_there(session, NFT_SET_TOGETHER, &element);
        return r;
}

/* Stages what has to go while other attachments remain. */
static int stage_removal(struct nft_session *session, const struct release *release) {
        int r = 0;

        for (enum nft_set set = 0; set < NFT_SET_OWNED; set++)
                nft_stage_delete_elements(session, set, release->removed[set].items, release->removed[set].count);
        for (size_t i = 0; i < release->chains_left.count; i++) {
                const char *chain = release->chains_left.items[i];

                if (!str_list_contains(&release->chains_kept, chain) && !str_equal(chain, NFT_CHAIN_MASQUERADE_ALL))
                        nft_stage_delete_chain(session, chain);
        }
        for (size_t i = 0; r >= 0 && i < release->links_left[0].count; i++)
                if (!str_list_contains(&release->links_kept[0], release->links_left[0].items[i]))
                        r = stage_forget_link(session, release->links_left[0].items[i]);
        for (size_t i = 0; r >= 0 && i < release->links_left[1].count; i++) {
                struct nft_element element = {0};

                if (str_list_contains(&release->links_kept[1], release->links_left[1].items[i]))
                        continue;
                nft_value_add_link(&element.key, release->links_left[1].items[i]);
                r = delete_if_there(session, NFT_SET_LOCALNET, &element);
        }
        return r;
}

static int stage_release(struct nft_session *session, void *context, struct error *err) {
        struct release *release = context;
        int r;

        release_reset(release);
        if (!session->has_table)
                return 0;
        r = sort_sets(session, release, true);
        if (r >= 0 && release->kept == 0)
                r = sort_sets(session, release, false);
        if (r >= 0 && release->kept == 0)
                nft_stage_delete_table(session);
        else if (r >= 0)
                r = stage_removal(session, release);
        for (size_t i = 0; r >= 0 && i < release->links_left[0].count; i++)
                if (!str_list_contains(&release->links_kept[0], release->links_left[0].items[i]))
                        r = nft_host_forget(session, release->links_left[0].items[i]);
        return r < 0 ? kernel_error(r, err) : 0;
}

int nft_release(const struct nft_owner *owner, unsigned int parts, struct str_list *unpublished, struct error *err) {
        _cleanup_release_ struct release context = {.owner = owner, .parts = parts};
        int r;

        r = nft_transact(stage_release, &context, err);
        for (size_t i = 0; r >= 0 && unpublished && i < context.links_left[1].count; i++)
                if (!str_list_contains(&context.links_kept[1], context.links_left[1].items[i]))
                        str_list_add(unpublished, context.links_left[1].items[i]);
        return r;
}

/* --- check ------------------------------------------------------------------------------------------------------- */

/* Whether an element is there and, for a map, leads where it should. */
struct expectation {
        const struct nft_owner *owner;
        const struct nft_element *element;
        bool met;
};

static int compare_expected(const struct nft_element *element, void *context) {
        struct expectation *expectation = context;
        const struct nft_value *wanted = &expectation->element->data;

        expectation->met = owner_has(expectation->owner, element->comment) &&
                           (wanted->size == 0 || (wanted->size == element->data.size &&
                                                  memcmp(wanted->bytes, element->data.bytes, wanted->size) == 0));
        return 0;
}

static int expect_element(struct nft_session *session, const struct nft_owner *owner, enum nft_set set,
                          const struct nft_element *element, struct error *err) {
        struct expectation expectation = {.owner = owner, .element = element};
        int r;

        r = nft_find_element(session, set, &element->key, compare_expected, &expectation);
        if (r < 0)
                return kernel_error(r, err);
        return expectation.met ? 0 : -ENOENT;
}

static int missing(struct error *err, const char *what, const struct cni_address *address) {
        char text[CNI_ADDRESS_SIZE];

        (void) error_set(err, ENOENT, "the %s of %s is gone from the firewall rules", what,
                         cni_address_text(address, text));
        return error_hint(err, "another program changed table inet " NFT_TABLE "; attach the container anew");
}

static int check_masquerade(struct nft_session *session, void *context, struct error *err) {
        const struct addresses *addresses = context;

        for (size_t i = 0; i < addresses->count; i++) {
                const struct cni_address *address = &addresses->items[i];
                struct nft_element element = {0};
                int r;

                nft_value_add_address(&element.key, address);
                r = expect_element(session, addresses->owner, of_family(NFT_SET_MASQUERADE, address), &element, err);
                if (r == -ENOENT)
                        return missing(err, "masquerade", address);
                if (r < 0)
                        return r;
        }
        return 0;
}

int nft_masquerade_check(const struct nft_owner *owner, const struct cni_address *addresses, size_t count,
                         struct error *err) {
        struct addresses context = {.owner = owner, .items = addresses, .count = count};

        return nft_inspect(check_masquerade, &context, err);
}

static int check_publish(struct nft_session *session, void *context, struct error *err) {
        const struct publishing *publishing = context;
        const struct nft_publish *publish = publishing->publish;

        for (size_t i = 0; i < publish->port_count * 2; i++) {
                const struct nft_port *port = &publish->ports[i / 2];
                const struct cni_address *container = address_of_family(publish, i % 2 ? AF_INET6 : AF_INET);
                bool at_address = !address_is_any(&port->host_address);
                const uint16_t number = htons(port->container_port);
                struct nft_element element = {0};
                int r;

                if (!container || (port->host_address.family && port->host_address.family != container->family))
                        continue;
                port_key(port, at_address, &element.key);
                nft_value_add_address(&element.data, container);
                nft_value_add(&element.data, &number, 2);
                r = expect_element(session, publishing->owner,
                                   of_family(at_address ? NFT_SET_PORTS_AT : NFT_SET_PORTS, container), &element, err);
                if (r == -ENOENT) {
                        (void) error_set(err, ENOENT, "host port %u/%s is not published to the container any more",
                                         port->host_port, protocol_name(port->protocol));
                        return error_hint(err, "another program changed table inet " NFT_TABLE
                                               "; attach the container anew");
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int nft_publish_check(const struct nft_owner *owner, const struct nft_publish *publish, struct error *err) {
        struct publishing context = {.owner = owner, .publish = publish};

        return nft_inspect(check_publish, &context, err);
}

static int check_forward(struct nft_session *session, void *context, struct error *err) {
        const struct addresses *addresses = context;
        int r;

        for (size_t i = 0; i < addresses->count; i++) {
                struct nft_element element = {0};

                nft_value_add_link(&element.key, addresses->link);
                nft_value_add_address(&element.key, &addresses->items[i]);
                r = expect_element(session, addresses->owner, of_family(NFT_SET_FORWARD, &addresses->items[i]),
                                   &element, err);
                if (r == -ENOENT)
                        return missing(err, "forwarding", &addresses->items[i]);
                if (r < 0)
                        return r;
        }
        r = nft_host_lacks(session, addresses->link);
        if (r > 0) {
                (void) error_set(err, ENOENT, "the host drops forwarded packets, and the accept for %s is gone",
                                 addresses->link);
                return error_hint(err, "the host's firewall was loaded anew; attach the container anew");
        }
        return r < 0 ? kernel_error(r, err) : 0;
}

int nft_forward_check(const struct nft_owner *owner, const char *link, const struct cni_address *addresses,
                      size_t count, struct error *err) {
        struct addresses context = {.owner = owner, .items = addresses, .count = count, .link = link};

        return nft_inspect(check_forward, &context, err);
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
