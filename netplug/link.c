#include "link.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "link_message.h"

/* Room for one message about a link: everything that is put has a bound. */
#define MESSAGE_ROOM ((size_t) 1024)
#define EVENT_SIZE ((size_t) 16 * 1024)
/* How long a link may take to pass packets, and how often that is asked. */
#define AWAIT_MS 5000
#define AWAIT_STEP_MS 2

struct nl_msg *link_change_message(int index, unsigned int on, unsigned int off) {
        const struct ifinfomsg head = {
                .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = on, .ifi_change = on | off};

        return netlink_message(RTM_NEWLINK, 0, &head, sizeof(head), MESSAGE_ROOM);
}

struct nl_msg *link_new_message(const char *name, unsigned int on) {
        struct nl_msg *message = link_change_message(0, on, 0);

        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
        link_put_text(message, IFLA_IFNAME, name);
        return message;
}

void link_put(struct nl_msg *message, int type, const void *data, size_t size) {
        if (size > INT16_MAX || nla_put(message, type, (int) size, data) < 0)
                abort();
}

void link_put_raw(struct nl_msg *message, const void *data, size_t size) {
        if (nlmsg_append(message, (void *) data, size, NLMSG_ALIGNTO) < 0)
                abort();
}

void link_put_u32(struct nl_msg *message, int type, uint32_t value) {
        link_put(message, type, &value, sizeof(value));
}

void link_put_text(struct nl_msg *message, int type, const char *text) {
        link_put(message, type, text, strlen(text) + 1);
}

struct nlattr *link_nest(struct nl_msg *message, int type) {
        struct nlattr *nest = nla_nest_start(message, type);

        if (!nest)
                abort();
        return nest;
}

int link_open_own_netns(struct error *err) {
        int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? error_errno(err, errno, "cannot open this process's network namespace") : fd;
}

int link_inside(int netns_fd, int (*function)(void *context, struct error *err), void *context, struct error *err) {
        _cleanup_fd_ int own = -1;
        int r;

        if (netns_fd < 0)
                return function(context, err);
        own = link_open_own_netns(err);
        if (own < 0)
                return own;
        if (setns(netns_fd, CLONE_NEWNET) < 0)
                return error_errno(err, errno, "cannot enter the container's network namespace");
        r = function(context, err);
        /* Staying in a container's namespace would make every later step wrong: better to end here. */
        if (setns(own, CLONE_NEWNET) < 0)
                abort();
        return r;
}

static int open_socket(void *context, struct error *err) {
        return netlink_open(NETLINK_ROUTE, context, err);
}

