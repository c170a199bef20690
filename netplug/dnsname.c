/* The plugin dnsname: containers of a network find each other by name. */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/str.h"
#include "attach.h"
#include "dns_names.h"
#include "dns_server.h"
#include "link.h"
#include "plugin.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define NAME_LONGEST 253
#define PART_LONGEST 63
/* docker's short form of an id, which is the hostname of a container that is given none. */
#define SHORT_ID 12
/* Until a server that was started or told of new names has to know them. */
#define ANSWER_TIMEOUT_MS 3000
#define CHECK_TIMEOUT_MS 500

/*
 * Why a text cannot be a name, or NULL.
 * @mild: set if it is one as engines give them, which DNS has no way to ask for
 */
static const char *name_fault(const char *text, bool *mild) {
        size_t size = strlen(text), part = 0, longest = 0;

        *mild = false;
        if (text[0] == '-' || strspn(text, NAME_CHARACTERS) != size)
                return "a name begins with a letter or digit, and has letters, digits, _ . and -";
        *mild = true;
        if (size == 0 || text[0] == '.' || text[size - 1] == '.' || strstr(text, ".."))
                return "there is nothing before, behind or between its dots";
        for (const char *c = text; *c; c++) {
                part = *c == '.' ? 0 : part + 1;
                longest = part > longest ? part : longest;
        }
        if (longest > PART_LONGEST)
                return "a name, or its part between dots, has 63 characters at most";
        return size > NAME_LONGEST ? "a name has 253 characters at most" : NULL;
}

static int parse_configuration(struct plugin_call *call, struct dns_options *out, struct error *err) {
        const char *fault;
        size_t count = 0;
        bool mild;
        int r;

        *out = (struct dns_options){.domain = ""};
        r = json_get_string(call->conf, "domainName", &out->domain, err);
        if (r >= 0)
                r = json_get_bool(call->conf, "multiDomain", &out->multi_domain, err);
        if (r >= 0)
                r = json_get_strings(call->arena, call->conf, "remoteServers", &out->upstreams, &count, err);
        if (r < 0)
                return r;
        fault = out->domain[0] ? name_fault(out->domain, &mild) : NULL;
        if (fault)
                return json_error(json_get(call->conf, "domainName"), err, EINVAL, "'%.64s' is not a domain: %s",
                                  out->domain, fault);
        if (count == 0)
                out->upstreams = NULL;
        for (size_t i = 0; i < count; i++) {
                struct cni_address address;

                if (cni_address_parse(out->upstreams[i], &address) < 0)
                        return json_error(json_get(call->conf, "remoteServers"), err, EINVAL,
                                          "'%.64s' is not an IP address", out->upstreams[i]);
        }
        return 0;
}

/* --- what there is to tell --------------------------------------------------------------------------------------- */

static void add_name(const char *name, struct dns_entry *entry) {
        if (!str_list_contains(&entry->names, name))
                str_list_add(&entry->names, name);
}

/* runtimeConfig.aliases: a list, or lists by the name of the network. */
static int add_aliases(struct plugin_call *call, struct dns_entry *entry, struct error *err) {
        const struct json *aliases = json_get(call->runtime, "aliases");
        int r = 0;

        if (aliases && aliases->type == JSON_OBJECT)
                aliases = json_get(aliases, call->network);
        if (!aliases)
                return 0;
        r = json_expect(aliases, JSON_ARRAY, err);
        for (const struct json *alias = aliases->first; r >= 0 && alias; alias = alias->next) {
                const char *fault;
                bool mild;

                r = json_expect(alias, JSON_STRING, err);
                if (r < 0)
                        return r;
                fault = name_fault(alias->text, &mild);
                if (fault && mild) {
                        log_warning("alias %.64s is left out: %s", alias->text, fault);
                        continue;
                }
                if (fault)
                        return json_error(alias, err, EINVAL, "'%.64s' cannot be a name of a host: %s", alias->text,
                                          fault);
                add_name(alias->text, entry);
        }
        return r;
}

/* The container's id, or what of it a name has room for. */
static const char *id_name(struct plugin_call *call) {
        const char *id = call->container_id;
        int size = SHORT_ID;

        if (strlen(id) <= PART_LONGEST)
                return id;
        while (size > 1 && id[size - 1] == '.')
                size--;
        return arena_printf(call->arena, "%.*s", size, id);
}

