#include "dns_server.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "../lib/process.h"

#define START_TIMEOUT_NS (10 * 1000000000LL)
#define STOP_TIMEOUT_MS 2000
#define FILE_MAX ((size_t) 1024 * 1024)
/* Of the kernel, with a line for each socket. */
#define TABLE_MAX ((size_t) 64 * 1024 * 1024)
/* Between two questions that went unanswered. */
#define ASK_AGAIN_MS 50
/* dnsmasq's exit status where an address or port cannot be had. */
#define EXIT_NETWORK 2

union socket_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

int dns_server_program(char **out, struct error *err) {
        static const char *const usual[] = {"/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin"};
        const char *search = getenv("PATH");
        _cleanup_str_list_ struct str_list places = {0};

        if (search)
                str_list_split(&places, search, ':');
        for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
                str_list_add(&places, usual[i]);
        for (size_t i = 0; i < places.count; i++) {
                _cleanup_free_ char *path = path_join(places.items[i], "dnsmasq");

                if (places.items[i][0] == '/' && access(path, X_OK) == 0) {
                        *out = take_ptr(path);
                        return 0;
                }
        }
        (void) error_set(err, ENOENT, "dnsmasq, the name server, is not installed");
        return error_hint(err, "install the package dnsmasq-base");
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static char *configuration_argument(const struct dns_names *names) {
        return str_format("--conf-file=%s/dnsmasq.conf", names->path);
}

static bool has_argument(pid_t pid, const char *argument) {
        _cleanup_free_ char *path = str_format("/proc/%d/cmdline", (int) pid), *text = NULL;
        size_t size = 0;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, &size, NULL) < 0)
                return false;
        for (const char *word = text; word < text + size; word += strlen(word) + 1)
                if (str_equal(word, argument))
                        return true;
        return false;
}

static bool shares_namespace(pid_t pid, const char *kind) {
        _cleanup_free_ char *our_path = str_format("/proc/self/ns/%s", kind),
                            *its_path = str_format("/proc/%d/ns/%s", (int) pid, kind);
        struct stat ours, its;

        if (stat(our_path, &ours) < 0 || stat(its_path, &its) < 0)
                return errno == EACCES || errno == EPERM;
        return ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

/* True if a table of the kernel's (/proc/net/udp) has the socket at port 53. */
static bool is_at_port(const char *table, unsigned long inode) {
        for (const char *line = table; line; line = strchr(line, '\n')) {
                unsigned long number;
                unsigned int port;

                line += strspn(line, "\n");
                if (sscanf(line, "%*u: %*[^:]:%x %*s %*s %*s %*s %*s %*s %*s %lu", &port, &number) == 2 &&
                    port == NAMESERVER_PORT && number == inode)
                        return true;
        }
        return false;
}

/* True if the process has a socket at port 53. Who may not look goes by the argument, as in is_server(). */
static bool has_port(pid_t pid) {
        _cleanup_free_ char *path = str_format("/proc/%d/fd", (int) pid), *udp = NULL, *udp6 = NULL;
        _cleanup_dir_ DIR *directory = opendir(path);
        const struct dirent *entry;
        bool found = false;

        if (!directory)
                return errno == EACCES || errno == EPERM;
        (void) file_read(AT_FDCWD, "/proc/self/net/udp", TABLE_MAX, &udp, NULL, NULL);
        (void) file_read(AT_FDCWD, "/proc/self/net/udp6", TABLE_MAX, &udp6, NULL, NULL);
        while (!found && (entry = readdir(directory))) {
                char target[64] = "";
                unsigned long inode;

                if (readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1) > 0 &&
                    sscanf(target, "socket:[%lu]", &inode) == 1)
                        found = is_at_port(udp, inode) || is_at_port(udp6, inode);
        }
        return found;
}

/* dnsmasq gives root's rights up: that to listen at port 53 only if it has to listen at no further addresses. */
static bool may_listen(pid_t pid) {
        _cleanup_free_ char *path = str_format("/proc/%d/status", (int) pid), *text = NULL;
        const char *rights;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) < 0)
                return false;
        rights = strstr(text, "\nCapEff:");
        return (rights && strtoull(rights + strlen("\nCapEff:"), NULL, 16) & (UINT64_C(1) << CAP_NET_BIND_SERVICE)) ||
               has_port(pid);
}

/* By the name of the program: an upgrade may have replaced its file, and PATH may lead to another one by now. */
static bool runs_dnsmasq(pid_t pid) {
        _cleanup_free_ char *path = str_format("/proc/%d/exe", (int) pid);
        char program[PATH_MAX];
        const char *name;
        ssize_t size = readlink(path, program, sizeof(program) - 1);

        if (size < 0)
                return errno == EACCES || errno == EPERM;
        program[size] = '\0';
        name = strrchr(program, '/');
        return name && strstr(name, "dnsmasq");
}

