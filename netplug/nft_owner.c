/* Whose an element is: the comment it carries. */
#include <stdio.h>
#include <string.h>

#include "nft_table.h"

/* FNV-1a: only to keep shortened names apart, nothing depends on its strength. */
uint64_t nft_hash(const char *text) {
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
                                (unsigned long long) nft_hash(name));
}

/* "NETWORK CONTAINER IFNAME": none of the three holds a space. */
void nft_owner_comment(const char *network, const char *container_id, const char *ifname,
                       char comment[NFT_COMMENT_SIZE]) {
        comment[0] = '\0';
        add_name(comment, network, 40);
        if (container_id) {
                add_name(comment, container_id, 64);
                add_name(comment, ifname, 15);
        }
}

/* True if the comment tells that the element belongs to what `owner` describes. */
bool nft_owner_has(const struct nft_owner *owner, const char *comment) {
        char text[NFT_COMMENT_SIZE];
        size_t size;

        if (!comment)
                return false;
        nft_owner_comment(owner->network, owner->container_id, owner->ifname, text);
        if (owner->container_id)
                return strcmp(comment, text) == 0;
        size = strlen(text);
        if (strncmp(comment, text, size) != 0 || comment[size] != ' ')
                return false;
        for (size_t i = 0; i < owner->valid_count; i++) {
                nft_owner_comment(owner->network, owner->valid[i].container_id, owner->valid[i].ifname, text);
                if (strcmp(comment, text) == 0)
                        return false;
        }
        return true;
}
