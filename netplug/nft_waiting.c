/*
 * Ports of a container that is in several networks: engines publish them in each, and the attachment that came first
 * has them. Those of the others wait in a map that no rule asks, and take over when it goes.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft_table.h"

void nft_waiting_element(const struct nft_port *port, const struct cni_address *container,
                         struct nft_element *element) {
        const struct cni_address everywhere = {.family = container->family};
        const uint16_t last = htons(nft_port_last(port)), first = htons(port->host_port),
                       inside = htons(port->container_port);

        nft_value_add_address(&element->key,
                              nft_port_is_anywhere(&port->host_address) ? &everywhere : &port->host_address);
        nft_value_add(&element->key, &port->protocol, 1);
        element->key_last = element->key;
        nft_value_add(&element->key, &first, 2);
        nft_value_add(&element->key_last, &last, 2);
        nft_value_add(&element->key, &inside, 2);
        nft_value_add(&element->key_last, &inside, 2);
        nft_value_add_address(&element->key, container);
        nft_value_add_address(&element->key_last, container);
}

static uint16_t number_at(const struct nft_value *value, size_t offset) {
        uint16_t number;

        memcpy(&number, value->bytes + offset, sizeof(number));
        return ntohs(number);
}

/* nft_waiting_element() backwards. */
static void read_element(const struct nft_element *element, int family, struct nft_port *port,
                         struct cni_address *container) {
        const size_t size = family == AF_INET6 ? 16 : 4;
        const struct nft_value *last = element->key_last.size ? &element->key_last : &element->key;

        *container = (struct cni_address){.family = family, .prefix = (unsigned) size * 8};
        memcpy(container->bytes, element->key.bytes + size + 12, size);
        *port = (struct nft_port){.protocol = element->key.bytes[size],
                                  .host_port = number_at(&element->key, size + 4),
                                  .last_port = number_at(last, size + 4),
                                  .container_port = number_at(&element->key, size + 8),
                                  .host_address = {.family = family, .prefix = (unsigned) size * 8}};
        memcpy(port->host_address.bytes, element->key.bytes, size);
}

void nft_waiters_add(struct nft_waiters *waiters, const struct nft_element *element) {
        struct nft_waiting *waiting;

        waiters->items = xrealloc(waiters->items, waiters->count + 1, sizeof(*waiters->items));
        waiting = &waiters->items[waiters->count++];
        waiting->element = *element;
        waiting->element.comment = NULL;
        (void) snprintf(waiting->comment, sizeof(waiting->comment), "%s", element->comment ? element->comment : "");
}

void nft_waiters_free(struct nft_waiters *waiters) {
        free(waiters->items);
        *waiters = (struct nft_waiters){0};
}

static bool have_address_in_common(const struct nft_port *a, const struct nft_port *b) {
        return nft_port_is_anywhere(&a->host_address) || nft_port_is_anywhere(&b->host_address) ||
               memcmp(a->host_address.bytes, b->host_address.bytes, sizeof(a->host_address.bytes)) == 0;
}

static bool overlap(const struct nft_port *a, const struct nft_port *b) {
        return a->protocol == b->protocol && a->host_port <= nft_port_last(b) && b->host_port <= nft_port_last(a) &&
               have_address_in_common(a, b);
}

static bool overlap_any(const struct nft_port *port, const struct nft_port *others, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (overlap(port, &others[i]))
                        return true;
        return false;
}

/* A port that is published, or will be. */
struct taken_port {
        struct nft_port port;
        char comment[NFT_COMMENT_SIZE];
};

/* What is promoted in one transaction. */
struct succession {
        struct nft_session *session;
        const struct nft_waiters *waiters;
        const struct nft_owner_texts *gone;
        enum nft_set offset; /* of the family's sets */
        enum nft_set set;    /* the one that is being read */
        int family;
        struct taken_port *taken;
        size_t taken_count;
};

static void take(struct succession *succession, const struct nft_port *port, const char *comment) {
        struct taken_port *taken;

        succession->taken = xrealloc(succession->taken, succession->taken_count + 1, sizeof(*taken));
        taken = &succession->taken[succession->taken_count++];
        taken->port = *port;
        (void) snprintf(taken->comment, sizeof(taken->comment), "%s", comment);
}

/* A port that stays published: a part of what waits may have become another container's meanwhile. */
static int note_taken(const struct nft_element *element, void *context) {
        struct succession *succession = context;
        struct nft_port held;

        if (nft_owner_texts_have(succession->gone, element->comment))
                return 0;
        nft_port_of_element(succession->set, element, &held);
        for (size_t i = 0; i < succession->waiters->count; i++) {
                struct cni_address container;
                struct nft_port port;

                read_element(&succession->waiters->items[i].element, succession->family, &port, &container);
                if (overlap(&port, &held)) {
                        take(succession, &held, element->comment ? element->comment : "");
                        break;
                }
        }
        return 0;
}

/* True if another attachment has the port or takes it; `gated`: this one does at all addresses, and has the gate. */
static bool is_taken(const struct succession *succession, const struct nft_port *port, const char *comment,
                     bool *gated) {
        for (size_t i = 0; i < succession->taken_count; i++) {
                const struct taken_port *taken = &succession->taken[i];

                if (!overlap(port, &taken->port))
                        continue;
                if (strcmp(taken->comment, comment) != 0)
                        return true;
                *gated |= nft_port_is_anywhere(&taken->port.host_address);
        }
        return false;
}

static void promote(struct succession *succession, const struct nft_waiting *waiting) {
        struct nft_element element = {.comment = waiting->comment}, gate = element;
        struct cni_address container;
        struct nft_port port;
        bool gated = !waiting->element.chain[0];
        enum nft_set set;

        read_element(&waiting->element, succession->family, &port, &container);
        if (is_taken(succession, &port, waiting->comment, &gated))
                return;
        take(succession, &port, waiting->comment);
        nft_stage_delete_elements(succession->session, NFT_SET_WAITING + succession->offset, &waiting->element, 1);
        set = nft_port_element(&port, &container, &element);
        nft_stage_elements(succession->session, set, &element, 1);
        if (gated)
                return;
        nft_gate_element(&port, &container, &gate);
        (void) snprintf(gate.chain, sizeof(gate.chain), "%s", waiting->element.chain);
        nft_stage_elements(succession->session, NFT_SET_GATES + succession->offset, &gate, 1);
}

int nft_stage_successors(struct nft_session *session, const struct nft_waiters *waiters, int family,
                         const struct nft_port *freed, size_t freed_count, const struct nft_owner_texts *gone) {
        static const enum nft_set maps[] = {NFT_SET_PORTS, NFT_SET_SAME, NFT_SET_MANY, NFT_SET_PORTS_AT,
                                            NFT_SET_SAME_AT};
        struct succession succession = {
                .session = session, .waiters = waiters, .gone = gone, .offset = family == AF_INET6, .family = family};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(maps); i++) {
                succession.set = maps[i] + succession.offset;
                r = nft_read_elements(session, succession.set, note_taken, &succession);
        }
        /* What is published everywhere first: its gate is that of what is published at an address, too. */
        for (int pass = 0; r >= 0 && pass < 2; pass++)
                for (size_t i = 0; i < waiters->count; i++) {
                        struct cni_address container;
                        struct nft_port port;

                        read_element(&waiters->items[i].element, family, &port, &container);
                        if (nft_port_is_anywhere(&port.host_address) == (pass == 0) &&
                            overlap_any(&port, freed, freed_count))
                                promote(&succession, &waiters->items[i]);
                }
        free(succession.taken);
        return r;
}
