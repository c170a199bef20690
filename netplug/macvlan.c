/* The plugin macvlan: a link of the container's own on a link of the host, with a hardware address of its own. */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "ipam.h"

struct configuration {
        const char *master; /* NULL: the link of the default route */
        uint32_t mode;
        int64_t mtu;
        uint32_t broadcast_queue; /* 0: the kernel's choice */
        bool in_container;        /* the master is a link of the container */
        char mac[LINK_MAC_SIZE];
};

static int parse_mode(struct plugin_call *call, uint32_t *out, struct error *err) {
        static const struct {
                const char *name;
                uint32_t mode;
        } modes[] = {{"bridge", MACVLAN_MODE_BRIDGE},
                     {"", MACVLAN_MODE_BRIDGE},
                     {"private", MACVLAN_MODE_PRIVATE},
                     {"vepa", MACVLAN_MODE_VEPA},
                     {"passthru", MACVLAN_MODE_PASSTHRU}};
        const char *name = "bridge";
        int r = json_get_string(call->conf, "mode", &name, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                if (str_equal(modes[i].name, name)) {
                        *out = modes[i].mode;
                        return 0;
                }
        return json_error(json_get(call->conf, "mode"), err, EINVAL,
                          "'%.32s' is none of bridge, private, vepa and "
                          "passthru",
                          name);
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const char *mac = NULL;
        int r;

        *conf = (struct configuration){0};
        r = json_get_string(call->conf, "master", &conf->master, err);
        if (r >= 0)
                r = json_get_i64(call->conf, "mtu", 0, LINK_MTU_MAX, &conf->mtu, err);
        if (r >= 0)
                r = json_get_u32(call->conf, "bcqueuelen", &conf->broadcast_queue, err);
        if (r >= 0)
                r = json_get_bool(call->conf, "linkInContainer", &conf->in_container, err);
        if (r >= 0)
                r = json_get_string(call->conf, "mac", &mac, err);
        if (r >= 0)
                r = attach_requested_mac(call, mac, conf->mac, err);
        if (r >= 0)
                r = parse_mode(call, &conf->mode, err);
        if (r < 0)
                return r;
        if (!str_empty(conf->master) && !attach_link_name_is_valid(conf->master))
                return json_error(json_get(call->conf, "master"), err, EINVAL, "'%.64s' is not a name for a link",
                                  conf->master);
        return 0;
}

/* Finds the link the container's is to hang on, in the namespace of the socket. */
static int find_master(struct plugin_call *call, const struct configuration *conf, struct netlink *where,
                       struct link_info *out, struct error *err) {
        int index = 0, r;

        if (str_empty(conf->master)) {
                r = link_of_default_route(where, &index, err);
                if (r >= 0)
                        r = link_find_index(where, index, out, err);
                if (r < 0)
                        return error_hint(err, "name a link with the option `master`");
        } else {
                r = link_find(where, conf->master, out, err);
                if (r < 0)
                        return error_wrap(err, "master");
        }
        if (conf->mtu > out->mtu)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "mtu: %lld, but that of the master %s is %d", (long long) conf->mtu, out->name,
                                   out->mtu);
        return 0;
}

/*
 * Makes the link in the container. It starts with a name of ours: kernels before 6.14 look the wanted one up where the
 * master is, and refuse it when the host has a link of that name.
 */
static int make_link(struct plugin_call *call, const struct configuration *conf, struct netlink *host,
                     struct netlink *container, struct error *err) {
        struct netlink *where = conf->in_container ? container : host;
        struct link_change rename = LINK_CHANGE_NONE;
        struct link_info master = {0}, made = {0};
        struct link_macvlan macvlan = {.mac = conf->mac[0] ? conf->mac : NULL,
                                       .mode = conf->mode,
                                       .broadcast_queue = conf->broadcast_queue,
                                       .netns_fd = call->netns_fd,
                                       .mtu = conf->mtu};
        char name[IFNAMSIZ];
        int r;

        r = find_master(call, conf, where, &master, err);
        if (r < 0)
                return r;
        attach_link_name(ATTACH_MACVLAN, call->network, call->container_id, call->ifname, name);
        macvlan.name = name;
        macvlan.master = master.index;
        r = link_macvlan_add(where, &macvlan, err);
        if (r < 0)
                return r;
        rename.name = call->ifname;
        r = link_find(container, name, &made, err);
        if (r >= 0)
                r = link_change(container, made.index, &rename, err);
        if (r < 0)
                (void) link_delete(container, name, NULL);
        return r;
}

static int macvlan_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED, container = NETLINK_CLOSED;
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = attach_open(call, &host, &container, err);
        if (r >= 0)
                r = make_link(call, &conf, &host, &container, err);
        if (r < 0)
                return r;
        r = attach_addresses_from_ipam(call, result, err);
        if (r >= 0) {
                r = attach_configure(call, &container, result, true, err);
                if (r < 0)
                        ipam_undo(call);
        }
        if (r < 0)
                (void) link_delete(&container, call->ifname, NULL);
        return r;
}

/* An ADD that was killed may have left the link under its first name. */
static int remove_unnamed(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        char name[IFNAMSIZ];
        int r;

        if (call->netns_fd < 0)
                return 0;
        attach_link_name(ATTACH_MACVLAN, call->network, call->container_id, call->ifname, name);
        r = link_open(call->netns_fd, &container, err);
        if (r >= 0)
                r = link_delete(&container, name, err);
        return r < 0 ? r : 0;
}

static int macvlan_del(struct plugin_call *call, struct error *err) {
        int r = attach_remove_inside(call, "macvlan", err);

        r = attach_go_on(call, r, remove_unnamed, err);
        return attach_go_on(call, r, ipam_pass_on, err);
}

static int macvlan_check(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink where = NETLINK_CLOSED, container = NETLINK_CLOSED;
        struct configuration conf;
        struct link_info master, link;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = ipam_pass_on(call, err);
        if (r >= 0)
                r = link_open(conf.in_container ? call->netns_fd : -1, &where, err);
        if (r >= 0)
                r = find_master(call, &conf, &where, &master, err);
        if (r >= 0)
                r = attach_check_container(call, "macvlan", err);
        if (r >= 0)
                r = link_open(call->netns_fd, &container, err);
        if (r >= 0)
                r = link_find(&container, call->ifname, &link, err);
        if (r < 0)
                return r;
        if (link.other != master.index)
                return error_set(err, ENOENT, "link %s does not hang on %s", call->ifname, master.name);
        if (link.mode != conf.mode)
                return error_set(err, ENOENT, "link %s is in another mode than the configuration's", call->ifname);
        return 0;
}

static int macvlan_status(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct configuration conf;
        struct link_info master;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = link_open(-1, &host, err);
        if (r >= 0 && !conf.in_container)
                r = find_master(call, &conf, &host, &master, err);
        return r < 0 ? r : ipam_pass_on(call, err);
}

/* The links go with their namespaces: only addresses can be left. */
static int macvlan_gc(struct plugin_call *call, struct error *err) {
        return ipam_pass_on(call, err);
}

const struct plugin plugin_macvlan = {.type = "macvlan",
                                      .summary = "give a container a link of its own on a link of this host",
                                      .add = macvlan_add,
                                      .del = macvlan_del,
                                      .check = macvlan_check,
                                      .status = macvlan_status,
                                      .gc = macvlan_gc};
