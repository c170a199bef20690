/* The plugin bandwidth: holds what a container sends and receives to a rate. */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "link_qdisc.h"

#define NETWORKS_MAX 256
#define BITS_PER_BYTE 8

struct configuration {
        struct link_rate ingress; /* to the container; rate 0: any */
        struct link_rate egress;  /* from it */
};

static int parse_rate(const struct json *from, const char *rate_key, const char *burst_key, struct link_rate *out,
                      struct error *err) {
        uint64_t rate = 0, burst = 0;
        int r;

        r = json_get_u64(from, rate_key, UINT64_MAX / 2, &rate, err);
        if (r >= 0)
                r = json_get_u64(from, burst_key, (uint64_t) UINT32_MAX * BITS_PER_BYTE, &burst, err);
        if (r < 0)
                return r;
        if ((rate == 0) != (burst == 0))
                return json_error(from, err, EINVAL, "%s and %s must be set together", rate_key, burst_key);
        if (rate && (rate < BITS_PER_BYTE || burst < BITS_PER_BYTE))
                return json_error(json_get(from, rate < BITS_PER_BYTE ? rate_key : burst_key), err, EINVAL,
                                  "must be 8 bits at least");
        out->rate = rate / BITS_PER_BYTE;
        out->burst = (uint32_t) (burst / BITS_PER_BYTE);
        return 0;
}

static int parse_networks(struct plugin_call *call, const struct json *from, const char *key, struct link_rate *out,
                          struct error *err) {
        const struct json *list = NULL;
        struct cni_address *networks;
        int r = json_get_array(from, key, &list, err);

        if (r < 0 || !list || list->count == 0)
                return r;
        if (out->network_count)
                return json_error(list, err, EINVAL, "unshapedSubnets and shapedSubnets cannot both be set");
        if (list->count > NETWORKS_MAX)
                return json_error(list, err, EINVAL, "more than %d networks", NETWORKS_MAX);
        networks = arena_alloc(call->arena, list->count, sizeof(*networks));
        json_for_each (item, list) {
                r = json_expect(item, JSON_STRING, err);
                if (r < 0)
                        return r;
                if (cni_address_parse_cidr(item->text, &networks[out->network_count]) < 0)
                        return json_error(item, err, EINVAL, "'%.64s' is not a network such as 10.1.2.0/24",
                                          item->text);
                out->network_count++;
        }
        out->networks = networks;
        return 1;
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        static const char *const own[] = {"ingressRate", "ingressBurst",  "egressRate",
                                          "egressBurst", "shapedSubnets", "unshapedSubnets"};
        const struct json *from = NULL;
        int r;

        *conf = (struct configuration){0};
        r = json_get_object(call->runtime, "bandwidth", &from, err);
        /* What the configuration itself says comes before the runtime's wish. */
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                if (json_get(call->conf, own[i]))
                        from = call->conf;
        if (r < 0 || !from)
                return r;
        r = parse_rate(from, "ingressRate", "ingressBurst", &conf->ingress, err);
        if (r >= 0)
                r = parse_rate(from, "egressRate", "egressBurst", &conf->egress, err);
        if (r >= 0)
                r = parse_networks(call, from, "unshapedSubnets", &conf->egress, err);
        if (r >= 0)
                r = parse_networks(call, from, "shapedSubnets", &conf->egress, err);
        if (r < 0)
                return r;
        conf->egress.only = r > 0;
        conf->ingress.networks = conf->egress.networks;
        conf->ingress.network_count = conf->egress.network_count;
        conf->ingress.only = conf->egress.only;
        /* It is the other side's address that counts. */
        conf->ingress.by_source = true;
        return 0;
}

static bool asks_for_nothing(const struct configuration *conf) {
        return conf->ingress.rate == 0 && conf->egress.rate == 0;
}

/* Finds the host's end of the container's link. */
static int find_host_end(struct plugin_call *call, struct netlink *host, struct link_info *out, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info inner;
        int r;

        r = link_open(call->netns_fd, &container, err);
        if (r >= 0)
                r = link_find(&container, call->ifname, &inner, err);
        if (r < 0)
                return r;
        if (!str_equal(inner.kind, "veth") || !link_leads_here(&container, call->netns_fd, &inner))
                return error_set(err, ENOTSUP,
                                 "link %s of the container has no other end on the host: its rate "
                                 "cannot be held",
                                 call->ifname);
        r = link_find_index(host, inner.other, out, err);
        return r < 0 ? error_wrap(err, "the host's end of %s", call->ifname) : 0;
}

/* The link has to be that of the plugins before this one. */
static int expect_known(const struct plugin_call *call, const struct link_info *end, struct error *err) {
        for (size_t i = 0; i < call->previous.interface_count; i++)
                if (str_empty(call->previous.interfaces[i].sandbox) &&
                    str_equal(call->previous.interfaces[i].name, end->name))
                        return 0;
        return error_set(err, ENOENT, "prevResult: has no link %s, the host's end of %s", end->name, call->ifname);
}

