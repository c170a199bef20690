/* The IPAM plugin host-local: addresses from ranges of this host, with leases on disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "../lib/str.h"
#include "address_range.h"
#include "lease.h"
#include "plugin.h"

#define SETS_MAX 64
#define RESOLV_CONF_MAX ((size_t) 256 * 1024)
/* Addresses tried before a set counts as full; only sets of IPv6 are larger. */
#define TRIES_MAX ((size_t) 1 << 20)

struct configuration {
        const char *data_dir;
        const char *resolv_conf;
        struct range_set *sets;
        size_t set_count;
        struct cni_address *requested;
        size_t requested_count;
        const struct json *routes;
};

static int add_set(struct plugin_call *call, const struct json *value, struct configuration *conf, struct error *err) {
        if (conf->set_count == SETS_MAX)
                return json_error(value, err, EINVAL, "more than %d sets of ranges", SETS_MAX);
        return range_set_parse(call->arena, value, &conf->sets[conf->set_count++], err);
}

static int add_sets(struct plugin_call *call, const struct json *list, struct configuration *conf, struct error *err) {
        int r = 0;

        for (const struct json *item = list ? list->first : NULL; r >= 0 && item; item = item->next)
                r = add_set(call, item, conf, err);
        return r;
}

/* Ranges of the runtime come first, then the one in the old style, then the list. */
static int parse_ranges(struct plugin_call *call, const struct json *ipam, struct configuration *conf,
                        struct error *err) {
        const struct json *runtime = NULL, *ranges = NULL;
        int r;

        conf->sets = arena_alloc(call->arena, SETS_MAX, sizeof(*conf->sets));
        r = json_get_array(call->runtime, "ipRanges", &runtime, err);
        if (r >= 0)
                r = json_get_array(ipam, "ranges", &ranges, err);
        if (r >= 0)
                r = add_sets(call, runtime, conf, err);
        if (r >= 0 && json_get(ipam, "subnet"))
                r = add_set(call, ipam, conf, err);
        if (r >= 0)
                r = add_sets(call, ranges, conf, err);
        if (r < 0)
                return r;
        if (conf->set_count == 0)
                return json_error(ipam, err, EINVAL, "ranges: required, but missing");
        for (size_t i = 0; i < conf->set_count; i++)
                for (size_t j = i + 1; j < conf->set_count; j++)
                        if (range_set_overlap(&conf->sets[i], &conf->sets[j]))
                                return json_error(ipam, err, EINVAL, "ranges: set %zu overlaps with set %zu", i + 1,
                                                  j + 1);
        return 0;
}

/* @code: of the error where the text is no address */
static int add_request(struct plugin_call *call, const char *text, int code, struct configuration *conf,
                       struct error *err) {
        struct cni_address address, *grown;

        if (cni_address_parse(text, &address) < 0 && cni_address_parse_cidr(text, &address) < 0)
                return plugin_fail(call, code, err, EINVAL, "the requested '%.64s' is not an IP address", text);
        grown = arena_alloc(call->arena, conf->requested_count + 1, sizeof(*grown));
        if (conf->requested_count)
                memcpy(grown, conf->requested, conf->requested_count * sizeof(*grown));
        grown[conf->requested_count++] = address;
        conf->requested = grown;
        return 0;
}

static int add_requests(struct plugin_call *call, const struct json *list, struct configuration *conf,
                        struct error *err) {
        int r = 0;

        for (const struct json *item = list ? list->first : NULL; r >= 0 && item; item = item->next) {
                r = json_expect(item, JSON_STRING, err);
                if (r >= 0)
                        r = add_request(call, item->text, CNI_CODE_INVALID_CONFIG, conf, err);
        }
        return r;
}

/* Addresses asked for by CNI_ARGS, args.cni.ips and runtimeConfig.ips. */
static int parse_requests(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct json *args = NULL, *list = NULL;
        const char *argument = plugin_argument(call, "IP");
        int r = 0;

        if (!str_empty(argument))
                r = add_request(call, argument, CNI_CODE_INVALID_ENVIRONMENT, conf, err);
        if (r >= 0)
                r = plugin_args(call, &args, err);
        if (r >= 0)
                r = json_get_array(args, "ips", &list, err);
        if (r >= 0)
                r = add_requests(call, list, conf, err);
        list = NULL;
        if (r >= 0)
                r = json_get_array(call->runtime, "ips", &list, err);
        if (r >= 0)
                r = add_requests(call, list, conf, err);
        return r;
}

