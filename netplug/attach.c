#include "attach.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"
#include "../lib/str.h"
#include "ipam.h"
#include "sysctl.h"

bool attach_link_name_is_valid(const char *name) {
        if (!path_is_name(name) || strlen(name) >= IFNAMSIZ)
                return false;
        for (; *name; name++)
                /* The kernel takes a % as the place for a number. */
                if (isspace((unsigned char) *name) || *name == ':' || *name == '%' || iscntrl((unsigned char) *name))
                        return false;
        return true;
}

/* FNV-1a, continued: names only have to differ. */
static uint64_t hash_on(uint64_t hash, const char *text) {
        do
                hash = (hash ^ (unsigned char) *text) * 0x100000001b3;
        while (*text++);
        return hash ^ hash >> 29;
}

#define HASH_START 0xcbf29ce484222325
/* Of 5 bits each. With the longest prefix they are 15 characters, the most a name may have. */
#define NETWORK_DIGITS 4
#define ATTACHMENT_DIGITS 7

/* Other programs know a pair's end by its usual name. */
static const char *const prefixes[] = {
        [ATTACH_PAIR] = "veth", [ATTACH_QUEUE] = "q", [ATTACH_GATEWAY] = "g", [ATTACH_MACVLAN] = "m"};

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

static char *put_digits(char *out, uint64_t number, int count) {
        for (; count > 0; count--, number >>= 5)
                *out++ = digits[number & 31];
        return out;
}

void attach_link_name(enum attach_kind kind, const char *network, const char *container_id, const char *ifname,
                      char out[IFNAMSIZ]) {
        char *end = stpcpy(out, prefixes[kind]);

        end = put_digits(end, hash_on(HASH_START, network), NETWORK_DIGITS);
        end = put_digits(end, hash_on(hash_on(HASH_START, container_id), ifname), ATTACHMENT_DIGITS);
        *end = '\0';
}

int attach_network_prefix(void) {
        return (int) strlen(prefixes[ATTACH_PAIR]) + NETWORK_DIGITS;
}

bool attach_is_of_another(const struct plugin_call *call, const char *link) {
        const size_t prefix = strlen(prefixes[ATTACH_PAIR]);
        char own[IFNAMSIZ];

        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, own);
        return strlen(link) == strlen(own) && strncmp(link, own, prefix) == 0 &&
               link[prefix + strspn(link + prefix, digits)] == '\0' && !str_equal(link, own);
}

int attach_require_previous(struct plugin_call *call, struct error *err) {
        if (call->has_previous)
                return 0;
        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                           "prevResult: missing; %s must come after the plugin that makes the link", call->type);
}

int attach_requested_mac(struct plugin_call *call, const char *configured, char out[LINK_MAC_SIZE], struct error *err) {
        const char *argument = plugin_argument(call, "MAC"), *mac = argument ? argument : configured;
        const struct json *args = NULL;
        uint8_t bytes[6];
        int r;

        out[0] = '\0';
        r = plugin_args(call, &args, err);
        if (r >= 0)
                r = json_get_string(args, "mac", &mac, err);
        if (r >= 0)
                r = json_get_string(call->runtime, "mac", &mac, err);
        if (r < 0 || str_empty(mac))
                return r;
        if (link_mac_parse(mac, bytes) < 0)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "mac: '%.64s' is not a hardware address such as 02:42:ac:11:00:02", mac);
        link_mac_text(bytes, out);
        return 0;
}

void attach_mac(const char *requested, const struct cni_result *result, char out[LINK_MAC_SIZE]) {
        const struct cni_address *address = NULL;
        const uint8_t *bytes;

        if (requested[0]) {
                (void) snprintf(out, LINK_MAC_SIZE, "%s", requested);
                return;
        }
        for (size_t i = 0; i < result->ip_count; i++)
                if (!address || (address->family == AF_INET6 && result->ips[i].address.family == AF_INET))
                        address = &result->ips[i].address;
        if (!address) {
                link_mac_random(out);
                return;
        }
        bytes = address->bytes + (address->family == AF_INET ? 0 : 12);
        (void) snprintf(out, LINK_MAC_SIZE, "%s:%02x:%02x:%02x:%02x", address->family == AF_INET ? "0a:58" : "0a:5a",
                        bytes[0], bytes[1], bytes[2], bytes[3]);
}

