/* Taking rules out: what an owner has, and what nobody needs any more after that. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft.h"
#include "nft_table.h"

/* Of one set, until two agree. */
#define READINGS_MAX 16

/* The part of the rules each owned set belongs to. */
static const unsigned int set_parts[NFT_SET_OWNED] = {
        [NFT_SET_MASQUERADE] = NFT_PART_MASQUERADE, [NFT_SET_MASQUERADE6] = NFT_PART_MASQUERADE,
        [NFT_SET_PORTS] = NFT_PART_PUBLISH,         [NFT_SET_PORTS6] = NFT_PART_PUBLISH,
        [NFT_SET_PORTS_AT] = NFT_PART_PUBLISH,      [NFT_SET_PORTS_AT6] = NFT_PART_PUBLISH,
        [NFT_SET_SAME] = NFT_PART_PUBLISH,          [NFT_SET_SAME6] = NFT_PART_PUBLISH,
        [NFT_SET_SAME_AT] = NFT_PART_PUBLISH,       [NFT_SET_SAME_AT6] = NFT_PART_PUBLISH,
        [NFT_SET_MANY] = NFT_PART_PUBLISH,          [NFT_SET_MANY6] = NFT_PART_PUBLISH,
        [NFT_SET_GATES] = NFT_PART_PUBLISH,         [NFT_SET_GATES6] = NFT_PART_PUBLISH,
        [NFT_SET_RETURNS] = NFT_PART_PUBLISH,       [NFT_SET_RETURNS6] = NFT_PART_PUBLISH,
        [NFT_SET_FORWARD] = NFT_PART_FORWARD,       [NFT_SET_FORWARD6] = NFT_PART_FORWARD,
        [NFT_SET_PUBLISHERS] = NFT_PART_PUBLISH,    [NFT_SET_WAITING] = NFT_PART_PUBLISH,
        [NFT_SET_WAITING6] = NFT_PART_PUBLISH,
};

struct release {
        struct nft_owner_texts texts;
        unsigned int parts;
        enum nft_set set; /* the one that is being read */
        struct {
                struct nft_element *items;
                size_t count;
                size_t room;
        } removed[NFT_SET_OWNED];
        size_t kept[NFT_SET_OWNED];
        struct nft_waiters waiting[2];
        uint64_t digest;             /* of the keys of the set that is being read, in whatever order */
        struct str_list chains_kept; /* chains that remaining elements jump to */
        struct str_list chains_left; /* chains that removed elements jumped to */
        /* Links of remaining and removed elements: [0] of the forward sets (or other passes), [1] of the publishers. */
        struct str_list links_kept[2];
        struct str_list links_left[2];
        nft_localnet_switch localnet; /* may be NULL */
        struct str_list switched_off; /* links whose route_localnet this release took back */
};

static void release_reset(struct release *release) {
        for (size_t i = 0; i < NFT_SET_OWNED; i++) {
                free(release->removed[i].items);
                memset(&release->removed[i], 0, sizeof(release->removed[i]));
        }
        memset(release->kept, 0, sizeof(release->kept));
        nft_waiters_free(&release->waiting[0]);
        nft_waiters_free(&release->waiting[1]);
        str_list_free(&release->chains_kept);
        str_list_free(&release->chains_left);
        for (size_t i = 0; i < 2; i++) {
                str_list_free(&release->links_kept[i]);
                str_list_free(&release->links_left[i]);
        }
}

static void release_free(struct release *release) {
        release_reset(release);
        str_list_free(&release->switched_off);
        nft_owner_texts_free(&release->texts);
}

#define _cleanup_release_ _cleanup_(release_free)

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
        bool removed =
                set_parts[release->set] & release->parts && nft_owner_texts_have(&release->texts, element->comment);
        bool forward = release->set == NFT_SET_FORWARD || release->set == NFT_SET_FORWARD6;

        if (removed)
                note_removed(release, element);
        else
                release->kept[release->set]++;
        if (!removed && nft_set_waits(release->set))
                nft_waiters_add(&release->waiting[release->set - NFT_SET_WAITING], element);
        release->digest += str_hash(element->key.bytes, element->key.size);
        str_list_add_once(removed ? &release->chains_left : &release->chains_kept, element->chain);
        if (forward || release->set == NFT_SET_PUBLISHERS) {
                struct str_list *links = removed ? release->links_left : release->links_kept;
                char name[64];

                nft_pass_of_element(release->set, element, name);
                str_list_add_once(&links[forward ? 0 : 1], name);
        }
        return 0;
}