static int parse_directory(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct json *ipam;
        int r;

        *conf = (struct configuration){.data_dir = LEASE_DATA_DIR};
        r = json_require(call->conf, "ipam", &ipam, err);
        if (r >= 0)
                r = json_expect(ipam, JSON_OBJECT, err);
        if (r >= 0)
                r = json_get_string(ipam, "dataDir", &conf->data_dir, err);
        if (r < 0)
                return r;
        /* No ADD has put anything into a relative one. */
        if (conf->data_dir[0] == '\0' ||
            (conf->data_dir[0] != '/' && (call->command == PLUGIN_DEL || call->command == PLUGIN_GC)))
                conf->data_dir = LEASE_DATA_DIR;
        if (conf->data_dir[0] != '/')
                return json_error(json_get(ipam, "dataDir"), err, EINVAL, "must be an absolute path");
        return 0;
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct json *ipam;
        int r;

        r = parse_directory(call, conf, err);
        if (r < 0)
                return r;
        ipam = json_get(call->conf, "ipam");
        r = json_get_string(ipam, "resolvConf", &conf->resolv_conf, err);
        if (r >= 0)
                r = json_get_array(ipam, "routes", &conf->routes, err);
        if (r >= 0)
                r = parse_ranges(call, ipam, conf, err);
        if (r >= 0)
                r = parse_requests(call, conf, err);
        return r;
}

/* --- giving out -------------------------------------------------------------------------------------------------- */

static int add_to_result(struct plugin_call *call, const struct range_set *set, const struct cni_address *address,
                         struct cni_result *result) {
        const struct address_range *range = range_set_find(set, address);
        struct cni_ip *ip = cni_result_add_ip(result, call->arena);

        ip->address = *address;
        ip->address.prefix = range->subnet.prefix;
        ip->gateway = range->gateway;
        return 0;
}

/* The request this set can serve, taken off the list. */
static bool take_request(struct configuration *conf, const struct range_set *set, struct cni_address *out) {
        for (size_t i = 0; i < conf->requested_count; i++) {
                if (!range_set_find(set, &conf->requested[i]))
                        continue;
                *out = conf->requested[i];
                conf->requested[i] = conf->requested[--conf->requested_count];
                return true;
        }
        return false;
}

static int take_requested(struct lease_store *store, const struct range_set *set, const struct cni_address *address,
                          const struct lease_owner *owner, struct error *err) {
        const struct address_range *range = range_set_find(set, address);
        char text[CNI_ADDRESS_SIZE], holder[512] = "";
        int r;

        (void) cni_address_text(address, text);
        if (cni_address_equal(address, &range->gateway))
                return error_set(err, EADDRINUSE, "the requested address %s is the gateway's", text);
        r = lease_take(store, address, owner, err);
        if (r != 0)
                return r < 0 ? r : 0;
        r = lease_holder(store, text, holder, err);
        if (r < 0)
                return error_wrap(err, "the requested address %s", text);
        (void) error_set(err, EADDRINUSE, "the requested address %s is taken by container %s", text, holder);
        return error_hint(err, "ask for another address, or remove that container");
}

static void warn_of_garbage(struct lease_store *store, const struct cni_address *address) {
        char text[CNI_ADDRESS_SIZE], holder[512];
        struct error err = {0};

        if (lease_holder(store, cni_address_text(address, text), holder, &err) == -EBADMSG)
                log_warning("%s: the address is not given out", err.message);
}