int attach_open(struct plugin_call *call, struct netlink *host, struct netlink *container, struct error *err) {
        struct link_info there;
        int r;

        r = link_open(-1, host, err);
        if (r >= 0)
                r = link_open(call->netns_fd, container, err);
        if (r < 0)
                return r;
        r = link_find(container, call->ifname, &there, NULL);
        if (r >= 0) {
                (void) error_set(err, EEXIST, "CNI_IFNAME: the container has a link %s already", call->ifname);
                return error_hint(err, "detach it first (CNI_COMMAND=DEL), or use another name");
        }
        return 0;
}

static int refuse_routers(const char *link, struct error *err) {
        return sysctl_set_link(-1, "ipv6", link, "accept_ra", "0", err);
}

/*
 * IPv6 is the bridge's, not the port's, which would add an address, routes and groups to lists that the kernel searches
 * at every ADD.
 */
int attach_harden_port(const char *link, struct error *err) {
        int r = refuse_routers(link, err);

        return r < 0 ? r : sysctl_set_link(-1, "ipv6", link, "disable_ipv6", "1", err);
}

int attach_harden(const char *link, struct error *err) {
        int r = refuse_routers(link, err);

        return r < 0 ? r : sysctl_set_link(-1, "ipv6", link, "accept_dad", "0", err);
}

int attach_addresses_from_ipam(struct plugin_call *call, struct cni_result *result, struct error *err) {
        int r = ipam_add(call, result, err);

        if (r >= 0 && ipam_is_wanted(call) && result->ip_count == 0) {
                ipam_undo(call);
                return error_set(err, ENOENT, "ipam: the plugin gave no address");
        }
        return r;
}

int attach_dns(struct plugin_call *call, struct cni_result *result, struct error *err) {
        struct cni_dns dns;
        int r = cni_dns_parse(call->arena, json_get(call->conf, "dns"), &dns, err);

        if (r < 0)
                return r;
        if (dns.nameservers || dns.domain || dns.search || dns.options)
                result->dns = dns;
        result->has_dns = true;
        return 0;
}

void attach_put_interface(struct plugin_call *call, struct cni_result *result, const struct link_info *link,
                          const char *sandbox) {
        struct cni_interface *interface = cni_result_add_interface(result, call->arena);

        *interface = (struct cni_interface){.name = arena_strdup(call->arena, link->name),
                                            .mac = arena_strdup(call->arena, link->mac),
                                            .mtu = link->mtu,
                                            .sandbox = sandbox};
}

bool attach_has_ipv6(const struct cni_result *result) {
        for (size_t i = 0; i < result->ip_count; i++)
                if (result->ips[i].address.family == AF_INET6)
                        return true;
        return false;
}

/* Between a group's first report and the next, at most. No frame is lost between a container and its bridge. */
#define DAY_MS "86400000"

struct inside {
        const struct link_info *link;
        unsigned int how;
};

static int prepare_ipv6(void *context, struct error *err) {
        const struct inside *inside = context;
        const char *link = inside->link->name;
        const struct {
                bool wanted;
                const char *link, *name, *value;
                bool optional;
        } rows[] = {
                {inside->link->without_ipv6, "lo", "disable_ipv6", "0", false},
                {inside->link->without_ipv6, link, "disable_ipv6", "0", false},
                {inside->how & ATTACH_ANNOUNCE, link, "ndisc_notify", "1", false},
                {inside->how & ATTACH_TRY_ADDRESSES, link, "enhanced_dad", "1", false},
                {inside->how & ATTACH_TRY_ADDRESSES, link, "accept_dad", "1", false},
                {inside->how & ATTACH_REPORT_ONCE, link, "force_mld_version", "1", true},
                {inside->how & ATTACH_REPORT_ONCE, link, "mldv1_unsolicited_report_interval", DAY_MS, true},
        };
        _cleanup_fd_ int settings = sysctl_open_apart(err);
        int r = settings;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++) {
                if (!rows[i].wanted)
                        continue;
                r = sysctl_set_link(settings, "ipv6", rows[i].link, rows[i].name, rows[i].value,
                                    rows[i].optional ? NULL : err);
                if (rows[i].optional)
                        r = 0;
        }
        return r < 0 ? r : 0;
}