int link_open(int netns_fd, struct netlink *out, struct error *err) {
        const int on = 1;
        int r;

        *out = NETLINK_CLOSED;
        r = link_inside(netns_fd, open_socket, out, err);
        /* Dumps of one link's addresses then come filtered by the kernel. */
        if (r >= 0)
                (void) setsockopt(out->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
        return r;
}

void link_mac_text(const uint8_t bytes[6], char out[LINK_MAC_SIZE]) {
        (void) snprintf(out, LINK_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                        bytes[4], bytes[5]);
}

int link_mac_parse(const char *text, uint8_t out[6]) {
        const size_t length = strlen(text);
        const char separator = length == 17 ? text[2] : length == 14 ? text[4] : '\0';
        const int together = length == 17 ? 1 : 2; /* bytes */

        if (length == 17 ? separator != ':' && separator != '-' : separator != '.')
                return -EINVAL;
        for (int i = 0; i < 6; i++) {
                if (i > 0 && i % together == 0 && *text++ != separator)
                        return -EINVAL;
                if (!isxdigit((unsigned char) text[0]) || sscanf(text, "%2hhx", &out[i]) != 1 ||
                    !isxdigit((unsigned char) text[1]))
                        return -EINVAL;
                text += 2;
        }
        return out[0] & 1 ? -EINVAL : 0;
}

void link_mac_random(char out[LINK_MAC_SIZE]) {
        uint8_t bytes[6];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                abort();
        bytes[0] = (uint8_t) ((bytes[0] & 0xfc) | 2);
        link_mac_text(bytes, out);
}

/* Copies a text attribute, cut to the room there is. */
static void copy_text(char *to, size_t size, const struct nlattr *from) {
        if (from)
                (void) nla_strlcpy(to, from, size);
}

static int32_t number(const struct nlattr *from) {
        return from && nla_len(from) >= (int) sizeof(uint32_t) ? (int32_t) nla_get_u32(from) : 0;
}

/* The kind of a link, and what a macvlan or a bridge has of its own. */
static void read_kind(struct nlattr *from, struct link_info *info) {
        struct nlattr *about[IFLA_INFO_MAX + 1], *data[IFLA_BR_MAX + 1];
        _Static_assert(IFLA_MACVLAN_MAX <= IFLA_BR_MAX, "room for the attributes of either kind");

        if (!from || nla_parse_nested(about, IFLA_INFO_MAX, from, NULL) < 0)
                return;
        copy_text(info->kind, sizeof(info->kind), about[IFLA_INFO_KIND]);
        if (strcmp(info->kind, "macvlan") == 0 && about[IFLA_INFO_DATA] &&
            nla_parse_nested(data, IFLA_MACVLAN_MAX, about[IFLA_INFO_DATA], NULL) >= 0)
                info->mode = (unsigned int) number(data[IFLA_MACVLAN_MODE]);
        if (strcmp(info->kind, "bridge") == 0 && about[IFLA_INFO_DATA] &&
            nla_parse_nested(data, IFLA_BR_MAX, about[IFLA_INFO_DATA], NULL) >= 0) {
                info->filters_vlans = data[IFLA_BR_VLAN_FILTERING] && nla_get_u8(data[IFLA_BR_VLAN_FILTERING]);
                info->floods = data[IFLA_BR_MCAST_SNOOPING] && !nla_get_u8(data[IFLA_BR_MCAST_SNOOPING]);
        }
}

/* What the link's part for IPv6 tells. */
static void read_ipv6(struct nlattr *families, struct link_info *info) {
        struct nlattr *ipv6 = families ? nla_find(nla_data(families), nla_len(families), AF_INET6) : NULL;
        const struct nlattr *settings = ipv6 ? nla_find(nla_data(ipv6), nla_len(ipv6), IFLA_INET6_CONF) : NULL;
        const struct nlattr *mode = ipv6 ? nla_find(nla_data(ipv6), nla_len(ipv6), IFLA_INET6_ADDR_GEN_MODE) : NULL;
        int32_t value = 0;

        if (settings && (size_t) nla_len(settings) >= (DEVCONF_DISABLE_IPV6 + 1) * sizeof(value))
                memcpy(&value, (const int32_t *) nla_data(settings) + DEVCONF_DISABLE_IPV6, sizeof(value));
        info->without_ipv6 = value != 0;
        info->makes_link_local = mode && nla_len(mode) >= 1 && nla_get_u8(mode) == IN6_ADDR_GEN_MODE_EUI64;
}

static bool read_link(struct nlmsghdr *header, struct link_info *info) {
        const struct ifinfomsg *head = nlmsg_data(header);
        struct nlattr *found[IFLA_MAX + 1];

        if (header->nlmsg_type != RTM_NEWLINK || nlmsg_parse(header, sizeof(*head), found, IFLA_MAX, NULL) < 0)
                return false;
        *info = (struct link_info){.index = head->ifi_index,
                                   .flags = head->ifi_flags,
                                   .mtu = number(found[IFLA_MTU]),
                                   .master = number(found[IFLA_MASTER]),
                                   .other = number(found[IFLA_LINK]),
                                   .netns = found[IFLA_LINK_NETNSID] ? number(found[IFLA_LINK_NETNSID]) : -1,
                                   .queue = number(found[IFLA_TXQLEN]),
                                   .promiscuous = number(found[IFLA_PROMISCUITY]) != 0,
                                   .carrier = found[IFLA_CARRIER] && nla_get_u8(found[IFLA_CARRIER])};
        copy_text(info->name, sizeof(info->name), found[IFLA_IFNAME]);
        copy_text(info->alias, sizeof(info->alias), found[IFLA_IFALIAS]);
        read_kind(found[IFLA_LINKINFO], info);
        read_ipv6(found[IFLA_AF_SPEC], info);
        if (found[IFLA_ADDRESS] && nla_len(found[IFLA_ADDRESS]) == 6)
                link_mac_text(nla_data(found[IFLA_ADDRESS]), info->mac);
        return true;
}

static int read_one_link(struct nlmsghdr *header, void *context) {
        return read_link(header, context) ? 0 : -EBADMSG;
}

/* Asks for one link, by index or, where that is 0, by name. */
static int get_link(struct netlink *netlink, int index, const char *name, struct link_info *out) {
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
        struct nl_msg *message = netlink_message(RTM_GETLINK, 0, &head, sizeof(head), 64);

        *out = (struct link_info){0};
        if (index == 0)
                link_put_text(message, IFLA_IFNAME, name);
        /* Counters are the larger part of an answer, and slow to gather. */
        link_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        return netlink_query(netlink, message, read_one_link, out);
}

int link_find(struct netlink *netlink, const char *name, struct link_info *out, struct error *err) {
        /* The name may come from a configuration. */
        int r = strlen(name) < IFNAMSIZ ? get_link(netlink, 0, name, out) : -ENODEV;

        return r < 0 ? error_errno(err, -r, "link %.64s", name) : 0;
}

int link_find_index(struct netlink *netlink, int index, struct link_info *out, struct error *err) {
        int r = index > 0 ? get_link(netlink, index, NULL, out) : -ENODEV;

        return r < 0 ? error_errno(err, -r, "link number %d", index) : 0;
}

struct link_reader {
        link_handler handler;
        void *context;
};

static int read_next_link(struct nlmsghdr *header, void *context) {
        const struct link_reader *reader = context;
        struct link_info info;

        return read_link(header, &info) ? reader->handler(&info, reader->context) : 0;
}

static int read_netns_number(struct nlmsghdr *header, void *context) {
        const struct nlattr *number = nlmsg_find_attr(header, sizeof(struct rtgenmsg), NETNSA_NSID);

        if (number)
                *(int *) context = (int) nla_get_u32(number);
        return 0;
}

int link_netns_number(struct netlink *netlink, int netns_fd) {
        const struct rtgenmsg head = {.rtgen_family = AF_UNSPEC};
        struct nl_msg *message = netlink_message(RTM_GETNSID, 0, &head, sizeof(head), 64);
        int out = -1;

        link_put_u32(message, NETNSA_FD, (uint32_t) netns_fd);
        return netlink_query(netlink, message, read_netns_number, &out) < 0 ? -1 : out;
}

bool link_leads_here(struct netlink *netlink, int netns_fd, const struct link_info *link) {
        _cleanup_fd_ int own = link_open_own_netns(NULL);
        struct stat here, there;

        if (own < 0 || link->other == 0)
                return false;
        if (link->netns >= 0)
                return link_netns_number(netlink, own) == link->netns;
        /* Both ends are in one namespace. */
        return fstat(own, &here) == 0 && fstat(netns_fd, &there) == 0 && here.st_dev == there.st_dev &&
               here.st_ino == there.st_ino;
}

int link_list(struct netlink *netlink, link_handler handler, void *context, struct error *err) {
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
        struct link_reader reader = {.handler = handler, .context = context};
        int r = netlink_query(netlink, netlink_message(RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head), 0), read_next_link,
                              &reader);

        return r < 0 && r != -EINTR ? error_errno(err, -r, "cannot list the links") : 0;
}

