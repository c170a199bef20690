#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

static const struct protocol {
        const char *name;
        int type;
        int number;
} protocols[] = {
        {"tcp", SOCK_STREAM, IPPROTO_TCP},
        {"udp", SOCK_DGRAM, IPPROTO_UDP},
        {"sctp", SOCK_STREAM, IPPROTO_SCTP},
};

static const struct protocol *find_protocol(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (str_equal(protocols[i].name, name))
                        return &protocols[i];
        return NULL;
}

void port_list_free(struct port_list *list) {
        free(list->items);
        *list = (struct port_list){0};
}

struct range {
        uint16_t first;
        uint16_t last;
};

/* "80" or "80-82" */
static int parse_range(const char *text, struct range *out) {
        _cleanup_str_list_ struct str_list parts = {0};
        uint64_t first, last;

        str_list_split(&parts, text, '-');
        if (parts.count < 1 || parts.count > 2 || str_to_u64(parts.items[0], 65535, &first) < 0 ||
            str_to_u64(parts.items[parts.count - 1], 65535, &last) < 0 || first > last || first == 0)
                return -EINVAL;
        *out = (struct range){(uint16_t) first, (uint16_t) last};
        return 0;
}

int port_parse(const char *text, uint16_t *port, const char **protocol) {
        _cleanup_str_list_ struct str_list parts = {0};
        const struct protocol *found;
        uint64_t number;

        str_list_split(&parts, text, '/');
        if (parts.count < 1 || parts.count > 2 || str_to_u64(parts.items[0], 65535, &number) < 0 || number == 0)
                return -EINVAL;
        found = find_protocol(parts.count == 2 ? parts.items[1] : "tcp");
        if (!found)
                return -EINVAL;
        *port = (uint16_t) number;
        *protocol = found->name;
        return 0;
}

/* What stands before the container's port: "IP:HOST", "HOST", "IP:" or "". */
struct host_part {
        char ip[46];
        struct range ports; /* 0-0: none given */
};

static int parse_host(char *text, struct host_part *out) {
        unsigned char address[sizeof(struct in6_addr)];
        char *port = text, *ip = NULL, *colon;
        size_t size;

        *out = (struct host_part){0};
        if (text[0] == '[') { /* [::1]:8080 */
                char *end = strchr(text, ']');

                if (!end || end[1] != ':')
                        return -EINVAL;
                *end = '\0';
                ip = text + 1;
                port = end + 2;
        } else if ((colon = strrchr(text, ':'))) {
                *colon = '\0';
                ip = text;
                port = colon + 1;
        }
        if (*port && parse_range(port, &out->ports) < 0)
                return -EINVAL;
        if (!ip)
                return 0;
        size = strlen(ip);
        if (size >= sizeof(out->ip) || (inet_pton(AF_INET, ip, address) != 1 && inet_pton(AF_INET6, ip, address) != 1))
                return -EINVAL;
        memcpy(out->ip, ip, size + 1);
        return 0;
}

static int invalid(const char *text, struct error *err) {
        error_set(err, EINVAL, "invalid port: %s", text);
        return error_hint(err, "[[IP:]HOST-PORT:]CONTAINER-PORT[/tcp|udp|sctp], ranges as 8000-8002");
}

int port_list_add(struct port_list *list, const char *text, struct error *err) {
        _cleanup_free_ char *copy = xstrdup(text);
        struct host_part host = {0};
        struct range container;
        const struct protocol *protocol = &protocols[0];
        char *slash = strchr(copy, '/'), *colon;
        unsigned int count;

        if (slash) {
                *slash = '\0';
                protocol = find_protocol(slash + 1);
        }
        colon = strrchr(copy, ':');
        if (colon)
                *colon = '\0';
        if (!protocol || parse_range(colon ? colon + 1 : copy, &container) < 0 ||
            (colon && parse_host(copy, &host) < 0))
                return invalid(text, err);
        count = (unsigned int) (container.last - container.first) + 1;
        if (host.ports.first && (unsigned int) (host.ports.last - host.ports.first) + 1 != count)
                return invalid(text, err);
        list->items = xrealloc(list->items, list->count + count, sizeof(*list->items));
        for (unsigned int i = 0; i < count; i++) {
                struct port_mapping *mapping = &list->items[list->count++];

                *mapping = (struct port_mapping){
                        .host_port = (uint16_t) (host.ports.first ? host.ports.first + i : 0),
                        .container_port = (uint16_t) (container.first + i),
                        .protocol = protocol->name,
                };
                memcpy(mapping->host_ip, host.ip, sizeof(host.ip));
        }
        return 0;
}

static socklen_t fill_address(const struct port_mapping *mapping, struct sockaddr_storage *out) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) out;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) out;

        memset(out, 0, sizeof(*out));
        if (strchr(mapping->host_ip, ':')) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(mapping->host_port);
                (void) inet_pton(AF_INET6, mapping->host_ip, &v6->sin6_addr);
                return sizeof(*v6);
        }
        v4->sin_family = AF_INET;
        v4->sin_port = htons(mapping->host_port);
        if (mapping->host_ip[0])
                (void) inet_pton(AF_INET, mapping->host_ip, &v4->sin_addr);
        return sizeof(*v4);
}

/*
 * Holds one port. A bound socket that does not listen refuses connections, so
 * that is tried first; connections of an earlier program that linger in
 * TIME_WAIT only allow one that reuses the address, and that must listen to
 * be exclusive.
 */
static int hold(struct port_mapping *mapping, const struct protocol *protocol) {
        struct sockaddr_storage address;
        socklen_t size = fill_address(mapping, &address);
        _cleanup_fd_ int fd = socket(address.ss_family, protocol->type | SOCK_CLOEXEC, protocol->number);
        const int yes = 1;

        if (fd < 0)
                return errno == EPROTONOSUPPORT ? -EPROTONOSUPPORT : -errno;
        if (address.ss_family == AF_INET6)
                (void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
        if (bind(fd, (struct sockaddr *) &address, size) < 0) {
                if (errno != EADDRINUSE || protocol->type != SOCK_STREAM)
                        return -errno;
                (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
                if (bind(fd, (struct sockaddr *) &address, size) < 0 || listen(fd, 0) < 0)
                        return -errno;
        }
        if (mapping->host_port == 0) {
                if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                        return -errno;
                mapping->host_port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &address)->sin6_port
                                                                         : ((struct sockaddr_in *) &address)->sin_port);
        }
        return take_fd(&fd);
}

int port_list_hold(struct port_list *list, int *fds, struct error *err) {
        for (size_t i = 0; i < list->count; i++) {
                struct port_mapping *mapping = &list->items[i];
                const char *ip = mapping->host_ip[0] ? mapping->host_ip : "0.0.0.0";
                int r;

                fds[i] = hold(mapping, find_protocol(mapping->protocol));
                if (fds[i] == -EPROTONOSUPPORT && mapping->host_port != 0) {
                        fds[i] = -1; /* sctp is not built into this kernel: nobody can hold it */
                        continue;
                }
                if (fds[i] >= 0)
                        continue;
                r = fds[i];
                if (r == -EADDRINUSE) {
                        error_set(err, EADDRINUSE, "Bind for %s:%u failed: port is already allocated", ip,
                                  mapping->host_port);
                        error_hint(err, "another container or program of this host has port %u", mapping->host_port);
                } else {
                        error_errno(err, -r, "Bind for %s:%u failed", ip, mapping->host_port);
                }
                while (i-- > 0)
                        fd_close_at(&fds[i]);
                return r;
        }
        return 0;
}
