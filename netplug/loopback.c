/* The plugin loopback: sets the container's own loopback link up. */
#include <errno.h>
#include <net/if.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "link.h"
#include "plugin.h"

/* Whatever CNI_IFNAME says: there is one such link, and this is its name. */
#define LOOPBACK "lo"

static int find(struct plugin_call *call, struct netlink *container, struct link_info *info, struct error *err) {
        int r;

        r = link_open(call->netns_fd, container, err);
        return r < 0 ? r : link_find(container, LOOPBACK, info, err);
}

struct loopback_result {
        struct plugin_call *call;
        struct cni_result *result;
        int interface;
};

static int put_address(const struct cni_address *address, void *context) {
        const struct loopback_result *loopback = context;
        struct cni_ip *ip = cni_result_add_ip(loopback->result, loopback->call->arena);

        ip->interface = loopback->interface;
        ip->address = *address;
        return 0;
}

static int loopback_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct loopback_result context = {.call = call, .result = result};
        struct cni_interface *interface;
        struct link_info info;
        int r;

        r = find(call, &container, &info, err);
        if (r >= 0 && !(info.flags & IFF_UP))
                r = link_set_flags(&container, info.index, IFF_UP, err);
        /* In a chain the result of the plugins before is passed on as it is. */
        if (r < 0 || call->has_previous)
                return r;
        context.interface = (int) result->interface_count;
        interface = cni_result_add_interface(result, call->arena);
        *interface = (struct cni_interface){
                .name = LOOPBACK, .mac = arena_strdup(call->arena, info.mac), .sandbox = call->netns};
        result->has_dns = true;
        return link_addresses(&container, info.index, put_address, &context, err);
}

static int loopback_del(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info info;
        int r;

        if (call->netns_fd < 0)
                return 0;
        r = find(call, &container, &info, err);
        return r < 0 ? r : link_clear_flags(&container, info.index, IFF_UP, err);
}

static int loopback_check(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info info;
        int r;

        r = find(call, &container, &info, err);
        if (r >= 0 && !(info.flags & IFF_UP))
                return error_set(err, ENOENT, "link " LOOPBACK " of the container is down");
        return r;
}

static int loopback_status(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink here = NETLINK_CLOSED;

        (void) call;
        return link_open(-1, &here, err);
}

/* The loopback link goes with its namespace: nothing can be left. */
static int loopback_gc(struct plugin_call *call, struct error *err) {
        (void) call;
        (void) err;
        return 0;
}

const struct plugin plugin_loopback = {.type = "loopback",
                                       .summary = "set the container's loopback link up",
                                       .add = loopback_add,
                                       .del = loopback_del,
                                       .check = loopback_check,
                                       .status = loopback_status,
                                       .gc = loopback_gc};
