#include "address_range.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RANGES_MAX 256

static unsigned int bits_of(const struct cni_address *address) {
        return address->family == AF_INET ? 32 : 128;
}

static void increment(struct cni_address *address) {
        for (unsigned int i = bits_of(address) / 8; i-- > 0;)
                if (++address->bytes[i] != 0)
                        return;
}

static void decrement(struct cni_address *address) {
        for (unsigned int i = bits_of(address) / 8; i-- > 0;)
                if (address->bytes[i]-- != 0)
                        return;
}

static int compare(const struct cni_address *a, const struct cni_address *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* The network's own address, or with `ones` its last one. */
static void fill_host_bits(const struct cni_address *subnet, bool ones, struct cni_address *out) {
        *out = *subnet;
        for (unsigned int i = subnet->prefix; i < bits_of(subnet); i++) {
                if (ones)
                        out->bytes[i / 8] |= (uint8_t) (0x80 >> i % 8);
                else
                        out->bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        }
        out->prefix = bits_of(subnet);
}

void range_first_host(const struct cni_address *subnet, struct cni_address *out) {
        fill_host_bits(subnet, false, out);
        increment(out);
}

static bool range_has(const struct address_range *range, const struct cni_address *address) {
        return address->family == range->subnet.family && compare(&range->first, address) <= 0 &&
               compare(address, &range->last) <= 0;
}

/* Reads an optional address that has to lie in the subnet. */
static int get_member(const struct json *value, const char *key, const struct cni_address *subnet,
                      struct cni_address *out, struct error *err) {
        const char *text = NULL;
        int r;

        r = json_get_string(value, key, &text, err);
        if (r < 0 || !text || text[0] == '\0')
                return r;
        if (cni_address_parse(text, out) < 0)
                return json_error(json_get(value, key), err, EINVAL, "'%s' is not an IP address", text);
        if (!cni_address_within(subnet, out))
                return json_error(json_get(value, key), err, EINVAL, "%s is not in the subnet", text);
        return 0;
}

static int parse_subnet(const struct json *value, struct cni_address *out, struct error *err) {
        const struct json *subnet;
        struct cni_address base;
        int r;

        r = json_require(value, "subnet", &subnet, err);
        if (r >= 0)
                r = json_expect(subnet, JSON_STRING, err);
        if (r < 0)
                return r;
        if (cni_address_parse_cidr(subnet->text, out) < 0)
                return json_error(subnet, err, EINVAL, "'%s' is not a network such as 10.1.2.0/24", subnet->text);
        fill_host_bits(out, false, &base);
        if (!cni_address_equal(&base, out)) {
                char text[CNI_ADDRESS_SIZE];

                base.prefix = out->prefix;
                return json_error(subnet, err, EINVAL, "%s is an address within a network; the network is %s",
                                  subnet->text, cni_address_cidr(&base, text));
        }
        if (out->prefix + 2 > bits_of(out))
                return json_error(subnet, err, EINVAL, "%s is too small to give addresses out", subnet->text);
        return 0;
}

static int parse_range(const struct json *value, struct address_range *out, struct error *err) {
        int r;

        r = json_expect(value, JSON_OBJECT, err);
        if (r >= 0)
                r = parse_subnet(value, &out->subnet, err);
        if (r < 0)
                return r;
        range_first_host(&out->subnet, &out->first);
        range_first_host(&out->subnet, &out->gateway);
        fill_host_bits(&out->subnet, true, &out->last);
        if (out->subnet.family == AF_INET)
                decrement(&out->last); /* the broadcast address */
        r = get_member(value, "rangeStart", &out->subnet, &out->first, err);
        if (r >= 0)
                r = get_member(value, "rangeEnd", &out->subnet, &out->last, err);
        if (r < 0)
                return r;
        if (compare(&out->first, &out->last) > 0)
                return json_error(value, err, EINVAL, "rangeEnd comes before rangeStart");
        if (json_get(value, "gateway")) {
                out->gateway = (struct cni_address){0};
                /* A gateway outside of the subnet is possible on links that reach it directly. */
                const char *text = NULL;

                r = json_get_string(value, "gateway", &text, err);
                if (r < 0)
                        return r;
                if (text[0] && cni_address_parse(text, &out->gateway) < 0)
                        return json_error(json_get(value, "gateway"), err, EINVAL, "'%s' is not an IP address", text);
                if (out->gateway.family && out->gateway.family != out->subnet.family)
                        return json_error(json_get(value, "gateway"), err, EINVAL,
                                          "%s is of another address family than the subnet", text);
        }
        return 0;
}

int range_set_parse(struct arena *arena, const struct json *value, struct range_set *out, struct error *err) {
        bool single = value->type == JSON_OBJECT;
        int r = 0;

        if (!single) {
                r = json_expect(value, JSON_ARRAY, err);
                if (r < 0)
                        return r;
                if (value->count == 0 || value->count > RANGES_MAX)
                        return json_error(value, err, EINVAL, "%u ranges; 1 to %d are possible", value->count,
                                          RANGES_MAX);
        }
        *out = (struct range_set){.ranges = arena_alloc(arena, single ? 1 : value->count, sizeof(*out->ranges))};
        for (const struct json *item = single ? value : value->first; item; item = single ? NULL : item->next) {
                struct address_range *range = &out->ranges[out->count];

                r = parse_range(item, range, err);
                if (r < 0)
                        return r;
                if (range->subnet.family != out->ranges[0].subnet.family)
                        return json_error(item, err, EINVAL, "IPv4 and IPv6 ranges cannot be in one set");
                for (size_t i = 0; i < out->count; i++)
                        if (range_has(range, &out->ranges[i].first) || range_has(&out->ranges[i], &range->first))
                                return json_error(item, err, EINVAL, "overlaps with the %zu. range of its set", i + 1);
                out->count++;
        }
        return 0;
}

const struct address_range *range_set_find(const struct range_set *set, const struct cni_address *address) {
        for (size_t i = 0; i < set->count; i++)
                if (range_has(&set->ranges[i], address))
                        return &set->ranges[i];
        return NULL;
}

bool range_set_overlap(const struct range_set *a, const struct range_set *b) {
        for (size_t i = 0; i < a->count; i++)
                for (size_t j = 0; j < b->count; j++)
                        if (range_has(&a->ranges[i], &b->ranges[j].first) ||
                            range_has(&b->ranges[j], &a->ranges[i].first))
                                return true;
        return false;
}

void range_set_next(const struct range_set *set, const struct cni_address *address, struct cni_address *out) {
        const struct address_range *range = address->family ? range_set_find(set, address) : NULL;
        size_t index = range ? (size_t) (range - set->ranges) : set->count - 1;
        bool advance = range != NULL;

        *out = range ? *address : set->ranges[index].last;
        if (!advance)
                *out = set->ranges[index].last;
        /* A gateway is passed over; a set of nothing else ends where it began. */
        for (int skipped = 0; skipped < 2 * RANGES_MAX; skipped++) {
                if (compare(out, &set->ranges[index].last) >= 0) {
                        index = (index + 1) % set->count;
                        *out = set->ranges[index].first;
                } else {
                        increment(out);
                }
                out->prefix = bits_of(out);
                if (!cni_address_equal(out, &set->ranges[index].gateway))
                        return;
        }
}
