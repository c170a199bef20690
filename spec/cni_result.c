#include "cni.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"

/* The most interfaces, addresses and routes one result may hold. */
#define RESULT_ITEMS_MAX 4096

/* Grows an arena's array to hold one more; room doubles, so it is full at each power of two. */
static void *array_grow(struct arena *arena, void *items, size_t *count, size_t size) {
        if ((*count & (*count - 1)) == 0) {
                void *grown = arena_alloc(arena, *count ? 2 * *count : 1, size);

                if (*count)
                        memcpy(grown, items, *count * size);
                items = grown;
        }
        (*count)++;
        return items;
}

struct cni_interface *cni_result_add_interface(struct cni_result *result, struct arena *arena) {
        result->interfaces =
                array_grow(arena, result->interfaces, &result->interface_count, sizeof(*result->interfaces));
        return &result->interfaces[result->interface_count - 1];
}

struct cni_ip *cni_result_add_ip(struct cni_result *result, struct arena *arena) {
        result->ips = array_grow(arena, result->ips, &result->ip_count, sizeof(*result->ips));
        result->ips[result->ip_count - 1].interface = -1;
        return &result->ips[result->ip_count - 1];
}

struct cni_route *cni_result_add_route(struct cni_result *result, struct arena *arena) {
        result->routes = array_grow(arena, result->routes, &result->route_count, sizeof(*result->routes));
        result->routes[result->route_count - 1].scope = -1;
        return &result->routes[result->route_count - 1];
}

static int expect_object(const struct json *value, struct error *err) {
        return json_expect(value, JSON_OBJECT, err);
}

/* Reads an optional address member. */
static int get_address(const struct json *object, const char *key, struct cni_address *out, struct error *err) {
        const char *text = NULL;
        int r;

        r = json_get_string(object, key, &text, err);
        if (r < 0 || !text || text[0] == '\0')
                return r;
        if (cni_address_parse(text, out) < 0)
                return json_error(json_get(object, key), err, EINVAL, "'%s' is not an IP address", text);
        return 0;
}

/* Reads a required address/prefix member. */
static int require_cidr(const struct json *object, const char *key, struct cni_address *out, struct error *err) {
        const struct json *value;
        int r;

        r = json_require(object, key, &value, err);
        if (r < 0)
                return r;
        r = json_expect(value, JSON_STRING, err);
        if (r < 0)
                return r;
        if (cni_address_parse_cidr(value->text, out) < 0)
                return json_error(value, err, EINVAL, "'%s' is not an IP address with a prefix length", value->text);
        return 0;
}

int cni_dns_parse(struct arena *arena, const struct json *value, struct cni_dns *out, struct error *err) {
        int r;

        *out = (struct cni_dns){0};
        if (!value)
                return 0;
        r = expect_object(value, err);
        if (r >= 0)
                r = json_get_strings(arena, value, "nameservers", &out->nameservers, NULL, err);
        if (r >= 0)
                r = json_get_string(value, "domain", &out->domain, err);
        if (r >= 0)
                r = json_get_strings(arena, value, "search", &out->search, NULL, err);
        if (r >= 0)
                r = json_get_strings(arena, value, "options", &out->options, NULL, err);
        return r;
}

int cni_route_parse(const struct json *value, struct cni_route *out, struct error *err) {
        const struct {
                const char *key;
                int64_t *target;
        } numbers[] = {{"mtu", &out->mtu},
                       {"advmss", &out->advmss},
                       {"priority", &out->priority},
                       {"table", &out->table},
                       {"scope", &out->scope}};
        int r;

        *out = (struct cni_route){.scope = -1};
        r = expect_object(value, err);
        if (r >= 0)
                r = require_cidr(value, "dst", &out->destination, err);
        if (r >= 0)
                r = get_address(value, "gw", &out->gateway, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(numbers); i++)
                r = json_get_i64(value, numbers[i].key, 0, UINT32_MAX, numbers[i].target, err);
        if (r < 0)
                return r;
        if (out->gateway.family && out->gateway.family != out->destination.family)
                return json_error(json_get(value, "gw"), err, EINVAL, "of another address family than dst");
        return 0;
}

