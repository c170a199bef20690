#include "cni.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/str.h"

static unsigned int address_bits(int family) {
        return family == AF_INET ? 32 : 128;
}

int cni_address_parse(const char *text, struct cni_address *out) {
        struct cni_address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

        if (inet_pton(address.family, text, address.bytes) != 1)
                return -EINVAL;
        /* "::ffff:10.0.0.1" is the IPv4 address in disguise: Go programs write it so. */
        if (address.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) address.bytes)) {
                memmove(address.bytes, address.bytes + 12, 4);
                memset(address.bytes + 4, 0, 12);
                address.family = AF_INET;
        }
        address.prefix = address_bits(address.family);
        *out = address;
        return 0;
}

int cni_address_parse_cidr(const char *text, struct cni_address *out) {
        const char *slash = strchr(text, '/');
        struct cni_address address;
        char buffer[CNI_ADDRESS_SIZE];
        uint64_t prefix;

        if (!slash || (size_t) (slash - text) >= sizeof(buffer))
                return -EINVAL;
        memcpy(buffer, text, (size_t) (slash - text));
        buffer[slash - text] = '\0';
        if (cni_address_parse(buffer, &address) < 0 || str_to_u64(slash + 1, address.prefix, &prefix) < 0)
                return -EINVAL;
        address.prefix = (unsigned int) prefix;
        *out = address;
        return 0;
}

const char *cni_address_text(const struct cni_address *address, char buffer[CNI_ADDRESS_SIZE]) {
        if (!inet_ntop(address->family, address->bytes, buffer, CNI_ADDRESS_SIZE))
                buffer[0] = '\0';
        return buffer;
}

const char *cni_address_cidr(const struct cni_address *address, char buffer[CNI_ADDRESS_SIZE]) {
        char text[CNI_ADDRESS_SIZE];

        (void) snprintf(buffer, CNI_ADDRESS_SIZE, "%.*s/%u", INET6_ADDRSTRLEN, cni_address_text(address, text),
                        address->prefix);
        return buffer;
}

bool cni_address_equal(const struct cni_address *a, const struct cni_address *b) {
        return a->family == b->family && memcmp(a->bytes, b->bytes, address_bits(a->family) / 8) == 0;
}

bool cni_address_within(const struct cni_address *network, const struct cni_address *address) {
        unsigned int whole = network->prefix / 8, rest = network->prefix % 8;

        if (network->family != address->family || memcmp(network->bytes, address->bytes, whole) != 0)
                return false;
        return rest == 0 || (network->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}
