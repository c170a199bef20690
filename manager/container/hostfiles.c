#include "hostfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../network/connect.h"

#define FILE_MAX ((size_t) 1024 * 1024)

/* Replaced in place: the container has the file mounted, so it must stay the same file. */
static int write_file(const struct container *container, const char *name, const char *text, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/%s", container->directory, name);
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

        return r < 0 ? error_errno(err, -r, "%s", path) : 0;
}

static void add_host_lines(const struct container *container, const char *gateway, struct str_buf *out) {
        const struct str_list *extra = &container->options.add_host;

        for (size_t i = 0; i < extra->count; i++) {
                const char *colon = strpbrk(extra->items[i], ":=");
                _cleanup_free_ char *name = NULL;

                if (!colon)
                        continue;
                name = xstrndup(extra->items[i], (size_t) (colon - extra->items[i]));
                str_buf_printf(out, "%s\t%s\n", str_equal(colon + 1, "host-gateway") && gateway ? gateway : colon + 1,
                               name);
        }
}

static int write_hosts(const struct container *container, const struct json *connection, struct error *err) {
        const struct json *first = connection_attachment(connection, 0);
        const char *address = first ? attachment_address(first) : NULL;
        _cleanup_str_buf_ struct str_buf text = {0};
        _cleanup_free_ char *host = NULL;

        if (str_equal(connect_mode(container), "host") &&
            file_read(AT_FDCWD, "/etc/hosts", FILE_MAX, &host, NULL, NULL) == 0)
                str_buf_add(&text, host);
        else
                str_buf_add(&text, "127.0.0.1\tlocalhost\n"
                                   "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                   "fe00::\tip6-localnet\n"
                                   "ff00::\tip6-mcastprefix\n"
                                   "ff02::1\tip6-allnodes\n"
                                   "ff02::2\tip6-allrouters\n");
        add_host_lines(container, first ? attachment_gateway(first) : NULL, &text);
        if (address) {
                str_buf_add_bytes(&text, address, strcspn(address, "/"));
                str_buf_printf(&text, "\t%s\n", container->hostname);
        }
        return write_file(container, "hosts", text.data ? text.data : "", err);
}

static bool is_loopback(const char *address) {
        return str_starts_with(address, "127.") || str_equal(address, "::1") || str_equal(address, "localhost");
}

/* The host's resolv.conf without resolvers that only the host itself can reach. */
static size_t filter(const char *host, bool keep_loopback, struct str_buf *out) {
        _cleanup_str_list_ struct str_list lines = {0};
        size_t servers = 0;

        str_list_split(&lines, host, '\n');
        for (size_t i = 0; i < lines.count; i++) {
                const char *line = lines.items[i];

                if (str_starts_with(line, "nameserver")) {
                        const char *address = line + strlen("nameserver");

                        address += strspn(address, " \t");
                        if (is_loopback(address) && !keep_loopback)
                                continue;
                        servers++;
                }
                if (line[0] && line[0] != '#')
                        str_buf_printf(out, "%s\n", line);
        }
        return servers;
}

static void from_host(bool keep_loopback, struct str_buf *out) {
        /* Where the host runs a stub resolver, its real servers are in the second file. */
        static const char *const sources[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

        for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
                _cleanup_free_ char *text = NULL;

                str_buf_free(out);
                *out = (struct str_buf){0};
                if (file_read(AT_FDCWD, sources[i], FILE_MAX, &text, NULL, NULL) == 0 &&
                    filter(text, keep_loopback, out) > 0)
                        return;
        }
}

static void add_strings(struct str_buf *out, const char *prefix, const char *separator, const struct str_list *items) {
        _cleanup_free_ char *joined = str_list_join(items, separator);

        if (items->count > 0)
                str_buf_printf(out, "%s%s\n", prefix, joined);
}

/* Name servers a network's plugins run, which know the other containers by name. */
static void from_network(const struct json *connection, struct str_list *servers, struct str_list *search) {
        const struct json *dns = json_get(json_get(connection_attachment(connection, 0), "result"), "dns");
        const struct json *list = json_get(dns, "nameservers"), *domains = json_get(dns, "search");

        if (list)
                json_for_each (server, list) {
                        str_list_add(servers, server->text);
                }
        if (domains)
                json_for_each (domain, domains) {
                        str_list_add(search, domain->text);
                }
}

static int write_resolv_conf(const struct container *container, const struct json *connection, struct error *err) {
        const struct container_options *options = &container->options;
        _cleanup_str_list_ struct str_list servers = {0}, search = {0};
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < options->dns.count; i++)
                str_list_add(&servers, options->dns.items[i]);
        if (servers.count == 0)
                from_network(connection, &servers, &search);
        for (size_t i = 0; i < options->dns_search.count; i++)
                str_list_add(&search, options->dns_search.items[i]);
        if (servers.count == 0 && search.count == 0 && options->dns_option.count == 0) {
                from_host(str_equal(connect_mode(container), "host"), &text);
        } else {
                if (servers.count == 0)
                        from_host(false, &text);
                add_strings(&text, "search ", " ", &search);
                if (servers.count > 0)
                        add_strings(&text, "nameserver ", "\nnameserver ", &servers);
                add_strings(&text, "options ", " ", &options->dns_option);
        }
        return write_file(container, "resolv.conf", text.data ? text.data : "", err);
}

int hostfiles_write(const struct container *container, const struct json *connection, struct error *err) {
        _cleanup_free_ char *hostname = str_format("%s\n", container->hostname);
        int r = write_file(container, "hostname", hostname, err);

        if (r == 0)
                r = write_hosts(container, connection, err);
        return r == 0 ? write_resolv_conf(container, connection, err) : r;
}