/*
 * Others may have the same argument: the server of a host that sees our processes, but has a network namespace and a
 * /run of its own; or whatever any user starts with it, be it dnsmasq in a user namespace where it has all rights.
 * Who may not look (that takes CAP_SYS_PTRACE) goes by the argument.
 */
static bool is_server(pid_t pid, const char *argument) {
        return has_argument(pid, argument) && shares_namespace(pid, "net") && shares_namespace(pid, "user") &&
               may_listen(pid) && runs_dnsmasq(pid);
}

/*
 * Finds the server by its command line, not by a file with a pid, which may be missing or
 * belong to another process by now. Returns a pidfd, or -ESRCH.
 */
static int find_process(const struct dns_names *names) {
        _cleanup_free_ char *argument = configuration_argument(names);
        _cleanup_dir_ DIR *directory = opendir("/proc");
        const struct dirent *entry;

        while (directory && (entry = readdir(directory))) {
                int64_t pid;
                int fd;

                if (str_to_i64(entry->d_name, 1, INT32_MAX, &pid) < 0 || !is_server((pid_t) pid, argument))
                        continue;
                fd = process_pidfd((pid_t) pid);
                /* What was read is of the process that is held now, or it is gone. */
                if (fd >= 0 && is_server((pid_t) pid, argument))
                        return fd;
                fd_close(fd);
        }
        return -ESRCH;
}

int dns_server_is_running(const struct dns_names *names) {
        int fd = names->path ? find_process(names) : -1;

        fd_close(fd);
        return fd >= 0;
}

static int stop(const struct dns_names *names, struct error *err) {
        int fd;

        /* One that is just being started is two processes for a moment. */
        while ((fd = find_process(names)) >= 0) {
                int r = process_signal(fd, SIGTERM);

                /* One that was stopped ends when it goes on. */
                (void) process_signal(fd, SIGCONT);
                if (r >= 0 && process_wait_pidfd(fd, STOP_TIMEOUT_MS) == 0) {
                        (void) process_signal(fd, SIGKILL);
                        r = process_wait_pidfd(fd, STOP_TIMEOUT_MS) == 1 ? 0 : -EBUSY;
                }
                fd_close(fd);
                if (r < 0 && r != -ESRCH)
                        return error_errno(err, -r, "%s: its name server cannot be stopped", names->path);
        }
        return 0;
}

static int start(const struct dns_names *names, const struct str_list *servers, struct error *err) {
        _cleanup_process_result_ struct process_result result = {0};
        _cleanup_free_ char *program = NULL, *argument = configuration_argument(names), *all = NULL;
        struct process_options options = {
                .capture_output = true, .capture_errors = true, .timeout_ns = START_TIMEOUT_NS};
        const char *reason;
        int r = dns_server_program(&program, err);

        if (r < 0)
                return r;
        options.argv = (const char *const[]){program, argument, NULL};
        r = process_run(&options, &result, err);
        if (r < 0)
                return r;
        if (process_exit_code(result.status) == 0)
                return 0;
        all = str_list_join(servers, ", ");
        /* dnsmasq begins with an empty line. */
        reason = result.errors ? result.errors + strspn(result.errors, "\n") : "";
        if (reason[0] == '\0')
                reason = "no reason given";
        r = error_set(err, EIO, "the name server at %s cannot be started: %.*s", all, (int) strcspn(reason, "\n"),
                      reason);
        return process_exit_code(result.status) == EXIT_NETWORK ? error_hint(err, DNS_PORT_HINT) : r;
}

/* --- the files it reads ------------------------------------------------------------------------------------------ */

/* Writes a file in the network's directory unless it holds the text. Returns 1 if it did not. */
static int write_file(const struct dns_names *names, const char *name, const char *text, struct error *err) {
        _cleanup_free_ char *path = path_join(names->path, name), *old = NULL;
        int r;

        if (file_read(AT_FDCWD, path, FILE_MAX, &old, NULL, NULL) == 0 && str_equal(old, text))
                return 0;
        r = file_write_volatile(AT_FDCWD, path, text, strlen(text), 0644, err);
        return r < 0 ? r : 1;
}

/* Returns the size, or 0 if the text is no address. */
static socklen_t fill_socket_address(const char *text, uint16_t port, union socket_address *out) {
        struct cni_address address;

        *out = (union socket_address){0};
        if (cni_address_parse(text, &address) < 0)
                return 0;
        out->any.sa_family = (sa_family_t) address.family;
        if (address.family == AF_INET) {
                out->v4.sin_port = htons(port);
                memcpy(&out->v4.sin_addr, address.bytes, 4);
                return sizeof(out->v4);
        }
        out->v6.sin6_port = htons(port);
        memcpy(&out->v6.sin6_addr, address.bytes, 16);
        return sizeof(out->v6);
}