static int parse_interface(const struct json *value, struct cni_interface *out, struct error *err) {
        int r;

        r = expect_object(value, err);
        if (r >= 0)
                r = json_get_string(value, "name", &out->name, err);
        if (r >= 0)
                r = json_get_string(value, "mac", &out->mac, err);
        if (r >= 0)
                r = json_get_i64(value, "mtu", 0, INT32_MAX, &out->mtu, err);
        if (r >= 0)
                r = json_get_string(value, "sandbox", &out->sandbox, err);
        if (r >= 0)
                r = json_get_string(value, "socketPath", &out->socket_path, err);
        if (r >= 0)
                r = json_get_string(value, "pciID", &out->pci_id, err);
        if (r >= 0 && !out->name)
                out->name = "";
        return r;
}

static int parse_ip(const struct json *value, struct cni_ip *out, struct error *err) {
        int r;

        r = expect_object(value, err);
        if (r >= 0)
                r = json_get_int(value, "interface", &out->interface, err);
        if (r >= 0)
                r = require_cidr(value, "address", &out->address, err);
        if (r >= 0)
                r = get_address(value, "gateway", &out->gateway, err);
        return r;
}

/* Gets an array member whose size is bounded; *out is NULL when it is not there. */
static int get_items(const struct json *root, const char *key, const struct json **out, struct error *err) {
        int r;

        *out = NULL;
        r = json_get_array(root, key, out, err);
        if (r >= 0 && *out && (*out)->count > RESULT_ITEMS_MAX)
                return json_error(*out, err, E2BIG, "more than %d elements", RESULT_ITEMS_MAX);
        return r;
}

static int parse_interfaces_and_ips(struct arena *arena, const struct json *root, struct cni_result *out,
                                    struct error *err) {
        const struct json *items;
        int r;

        r = get_items(root, "interfaces", &items, err);
        if (r < 0)
                return r;
        for (const struct json *item = items ? items->first : NULL; item; item = item->next) {
                r = parse_interface(item, cni_result_add_interface(out, arena), err);
                if (r < 0)
                        return r;
        }
        r = get_items(root, "ips", &items, err);
        if (r < 0)
                return r;
        for (const struct json *item = items ? items->first : NULL; item; item = item->next) {
                struct cni_ip *ip = cni_result_add_ip(out, arena);

                r = parse_ip(item, ip, err);
                if (r < 0)
                        return r;
                if (ip->interface >= 0 && (size_t) ip->interface >= out->interface_count)
                        return json_error(json_get(item, "interface"), err, EINVAL, "%d, but there are %zu interfaces",
                                          ip->interface, out->interface_count);
        }
        return 0;
}

int cni_result_parse(struct arena *arena, const struct json *root, struct cni_result *out, struct error *err) {
        const struct json *items;
        const char *version = NULL;
        int r;

        *out = (struct cni_result){0};
        r = expect_object(root, err);
        if (r >= 0)
                r = json_get_string(root, "cniVersion", &version, err);
        if (r < 0)
                return r;
        if (version && !cni_version_supported(version))
                return json_error(json_get(root, "cniVersion"), err, EPROTONOSUPPORT, "%s is not supported", version);
        r = parse_interfaces_and_ips(arena, root, out, err);
        if (r < 0)
                return r;
        r = get_items(root, "routes", &items, err);
        for (const struct json *item = r >= 0 && items ? items->first : NULL; r >= 0 && item; item = item->next)
                r = cni_route_parse(item, cni_result_add_route(out, arena), err);
        if (r < 0)
                return r;
        out->has_dns = json_get(root, "dns") != NULL;
        return cni_dns_parse(arena, json_get(root, "dns"), &out->dns, err);
}

int cni_result_parse_text(struct arena *arena, const char *text, size_t size, struct cni_result *out,
                          struct error *err) {
        const struct json *root;
        int r;

        r = json_parse(arena, text, size, NULL, &root, err);
        if (r < 0)
                return r;
        return cni_result_parse(arena, root, out, err);
}

static void put_text(struct json_writer *writer, const char *key, const char *value) {
        if (value && value[0] != '\0')
                json_put_string(writer, key, value);
}