/* The container's own name is what engines pass as the pod's, else its id. */
static int add_names(struct plugin_call *call, struct dns_entry *entry, struct error *err) {
        const char *name = plugin_argument(call, "K8S_POD_NAME"), *id = id_name(call), *fault = NULL;
        bool mild = false;

        if (!str_empty(name))
                fault = name_fault(name, &mild);
        if (fault && !mild)
                return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                   "CNI_ARGS: K8S_POD_NAME: '%.64s' cannot be a name of a host: %s", name, fault);
        if (fault)
                log_warning("name %.64s is left out, and the container goes by %s: %s", name, id, fault);
        if (str_empty(name) || fault) {
                name = id;
                fault = name_fault(name, &mild);
        }
        if (fault)
                return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                   "CNI_CONTAINERID: '%.64s' cannot be a name of a host: %s", name, fault);
        add_name(name, entry);
        return add_aliases(call, entry, err);
}

struct server_search {
        struct dns_entry *entry;
        const struct cni_address *containers;
        size_t count;
};

/* The server listens at those addresses of the link that are in a network with the container's. */
static int add_server(const struct cni_address *address, void *context) {
        struct server_search *search = context;
        char text[CNI_ADDRESS_SIZE];

        for (size_t i = 0; i < search->count; i++)
                if (address->family == search->containers[i].family &&
                    cni_address_within(&search->containers[i], address) &&
                    !str_list_contains(&search->entry->servers, cni_address_text(address, text))) {
                        str_list_add(&search->entry->servers, text);
                        break;
                }
        return 0;
}

/* Tells the link that questions come by; where each container has its own, all of the network's. */
static void add_link(struct plugin_call *call, const char *link, struct dns_entry *entry) {
        char own[IFNAMSIZ];

        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, own);
        if (str_equal(link, own))
                str_list_printf(&entry->links, "%.*s*", attach_network_prefix(), link);
        else
                str_list_add(&entry->links, link);
}

static int add_addresses(struct plugin_call *call, const struct cni_result *result, struct dns_entry *entry,
                         struct error *err) {
        const char *forward = attach_forward_link(result);
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        struct server_search search = {.entry = entry};
        struct link_info link = {0};
        char text[CNI_ADDRESS_SIZE];
        int r;

        search.containers = attach_addresses(call, result, &search.count);
        for (size_t i = 0; i < search.count; i++)
                str_list_add(&entry->addresses, cni_address_text(&search.containers[i], text));
        if (!forward || search.count == 0)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "prevResult: %s; dnsname must come after a plugin that links the container to this "
                                   "host and gives it an address",
                                   forward ? "has no address of the container" : "has no link of this host");
        r = link_open(-1, &host, err);
        if (r >= 0)
                r = link_find(&host, forward, &link, err);
        if (r >= 0)
                r = link_addresses(&host, link.index, add_server, &search, err);
        if (r < 0)
                return r;
        if (entry->servers.count) {
                add_link(call, forward, entry);
                return 0;
        }
        (void) plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EADDRNOTAVAIL,
                           "link %s has no address in the container's network, so no name server can be reached there",
                           forward);
        return error_hint(err, "set isGateway in the configuration of bridge");
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static struct cni_attachment own_attachment(const struct plugin_call *call) {
        return (struct cni_attachment){.container_id = call->container_id, .ifname = call->ifname};
}

/* The name as the server has it. */
static char *full_name(const struct dns_entry *entry, const struct dns_options *options) {
        const char *name = entry->names.items[0];

        return options->domain[0] && !strchr(name, '.') ? str_format("%s.%s", name, options->domain) : xstrdup(name);
}

/* Each server knows the container by each of its addresses. */
static int ask_servers(const struct dns_entry *entry, const struct dns_options *options, int timeout_ms,
                       struct error *err) {
        _cleanup_free_ char *name = full_name(entry, options);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < entry->servers.count; i++)
                for (size_t j = 0; r >= 0 && j < entry->addresses.count; j++)
                        r = dns_server_ask(entry->servers.items[i], name, entry->addresses.items[j], timeout_ms, err);
        return r;
}

/* `first` and behind it what is in `list` already, in the arena. */
static const char **put_before(struct plugin_call *call, const struct str_list *first, const char **list) {
        size_t count = 0, room = first->count + 1;
        const char **all;

        for (size_t i = 0; list && list[i]; i++)
                room++;
        all = arena_alloc(call->arena, room, sizeof(*all));
        for (size_t i = 0; i < first->count; i++)
                all[count++] = arena_strdup(call->arena, first->items[i]);
        for (size_t i = 0; list && list[i]; i++)
                if (!str_list_contains(first, list[i]))
                        all[count++] = list[i];
        all[count] = NULL;
        return all;
}