static bool is_here(const char *address) {
        union socket_address own;
        socklen_t size = fill_socket_address(address, 0, &own);
        _cleanup_fd_ int fd = socket(own.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && bind(fd, &own.any, size) == 0;
}

/*
 * True where the server has to go by addresses. By links, who asks from elsewhere, if at an address of this network's,
 * is not answered. But of several sockets dnsmasq (2.90), which follows the coming and going of addresses, at times
 * forgets one that several links share when one of them goes. For pairs with a single IPv4 server there is just one.
 * Containers that an earlier version attached may have told of no link.
 */
static bool goes_by_address(const struct dns_entry *all) {
        bool pairs = false, several = all->servers.count > 1;

        for (size_t i = 0; i < all->links.count; i++)
                pairs |= strchr(all->links.items[i], '*') != NULL;
        for (size_t i = 0; i < all->servers.count; i++)
                several |= strchr(all->servers.items[i], ':') != NULL;
        return all->links.count == 0 || (pairs && several);
}

static void write_places(const struct dns_entry *all, struct str_buf *text) {
        bool any = false;

        if (!goes_by_address(all)) {
                str_buf_add(text, "bind-dynamic\n");
                for (size_t i = 0; i < all->links.count; i++)
                        str_buf_printf(text, "interface=%s\n", all->links.items[i]);
                return;
        }
        str_buf_add(text, "bind-interfaces\n");
        /* One that went with its container, without a DEL, must not keep the server from starting. */
        for (size_t i = 0; i < all->servers.count; i++)
                any |= is_here(all->servers.items[i]);
        for (size_t i = 0; i < all->servers.count; i++)
                if (!any || is_here(all->servers.items[i]))
                        str_buf_printf(text, "listen-address=%s\n", all->servers.items[i]);
}

static int write_configuration(const struct dns_names *names, const struct dns_options *options,
                               const struct dns_entry *all, struct error *err) {
        _cleanup_str_buf_ struct str_buf text = {0};

        str_buf_printf(&text,
                       "# Written by netplug, plugin dnsname; written anew with every change.\n"
                       "no-hosts\nstrict-order\ndomain-needed\n"
                       "pid-file=%s/pid\naddn-hosts=%s/hosts\n",
                       names->path, names->path);
        write_places(all, &text);
        str_buf_add(&text, "except-interface=lo\n");
        if (options->domain[0])
                str_buf_printf(&text, "domain=%s\nlocal=/%s/\nexpand-hosts\n", options->domain, options->domain);
        if (options->upstreams) {
                str_buf_add(&text, "no-resolv\n");
                for (size_t i = 0; options->upstreams[i]; i++)
                        str_buf_printf(&text, "server=%s\n", options->upstreams[i]);
        }
        if (options->multi_domain)
                str_buf_printf(&text, "servers-file=%s/domains\n", names->path);
        return write_file(names, "dnsmasq.conf", text.data, err);
}

/* What this network's server tells those of others: who knows the names of its domain. */
static int write_offer(const struct dns_names *names, const struct dns_options *options, const struct str_list *servers,
                       struct error *err) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; options->multi_domain && options->domain[0] && i < servers->count; i++)
                str_buf_printf(&text, "server=/%s/%s\n", options->domain, servers->items[i]);
        return write_file(names, "offer", text.data ? text.data : "", err);
}

/* The offers of all networks but one. */
static void read_offers(const char *without, struct str_buf *out) {
        _cleanup_dir_ DIR *directory = opendir(DNS_DIRECTORY);
        const struct dirent *entry;

        while (directory && (entry = readdir(directory))) {
                _cleanup_free_ char *path = str_format(DNS_DIRECTORY "/%s/offer", entry->d_name), *text = NULL;

                if (entry->d_name[0] != '.' && !str_equal(entry->d_name, without) &&
                    file_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) == 0)
                        str_buf_add(out, text);
        }
}

static void reload(const struct dns_names *names) {
        int fd = find_process(names);

        if (fd >= 0)
                (void) process_signal(fd, SIGHUP);
        fd_close(fd);
}

/* Hands the other networks with several domains the offers as they are now. */
static void tell_others(const char *network) {
        _cleanup_dir_ DIR *directory = opendir(DNS_DIRECTORY);
        const struct dirent *entry;

        while (directory && (entry = readdir(directory))) {
                _cleanup_free_ char *path = path_join(DNS_DIRECTORY, entry->d_name), *file = path_join(path, "domains");
                const struct dns_names other = {.path = path};
                _cleanup_str_buf_ struct str_buf offers = {0};

                if (entry->d_name[0] == '.' || str_equal(entry->d_name, network) || access(file, F_OK) < 0)
                        continue;
                read_offers(entry->d_name, &offers);
                if (write_file(&other, "domains", offers.data ? offers.data : "", NULL) > 0)
                        reload(&other);
        }
}

