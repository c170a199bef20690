/*
 * What netplug makes of the kernel's answers: links, addresses, routes, rates, VLANs, the rules' elements, and chains
 * of the host. The first byte chooses the question, the rest is the answer (kernel.h).
 */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../netplug/conntrack.h"
#include "../../netplug/link.h"
#include "../../netplug/link_qdisc.h"
#include "../../netplug/link_vlan.h"
#include "../../netplug/nft.h"
#include "../../netplug/nft_table.h"
#include "fuzz.h"
#include "kernel.h"

static const struct nft_port ports[] = {{.protocol = 17, .host_port = 53, .last_port = 60, .container_port = 0},
                                        {.protocol = 6, .host_port = 80, .container_port = 8080}};

static int see_link(const struct link_info *info, void *context) {
        (void) context;
        fuzz_require(memchr(info->name, '\0', sizeof(info->name)) && memchr(info->alias, '\0', sizeof(info->alias)) &&
                             memchr(info->kind, '\0', sizeof(info->kind)) && memchr(info->mac, '\0', sizeof(info->mac)),
                     "a text without an end");
        return 0;
}

static int see_address(const struct cni_address *address, void *context) {
        char text[CNI_ADDRESS_SIZE];

        (void) context;
        fuzz_require(cni_address_text(address, text)[0], "an address without text");
        return 0;
}

static int see_fact(const struct nft_fact *fact, void *context) {
        char text[CNI_ADDRESS_SIZE];

        (void) context;
        fuzz_require(fact->network[0] && fact->container_id[0] && fact->ifname[0], "a fact without an owner");
        (void) cni_address_text(&fact->address, text);
        return 0;
}

static int ask_links(struct netlink *netlink, struct error *err) {
        struct link_info info;
        int r = link_list(netlink, see_link, NULL, err);

        if (r >= 0)
                r = link_find(netlink, "eth0", &info, err);
        return r < 0 ? r : see_link(&info, NULL);
}

static int ask_addresses(struct netlink *netlink, struct error *err) {
        int r = link_addresses(netlink, 2, see_address, NULL, err);

        if (r >= 0)
                r = link_settle(netlink, 2, 40, err);
        return r < 0 ? r : link_await_groups(netlink, 2, 40, err);
}

static int ask_result(struct netlink *netlink, struct error *err) {
        struct cni_ip ip = {.interface = 0};
        struct cni_route route = {0};
        const struct cni_result result = {.ips = &ip, .ip_count = 1, .routes = &route, .route_count = 1};
        int index, r;

        (void) cni_address_parse_cidr("10.1.2.3/24", &ip.address);
        (void) cni_address_parse_cidr("0.0.0.0/0", &route.destination);
        r = link_check(netlink, 2, &result, err);
        if (r >= 0)
                r = link_of_default_route(netlink, &index, err);
        return r;
}

static int ask_rate(struct netlink *netlink, struct error *err) {
        struct cni_address network;
        struct link_rate rate = {.rate = 1000, .burst = 1000};
        int r = link_rate_check(netlink, 2, &rate, err);

        if (r < 0)
                return r;
        (void) cni_address_parse_cidr("10.1.2.0/24", &network);
        rate.networks = &network;
        rate.network_count = 1;
        return link_rate_check(netlink, 2, &rate, err);
}

static int ask_port(struct netlink *netlink, struct error *err) {
        struct link_vlans vlans = {.untagged = 7};
        struct link_port_flags flags;
        int r = link_vlans_check(netlink, 2, &vlans, err);

        return r < 0 ? r : link_port_flags(netlink, 2, &flags, err);
}

static int ask_list(struct netlink *netlink, struct error *err) {
        (void) netlink;
        return nft_list(see_fact, NULL, err);
}

static int ask_release(struct netlink *netlink, struct error *err) {
        const struct nft_owner owner = {.network = "net", .container_id = "id", .ifname = "eth0"};
        _cleanup_(nft_released_free) struct nft_released released = {0};

        (void) netlink;
        return nft_release(&owner, NFT_PART_MASQUERADE | NFT_PART_PUBLISH | NFT_PART_FORWARD, &released, err);
}

static int ask_forward(struct netlink *netlink, struct error *err) {
        const struct nft_owner owner = {.network = "net", .container_id = "id", .ifname = "eth0"};
        struct nft_forward forward = {.link = "cni0", .count = 1, .admin_chain = "DOCKER-USER"};
        struct cni_address address;
        int r;

        (void) netlink;
        (void) cni_address_parse_cidr("10.1.2.3/24", &address);
        forward.addresses = &address;
        r = nft_forward_add(&owner, &forward, err);
        return r < 0 ? r : nft_forward_check(&owner, &forward, err);
}

static int ask_publish(struct netlink *netlink, struct error *err) {
        const struct nft_owner owner = {.network = "net", .container_id = "id", .ifname = "eth0"};
        struct nft_publish publish = {
                .ports = ports, .port_count = ARRAY_SIZE(ports), .address_count = 1, .snat = true};
        struct cni_address address;
        int r;

        (void) netlink;
        (void) cni_address_parse_cidr("10.1.2.3/24", &address);
        publish.addresses = &address;
        r = nft_publish_add(&owner, &publish, err);
        return r < 0 ? r : nft_publish_check(&owner, &publish, err);
}

static int ask_connections(struct netlink *netlink, struct error *err) {
        (void) netlink;
        return conntrack_forget_udp(2, ports, ARRAY_SIZE(ports), true, err);
}

static int (*const questions[])(struct netlink *netlink, struct error *err) = {
        ask_links, ask_addresses, ask_result,  ask_rate,    ask_port,
        ask_list,  ask_release,   ask_forward, ask_publish, ask_connections};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_netlink_ struct netlink netlink = NETLINK_CLOSED;
        struct error err = {0};

        if (size < 1)
                return 0;
        fuzz_require(netlink_open(NETLINK_ROUTE, &netlink, &err) >= 0, "%s", err.message);
        kernel_answers(data + 1, size - 1);
        (void) fuzz_accepted(questions[data[0] % ARRAY_SIZE(questions)](&netlink, &err), &err);
        return 0;
}
