#include "network_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/cleanup.h"
#include "../../lib/netlink.h"
#include "../../lib/str.h"
#include "procfs.h"

/* One side of a move. */
struct side {
        int namespace;
        struct netlink netlink;
};

struct device {
        const char *host_name;
        const char *name; /* in the container */
        int index;        /* where it is now */
        bool up;          /* on the host */
        bool moved;
        struct nlmsghdr **addresses; /* as the kernel told them */
        size_t address_count;
};

struct network_devices {
        struct side host;
        struct side container;
        struct device *items;
        size_t count;
};

void network_devices_free(struct network_devices *devices) {
        if (!devices)
                return;
        for (size_t i = 0; i < devices->count; i++) {
                for (size_t k = 0; k < devices->items[i].address_count; k++)
                        free(devices->items[i].addresses[k]);
                free(devices->items[i].addresses);
        }
        free(devices->items);
        netlink_close(&devices->host.netlink);
        netlink_close(&devices->container.netlink);
        fd_close_at(&devices->host.namespace);
        fd_close_at(&devices->container.namespace);
        free(devices);
}

DEFINE_CLEANUP(free_devices, struct network_devices *, network_devices_free);

int network_devices_check(const struct runtime_linux *config, struct error *err) {
        if (config->net_device_count == 0 || config->namespaces[NAMESPACE_NETWORK].present)
                return 0;
        error_set(err, EINVAL, "linux.netDevices: there is nowhere to move network devices to");
        return error_hint(err, "give the container a network namespace");
}

static int exchange(struct netlink *netlink, const struct str_buf *message, netlink_handler handler, void *context) {
        return netlink_exchange(netlink, (struct nlmsghdr *) (void *) message->data, handler, context);
}

/* --- questions to the kernel ---------------------------------------------- */

struct link {
        int index; /* 0: no such link */
        bool up;
};

static int read_link(struct nlmsghdr *header, void *context) {
        const struct ifinfomsg *info = NLMSG_DATA(header);
        struct link *link = context;

        if (header->nlmsg_type == RTM_NEWLINK)
                *link = (struct link){.index = info->ifi_index, .up = (info->ifi_flags & IFF_UP) != 0};
        return 0;
}

static int find_link(struct netlink *netlink, const char *name, struct link *out) {
        struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
        _cleanup_str_buf_ struct str_buf message = {0};

        *out = (struct link){0};
        netlink_begin(&message, RTM_GETLINK, 0, &info, sizeof(info));
        netlink_put(&message, IFLA_IFNAME, name, strlen(name) + 1);
        return exchange(netlink, &message, read_link, out);
}

static uint32_t address_flags(const struct nlmsghdr *header) {
        const struct ifaddrmsg *info = NLMSG_DATA(header);
        const struct nlattr *attribute = netlink_attribute(IFA_RTA(info), IFA_PAYLOAD(header), IFA_FLAGS);
        uint32_t flags = info->ifa_flags;

        if (attribute && attribute->nla_len >= NLA_HDRLEN + sizeof(flags))
                memcpy(&flags, (const char *) attribute + NLA_HDRLEN, sizeof(flags));
        return flags;
}

/* Addresses that somebody configured, and that mean something beyond the link. */
static int keep_address(struct nlmsghdr *header, void *context) {
        const struct ifaddrmsg *info = NLMSG_DATA(header);
        struct device *device = context;
        struct nlmsghdr *copy;

        if (header->nlmsg_type != RTM_NEWADDR || (int) info->ifa_index != device->index ||
            info->ifa_scope != RT_SCOPE_UNIVERSE || !(address_flags(header) & IFA_F_PERMANENT))
                return 0;
        copy = xcalloc(1, header->nlmsg_len);
        memcpy(copy, header, header->nlmsg_len);
        device->addresses = xrealloc(device->addresses, device->address_count + 1, sizeof(struct nlmsghdr *));
        device->addresses[device->address_count++] = copy;
        return 0;
}

static int read_addresses(struct netlink *netlink, struct device *device) {
        struct ifaddrmsg info = {.ifa_family = AF_UNSPEC};
        _cleanup_str_buf_ struct str_buf message = {0};
        int r;

        netlink_begin(&message, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
        do {
                while (device->address_count > 0)
                        free(device->addresses[--device->address_count]);
                r = exchange(netlink, &message, keep_address, device);
        } while (r == -EINTR);
        return r;
}

/* --- changes -------------------------------------------------------------- */

static int add_address(struct netlink *netlink, const struct device *device, const struct nlmsghdr *address) {
        struct ifaddrmsg info = *(const struct ifaddrmsg *) NLMSG_DATA(address);
        const struct rtattr *attribute = IFA_RTA(NLMSG_DATA(address));
        size_t left = IFA_PAYLOAD(address);
        _cleanup_str_buf_ struct str_buf message = {0};

        info.ifa_index = (unsigned int) device->index;
        netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
        for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
                /* The label of an IPv4 address begins with the name the device had. */
                if (attribute->rta_type == IFA_LABEL && !str_equal(device->name, device->host_name))
                        continue;
                netlink_put(&message, attribute->rta_type, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
        }
        return exchange(netlink, &message, NULL, NULL);
}

static int set_up(struct netlink *netlink, int index) {
        struct ifinfomsg info = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
        _cleanup_str_buf_ struct str_buf message = {0};

        netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof(info));
        return exchange(netlink, &message, NULL, NULL);
}

