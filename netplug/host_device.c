/* The plugin host-device: a link of the host moves into the container, and comes back. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"
#include "../lib/str.h"
#include "attach.h"
#include "ipam.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define AUXILIARY_DEVICES "/sys/bus/auxiliary/devices"

/* One of these tells which link. */
struct configuration {
        const char *device;
        const char *hwaddr;
        char mac[LINK_MAC_SIZE]; /* the same, as links have it */
        const char *kernel_path;
        const char *pci;
        const char *auxiliary; /* on the bus of that name: a part of a device, such as a subfunction */
        bool without_link;     /* the PCI device is a program's, not the kernel's */
};

/* Whether a driver for programs (DPDK) has taken a device from the kernel: it has no link, then, to move. */
static bool is_for_programs(const char *pci) {
        static const char *const drivers[] = {"vfio-pci", "uio_pci_generic", "igb_uio"};
        _cleanup_free_ char *path = str_format("%s/%s/driver", PCI_DEVICES, pci);
        char target[PATH_MAX];
        ssize_t size = readlink(path, target, sizeof(target) - 1);
        const char *driver;

        if (size < 0)
                return false;
        target[size] = '\0';
        driver = strrchr(target, '/');
        driver = driver ? driver + 1 : target;
        for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
                if (str_equal(driver, drivers[i]))
                        return true;
        return false;
}

static int parse_hwaddr(struct plugin_call *call, struct configuration *conf, struct error *err) {
        uint8_t bytes[6];

        if (str_empty(conf->hwaddr))
                return 0;
        if (link_mac_parse(conf->hwaddr, bytes) < 0)
                return json_error(json_get(call->conf, "hwaddr"), err, EINVAL,
                                  "'%.64s' is not a hardware address such as 02:42:ac:11:00:02", conf->hwaddr);
        link_mac_text(bytes, conf->mac);
        return 0;
}

/* runtimeConfig.deviceID overrides pciBusID, and may be on another bus. */
static int parse_device_id(struct plugin_call *call, struct configuration *conf, struct error *err) {
        _cleanup_free_ char *path = NULL;
        const char *id = NULL;
        int r = json_get_string(call->runtime, "deviceID", &id, err);

        if (r < 0 || str_empty(id))
                return r;
        conf->pci = id;
        if (!path_is_name(id))
                return 0;
        path = path_join(AUXILIARY_DEVICES, id);
        if (access(path, F_OK) == 0) {
                conf->auxiliary = id;
                conf->pci = NULL;
        }
        return 0;
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct {
                const char *key;
                const char **target;
        } members[] = {{"device", &conf->device},
                       {"hwaddr", &conf->hwaddr},
                       {"kernelpath", &conf->kernel_path},
                       {"pciBusID", &conf->pci}};
        bool found;
        int r = 0;

        *conf = (struct configuration){0};
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(members); i++)
                r = json_get_string(call->conf, members[i].key, members[i].target, err);
        if (r >= 0)
                r = parse_device_id(call, conf, err);
        if (r < 0)
                return r;
        found = conf->auxiliary;
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                found |= !str_empty(*members[i].target);
        if (!found)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "one of device, hwaddr, kernelpath and pciBusID is required");
        if (!str_empty(conf->device) && !attach_link_name_is_valid(conf->device))
                return json_error(json_get(call->conf, "device"), err, EINVAL, "'%.64s' is not a name for a link",
                                  conf->device);
        if (!str_empty(conf->pci) && !path_is_name(conf->pci))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "pciBusID: '%.64s' is not an address such as 0000:00:19.0", conf->pci);
        conf->without_link = !str_empty(conf->pci) && is_for_programs(conf->pci);
        return parse_hwaddr(call, conf, err);
}

/* The first entry of a directory that begins so. Returns 0 or -ENOENT. */
static int first_entry(const char *directory, const char *prefix, char out[IFNAMSIZ]) {
        _cleanup_dir_ DIR *dir = opendir(directory);
        const struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && str_starts_with(entry->d_name, prefix) &&
                    strlen(entry->d_name) < IFNAMSIZ) {
                        (void) snprintf(out, IFNAMSIZ, "%.15s", entry->d_name);
                        return 0;
                }
        return -ENOENT;
}

/* The name of a device's link, from sysfs. */
static int name_of_device(const char *device, char out[IFNAMSIZ], struct error *err) {
        _cleanup_free_ char *links = path_join(device, "net");
        char virtio[IFNAMSIZ];

        if (first_entry(links, "", out) == 0)
                return 0;
        if (first_entry(device, "virtio", virtio) == 0) {
                _cleanup_free_ char *below = str_format("%s/%s/net", device, virtio);

                if (first_entry(below, "", out) == 0)
                        return 0;
        }
        return error_set(err, ENOENT, "%s has no network link", device);
}

struct mac_search {
        const char *mac;
        struct link_info *found;
};

static int compare_mac(const struct link_info *info, void *context) {
        const struct mac_search *search = context;

        if (search->found->index == 0 && str_equal(info->mac, search->mac))
                *search->found = *info;
        return 0;
}

static int find_by_mac(struct netlink *host, const char *mac, struct link_info *out, struct error *err) {
        struct mac_search search = {.mac = mac, .found = out};
        int r;

        *out = (struct link_info){0};
        r = link_list(host, compare_mac, &search, err);
        if (r >= 0 && out->index == 0)
                return error_set(err, ENODEV, "hwaddr: no link has the address %s", mac);
        return r < 0 ? r : 0;
}

