#include "sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "cleanup.h"

struct sha256 {
        EVP_MD_CTX *context;
};

/* libcrypto fails here only without memory or without SHA-256: nothing could be verified then. */
static void require(int ok) {
        if (ok != 1)
                abort();
}

struct sha256 *sha256_new(void) {
        struct sha256 *state = xcalloc(1, sizeof(*state));

        state->context = EVP_MD_CTX_new();
        require(state->context != NULL);
        require(EVP_DigestInit_ex(state->context, EVP_sha256(), NULL));
        return state;
}

void sha256_update(struct sha256 *state, const void *data, size_t size) {
        require(EVP_DigestUpdate(state->context, data, size));
}

void sha256_finish(struct sha256 *state, char hex[SHA256_HEX_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;

        require(EVP_DigestFinal_ex(state->context, digest, &size));
        for (unsigned int i = 0; i < size; i++) {
                hex[2 * i] = digits[digest[i] >> 4];
                hex[2 * i + 1] = digits[digest[i] & 15];
        }
        hex[SHA256_HEX_SIZE - 1] = '\0';
}

void sha256_free(struct sha256 *state) {
        if (state)
                EVP_MD_CTX_free(state->context);
        free(state);
}

void sha256_of(const void *data, size_t size, char hex[SHA256_HEX_SIZE]) {
        struct sha256 *state = sha256_new();

        sha256_update(state, data, size);
        sha256_finish(state, hex);
        sha256_free(state);
}
