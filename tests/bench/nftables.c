/*
 * nftables.c: what portmap's rules cost through libnftables. Built as a plugin
 * `portmap` of its own, so that cni.c can time it against netplug's: ADD loads
 * the rules in the file $NFT_RULES, DEL deletes their table. It reads no
 * configuration and looks at nothing first, so it is the least such a plugin
 * could take.
 */
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
        static char rules[64 * 1024] = "delete table inet netplug";
        const char *command = getenv("CNI_COMMAND"), *path = getenv("NFT_RULES");
        struct nft_ctx *context;

        if (command && strcmp(command, "ADD") == 0) {
                FILE *file = path ? fopen(path, "re") : NULL;

                if (!file) {
                        fputs("NFT_RULES: no such file\n", stderr);
                        return 2;
                }
                rules[fread(rules, 1, sizeof(rules) - 1, file)] = '\0';
                fclose(file);
        }
        context = nft_ctx_new(NFT_CTX_DEFAULT);
        return !context || nft_run_cmd_from_buffer(context, rules) != 0;
}