static void put_interfaces(struct json_writer *writer, const struct cni_result *result, bool with_1_1) {
        json_begin_array(writer, "interfaces");
        for (size_t i = 0; i < result->interface_count; i++) {
                const struct cni_interface *interface = &result->interfaces[i];

                json_begin_object(writer, NULL);
                json_put_string(writer, "name", interface->name);
                put_text(writer, "mac", interface->mac);
                if (with_1_1 && interface->mtu)
                        json_put_int(writer, "mtu", interface->mtu);
                put_text(writer, "sandbox", interface->sandbox);
                if (with_1_1) {
                        put_text(writer, "socketPath", interface->socket_path);
                        put_text(writer, "pciID", interface->pci_id);
                }
                json_end_object(writer);
        }
        json_end_array(writer);
}

static void put_ips(struct json_writer *writer, const struct cni_result *result, bool with_version) {
        char text[CNI_ADDRESS_SIZE];

        json_begin_array(writer, "ips");
        for (size_t i = 0; i < result->ip_count; i++) {
                const struct cni_ip *ip = &result->ips[i];

                json_begin_object(writer, NULL);
                /* Versions before 1.0.0 tell the family. */
                if (with_version)
                        json_put_string(writer, "version", ip->address.family == AF_INET ? "4" : "6");
                if (ip->interface >= 0)
                        json_put_int(writer, "interface", ip->interface);
                json_put_string(writer, "address", cni_address_cidr(&ip->address, text));
                if (ip->gateway.family)
                        json_put_string(writer, "gateway", cni_address_text(&ip->gateway, text));
                json_end_object(writer);
        }
        json_end_array(writer);
}

static void put_route(struct json_writer *writer, const struct cni_route *route, bool with_1_1) {
        const struct {
                const char *key;
                int64_t value;
        } numbers[] = {
                {"mtu", route->mtu}, {"advmss", route->advmss}, {"priority", route->priority}, {"table", route->table}};
        char text[CNI_ADDRESS_SIZE];

        json_begin_object(writer, NULL);
        json_put_string(writer, "dst", cni_address_cidr(&route->destination, text));
        if (route->gateway.family)
                json_put_string(writer, "gw", cni_address_text(&route->gateway, text));
        for (size_t i = 0; with_1_1 && i < ARRAY_SIZE(numbers); i++)
                if (numbers[i].value)
                        json_put_int(writer, numbers[i].key, numbers[i].value);
        if (with_1_1 && route->scope >= 0)
                json_put_int(writer, "scope", route->scope);
        json_end_object(writer);
}

static void put_strings(struct json_writer *writer, const char *key, const char *const *list) {
        if (list && list[0])
                json_put_strings(writer, key, list);
}

static void put_dns(struct json_writer *writer, const struct cni_dns *dns) {
        json_begin_object(writer, "dns");
        put_strings(writer, "nameservers", dns->nameservers);
        json_put_string(writer, "domain", dns->domain);
        put_strings(writer, "search", dns->search);
        put_strings(writer, "options", dns->options);
        json_end_object(writer);
}

void cni_result_put(struct json_writer *writer, const char *key, const struct cni_result *result, const char *version) {
        bool with_1_1 = cni_version_compare(version, "1.1.0") >= 0;
        bool before_1_0 = cni_version_compare(version, "1.0.0") < 0;
        const struct cni_dns *dns = &result->dns;

        json_begin_object(writer, key);
        json_put_string(writer, "cniVersion", version);
        if (result->interface_count)
                put_interfaces(writer, result, with_1_1);
        if (result->ip_count)
                put_ips(writer, result, before_1_0);
        if (result->route_count) {
                json_begin_array(writer, "routes");
                for (size_t i = 0; i < result->route_count; i++)
                        put_route(writer, &result->routes[i], with_1_1);
                json_end_array(writer);
        }
        if (result->has_dns || dns->nameservers || dns->domain || dns->search || dns->options)
                put_dns(writer, dns);
        json_end_object(writer);
}

char *cni_result_write(const struct cni_result *result, const char *version) {
        _cleanup_json_writer_ struct json_writer writer = {0};

        cni_result_put(&writer, NULL, result, version);
        return json_writer_take(&writer);
}