int attach_prepare_ipv6(int netns_fd, const struct link_info *link, const struct cni_result *result, unsigned int how,
                        struct error *err) {
        struct inside inside = {.link = link, .how = how};

        if (!attach_has_ipv6(result) || (!how && !link->without_ipv6))
                return 0;
        return link_inside(netns_fd, prepare_ipv6, &inside, err);
}

int attach_configure(struct plugin_call *call, struct netlink *container, struct cni_result *result, bool announce,
                     struct error *err) {
        struct link_info link = {0};
        int r;

        r = link_find(container, call->ifname, &link, err);
        if (r >= 0)
                r = attach_prepare_ipv6(call->netns_fd, &link, result, announce ? ATTACH_ANNOUNCE : 0, err);
        if (r >= 0)
                r = link_configure(container, link.index, result,
                                   LINK_DETECT_DUPLICATES | (announce ? LINK_ANNOUNCE : 0), err);
        if (r >= 0)
                r = link_find_index(container, link.index, &link, err);
        if (r >= 0 && link.carrier && attach_has_ipv6(result))
                r = link_settle(container, link.index, ATTACH_SETTLE_MS, err);
        if (r >= 0 && announce)
                r = link_announce(container, link.index, link.mac, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < result->ip_count; i++)
                result->ips[i].interface = 0;
        attach_put_interface(call, result, &link, call->netns);
        return attach_dns(call, result, err);
}

const struct cni_interface *attach_host_interface(const struct cni_result *result, size_t n) {
        for (size_t i = 0; i < result->interface_count; i++)
                if (str_empty(result->interfaces[i].sandbox) && n-- == 0)
                        return &result->interfaces[i];
        return NULL;
}

const char *attach_forward_link(const struct cni_result *result) {
        const struct cni_interface *first = attach_host_interface(result, 0), *next;
        size_t size = first ? strlen(first->name) : 0;

        if (!first || !attach_link_name_is_valid(first->name))
                return NULL;
        for (size_t i = 1; (next = attach_host_interface(result, i)); i++)
                if (strncmp(next->name, first->name, size) == 0 && next->name[size] == '.' &&
                    attach_link_name_is_valid(next->name))
                        return next->name;
        return first->name;
}

struct cni_address *attach_addresses(struct plugin_call *call, const struct cni_result *result, size_t *count) {
        struct cni_address *addresses = arena_alloc(call->arena, result->ip_count + 1, sizeof(*addresses));

        *count = 0;
        for (size_t i = 0; i < result->ip_count; i++) {
                const struct cni_ip *ip = &result->ips[i];

                if (ip->interface < 0 || !str_empty(result->interfaces[ip->interface].sandbox))
                        addresses[(*count)++] = ip->address;
        }
        return addresses;
}

struct nft_owner attach_owner(const struct plugin_call *call) {
        if (call->command == PLUGIN_GC)
                return (struct nft_owner){
                        .network = call->network, .valid = call->valid, .valid_count = call->valid_count};
        return (struct nft_owner){.network = call->network, .container_id = call->container_id, .ifname = call->ifname};
}

