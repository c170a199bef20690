/* Words of mymgr's and netplug's command lines: references of images, ports, subnets, sizes, spans, addresses. */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"
#include "../../manager/image/store.h"
#include "../../manager/network/ports.h"
#include "../../manager/network/subnet.h"
#include "../../spec/cni.h"
#include "fuzz.h"

static void read_reference(const char *text) {
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct error err = {0};

        if (!fuzz_accepted(reference_normalize(text, &first, &err), &err))
                return;
        fuzz_require(reference_normalize(first, &second, &err) >= 0, "refuses its own %s: %s", first, err.message);
        fuzz_same("reference", first, second);
}

static void read_ports(const char *text) {
        struct port_list list = {0};
        struct error err = {0};

        if (fuzz_accepted(port_list_add(&list, text, &err), &err)) {
                fuzz_require(list.count > 0 && list.count <= 65536, "%zu ports", list.count);
                for (size_t i = 0; i < list.count; i++)
                        fuzz_require(list.items[i].container_port && list.items[i].protocol, "a port without number");
        }
        port_list_free(&list);
}

static void read_address(const char *text) {
        char first[CNI_ADDRESS_SIZE], second[CNI_ADDRESS_SIZE];
        struct cni_address address, again;

        if (cni_address_parse_cidr(text, &address) < 0)
                return;
        (void) cni_address_cidr(&address, first);
        fuzz_require(cni_address_parse_cidr(first, &again) == 0, "refuses its own %s", first);
        fuzz_same("address", first, cni_address_cidr(&again, second));
        fuzz_require(cni_address_within(&address, &again), "%s is not within itself", first);
}

static void read_numbers(const char *text) {
        unsigned long bits[4];
        int64_t number;

        if (str_to_bytes(text, &number) >= 0)
                fuzz_require(number >= 0, "a size of %lld", (long long) number);
        if (str_to_duration(text, &number) >= 0)
                fuzz_require(number >= 0, "a span of %lld", (long long) number);
        (void) str_to_bits(text, sizeof(bits) * 8, bits);
}

static void read_path(const char *text) {
        _cleanup_free_ char *first = path_clean(text), *second = path_clean(first);

        fuzz_same("path", first, second);
        fuzz_require(!path_is_id(text) || path_is_name(text), "the id %s is no name", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const char *text = fuzz_text(arena, data, size);
        _cleanup_str_list_ struct str_list words = {0};
        struct subnet subnet;
        struct error err = {0};

        read_reference(text);
        read_ports(text);
        read_address(text);
        read_numbers(text);
        read_path(text);
        str_list_split(&words, text, ' ');
        if (words.count == 3)
                (void) fuzz_accepted(subnet_choose(words.items[0], words.items[1][0] ? words.items[1] : NULL,
                                                   words.items[2][0] ? words.items[2] : NULL, &words, &subnet, &err),
                                     &err);
        return 0;
}