static void fill_result(struct plugin_call *call, const struct dns_entry *entry, const struct dns_options *options,
                        struct cni_result *result) {
        _cleanup_str_list_ struct str_list domain = {0};

        result->has_dns = true;
        result->dns.nameservers = put_before(call, &entry->servers, result->dns.nameservers);
        if (!options->domain[0])
                return;
        str_list_add(&domain, options->domain);
        result->dns.search = put_before(call, &domain, result->dns.search);
}

/*
 * Takes the attachment's names back, or for GC those of all that are not valid. They are gone then, whether the server
 * of those that stay can be started or not.
 * @options: NULL: the server keeps those it has
 */
static int release(struct plugin_call *call, const struct dns_options *options, struct error *err) {
        _cleanup_dns_names_ struct dns_names names = DNS_NAMES_CLOSED;
        const struct cni_attachment own = own_attachment(call);
        int r = dns_names_open(call->network, false, &names, err);

        if (r < 0 || !names.path)
                return r;
        r = call->command == PLUGIN_GC ? dns_names_collect(&names, call->valid, call->valid_count, err)
                                       : dns_names_remove(&names, &own, err);
        return r < 0 ? r : dns_server_update(&names, call->network, options, false, err);
}

static int publish(struct plugin_call *call, const struct dns_entry *entry, const struct dns_options *options,
                   struct error *err) {
        _cleanup_dns_names_ struct dns_names names = DNS_NAMES_CLOSED;
        const struct cni_attachment own = own_attachment(call);
        int r = dns_names_open(call->network, true, &names, err);

        if (r >= 0)
                r = dns_names_put(&names, &own, entry, err);
        if (r >= 0)
                r = dns_server_update(&names, call->network, options, true, err);
        if (r < 0)
                return r;
        /* Others need not wait for the answer. Who starts the server again meanwhile, does so with our names. */
        dns_names_close(&names);
        r = ask_servers(entry, options, ANSWER_TIMEOUT_MS, err);
        return r == -ETIMEDOUT ? error_hint(err, DNS_PORT_HINT) : r;
}

static int dnsname_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_dns_entry_ struct dns_entry entry = {0};
        _cleanup_free_ char *program = NULL;
        struct dns_options options;
        int r;

        r = parse_configuration(call, &options, err);
        if (r >= 0)
                r = attach_require_previous(call, err);
        if (r >= 0)
                r = dns_server_program(&program, err);
        if (r >= 0)
                r = add_names(call, &entry, err);
        if (r >= 0)
                r = add_addresses(call, result, &entry, err);
        if (r < 0)
                return r;
        r = publish(call, &entry, &options, err);
        if (r < 0)
                (void) release(call, &options, NULL);
        else
                fill_result(call, &entry, &options, result);
        return r;
}

/* DEL and GC. */
static int dnsname_del(struct plugin_call *call, struct error *err) {
        struct dns_options options;
        struct error own = {0};

        if (parse_configuration(call, &options, &own) >= 0)
                return release(call, &options, err);
        log_warning("%s: %s goes on without", own.message, call->command_name);
        return release(call, NULL, err);
}

static int dnsname_check(struct plugin_call *call, struct error *err) {
        _cleanup_dns_names_ struct dns_names names = DNS_NAMES_CLOSED;
        _cleanup_dns_entry_ struct dns_entry entry = {0};
        const struct cni_attachment own = own_attachment(call);
        struct dns_options options;
        int r;

        r = parse_configuration(call, &options, err);
        if (r >= 0)
                r = dns_names_open(call->network, false, &names, err);
        if (r >= 0)
                r = dns_names_get(&names, &own, &entry, err);
        if (r < 0)
                return r;
        if (r == 0 || entry.names.count == 0)
                return error_set(err, ENOENT, "the names of container %s are gone from %s/%s", call->container_id,
                                 DNS_DIRECTORY, call->network);
        if (!dns_server_is_running(&names)) {
                (void) error_set(err, ENOENT, "the name server of network %s does not run", call->network);
                return error_hint(err, "the next ADD starts it again");
        }
        dns_names_close(&names);
        return ask_servers(&entry, &options, CHECK_TIMEOUT_MS, err);
}

static int dnsname_status(struct plugin_call *call, struct error *err) {
        _cleanup_free_ char *program = NULL;
        struct dns_options options;
        int r = parse_configuration(call, &options, err);

        return r < 0 ? r : dns_server_program(&program, err);
}

const struct plugin plugin_dnsname = {.type = "dnsname",
                                      .summary = "let the containers of a network find each other by name",
                                      .add = dnsname_add,
                                      .del = dnsname_del,
                                      .check = dnsname_check,
                                      .status = dnsname_status,
                                      .gc = dnsname_del};