int attach_wants_masquerade(struct plugin_call *call, bool *out, struct error *err) {
        const char *backend = "";
        int r = json_get_bool(call->conf, "ipMasq", out, err);

        if (r >= 0)
                r = json_get_string(call->conf, "ipMasqBackend", &backend, err);
        if (r < 0 || str_empty(backend) || str_equal(backend, "iptables") || str_equal(backend, "nftables"))
                return r;
        return json_error(json_get(call->conf, "ipMasqBackend"), err, EINVAL,
                          "'%.32s' is neither iptables nor nftables", backend);
}

/* The addresses are those of the result of IPAM, whose interfaces are not listed yet. */
int attach_masquerade(struct plugin_call *call, const struct cni_result *result, struct error *err) {
        struct cni_address *addresses = arena_alloc(call->arena, result->ip_count + 1, sizeof(*addresses));
        const struct nft_owner owner = attach_owner(call);

        for (size_t i = 0; i < result->ip_count; i++)
                addresses[i] = result->ips[i].address;
        return result->ip_count ? nft_masquerade_add(&owner, addresses, result->ip_count, err) : 0;
}

int attach_unmasquerade(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);

        return nft_release(&owner, NFT_PART_MASQUERADE, NULL, err);
}

int attach_check_masquerade(struct plugin_call *call, struct error *err) {
        const struct nft_owner owner = attach_owner(call);
        size_t count;
        const struct cni_address *addresses = attach_addresses(call, &call->previous, &count);

        return nft_masquerade_check(&owner, addresses, count, err);
}

/* The interface of prevResult that the call is about, and what the result says of it alone. */
static int own_part(struct plugin_call *call, const struct cni_interface **out, struct cni_result *part,
                    struct error *err) {
        const struct cni_result *all = &call->previous;
        int index = -1;

        for (size_t i = 0; i < all->interface_count; i++)
                if (str_equal(all->interfaces[i].name, call->ifname) && !str_empty(all->interfaces[i].sandbox))
                        index = (int) i;
        if (index < 0)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "prevResult: has no interface %s in the container", call->ifname);
        *out = &all->interfaces[index];
        *part = (struct cni_result){.routes = all->routes, .route_count = all->route_count};
        for (size_t i = 0; i < all->ip_count; i++)
                if (all->ips[i].interface == index)
                        *cni_result_add_ip(part, call->arena) = all->ips[i];
        return 0;
}

int attach_check_mac(const struct cni_interface *expected, const struct link_info *link, struct error *err) {
        if (str_empty(expected->mac) || strcasecmp(expected->mac, link->mac) == 0)
                return 0;
        return error_set(err, ENOENT, "link %s has hardware address %s, but %s was given to it", link->name, link->mac,
                         expected->mac);
}

int attach_check_container(struct plugin_call *call, const char *kind, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        const struct cni_interface *interface = NULL;
        struct cni_result part;
        struct link_info info;
        int r;

        r = own_part(call, &interface, &part, err);
        if (r >= 0)
                r = link_open(call->netns_fd, &container, err);
        if (r >= 0)
                r = link_find(&container, call->ifname, &info, err);
        if (r < 0)
                return r;
        if (kind && !str_equal(info.kind, kind))
                return error_set(err, ENOENT, "link %s of the container is not of kind %s", call->ifname, kind);
        if (!str_equal(interface->sandbox, call->netns))
                return error_set(err, ENOENT, "prevResult: %s is in %s, not in CNI_NETNS (%s)", call->ifname,
                                 interface->sandbox, call->netns);
        r = attach_check_mac(interface, &info, err);
        return r < 0 ? r : link_check(&container, info.index, &part, err);
}

int attach_remove_link(struct plugin_call *call, struct error *err) {
        _cleanup_netlink_ struct netlink netlink = NETLINK_CLOSED;
        char name[IFNAMSIZ];
        int r;

        attach_link_name(ATTACH_PAIR, call->network, call->container_id, call->ifname, name);
        r = link_open(-1, &netlink, err);
        if (r >= 0)
                r = link_delete_soon(&netlink, name, err);
        /* Made by another program, or the host's end was renamed. */
        return r != 0 ? (r < 0 ? r : 0) : attach_remove_inside(call, "veth", err);
}