/*
 * Reads a set until two readings agree. The kernel hands out a large one in pieces, and enlarges or shrinks its table
 * in between, which is no change of the rules it would tell of: elements come twice then, or not at all.
 */
static int sort_set(struct nft_session *session, struct release *release, enum nft_set set) {
        uint64_t before;
        int r = 0;

        release->set = set;
        release->digest = 0;
        for (int reading = 0; r >= 0 && reading < READINGS_MAX; reading++) {
                before = release->digest;
                release->digest = release->kept[set] = release->removed[set].count = 0;
                if (nft_set_waits(set))
                        release->waiting[set - NFT_SET_WAITING].count = 0;
                r = nft_read_elements(session, set, sort_element, release);
                if (reading > 0 && release->digest == before)
                        return r;
        }
        return r < 0 ? r : -ERESTART;
}

static size_t count_kept(const struct release *release) {
        size_t count = 0;

        for (enum nft_set set = 0; set < NFT_SET_OWNED; set++)
                count += release->kept[set];
        return count;
}

/* Reads the owned sets that belong to the parts, or all the others. */
static int sort_sets(struct nft_session *session, struct release *release, bool within_parts) {
        int r = 0;

        for (enum nft_set set = 0; r >= 0 && set < NFT_SET_OWNED; set++)
                if (!!(set_parts[set] & release->parts) == within_parts)
                        r = sort_set(session, release, set);
        return r;
}

/* The last attachment behind a link is gone. */
static int stage_forget_link(struct nft_session *session, const char *link) {
        struct nft_element element = {0};
        int r;

        nft_value_add_link(&element.key, link);
        r = nft_stage_removed(session, NFT_SET_ISOLATED, &element);
        nft_value_add_link(&element.key, link);
        if (r >= 0)
                r = nft_stage_removed(session, NFT_SET_TOGETHER, &element);
        return r;
}

static bool is_forgotten(const struct release *release, const char *link) {
        return str_list_contains(&release->links_left[0], link) && !str_list_contains(&release->links_kept[0], link);
}

struct isolated {
        const struct release *release;
        size_t forgotten, kept;
};

static int count_isolated(const struct nft_element *element, void *context) {
        struct isolated *isolated = context;
        char link[NFT_IFNAME_SIZE + 1] = {0};

        memcpy(link, element->key.bytes, NFT_IFNAME_SIZE);
        if (is_forgotten(isolated->release, link))
                isolated->forgotten++;
        else
                isolated->kept++;
        return 0;
}

/* With the last isolated link the chains go that keep such links apart. */
static int stage_end_of_isolation(struct nft_session *session, const struct release *release) {
        struct isolated isolated = {.release = release};
        int r = nft_read_elements(session, NFT_SET_ISOLATED, count_isolated, &isolated);

        if (r >= 0 && isolated.forgotten > 0 && isolated.kept == 0)
                nft_stage_delete_isolation_chains(session);
        return r;
}

/* The ports that are taken out, of one family (0: IPv4) or both (-1). The caller frees them. */
static struct nft_port *removed_ports(const struct release *release, int only, size_t *count) {
        struct nft_port *ports;
        size_t room = 0;

        for (enum nft_set set = NFT_SET_PORTS; set <= NFT_SET_MANY6; set++)
                room += release->removed[set].count;
        ports = xcalloc(room, sizeof(*ports));
        *count = 0;
        for (enum nft_set set = NFT_SET_PORTS; set <= NFT_SET_MANY6; set++)
                for (size_t i = 0; i < release->removed[set].count && (only < 0 || set % 2 == (unsigned) only); i++)
                        nft_port_of_element(set, &release->removed[set].items[i], &ports[(*count)++]);
        return ports;
}