/* The next free address after the one given out last. */
static int take_next(struct lease_store *store, size_t index, const struct range_set *set,
                     const struct lease_owner *owner, struct cni_address *out, struct error *err) {
        struct cni_address last, first = {0}, candidate;
        char text[CNI_ADDRESS_SIZE];

        lease_last(store, index, &last);
        range_set_next(set, &last, &candidate);
        first = candidate;
        for (size_t tries = 0; tries < TRIES_MAX; tries++) {
                int r = 0;

                if (!cni_address_equal(&candidate, &range_set_find(set, &candidate)->gateway))
                        r = lease_take(store, &candidate, owner, err);
                if (r < 0)
                        return r;
                if (r > 0) {
                        lease_set_last(store, index, &candidate);
                        *out = candidate;
                        return 0;
                }
                warn_of_garbage(store, &candidate);
                last = candidate;
                range_set_next(set, &last, &candidate);
                if (cni_address_equal(&candidate, &first))
                        break;
        }
        (void) error_set(err, ENOSPC, "no free address in %s (%zu. set of ranges): all are leased in %s",
                         cni_address_cidr(&set->ranges[0].subnet, text), index + 1, store->path);
        return error_hint(err, "remove containers, or give the network a larger subnet");
}

static int take_addresses(struct plugin_call *call, struct configuration *conf, struct lease_store *store,
                          struct str_list *taken, struct cni_result *result, struct error *err) {
        const struct lease_owner owner = {.container_id = call->container_id, .ifname = call->ifname};
        char text[CNI_ADDRESS_SIZE];

        for (size_t i = 0; i < conf->set_count; i++) {
                struct cni_address address;
                int r;

                if (take_request(conf, &conf->sets[i], &address))
                        r = take_requested(store, &conf->sets[i], &address, &owner, err);
                else
                        r = take_next(store, i, &conf->sets[i], &owner, &address, err);
                if (r < 0)
                        return r;
                str_list_add(taken, cni_address_text(&address, text));
                (void) add_to_result(call, &conf->sets[i], &address, result);
        }
        if (conf->requested_count)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "the requested address %s is in no range of the network",
                                   cni_address_text(&conf->requested[0], text));
        return lease_note_owner(store, &owner, taken, err);
}

static void put_back(struct lease_store *store, const struct str_list *taken) {
        struct cni_address address;

        for (size_t i = 0; i < taken->count; i++)
                if (cni_address_parse(taken->items[i], &address) == 0)
                        (void) lease_give_back(store, &address, NULL);
}

/* Refuses a second ADD of the same attachment: it would leave the first one's lease behind. */
static int refuse_second(struct plugin_call *call, struct lease_store *store, struct error *err) {
        const struct lease_owner owner = {.container_id = call->container_id, .ifname = call->ifname};
        _cleanup_str_list_ struct str_list held = {0};
        int r;

        r = lease_of_owner(store, &owner, false, &held, err);
        if (r < 0 || held.count == 0)
                return r;
        (void) error_set(err, EEXIST, "container %s has address %s for %s already", call->container_id, held.items[0],
                         call->ifname);
        return error_hint(err, "detach it first (CNI_COMMAND=DEL)");
}

/* --- resolv.conf ------------------------------------------------------------------------------------------------- */

static const char **list_in_arena(struct arena *arena, const struct str_list *list) {
        const char **items = arena_alloc(arena, list->count + 1, sizeof(*items));

        for (size_t i = 0; i < list->count; i++)
                items[i] = arena_strdup(arena, list->items[i]);
        return items;
}

static void add_words(struct str_list *list, char *rest) {
        for (char *word; (word = strsep(&rest, " \t"));)
                if (*word)
                        str_list_add(list, word);
}