/*
 * Writes what follows from the configuration.
 * @offered: set to 1 if other networks have to be told
 * Returns 1 if the server has to be started again, 0 if not, or a negative errno.
 */
static int write_options(const struct dns_names *names, const char *network, const struct dns_options *options,
                         const struct dns_entry *all, int *offered, struct error *err) {
        _cleanup_str_buf_ struct str_buf offers = {0};
        int changed = 0, r = 0;

        if (options->multi_domain) {
                read_offers(network, &offers);
                r = write_file(names, "domains", offers.data ? offers.data : "", err);
        }
        if (r >= 0)
                r = changed = write_configuration(names, options, all, err);
        if (r >= 0)
                r = *offered = write_offer(names, options, &all->servers, err);
        return r < 0 ? r : changed;
}

static int start_again(const struct dns_names *names, const struct str_list *servers, bool required,
                       struct error *err) {
        _cleanup_free_ char *text = NULL;
        struct error own = {0};
        int r = stop(names, err);

        if (r < 0)
                return r;
        r = start(names, servers, required ? err : &own);
        if (r >= 0 || required)
                return r;
        text = error_text(&own);
        log_warning("%s", text);
        return 0;
}

int dns_server_update(struct dns_names *names, const char *network, const struct dns_options *options, bool required,
                      struct error *err) {
        _cleanup_str_buf_ struct str_buf hosts = {0};
        _cleanup_dns_entry_ struct dns_entry all = {0};
        int count = dns_names_read(names, &hosts, &all, err), changed = 0, offered = 0, r;

        if (count < 0)
                return count;
        if (count == 0) {
                r = stop(names, err);
                if (r >= 0)
                        r = dns_names_discard(names, network, err);
                tell_others(network);
                return r;
        }
        r = write_file(names, "hosts", hosts.data ? hosts.data : "", err);
        if (r >= 0 && options)
                r = changed = write_options(names, network, options, &all, &offered, err);
        if (r < 0)
                return r;
        if (!changed && dns_server_is_running(names))
                reload(names);
        else
                r = start_again(names, &all.servers, required, err);
        if (r >= 0 && offered)
                tell_others(network);
        return r;
}

/* --- a question -------------------------------------------------------------------------------------------------- */

/* Opens a socket that is connected to port 53 of the server. */
static int connect_server(const char *server) {
        union socket_address to;
        socklen_t size = fill_socket_address(server, NAMESERVER_PORT, &to);
        int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 || connect(fd, &to.any, size) < 0 ? -errno : fd;

        if (r < 0)
                fd_close(fd);
        return r;
}

/* True if one of the answers is the address. */
static bool has_answer(const unsigned char *reply, size_t size, const struct cni_address *address) {
        const size_t wanted = address->family == AF_INET ? 4 : 16;
        ns_msg message;

        if (ns_initparse(reply, (int) size, &message) < 0)
                return false;
        for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
                ns_rr record;

                if (ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_rdlen(record) == wanted &&
                    memcmp(ns_rr_rdata(record), address->bytes, wanted) == 0)
                        return true;
        }
        return false;
}

int dns_server_ask(const char *server, const char *name, const char *address_text, int timeout_ms, struct error *err) {
        unsigned char question[NS_PACKETSZ], reply[4 * NS_PACKETSZ];
        _cleanup_fd_ int fd = connect_server(server);
        struct cni_address address;
        bool answered = false;
        int size;

        if (cni_address_parse(address_text, &address) < 0)
                return error_set(err, EINVAL, "'%s' is not an IP address", address_text);
        size = res_mkquery(ns_o_query, name, ns_c_in, address.family == AF_INET ? ns_t_a : ns_t_aaaa, NULL, 0, NULL,
                           question, sizeof(question));
        if (size < 0)
                return error_set(err, EINVAL, "'%s' cannot be asked for: no name is that long", name);
        for (int waited = 0; fd >= 0 && waited <= timeout_ms; waited += ASK_AGAIN_MS) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
                ssize_t got = 0;

                (void) send(fd, question, (size_t) size, MSG_NOSIGNAL);
                if (poll(&poll_fd, 1, ASK_AGAIN_MS) > 0)
                        got = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
                if (got > 0 && has_answer(reply, (size_t) got, &address))
                        return 0;
                answered |= got > 0;
                /* It said no, or nobody listens yet: a moment, so that this does not ask all the time. */
                if (got != 0)
                        (void) usleep(ASK_AGAIN_MS * 1000);
        }
        if (answered)
                return error_set(err, ENOENT, "the name server at %s does not know %s as %s", server, name,
                                 address_text);
        return error_set(err, ETIMEDOUT, "the name server at %s does not answer", server);
}