static int stage_successors(struct nft_session *session, struct release *release) {
        int r = 0;

        for (int family = 0; r >= 0 && family < 2; family++) {
                _cleanup_free_ struct nft_port *freed = NULL;
                size_t count;

                if (release->waiting[family].count == 0)
                        continue;
                freed = removed_ports(release, family, &count);
                if (count > 0)
                        r = nft_stage_successors(session, &release->waiting[family], family ? AF_INET6 : AF_INET, freed,
                                                 count, &release->texts);
        }
        return r;
}

/* Stages what has to go while other attachments remain. */
static int stage_removal(struct nft_session *session, struct release *release) {
        int r;

        for (enum nft_set set = 0; set < NFT_SET_OWNED; set++)
                nft_stage_delete_elements(session, set, release->removed[set].items, release->removed[set].count);
        r = stage_successors(session, release);
        for (size_t i = 0; r >= 0 && i < release->chains_left.count; i++) {
                const char *chain = release->chains_left.items[i];

                if (!str_list_contains(&release->chains_kept, chain) && !str_equal(chain, NFT_CHAIN_MASQUERADE_ALL))
                        nft_stage_delete_chain(session, chain);
        }
        for (size_t i = 0; r >= 0 && i < release->links_left[0].count; i++)
                if (is_forgotten(release, release->links_left[0].items[i]))
                        r = stage_forget_link(session, release->links_left[0].items[i]);
        if (r >= 0 && release->links_left[0].count > 0)
                r = stage_end_of_isolation(session, release);
        for (size_t i = 0; r >= 0 && i < release->links_left[1].count; i++) {
                struct nft_element element = {0};

                if (str_list_contains(&release->links_kept[1], release->links_left[1].items[i]))
                        continue;
                nft_value_add_link(&element.key, release->links_left[1].items[i]);
                r = nft_stage_removed(session, NFT_SET_LOCALNET, &element);
        }
        return r;
}

/*
 * The setting goes before the guard does, which goes with this transaction. Where that fails because somebody published
 * a port meanwhile, it is set again.
 */
static void switch_localnet(struct release *release) {
        const struct str_list *kept = &release->links_kept[1], *left = &release->links_left[1];

        for (size_t i = 0; i < release->switched_off.count; i++)
                if (str_list_contains(kept, release->switched_off.items[i]))
                        release->localnet(release->switched_off.items[i], true);
        for (size_t i = 0; i < left->count; i++)
                if (!str_list_contains(kept, left->items[i])) {
                        release->localnet(left->items[i], false);
                        str_list_add_once(&release->switched_off, left->items[i]);
                }
}

static int stage_release(struct nft_session *session, void *context, struct error *err) {
        _cleanup_str_list_ struct str_list forgotten = {0};
        struct release *release = context;
        int r;

        release_reset(release);
        if (!session->has_table) {
                /* By somebody's hand, perhaps: then nobody has accepts any more. */
                r = release->parts & NFT_PART_FORWARD ? nft_host_forget(session, NULL) : 0;
                return r < 0 ? nft_kernel_error(r, err) : 0;
        }
        r = sort_sets(session, release, true);
        if (r >= 0 && count_kept(release) == 0)
                r = sort_sets(session, release, false);
        if (r >= 0 && count_kept(release) == 0)
                nft_stage_delete_table(session);
        else if (r >= 0)
                r = stage_removal(session, release);
        for (size_t i = 0; i < release->links_left[0].count; i++)
                if (is_forgotten(release, release->links_left[0].items[i]))
                        str_list_add(&forgotten, release->links_left[0].items[i]);
        if (r >= 0 && forgotten.count > 0)
                r = nft_host_forget(session, &forgotten);
        if (r >= 0 && release->localnet)
                switch_localnet(release);
        return r < 0 ? nft_kernel_error(r, err) : 0;
}

void nft_released_free(struct nft_released *released) {
        free(released->ports);
}

int nft_release(const struct nft_owner *owner, unsigned int parts, struct nft_released *released, struct error *err) {
        _cleanup_release_ struct release context = {.parts = parts, .localnet = released ? released->localnet : NULL};
        int r;

        nft_owner_texts_make(owner, &context.texts);
        r = nft_transact(stage_release, &context, err);
        for (size_t i = 0; r < 0 && i < context.switched_off.count; i++)
                context.localnet(context.switched_off.items[i], true);
        if (r >= 0 && released)
                released->ports = removed_ports(&context, -1, &released->port_count);
        return r;
}