/* What the container sends is queued on a link of its own, as a link can only hold what it sends itself. */
static int hold_egress(struct plugin_call *call, const struct configuration *conf, struct netlink *host,
                       const struct link_info *end, struct cni_result *result, struct error *err) {
        struct link_info queue = {0};
        char name[IFNAMSIZ];
        int r;

        attach_link_name(ATTACH_QUEUE, call->network, call->container_id, call->ifname, name);
        r = link_ifb_add(host, name, end->mtu, end->queue, err);
        if (r < 0)
                return r;
        r = link_find(host, name, &queue, err);
        if (r >= 0)
                r = link_rate_set(host, queue.index, &conf->egress, err);
        if (r >= 0)
                r = link_redirect(host, end->index, queue.index, err);
        if (r < 0) {
                (void) link_delete(host, name, NULL);
                return r;
        }
        queue.mtu = 0;
        attach_put_interface(call, result, &queue, NULL);
        return 0;
}

static int bandwidth_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct configuration conf;
        struct link_info end;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r < 0 || asks_for_nothing(&conf))
                return r;
        r = attach_require_previous(call, err);
        if (r < 0)
                return r;
        r = link_open(-1, &host, err);
        if (r >= 0)
                r = find_host_end(call, &host, &end, err);
        if (r >= 0)
                r = expect_known(call, &end, err);
        if (r < 0)
                return r;
        if (conf.ingress.rate)
                r = link_rate_set(&host, end.index, &conf.ingress, err);
        if (r >= 0 && conf.egress.rate)
                r = hold_egress(call, &conf, &host, &end, result, err);
        if (r < 0)
                (void) link_rate_clear(&host, end.index, NULL);
        return r;
}

static int bandwidth_del(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct link_info end;
        char name[IFNAMSIZ];
        int r, first;

        first = link_open(-1, &host, err);
        if (first < 0)
                return first;
        /* The link itself may stay: then it is to be as it was. */
        if (call->netns_fd >= 0 && find_host_end(call, &host, &end, NULL) >= 0 &&
            (call->has_previous ? expect_known(call, &end, NULL) >= 0 : !attach_is_of_another(call, end.name)))
                first = link_rate_clear(&host, end.index, err);
        attach_link_name(ATTACH_QUEUE, call->network, call->container_id, call->ifname, name);
        r = link_delete(&host, name, first < 0 ? NULL : err);
        if (first < 0)
                return first;
        return r < 0 ? r : 0;
}

static int bandwidth_check(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct configuration conf;
        struct link_info end, queue;
        char name[IFNAMSIZ];
        int r;

        r = parse_configuration(call, &conf, err);
        if (r < 0 || asks_for_nothing(&conf))
                return r;
        attach_link_name(ATTACH_QUEUE, call->network, call->container_id, call->ifname, name);
        r = link_open(-1, &host, err);
        if (r >= 0)
                r = find_host_end(call, &host, &end, err);
        if (r < 0)
                return r;
        if (conf.ingress.rate && link_rate_check(&host, end.index, &conf.ingress, err) < 0)
                return error_wrap(err, "ingress: link %s", end.name);
        if (conf.egress.rate == 0)
                return 0;
        r = link_find(&host, name, &queue, err);
        if (r < 0)
                return error_wrap(err, "egress");
        if (link_rate_check(&host, queue.index, &conf.egress, err) < 0)
                return error_wrap(err, "egress: link %s", name);
        r = link_redirect_check(&host, end.index, queue.index, err);
        return r < 0 ? error_wrap(err, "egress: link %s", end.name) : 0;
}

static int bandwidth_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;

        return parse_configuration(call, &conf, err);
}

/* The pairs themselves are for their own plugin to collect; until then they are to be as it made them. */
static int bandwidth_gc(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        _cleanup_str_list_ struct str_list stale = {0};
        int r;

        r = link_open(-1, &host, err);
        if (r >= 0)
                r = attach_stale_links(call, ATTACH_PAIR, &host, &stale, err);
        for (size_t i = 0; r >= 0 && i < stale.count; i++) {
                struct link_info end;

                if (link_find(&host, stale.items[i], &end, NULL) >= 0)
                        r = link_rate_clear(&host, end.index, err);
        }
        return r < 0 ? r : attach_collect_links(call, ATTACH_QUEUE, err);
}

const struct plugin plugin_bandwidth = {.type = "bandwidth",
                                        .summary = "hold what a container sends and receives to a rate",
                                        .add = bandwidth_add,
                                        .del = bandwidth_del,
                                        .check = bandwidth_check,
                                        .status = bandwidth_status,
                                        .gc = bandwidth_gc};
