/* The plugin portmap: ports of the host that lead to the container. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "conntrack.h"
#include "nft.h"
#include "plugin.h"
#include "portmap_conf.h"
#include "sysctl.h"

static void fill_publish(struct plugin_call *call, const struct portmap_conf *conf, const struct cni_result *result,
                         struct nft_publish *out) {
        size_t count;
        const struct cni_address *addresses = attach_addresses(call, result, &count);

        *out = (struct nft_publish){.ports = conf->ports,
                                    .port_count = conf->port_count,
                                    .addresses = addresses,
                                    .address_count = count,
                                    .conditions = {conf->conditions[0], conf->conditions[1]},
                                    .link = attach_forward_link(result),
                                    .snat = conf->snat,
                                    .masquerade_all = conf->masquerade_all};
}

/* True if the container has an address of the family, or for AF_UNSPEC any. */
static bool has_address(const struct nft_publish *publish, int family) {
        return family == AF_UNSPEC ? publish->address_count > 0 : nft_address_of_family(publish, family) != NULL;
}

/* True if a port is published in the family. */
static bool publishes(const struct nft_publish *publish, int family) {
        for (size_t i = 0; has_address(publish, family) && i < publish->port_count; i++)
                if (!publish->ports[i].host_address.family || publish->ports[i].host_address.family == family)
                        return true;
        return false;
}

/* Engines publish everywhere by a pair, 0.0.0.0 and ::. */
static bool is_other_half(const struct nft_publish *publish, const struct nft_port *port) {
        for (size_t i = 0; i < publish->port_count; i++) {
                const struct nft_port *twin = &publish->ports[i];

                if (has_address(publish, twin->host_address.family) && nft_port_is_anywhere(&twin->host_address) &&
                    twin->protocol == port->protocol && twin->host_port <= port->host_port &&
                    nft_port_last(twin) >= nft_port_last(port))
                        return true;
        }
        return false;
}

/* The half for a family that the container lacks goes without saying. `ports` are what publish->ports points at. */
static void leave_out_other_halves(struct nft_port *ports, struct nft_publish *publish) {
        size_t count = 0;

        for (size_t i = 0; i < publish->port_count; i++)
                if (has_address(publish, ports[i].host_address.family) ||
                    !nft_port_is_anywhere(&ports[i].host_address) || !is_other_half(publish, &ports[i]))
                        ports[count++] = ports[i];
        publish->port_count = count;
}

/* Every port must have somewhere to lead to. */
static int check_families(struct plugin_call *call, const struct nft_publish *publish, struct error *err) {
        for (size_t i = 0; i < publish->port_count; i++) {
                const struct cni_address *host = &publish->ports[i].host_address;
                char text[CNI_ADDRESS_SIZE];

                if (!has_address(publish, host->family))
                        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                           "portMappings: host port %u%s%s: the container has no %saddress",
                                           publish->ports[i].host_port, host->family ? " at " : "",
                                           host->family ? cni_address_text(host, text) : "",
                                           host->family == AF_INET6  ? "IPv6 "
                                           : host->family == AF_INET ? "IPv4 "
                                                                     : "");
        }
        return 0;
}

/* Off is what a new link would have. A link that is gone has no settings to take back. */
static void switch_localnet(const char *link, bool on) {
        char value[SYSCTL_VALUE_MAX] = "1";

        if (!on && sysctl_get("ipv4/conf/default/route_localnet", value, NULL) < 0)
                (void) snprintf(value, sizeof(value), "0");
        (void) sysctl_set_link(-1, "ipv4", link, "route_localnet", value, NULL);
}

static const int families[] = {AF_INET, AF_INET6};

static bool have_udp(const struct nft_port *ports, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (ports[i].protocol == IPPROTO_UDP)
                        return true;
        return false;
}

/* Senders that tried before the port was published must reach it too. */
static int forget_earlier_udp(const struct nft_publish *publish, struct error *err) {
        int r = 0;

        if (!have_udp(publish->ports, publish->port_count))
                return 0;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
                if (publishes(publish, families[i]))
                        r = conntrack_forget_udp(families[i], publish->ports, publish->port_count, false, err);
        return r;
}

static int release(struct plugin_call *call, struct error *err) {
        _cleanup_(nft_released_free) struct nft_released released = {.localnet = switch_localnet};
        const struct nft_owner owner = attach_owner(call);
        int r = nft_release(&owner, NFT_PART_PUBLISH, &released, err);

        /* Who went on sending would reach whoever gets the container's address next. */
        if (have_udp(released.ports, released.port_count))
                for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
                        r = conntrack_forget_udp(families[i], released.ports, released.port_count, true, err);
        return r;
}

/* What the call publishes, where. Returns 1, 0 when nothing is, or a negative errno. */
static int prepare(struct plugin_call *call, const struct cni_result *result, struct nft_publish *out,
                   struct error *err) {
        struct portmap_conf conf;
        int r;

        r = portmap_conf_parse(call, &conf, err);
        if (r >= 0)
                r = attach_require_previous(call, err);
        if (r < 0 || conf.port_count == 0)
                return r;
        fill_publish(call, &conf, result, out);
        leave_out_other_halves(conf.ports, out);
        r = check_families(call, out, err);
        return r < 0 ? r : 1;
}

static bool needs_localnet(const struct nft_publish *publish) {
        return publish->link && (publish->snat || publish->masquerade_all) && publishes(publish, AF_INET);
}

static int check_localnet(const char *link, struct error *err) {
        _cleanup_free_ char *path = str_format("ipv4/conf/%s/route_localnet", link);
        char value[SYSCTL_VALUE_MAX];
        int r = sysctl_get(path, value, err);

        if (r >= 0 && !str_equal(value, "1"))
                return error_set(err, ENOENT, "route_localnet of %s is off: 127.0.0.1 does not reach the container",
                                 link);
        return r;
}

static int portmap_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct nft_publish publish;
        int r;

        r = prepare(call, result, &publish, err);
        if (r <= 0)
                return r;
        r = nft_publish_add(&owner, &publish, err);
        if (r < 0)
                return r;
        /* 127.0.0.1 may then be the source of what goes to the container; nft_table.c guards the other direction. */
        if (needs_localnet(&publish))
                r = sysctl_set_link(-1, "ipv4", publish.link, "route_localnet", "1", err);
        if (r >= 0)
                r = forget_earlier_udp(&publish, err);
        if (r < 0)
                (void) release(call, NULL);
        return r;
}

static int portmap_del(struct plugin_call *call, struct error *err) {
        return release(call, err);
}

static int portmap_check(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        struct nft_publish publish;
        int r = prepare(call, &call->previous, &publish, err);

        if (r <= 0)
                return r;
        r = nft_publish_check(&owner, &publish, err);
        return r < 0 || !needs_localnet(&publish) ? r : check_localnet(publish.link, err);
}

static int portmap_status(struct plugin_call *call, struct error *err) {
        struct portmap_conf conf;
        int r = portmap_conf_parse(call, &conf, err);

        return r < 0 ? r : nft_available(err);
}

const struct plugin plugin_portmap = {.type = "portmap",
                                      .summary = "publish ports of the container on the host",
                                      .add = portmap_add,
                                      .del = portmap_del,
                                      .check = portmap_check,
                                      .status = portmap_status,
                                      .gc = portmap_del};
