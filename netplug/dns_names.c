#include "dns_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/path.h"

#define NAMES "names"
#define ENTRY_MAX ((size_t) 64 * 1024)

int dns_names_open(const char *network, bool make, struct dns_names *out, struct error *err) {
        _cleanup_free_ char *directory = path_join(DNS_DIRECTORY, network), *names = path_join(directory, NAMES);
        int r;

        *out = (struct dns_names) DNS_NAMES_CLOSED;
        if (make) {
                r = path_make_trusted_dirs(names, 0755, err);
                if (r < 0)
                        return r;
        }
        if (access(DNS_DIRECTORY, F_OK) < 0 && errno == ENOENT)
                return 0;
        out->lock_fd = file_lock(AT_FDCWD, DNS_DIRECTORY "/.lock", FILE_LOCK_EXCLUSIVE, err);
        if (out->lock_fd < 0)
                return out->lock_fd;
        /* Somebody who had the lock may have discarded it. */
        if (make) {
                r = path_make_trusted_dirs(names, 0755, err);
                if (r < 0)
                        return r;
        }
        out->path = take_ptr(directory);
        out->dir_fd = open(names, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (out->dir_fd < 0 && (make || errno != ENOENT))
                return error_errno(err, errno, "%s", names);
        return 0;
}

void dns_names_close(struct dns_names *names) {
        free(names->path);
        names->path = NULL;
        fd_close_at(&names->dir_fd);
        fd_close_at(&names->lock_fd);
}

void dns_entry_free(struct dns_entry *entry) {
        str_list_free(&entry->links);
        str_list_free(&entry->servers);
        str_list_free(&entry->addresses);
        str_list_free(&entry->names);
}

#define SUFFIX ".names"
/* With the longest name of a link, ":" and the suffix behind it, that is as long as a file's name may be. */
#define ID_LONGEST (FILE_NAME_LONGEST - (IFNAMSIZ - 1) - sizeof(SUFFIX))

/* Neither an id nor a link's name holds a colon. */
static char *entry_name(const struct cni_attachment *owner) {
        _cleanup_free_ char *id = str_shorten(owner->container_id, ID_LONGEST);

        return str_format("%s:%s" SUFFIX, id, owner->ifname);
}

int dns_names_put(struct dns_names *names, const struct cni_attachment *owner, const struct dns_entry *entry,
                  struct error *err) {
        _cleanup_free_ char *file = entry_name(owner), *all = str_list_join(&entry->names, " ");
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; i < entry->links.count; i++)
                str_buf_printf(&text, "link %s\n", entry->links.items[i]);
        for (size_t i = 0; i < entry->servers.count; i++)
                str_buf_printf(&text, "server %s\n", entry->servers.items[i]);
        for (size_t i = 0; i < entry->addresses.count; i++)
                str_buf_printf(&text, "%s %s\n", entry->addresses.items[i], all);
        /* What nobody could read again would stop the whole network's server. */
        if (text.size > ENTRY_MAX)
                return error_set(err, E2BIG, "the container's names: more than %zu bytes with its addresses",
                                 ENTRY_MAX);
        return file_write_volatile(names->dir_fd, file, text.data ? text.data : "", text.size, 0644, err);
}

static void parse_line(const char *line, struct dns_entry *out) {
        _cleanup_str_list_ struct str_list words = {0};

        str_list_split(&words, line, ' ');
        if (words.count < 2)
                return;
        if (str_equal(words.items[0], "server") || str_equal(words.items[0], "link")) {
                str_list_add(words.items[0][0] == 's' ? &out->servers : &out->links, words.items[1]);
                return;
        }
        str_list_add(&out->addresses, words.items[0]);
        for (size_t i = 1; i < words.count; i++)
                if (!str_list_contains(&out->names, words.items[i]))
                        str_list_add(&out->names, words.items[i]);
}

static int read_entry(struct dns_names *names, const char *file, struct dns_entry *out, struct error *err) {
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_free_ char *text = NULL;
        int r = file_read(names->dir_fd, file, ENTRY_MAX, &text, NULL, err);

        if (r < 0)
                return r;
        str_list_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.count; i++)
                parse_line(lines.items[i], out);
        return 1;
}

int dns_names_get(struct dns_names *names, const struct cni_attachment *owner, struct dns_entry *out,
                  struct error *err) {
        _cleanup_free_ char *file = entry_name(owner);

        if (names->dir_fd < 0 || faccessat(names->dir_fd, file, F_OK, 0) < 0)
                return 0;
        return read_entry(names, file, out, err);
}

