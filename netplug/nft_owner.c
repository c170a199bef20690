/* Whose an element is: the comment it carries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "nft_table.h"

/* Appends a name, shortened when it is longer than `max` so that a comment holds all three. */
static void add_name(char comment[NFT_COMMENT_SIZE], const char *name, size_t max) {
        _cleanup_free_ char *shortened = str_shorten(name, max);
        size_t used = strlen(comment);

        (void) snprintf(comment + used, NFT_COMMENT_SIZE - used, "%s%s", used ? " " : "", shortened);
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

bool nft_owner_is_container(const char *comment, const char *container_id) {
        const char *second = comment ? strchr(comment, ' ') : NULL;
        char name[NFT_COMMENT_SIZE] = "";
        size_t size;

        add_name(name, container_id, 64);
        size = strlen(name);
        return second && strncmp(second + 1, name, size) == 0 && second[1 + size] == ' ';
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void nft_owner_texts_make(const struct nft_owner *owner, struct nft_owner_texts *out) {
        char text[NFT_COMMENT_SIZE];

        *out = (struct nft_owner_texts){.whole = owner->container_id};
        nft_owner_comment(owner->network, owner->container_id, owner->ifname, out->own);
        for (size_t i = 0; i < owner->valid_count; i++) {
                nft_owner_comment(owner->network, owner->valid[i].container_id, owner->valid[i].ifname, text);
                str_list_add(&out->valid, text);
        }
        if (out->valid.count > 0)
                qsort(out->valid.items, out->valid.count, sizeof(*out->valid.items), compare_texts);
}

void nft_owner_texts_free(struct nft_owner_texts *texts) {
        str_list_free(&texts->valid);
}

bool nft_owner_texts_have(const struct nft_owner_texts *texts, const char *comment) {
        size_t size;

        if (!comment)
                return false;
        if (texts->whole)
                return strcmp(comment, texts->own) == 0;
        size = strlen(texts->own);
        return strncmp(comment, texts->own, size) == 0 && comment[size] == ' ' &&
               !(texts->valid.count > 0 &&
                 bsearch(&comment, texts->valid.items, texts->valid.count, sizeof(*texts->valid.items), compare_texts));
}