static int find_device(struct plugin_call *call, const struct configuration *conf, struct netlink *host,
                       struct link_info *out, struct error *err) {
        _cleanup_free_ char *path = NULL;
        char name[IFNAMSIZ];
        int r;

        if (!str_empty(conf->device))
                return link_find(host, conf->device, out, err) < 0 ? error_wrap(err, "device") : 0;
        if (!str_empty(conf->hwaddr))
                return find_by_mac(host, conf->mac, out, err);
        if (!str_empty(conf->kernel_path)) {
                _cleanup_free_ char *clean = path_clean(conf->kernel_path);

                if (!str_starts_with(clean, "/sys/devices/"))
                        return json_error(json_get(call->conf, "kernelpath"), err, EINVAL,
                                          "'%.128s' must begin with /sys/devices/", conf->kernel_path);
                r = name_of_device(clean, name, err);
        } else {
                path = conf->auxiliary ? path_join(AUXILIARY_DEVICES, conf->auxiliary)
                                       : path_join(PCI_DEVICES, conf->pci);
                if (access(path, F_OK) < 0)
                        return error_errno(err, errno, "pciBusID: %s", path);
                r = name_of_device(path, name, err);
        }
        return r < 0 ? r : link_find(host, name, out, err);
}

/* Moves a link, which takes the new name there and remembers the old one as its alias. */
static int move(struct netlink *from, const struct link_info *link, int netns_fd, const char *name, const char *alias,
                struct error *err) {
        struct link_change change = LINK_CHANGE_NONE;

        change.netns_fd = netns_fd;
        change.name = name;
        change.alias = alias;
        /* A link that is up cannot be renamed (before Linux 6.2). */
        change.off = IFF_UP;
        if (link_change(from, link->index, &change, err) < 0)
                return error_wrap(err, "cannot move link %s", link->name);
        return 0;
}

static int move_back(struct netlink *container, const char *ifname, struct error *err) {
        _cleanup_fd_ int own = link_open_own_netns(err);
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct link_info link, other;
        int r;

        if (own < 0)
                return own;
        r = link_find(container, ifname, &link, NULL);
        /* Gone already, or never ours: then it has no alias to go back to. */
        if (r < 0 || link.alias[0] == '\0')
                return 0;
        r = link_open(-1, &host, err);
        if (r < 0)
                return r;
        /* The kernel would move the link and only then see that the name is taken. */
        if (link_find(&host, link.alias, &other, NULL) >= 0) {
                (void) error_set(err, EEXIST, "cannot move link %s back: this host has another %s", ifname, link.alias);
                return error_hint(err, "rename or remove that one, and detach again");
        }
        return move(container, &link, own, link.alias, "", err);
}

/* What the program in the container is to know of the device's addresses. */
static int add_without_link(struct plugin_call *call, struct cni_result *result, struct error *err) {
        int r = attach_addresses_from_ipam(call, result, err);

        if (r >= 0) {
                r = attach_dns(call, result, err);
                if (r < 0)
                        ipam_undo(call);
        }
        return r;
}

/* An ADD that failed: the link is here again, and up if it was. */
static void give_up(struct netlink *host, struct netlink *container, const char *ifname, const struct link_info *link) {
        struct link_info back;

        if (move_back(container, ifname, NULL) >= 0 && link->flags & IFF_UP &&
            link_find(host, link->name, &back, NULL) >= 0)
                (void) link_set_flags(host, back.index, IFF_UP, NULL);
}

static int host_device_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED, container = NETLINK_CLOSED;
        struct configuration conf;
        struct link_info link;
        bool over_link, moved, asked;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0 && conf.without_link)
                return add_without_link(call, result, err);
        if (r >= 0)
                r = attach_open(call, &host, &container, err);
        if (r >= 0)
                r = find_device(call, &conf, &host, &link, err);
        if (r < 0)
                return r;
        /* The move costs the link its addresses: where it can be, it comes after all that may fail. */
        over_link = ipam_needs_link(call);
        if (!over_link)
                r = attach_addresses_from_ipam(call, result, err);
        if (r < 0)
                return r;
        r = move(&host, &link, call->netns_fd, call->ifname, link.name, err);
        moved = r >= 0;
        if (moved && over_link)
                r = attach_addresses_from_ipam(call, result, err);
        asked = !over_link || (moved && r >= 0);
        if (r >= 0)
                r = attach_configure(call, &container, result, false, err);
        if (r < 0 && moved)
                give_up(&host, &container, call->ifname, &link);
        if (r < 0 && asked)
                ipam_undo(call);
        return r;
}

static int host_device_del(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        int r = 0;

        if (call->netns_fd >= 0) {
                r = link_open(call->netns_fd, &container, err);
                if (r >= 0)
                        r = move_back(&container, call->ifname, err);
        }
        return attach_go_on(call, r, ipam_pass_on, err);
}

static int host_device_check(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = ipam_pass_on(call, err);
        return r < 0 || conf.without_link ? r : attach_check_container(call, NULL, err);
}

static int host_device_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : ipam_pass_on(call, err);
}

/* Where the links are, nobody but their containers knows: only addresses can be collected. */
static int host_device_gc(struct plugin_call *call, struct error *err) {
        return ipam_pass_on(call, err);
}

const struct plugin plugin_host_device = {.type = "host-device",
                                          .summary = "move a link of this host into a container",
                                          .add = host_device_add,
                                          .del = host_device_del,
                                          .check = host_device_check,
                                          .status = host_device_status,
                                          .gc = host_device_gc};