int dns_names_remove(struct dns_names *names, const struct cni_attachment *owner, struct error *err) {
        _cleanup_free_ char *file = entry_name(owner);

        if (names->dir_fd < 0 || unlinkat(names->dir_fd, file, 0) == 0 || errno == ENOENT)
                return 0;
        return error_errno(err, errno, "%s/" NAMES "/%s", names->path, file);
}

typedef int (*entry_handler)(struct dns_names *names, const char *file, void *context, struct error *err);

/* Calls the handler for each attachment. Returns their number or a negative errno. */
static int for_each_entry(struct dns_names *names, entry_handler handler, void *context, struct error *err) {
        _cleanup_dir_ DIR *directory = NULL;
        const struct dirent *entry;
        int fd, count = 0, r = 0;

        if (names->dir_fd < 0)
                return 0;
        fd = openat(names->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory)
                return error_errno(err, errno, "%s", names->path);
        while (r >= 0 && (entry = readdir(directory)))
                /* Other files are stages of files that were not finished. */
                if (str_ends_with(entry->d_name, SUFFIX)) {
                        count++;
                        r = handler(names, entry->d_name, context, err);
                }
        return r < 0 ? r : count;
}

struct collection {
        const struct cni_attachment *valid;
        size_t count;
};

static int collect_entry(struct dns_names *names, const char *file, void *context, struct error *err) {
        const struct collection *collection = context;

        for (size_t i = 0; i < collection->count; i++) {
                _cleanup_free_ char *valid = entry_name(&collection->valid[i]);

                if (str_equal(valid, file))
                        return 0;
        }
        if (unlinkat(names->dir_fd, file, 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s/" NAMES "/%s", names->path, file);
        return 0;
}

int dns_names_collect(struct dns_names *names, const struct cni_attachment *valid, size_t count, struct error *err) {
        struct collection collection = {.valid = valid, .count = count};
        int r = for_each_entry(names, collect_entry, &collection, err);

        return r < 0 ? r : 0;
}

struct reading {
        struct str_buf *hosts;
        struct dns_entry *all;
};

static int add_entry(struct dns_names *names, const char *file, void *context, struct error *err) {
        _cleanup_dns_entry_ struct dns_entry entry = {0};
        _cleanup_free_ char *all = NULL;
        struct reading *reading = context;
        int r = read_entry(names, file, &entry, err);

        all = str_list_join(&entry.names, " ");
        for (size_t i = 0; r > 0 && i < entry.addresses.count; i++)
                str_buf_printf(reading->hosts, "%s %s\n", entry.addresses.items[i], all);
        for (size_t i = 0; r > 0 && i < entry.servers.count; i++)
                str_list_add_once(&reading->all->servers, entry.servers.items[i]);
        for (size_t i = 0; r > 0 && i < entry.links.count; i++)
                str_list_add_once(&reading->all->links, entry.links.items[i]);
        return r;
}

int dns_names_read(struct dns_names *names, struct str_buf *hosts, struct dns_entry *all, struct error *err) {
        struct reading reading = {.hosts = hosts, .all = all};

        return for_each_entry(names, add_entry, &reading, err);
}

int dns_names_discard(struct dns_names *names, const char *network, struct error *err) {
        _cleanup_fd_ int parent = open(DNS_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (parent < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, DNS_DIRECTORY);
        fd_close_at(&names->dir_fd);
        return path_remove_tree(parent, network, err);
}

struct visit {
        dns_names_visitor visitor;
        void *context;
};

static int visit_entry(struct dns_names *names, const char *file, void *context, struct error *err) {
        _cleanup_dns_entry_ struct dns_entry entry = {0};
        const struct visit *visit = context;
        _cleanup_free_ char *owner = xstrndup(file, strlen(file) - strlen(SUFFIX));
        char *colon = strchr(owner, ':');
        int r = read_entry(names, file, &entry, err);

        if (r < 0 || !colon)
                return r;
        *colon = '\0';
        return visit->visitor(&(const struct cni_attachment){.container_id = owner, .ifname = colon + 1}, &entry,
                              visit->context);
}

int dns_names_list(const char *network, dns_names_visitor visitor, void *context, struct error *err) {
        _cleanup_dns_names_ struct dns_names names = DNS_NAMES_CLOSED;
        struct visit visit = {.visitor = visitor, .context = context};
        _cleanup_free_ char *directory = NULL;

        names.path = path_join(DNS_DIRECTORY, network);
        directory = path_join(names.path, NAMES);
        names.dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (names.dir_fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "%s", directory);
        return for_each_entry(&names, visit_entry, &visit, err);
}
