/* What the rules hold, for those who look. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft.h"
#include "nft_table.h"

static const struct {
        enum nft_set set;
        int kind;
} sources[] = {
        {NFT_SET_MASQUERADE, NFT_MASQUERADED}, {NFT_SET_MASQUERADE6, NFT_MASQUERADED},
        {NFT_SET_PORTS, NFT_PUBLISHED},        {NFT_SET_PORTS6, NFT_PUBLISHED},
        {NFT_SET_PORTS_AT, NFT_PUBLISHED},     {NFT_SET_PORTS_AT6, NFT_PUBLISHED},
        {NFT_SET_SAME, NFT_PUBLISHED},         {NFT_SET_SAME6, NFT_PUBLISHED},
        {NFT_SET_SAME_AT, NFT_PUBLISHED},      {NFT_SET_SAME_AT6, NFT_PUBLISHED},
        {NFT_SET_MANY, NFT_PUBLISHED},         {NFT_SET_MANY6, NFT_PUBLISHED},
        {NFT_SET_FORWARD, NFT_FORWARDED},      {NFT_SET_FORWARD6, NFT_FORWARDED},
};

struct listing {
        nft_fact_handler handler;
        void *context;
        size_t source;
};

static void read_address(struct cni_address *out, const unsigned char *bytes, bool is_v6) {
        *out = (struct cni_address){.family = is_v6 ? AF_INET6 : AF_INET, .prefix = is_v6 ? 128 : 32};
        memcpy(out->bytes, bytes, is_v6 ? 16 : 4);
}

static int tell(const struct nft_element *element, void *context) {
        char network[NFT_COMMENT_SIZE] = "", container[NFT_COMMENT_SIZE] = "", ifname[NFT_COMMENT_SIZE] = "";
        char link[NFT_IFNAME_SIZE + 1] = {0};
        const struct listing *listing = context;
        const bool is_v6 = listing->source % 2;
        struct nft_fact fact = {.kind = sources[listing->source].kind,
                                .network = network,
                                .container_id = container,
                                .ifname = ifname,
                                .link = link};

        if (!element->comment || sscanf(element->comment, "%127s %127s %127s", network, container, ifname) != 3)
                return 0;
        switch (fact.kind) {
        case NFT_PUBLISHED:
                nft_port_of_element(sources[listing->source].set, element, &fact.port);
                read_address(&fact.address, element->data.bytes, is_v6);
                break;
        case NFT_FORWARDED:
                memcpy(link, element->key.bytes, NFT_IFNAME_SIZE);
                read_address(&fact.address, element->key.bytes + NFT_IFNAME_SIZE, is_v6);
                break;
        case NFT_MASQUERADED:
                read_address(&fact.address, element->key.bytes, is_v6);
                break;
        }
        return listing->handler(&fact, listing->context);
}

static int list_sets(struct nft_session *session, void *context, struct error *err) {
        struct listing *listing = context;
        int r = 0;

        for (listing->source = 0; r >= 0 && listing->source < ARRAY_SIZE(sources); listing->source++)
                r = nft_read_elements(session, sources[listing->source].set, tell, listing);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

int nft_list(nft_fact_handler handler, void *context, struct error *err) {
        struct listing listing = {.handler = handler, .context = context};

        return nft_inspect(list_sets, &listing, err);
}