int attach_remove_inside(struct plugin_call *call, const char *kind, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED, container = NETLINK_CLOSED;
        struct link_info link, end;
        int r;

        if (call->netns_fd < 0)
                return 0;
        r = link_open(-1, &host, err);
        if (r >= 0)
                r = link_open(call->netns_fd, &container, err);
        if (r < 0)
                return r;
        r = link_find(&container, call->ifname, &link, NULL);
        if (r >= 0 && !str_equal(link.kind, kind))
                return 0;
        /* An ADD that was refused the name is taken back, too: the link stays with whom it belongs to. */
        if (r >= 0 && link_leads_here(&container, call->netns_fd, &link) &&
            link_find_index(&host, link.other, &end, NULL) >= 0 && attach_is_of_another(call, end.name))
                return 0;
        r = link_delete(&container, call->ifname, err);
        return r < 0 ? r : 0;
}

int attach_go_on(struct plugin_call *call, int before, int (*step)(struct plugin_call *call, struct error *err),
                 struct error *err) {
        const int code = call->code;
        int r = step(call, before < 0 ? NULL : err);

        if (before >= 0)
                return r;
        call->code = code;
        return before;
}

int attach_detach(struct plugin_call *call, struct error *err) {
        bool masquerade = false;
        int r;

        /* A configuration that ADD refuses is no reason to leave things behind. */
        if (json_get_bool(call->conf, "ipMasq", &masquerade, NULL) < 0)
                masquerade = true;
        r = attach_remove_link(call, err);
        if (masquerade)
                r = attach_go_on(call, r, attach_unmasquerade, err);
        /* The address goes back last. */
        return attach_go_on(call, r, ipam_pass_on, err);
}

int attach_status(struct plugin_call *call, bool masquerade, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        int r;

        r = link_open(-1, &host, err);
        if (r >= 0 && masquerade)
                r = nft_available(err);
        return r < 0 ? r : ipam_pass_on(call, err);
}

struct link_collection {
        const struct plugin_call *call;
        enum attach_kind kind;
        struct str_list *stale;
};

static int collect_link(const struct link_info *info, void *context) {
        struct link_collection *collection = context;
        const struct plugin_call *call = collection->call;
        char name[IFNAMSIZ];

        attach_link_name(collection->kind, call->network, "", "", name);
        if (!str_equal(info->kind, collection->kind == ATTACH_PAIR ? "veth" : "ifb") ||
            strlen(info->name) != strlen(name) || strncmp(info->name, name, strlen(name) - ATTACHMENT_DIGITS) != 0)
                return 0;
        for (size_t i = 0; i < call->valid_count; i++) {
                attach_link_name(collection->kind, call->network, call->valid[i].container_id, call->valid[i].ifname,
                                 name);
                if (str_equal(info->name, name))
                        return 0;
        }
        str_list_add(collection->stale, info->name);
        return 0;
}

int attach_stale_links(struct plugin_call *call, enum attach_kind kind, struct netlink *host, struct str_list *out,
                       struct error *err) {
        struct link_collection collection = {.call = call, .kind = kind, .stale = out};

        return link_list(host, collect_link, &collection, err);
}

int attach_collect_links(struct plugin_call *call, enum attach_kind kind, struct error *err) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        _cleanup_str_list_ struct str_list stale = {0};
        int r;

        r = link_open(-1, &host, err);
        if (r >= 0)
                r = attach_stale_links(call, kind, &host, &stale, err);
        for (size_t i = 0; r >= 0 && i < stale.count; i++)
                r = link_delete(&host, stale.items[i], err);
        return r < 0 ? r : 0;
}

int attach_collect(struct plugin_call *call, struct error *err) {
        int r = attach_collect_links(call, ATTACH_PAIR, err);

        r = attach_go_on(call, r, attach_unmasquerade, err);
        return attach_go_on(call, r, ipam_pass_on, err);
}
