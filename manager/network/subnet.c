#include "subnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"

/* An IPv4 network in host byte order. */
struct net {
        uint32_t address;
        uint32_t mask;
};

#define ROUTES_MAX ((size_t) 16 * 1024 * 1024)

static uint32_t mask_of(unsigned int prefix) {
        return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

static int parse_address(const char *text, uint32_t *out) {
        struct in_addr address;

        if (inet_pton(AF_INET, text, &address) != 1)
                return -EINVAL;
        *out = ntohl(address.s_addr);
        return 0;
}

static int parse_net(const char *text, struct net *out) {
        _cleanup_str_list_ struct str_list parts = {0};
        uint64_t prefix;

        str_list_split(&parts, text, '/');
        if (parts.count != 2 || parse_address(parts.items[0], &out->address) < 0 ||
            str_to_u64(parts.items[1], 32, &prefix) < 0)
                return -EINVAL;
        out->mask = mask_of((unsigned int) prefix);
        return 0;
}

static bool overlap(const struct net *a, const struct net *b) {
        uint32_t mask = a->mask & b->mask;

        return (a->address & mask) == (b->address & mask);
}

/* The networks that are in use: other networks' and the host's routes but the default one (proc_pid_net(5), "route").
 */
struct used {
        struct net *items;
        size_t count;
};

static void add_used(struct used *used, struct net net) {
        used->items = xrealloc(used->items, used->count + 1, sizeof(*used->items));
        used->items[used->count++] = net;
}

static int collect(const struct str_list *taken, struct used *used, struct error *err) {
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, "/proc/self/net/route", ROUTES_MAX, &text, NULL, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < taken->count; i++) {
                struct net net;

                if (parse_net(taken->items[i], &net) == 0)
                        add_used(used, net);
        }
        str_list_split(&lines, text, '\n');
        for (size_t i = 1; i < lines.count; i++) {
                unsigned int destination, mask;

                if (sscanf(lines.items[i], "%*s %x %*x %*x %*d %*d %*d %x", &destination, &mask) == 2 && mask != 0)
                        add_used(used, (struct net){ntohl(destination), ntohl(mask)});
        }
        return 0;
}

static const struct net *find_overlap(const struct used *used, const struct net *net) {
        for (size_t i = 0; i < used->count; i++)
                if (overlap(&used->items[i], net))
                        return &used->items[i];
        return NULL;
}

static void write_address(uint32_t address, char out[SUBNET_TEXT_SIZE]) {
        struct in_addr network = {htonl(address)};

        (void) inet_ntop(AF_INET, &network, out, SUBNET_TEXT_SIZE);
}

static void write_net(const struct net *net, char out[SUBNET_TEXT_SIZE]) {
        char address[SUBNET_TEXT_SIZE];

        write_address(net->address & net->mask, address);
        (void) snprintf(out, SUBNET_TEXT_SIZE, "%.15s/%d", address, __builtin_popcount(net->mask));
}

/* 10.88.0.0/16, 10.89.0.0/16, … and, when all of them are taken, 192.168.0.0/20 and on. */
static int choose_free(const struct used *used, struct net *out, struct error *err) {
        for (uint32_t i = 88; i < 256; i++) {
                *out = (struct net){10U << 24 | i << 16, mask_of(16)};
                if (!find_overlap(used, out))
                        return 0;
        }
        for (uint32_t i = 0; i < 256; i += 16) {
                *out = (struct net){192U << 24 | 168U << 16 | i << 8, mask_of(20)};
                if (!find_overlap(used, out))
                        return 0;
        }
        error_set(err, EADDRINUSE, "could not find an available subnet that does not overlap a network of this host");
        return error_hint(err, "give one with --subnet");
}

static int check_wanted(const char *wanted, const struct used *used, struct net *out, struct error *err) {
        const struct net *other;

        if (parse_net(wanted, out) < 0 || out->mask > mask_of(30)) {
                error_set(err, EINVAL, "invalid subnet %s", wanted);
                return error_hint(err, "an IPv4 network such as 10.1.0.0/24");
        }
        other = find_overlap(used, out);
        if (other) {
                char text[SUBNET_TEXT_SIZE];

                write_net(other, text);
                return error_set(err, EADDRINUSE,
                                 "subnet %s overlaps %s, which another network or a route of this host uses", wanted,
                                 text);
        }
        return 0;
}

static int set_range(const char *ip_range, const struct net *net, struct subnet *out, struct error *err) {
        struct net range;

        if (parse_net(ip_range, &range) < 0 || range.mask < net->mask || !overlap(net, &range))
                return error_set(err, EINVAL, "invalid --ip-range %s: not a part of subnet %s", ip_range, out->text);
        write_address((range.address & range.mask) + ((range.address & range.mask) == (net->address & net->mask)),
                      out->range_first);
        write_address((range.address | ~range.mask) - ((range.address | ~range.mask) == (net->address | ~net->mask)),
                      out->range_last);
        return 0;
}

int subnet_choose(const char *wanted, const char *gateway, const char *ip_range, const struct str_list *taken,
                  struct subnet *out, struct error *err) {
        struct used used = {0};
        struct net net = {0};
        uint32_t address;
        int r = collect(taken, &used, err);

        if (r == 0)
                r = wanted ? check_wanted(wanted, &used, &net, err) : choose_free(&used, &net, err);
        free(used.items);
        if (r < 0)
                return r;
        write_net(&net, out->text);
        address = (net.address & net.mask) + 1;
        if (gateway && (parse_address(gateway, &address) < 0 || !overlap(&net, &(struct net){address, UINT32_MAX})))
                return error_set(err, EINVAL, "invalid gateway %s: not an address of subnet %s", gateway, out->text);
        write_address(address, out->gateway);
        return ip_range ? set_range(ip_range, &net, out, err) : 0;
}
