#include "network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/path.h"
#include "../../lib/sha256.h"
#include "../../lib/str.h"
#include "link.h"
#include "subnet.h"

#define SUFFIX ".conflist"

static char *directory_of(const struct manager *manager) {
        return str_format("%s/networks", manager->root);
}

void network_free(struct network *network) {
        if (!network)
                return;
        arena_free(network->arena);
        free(network);
}

DEFINE_CLEANUP(cleanup_network, struct network *, network_free);

/* ipam.ranges[0][0] or, in older lists, ipam itself. */
static void describe_addresses(struct network *network, const struct json *plugin) {
        const struct json *ipam = json_get(plugin, "ipam"), *ranges = json_get(ipam, "ranges"), *range = ipam;

        if (ranges && ranges->first && ranges->first->first)
                range = ranges->first->first;
        (void) json_get_string(range, "subnet", &network->subnet, NULL);
        (void) json_get_string(range, "gateway", &network->gateway, NULL);
}

static int load(const char *path, struct network **out, struct error *err) {
        _cleanup_(cleanup_network) struct network *network = xcalloc(1, sizeof(*network));
        char hex[SHA256_HEX_SIZE];
        struct stat status;
        int r;

        network->arena = arena_new();
        network->path = arena_strdup(network->arena, path);
        r = cni_network_list_parse_file(network->arena, AT_FDCWD, path, &network->list, err);
        if (r < 0)
                return r;
        sha256_of(network->list.name, strlen(network->list.name), hex);
        network->id = arena_strdup(network->arena, hex);
        network->driver = network->list.plugins[0].type;
        (void) json_get_string(network->list.plugins[0].conf, "bridge", &network->bridge, NULL);
        (void) json_get_bool(network->list.root, "internal", &network->internal, NULL);
        describe_addresses(network, network->list.plugins[0].conf);
        if (stat(path, &status) == 0)
                network->created = status.st_mtim.tv_sec;
        *out = take_ptr(network);
        return 0;
}

static int by_name(const void *a, const void *b) {
        const struct network *const *left = a, *const *right = b;

        return strcmp((*left)->list.name, (*right)->list.name);
}

int network_list(const struct manager *manager, struct network ***out, size_t *count, struct error *err) {
        _cleanup_free_ char *path = directory_of(manager);
        _cleanup_dir_ DIR *directory = opendir(path);
        struct network **list = NULL;
        const struct dirent *entry;
        size_t found = 0;

        *out = NULL;
        *count = 0;
        if (!directory)
                return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
        while ((entry = readdir(directory))) {
                _cleanup_free_ char *file = str_format("%s/%s", path, entry->d_name);
                int r;

                if (entry->d_name[0] == '.' || !str_ends_with(entry->d_name, SUFFIX))
                        continue;
                list = xrealloc(list, found + 1, sizeof(struct network *));
                r = load(file, &list[found], err);
                if (r < 0) {
                        network_list_free(list, found);
                        return r;
                }
                found++;
        }
        if (found > 1)
                qsort(list, found, sizeof(struct network *), by_name);
        *out = list;
        *count = found;
        return 0;
}

void network_list_free(struct network **networks, size_t count) {
        for (size_t i = 0; i < count; i++)
                network_free(networks[i]);
        free(networks);
}

static int find_by_id(const struct manager *manager, const char *prefix, struct network **out, struct error *err) {
        struct network **list;
        size_t count;
        int r = network_list(manager, &list, &count, err);

        *out = NULL;
        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++)
                if (!*out && strlen(prefix) >= 4 && str_starts_with(list[i]->id, prefix))
                        *out = take_ptr(list[i]);
        network_list_free(list, count);
        return *out ? 0 : error_set(err, ENOENT, "network %s not found", prefix);
}

int network_find(const struct manager *manager, const char *name, struct network **out, struct error *err) {
        _cleanup_free_ char *path = str_format("%s/networks/%s%s", manager->root, name, SUFFIX);
        int r;

        if (!path_is_id(name))
                return error_set(err, ENOENT, "network %s not found", name);
        if (access(path, F_OK) == 0)
                return load(path, out, err);
        if (!str_equal(name, NETWORK_DEFAULT))
                return find_by_id(manager, name, out, err);
        r = network_create(manager, name, &(struct network_options){.bridge = "mymgr0"}, err);
        return r < 0 && r != -EEXIST ? r : load(path, out, err);
}