/* The kernel takes the device down and its addresses off; it may give it another index. */
static int transfer(struct side *from, struct side *to, struct device *device, const char *name, bool up) {
        struct ifinfomsg info = {.ifi_index = device->index};
        _cleanup_str_buf_ struct str_buf message = {0};
        struct link link;
        int r;

        netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof(info));
        netlink_put(&message, IFLA_NET_NS_FD, &to->namespace, sizeof(to->namespace));
        netlink_put(&message, IFLA_IFNAME, name, strlen(name) + 1);
        if ((r = exchange(&from->netlink, &message, NULL, NULL)) < 0)
                return r;
        device->moved = !device->moved;
        if ((r = find_link(&to->netlink, name, &link)) < 0)
                return r;
        device->index = link.index;
        for (size_t i = 0; i < device->address_count; i++)
                if ((r = add_address(&to->netlink, device, device->addresses[i])) < 0)
                        return r;
        return up ? set_up(&to->netlink, device->index) : 0;
}

static int move_device(struct network_devices *devices, struct device *device, struct error *err) {
        struct link link;
        struct link taken;
        int r = find_link(&devices->host.netlink, device->host_name, &link);

        if (r == -ENODEV)
                return error_set(err, ENODEV, "no such network device");
        if (r < 0)
                return error_errno(err, -r, "cannot be found");
        /* The kernel moves first and then fails to rename. */
        if (find_link(&devices->container.netlink, device->name, &taken) == 0)
                return error_set(err, EEXIST, "name \"%s\": is taken in the container's network namespace",
                                 device->name);
        device->index = link.index;
        device->up = link.up;
        if ((r = read_addresses(&devices->host.netlink, device)) < 0)
                return error_errno(err, -r, "its addresses cannot be read");
        r = transfer(&devices->host, &devices->container, device, device->name, true);
        return r < 0 ? error_errno(err, -r, "cannot be moved") : 0;
}

void network_devices_return(struct network_devices *devices) {
        for (size_t i = devices ? devices->count : 0; i > 0; i--) {
                struct device *device = &devices->items[i - 1];

                if (device->moved)
                        (void) transfer(&devices->container, &devices->host, device, device->host_name, device->up);
        }
}

/* --- the two sides -------------------------------------------------------- */

static bool same_file(int a, int b) {
        struct stat first;
        struct stat second;

        return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
               first.st_ino == second.st_ino;
}

/* A socket stays in the namespace it was made in, so one process can serve both sides. */
static int open_container_socket(struct network_devices *devices, struct error *err) {
        int r;

        if (setns(devices->container.namespace, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "the container's network namespace cannot be entered");
        r = netlink_open(NETLINK_ROUTE, &devices->container.netlink, err);
        if (setns(devices->host.namespace, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "the host's network namespace cannot be entered again");
        return r;
}

static int open_sides(struct network_devices *devices, int proc_fd, int joined, pid_t pid, struct error *err) {
        char path[PROCFS_PATH_MAX];
        int r;

        (void) snprintf(path, sizeof(path), "%d/ns/net", pid);
        devices->host.namespace = openat(proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
        devices->container.namespace =
                joined >= 0 ? fcntl(joined, F_DUPFD_CLOEXEC, 0) : openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (devices->host.namespace < 0 || devices->container.namespace < 0)
                return error_errno(err, errno, "the container's network namespace");
        if (same_file(devices->host.namespace, devices->container.namespace))
                return error_set(err, EINVAL, "the container's network namespace is the host's");
        r = netlink_open(NETLINK_ROUTE, &devices->host.netlink, err);
        return r < 0 ? r : open_container_socket(devices, err);
}

int network_devices_move(const struct runtime_linux *config, int proc_fd, int joined, pid_t pid,
                         struct network_devices **out, struct error *err) {
        _cleanup_(free_devices) struct network_devices *devices = NULL;
        int r;

        *out = NULL;
        if (config->net_device_count == 0)
                return 0;
        devices = xcalloc(1, sizeof(*devices));
        devices->host = devices->container = (struct side){.namespace = -1, .netlink = NETLINK_CLOSED};
        devices->items = xcalloc(config->net_device_count, sizeof(*devices->items));
        devices->count = config->net_device_count;
        r = open_sides(devices, proc_fd, joined, pid, err);
        if (r < 0)
                return error_wrap(err, "linux.netDevices");
        for (size_t i = 0; i < devices->count; i++) {
                const struct runtime_net_device *wanted = &config->net_devices[i];

                devices->items[i].host_name = wanted->host_name;
                devices->items[i].name = wanted->name ? wanted->name : wanted->host_name;
                r = move_device(devices, &devices->items[i], err);
                if (r < 0) {
                        network_devices_return(devices);
                        return error_wrap(err, "linux.netDevices: %s", wanted->host_name);
                }
        }
        *out = take_ptr(devices);
        return 0;
}