static int read_resolv_conf(struct plugin_call *call, const char *path, struct cni_dns *dns, struct error *err) {
        _cleanup_str_list_ struct str_list servers = {0}, search = {0}, options = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read(AT_FDCWD, path, RESOLV_CONF_MAX, &text, NULL, err);
        if (r < 0)
                return error_wrap(err, "ipam.resolvConf");
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                char *words = line + strspn(line, " \t"), *key;

                line[strcspn(line, "#;\r")] = '\0';
                key = strsep(&words, " \t");
                if (!words)
                        continue;
                if (str_equal(key, "nameserver"))
                        add_words(&servers, words);
                else if (str_equal(key, "search"))
                        add_words(&search, words);
                else if (str_equal(key, "options"))
                        add_words(&options, words);
                else if (str_equal(key, "domain")) {
                        words += strspn(words, " \t");
                        dns->domain = arena_printf(call->arena, "%.*s", (int) strcspn(words, " \t"), words);
                }
        }
        dns->nameservers = servers.count ? list_in_arena(call->arena, &servers) : NULL;
        dns->search = search.count ? list_in_arena(call->arena, &search) : NULL;
        dns->options = options.count ? list_in_arena(call->arena, &options) : NULL;
        return 0;
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static int host_local_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        _cleanup_str_list_ struct str_list taken = {0};
        struct configuration conf;
        int r;

        *result = (struct cni_result){0};
        r = parse_configuration(call, &conf, err);
        if (r < 0)
                return r;
        for (const struct json *item = conf.routes ? conf.routes->first : NULL; item; item = item->next) {
                r = cni_route_parse(item, cni_result_add_route(result, call->arena), err);
                if (r < 0)
                        return r;
        }
        if (!str_empty(conf.resolv_conf)) {
                r = read_resolv_conf(call, conf.resolv_conf, &result->dns, err);
                if (r < 0)
                        return r;
        }
        r = lease_open(conf.data_dir, call->network, true, &store, err);
        if (r >= 0)
                r = lease_forget_former_boot(&store, err);
        if (r >= 0)
                r = refuse_second(call, &store, err);
        if (r < 0)
                return r;
        r = take_addresses(call, &conf, &store, &taken, result, err);
        if (r < 0)
                put_back(&store, &taken);
        return r;
}

static int host_local_del(struct plugin_call *call, struct error *err) {
        const struct lease_owner owner = {.container_id = call->container_id, .ifname = call->ifname};
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        struct configuration conf;
        int r;

        /* The ranges may have changed since: only where the leases are matters. */
        r = parse_directory(call, &conf, err);
        if (r >= 0)
                r = lease_open(conf.data_dir, call->network, false, &store, err);
        return r < 0 ? r : lease_release(&store, &owner, err);
}

static int host_local_check(struct plugin_call *call, struct error *err) {
        const struct lease_owner owner = {.container_id = call->container_id, .ifname = call->ifname};
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        _cleanup_str_list_ struct str_list held = {0};
        char text[CNI_ADDRESS_SIZE], holder[512];
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = lease_open(conf.data_dir, call->network, false, &store, err);
        if (r >= 0)
                r = lease_of_owner(&store, &owner, true, &held, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < call->previous.ip_count; i++) {
                const struct cni_address *address = &call->previous.ips[i].address;
                bool ours = false;

                for (size_t j = 0; j < conf.set_count; j++)
                        ours |= range_set_find(&conf.sets[j], address) != NULL;
                if (!ours || str_list_contains(&held, cni_address_text(address, text)))
                        continue;
                r = lease_holder(&store, text, holder, err);
                if (r < 0)
                        return r;
                return error_set(err, ENOENT, "address %s is not leased to container %s%s%s", text, call->container_id,
                                 r ? ", but to " : "", r ? holder : "");
        }
        if (held.count == 0)
                return error_set(err, ENOENT, "container %s has no address leased for %s", call->container_id,
                                 call->ifname);
        return 0;
}

static int host_local_status(struct plugin_call *call, struct error *err) {
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        struct configuration conf;
        int r;

        r = parse_configuration(call, &conf, err);
        return r < 0 ? r : lease_open(conf.data_dir, call->network, true, &store, err);
}

static int host_local_gc(struct plugin_call *call, struct error *err) {
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        struct configuration conf;
        int r;

        r = parse_directory(call, &conf, err);
        if (r >= 0)
                r = lease_open(conf.data_dir, call->network, false, &store, err);
        return r < 0 ? r : lease_collect(&store, call->valid, call->valid_count, err);
}

const struct plugin plugin_host_local = {.type = "host-local",
                                         .summary = "IPAM: addresses from ranges, leased on this host",
                                         .is_ipam = true,
                                         .without_netns = true,
                                         .add = host_local_add,
                                         .del = host_local_del,
                                         .check = host_local_check,
                                         .status = host_local_status,
                                         .gc = host_local_gc};