static int change_flags(struct netlink *netlink, int index, unsigned int on, unsigned int off, struct error *err) {
        int r = netlink_request(netlink, link_change_message(index, on, off));

        return r < 0 ? error_errno(err, -r, "cannot set the link's flags") : 0;
}

int link_set_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, flags, 0, err);
}

int link_quiet_ipv6(struct netlink *netlink, int index, struct error *err) {
        struct nl_msg *message = link_change_message(index, 0, 0);
        struct nlattr *families = link_nest(message, IFLA_AF_SPEC), *ipv6 = link_nest(message, AF_INET6);
        const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
        int r;

        link_put(message, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
        (void) nla_nest_end(message, ipv6);
        (void) nla_nest_end(message, families);
        r = netlink_request(netlink, message);
        return r < 0 && r != -EAFNOSUPPORT ? error_errno(err, -r, "cannot keep a link from IPv6") : 0;
}

int link_index(struct netlink *netlink, const char *name, struct error *err) {
        struct ifreq request = {0};

        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (ioctl(netlink->fd, SIOCGIFINDEX, &request) < 0)
                return error_errno(err, errno, "link %s", name);
        return request.ifr_ifindex;
}

/*
 * A carrier that came is made use of by a worker of the kernel, a little later. From Linux 6.8 on to ask for the
 * carrier does that work at once. By ioctl, as an answer by rtnetlink has the number of the other end's namespace,
 * which the kernel looks up in a list of all.
 */
int link_await(struct netlink *netlink, const char *name, struct error *err) {
        const struct timespec pause = {.tv_nsec = AWAIT_STEP_MS * 1000000L};
        struct ethtool_value carrier = {.cmd = ETHTOOL_GLINK};
        struct ifreq request = {0};

        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        for (int waited = 0; waited <= AWAIT_MS; waited += AWAIT_STEP_MS) {
                request.ifr_data = (char *) &carrier;
                (void) ioctl(netlink->fd, SIOCETHTOOL, &request);
                if (ioctl(netlink->fd, SIOCGIFFLAGS, &request) < 0)
                        return error_errno(err, errno, "link %s", name);
                if ((unsigned short) request.ifr_flags & IFF_RUNNING)
                        return 0;
                (void) nanosleep(&pause, NULL);
        }
        return error_set(err, ETIMEDOUT, "link %s has no carrier after %d seconds", name, AWAIT_MS / 1000);
}

int link_clear_flags(struct netlink *netlink, int index, unsigned int flags, struct error *err) {
        return change_flags(netlink, index, 0, flags, err);
}

int link_change(struct netlink *netlink, int index, const struct link_change *change, struct error *err) {
        struct nl_msg *message = link_change_message(index, change->on, change->off);
        uint8_t mac[6];
        int r;

        if (change->mac) {
                if (link_mac_parse(change->mac, mac) < 0) {
                        nlmsg_free(message);
                        return error_set(err, EINVAL, "'%.64s' is not a hardware address", change->mac);
                }
                link_put(message, IFLA_ADDRESS, mac, sizeof(mac));
        }
        if (change->mtu)
                link_put_u32(message, IFLA_MTU, (uint32_t) change->mtu);
        if (change->queue >= 0)
                link_put_u32(message, IFLA_TXQLEN, (uint32_t) change->queue);
        if (change->name)
                link_put_text(message, IFLA_IFNAME, change->name);
        if (change->alias)
                link_put_text(message, IFLA_IFALIAS, change->alias);
        if (change->netns_fd >= 0)
                link_put_u32(message, IFLA_NET_NS_FD, (uint32_t) change->netns_fd);
        r = netlink_request(netlink, message);
        return r < 0 ? error_errno(err, -r, "cannot change the link") : 0;
}

/* The kernel does so whenever a hardware address is set, be it the same. */
int link_announce(struct netlink *netlink, int index, const char *mac, struct error *err) {
        struct link_change change = LINK_CHANGE_NONE;

        change.mac = mac;
        return link_change(netlink, index, &change, err);
}

static struct nl_msg *delete_message(const char *name) {
        const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
        struct nl_msg *message = netlink_message(RTM_DELLINK, 0, &head, sizeof(head), 64);

        link_put_text(message, IFLA_IFNAME, name);
        return message;
}

/* True for the event that the link of this name is gone. */
static bool tells_of_deletion(const char *data, int size, const char *name) {
        for (const struct nlmsghdr *header = (const void *) data; nlmsg_ok(header, size);
             header = nlmsg_next((struct nlmsghdr *) header, &size)) {
                const struct ifinfomsg *head = nlmsg_data(header);
                struct nlattr *found[IFLA_MAX + 1];

                /* The same type with family AF_BRIDGE tells that it left a bridge. */
                if (header->nlmsg_type == RTM_DELLINK && head->ifi_family == AF_UNSPEC &&
                    nlmsg_parse((struct nlmsghdr *) header, sizeof(*head), found, IFLA_MAX, NULL) >= 0 &&
                    found[IFLA_IFNAME] && nla_strcmp(found[IFLA_IFNAME], name) == 0)
                        return true;
        }
        return false;
}

/* Waits for the end of a request in another process, or for the event that makes waiting needless. */
static int await_deletion(int events, int answer, const char *name) {
        struct pollfd waits[] = {{.fd = answer, .events = POLLIN}, {.fd = events, .events = POLLIN}};
        _cleanup_free_ char *data = xcalloc(1, EVENT_SIZE);

        for (;;) {
                int result = -EIO;
                ssize_t got;

                if (poll(waits, ARRAY_SIZE(waits), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (waits[1].revents) {
                        got = recv(events, data, EVENT_SIZE, MSG_DONTWAIT);
                        if (got > 0 && tells_of_deletion(data, (int) got, name))
                                return 0;
                }
                if (waits[0].revents)
                        return read(answer, &result, sizeof(result)) == sizeof(result) ? result : -EIO;
        }
}

int link_delete_soon(struct netlink *netlink, const char *name, struct error *err) {
        const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
        _cleanup_netlink_ struct netlink events = NETLINK_CLOSED;
        _cleanup_fd_ int answer = -1, outcome = -1;
        struct link_info there;
        int ends[2], r;
        pid_t child;

        /* What is not there needs no second process. */
        r = link_find(netlink, name, &there, NULL);
        if (r == -ENODEV)
                return 0;
        r = netlink_open(NETLINK_ROUTE, &events, NULL);
        if (r < 0 || bind(events.fd, (const struct sockaddr *) &links, sizeof(links)) < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return link_delete(netlink, name, err);
        answer = ends[0];
        outcome = ends[1];
        child = fork();
        if (child < 0)
                return link_delete(netlink, name, err);
        if (child == 0) {
                /* Whoever called waits for the end of these. */
                for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                        fd_close(fd);
                r = netlink_request(netlink, delete_message(name));
                _exit(write(outcome, &r, sizeof(r)) == sizeof(r) ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        fd_close_at(&outcome);
        r = await_deletion(events.fd, answer, name);
        if (r < 0 && r != -ENODEV)
                return error_errno(err, -r, "cannot delete link %s", name);
        return r == 0;
}

int link_delete(struct netlink *netlink, const char *name, struct error *err) {
        int r = strlen(name) < IFNAMSIZ ? netlink_request(netlink, delete_message(name)) : 0;

        if (r < 0 && r != -ENODEV)
                return error_errno(err, -r, "cannot delete link %s", name);
        return r == 0;
}