/* The conflist we write: bridge with host-local addresses, published ports, and the host's firewall opened for it. */
static char *write_list(const struct manager *manager, const char *name, const struct network_options *options,
                        const char *bridge, const struct subnet *subnet) {
        struct json_writer writer = {.indent = 2};
        _cleanup_free_ char *leases = str_format("%s/leases", manager->run_root);

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "cniVersion", "1.0.0");
        json_put_string(&writer, "name", name);
        if (options->internal)
                json_put_bool(&writer, "internal", true);
        json_begin_array(&writer, "plugins");
        json_begin_object(&writer, NULL);
        json_put_string(&writer, "type", "bridge");
        json_put_string(&writer, "bridge", bridge);
        json_put_bool(&writer, "isGateway", true);
        json_put_bool(&writer, "ipMasq", !options->internal);
        json_put_bool(&writer, "hairpinMode", true);
        if (options->mtu > 0)
                json_put_int(&writer, "mtu", options->mtu);
        json_begin_object(&writer, "capabilities");
        json_put_bool(&writer, "mac", true);
        json_put_bool(&writer, "ips", true);
        json_end_object(&writer);
        json_begin_object(&writer, "ipam");
        json_put_string(&writer, "type", "host-local");
        json_put_string(&writer, "dataDir", leases);
        json_begin_array(&writer, "ranges");
        json_begin_array(&writer, NULL);
        json_begin_object(&writer, NULL);
        json_put_string(&writer, "subnet", subnet->text);
        json_put_string(&writer, "gateway", subnet->gateway);
        if (subnet->range_first[0]) {
                json_put_string(&writer, "rangeStart", subnet->range_first);
                json_put_string(&writer, "rangeEnd", subnet->range_last);
        }
        json_end_object(&writer);
        json_end_array(&writer);
        json_end_array(&writer);
        if (!options->internal) {
                json_begin_array(&writer, "routes");
                json_begin_object(&writer, NULL);
                json_put_string(&writer, "dst", "0.0.0.0/0");
                json_end_object(&writer);
                json_end_array(&writer);
        }
        json_end_object(&writer);
        json_end_object(&writer);
        if (!options->internal) {
                json_begin_object(&writer, NULL);
                json_put_string(&writer, "type", "portmap");
                json_begin_object(&writer, "capabilities");
                json_put_bool(&writer, "portMappings", true);
                json_end_object(&writer);
                json_end_object(&writer);
        }
        json_begin_object(&writer, NULL);
        json_put_string(&writer, "type", "firewall");
        json_end_object(&writer);
        json_end_array(&writer);
        json_end_object(&writer);
        return json_writer_take(&writer);
}

/* The subnets that are taken: those of the other networks. */
static int taken_subnets(const struct manager *manager, struct str_list *out, struct error *err) {
        struct network **list;
        size_t count;
        int r = network_list(manager, &list, &count, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++)
                if (list[i]->subnet)
                        str_list_add(out, list[i]->subnet);
        network_list_free(list, count);
        return 0;
}

int network_create(const struct manager *manager, const char *name, const struct network_options *options,
                   struct error *err) {
        _cleanup_free_ char *directory = directory_of(manager), *lock_path = str_format("%s/.lock", directory);
        _cleanup_free_ char *path = str_format("%s/%s%s", directory, name, SUFFIX), *text = NULL, *bridge = NULL;
        _cleanup_str_list_ struct str_list taken = {0};
        char hex[SHA256_HEX_SIZE];
        _cleanup_fd_ int lock = -1;
        struct subnet subnet = {0};
        int r;

        if (!path_is_id(name))
                return error_set(err, EINVAL, "network name %s: letters, digits, \"_\", \".\" and \"-\" only", name);
        if (str_equal(name, "none") || str_equal(name, "host"))
                return error_set(err, EEXIST, "network name %s is reserved", name);
        if (options->driver && !str_equal(options->driver, "bridge"))
                return error_set(err, ENOTSUP, "network driver %s: not supported in this build", options->driver);
        r = path_make_trusted_dirs(directory, 0755, err);
        if (r < 0)
                return r;
        lock = file_lock(AT_FDCWD, lock_path, FILE_LOCK_EXCLUSIVE, err);
        if (lock < 0)
                return lock;
        if (access(path, F_OK) == 0)
                return error_set(err, EEXIST, "network with name %s already exists", name);
        r = taken_subnets(manager, &taken, err);
        if (r == 0)
                r = subnet_choose(options->subnet, options->gateway, options->ip_range, &taken, &subnet, err);
        if (r < 0)
                return r;
        sha256_of(name, strlen(name), hex);
        bridge = options->bridge ? xstrdup(options->bridge) : str_format("br-%.12s", hex);
        text = write_list(manager, name, options, bridge, &subnet);
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int network_remove(const struct manager *manager, const struct network *network, struct error *err) {
        _cleanup_free_ char *leases = str_format("%s/leases", manager->run_root);
        _cleanup_fd_ int directory = open(leases, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (network->bridge && str_equal(network->driver, "bridge")) {
                int r = link_delete(network->bridge, err);

                if (r < 0)
                        return r;
        }
        if (directory >= 0 && path_is_name(network->list.name))
                (void) path_remove_tree(directory, network->list.name, NULL);
        if (unlink(network->path) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s", network->path);
        return 0;
}
