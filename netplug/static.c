/* The IPAM plugin static: the addresses that the configuration or the runtime names. */
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "plugin.h"

#define ADDRESSES_MAX 256
#define BLANKS " \t\r\n"

/*
 * An address in the notation of a caller: with the length of its network's prefix.
 * @code: of the error where the text is none
 */
static int add_address(struct plugin_call *call, const char *text, int code, struct cni_result *result,
                       struct error *err) {
        struct cni_ip *ip = cni_result_add_ip(result, call->arena);

        if (result->ip_count > ADDRESSES_MAX)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL, "more than %d addresses", ADDRESSES_MAX);
        if (cni_address_parse_cidr(text, &ip->address) < 0)
                return plugin_fail(call, code, err, EINVAL,
                                   "'%.64s' is not an address with a prefix length, such as 10.1.2.3/24", text);
        return 0;
}

static int add_configured(struct plugin_call *call, const struct json *item, struct cni_result *result,
                          struct error *err) {
        const char *address = NULL, *gateway = NULL;
        const struct json *member;
        struct cni_ip *ip;
        int r;

        r = json_expect(item, JSON_OBJECT, err);
        if (r >= 0)
                r = json_require(item, "address", &member, err);
        if (r >= 0)
                r = json_get_string(item, "address", &address, err);
        if (r >= 0)
                r = json_get_string(item, "gateway", &gateway, err);
        if (r >= 0)
                r = add_address(call, address, CNI_CODE_INVALID_CONFIG, result, err);
        if (r < 0 || str_empty(gateway))
                return r;
        ip = &result->ips[result->ip_count - 1];
        if (cni_address_parse(gateway, &ip->gateway) < 0)
                return json_error(json_get(item, "gateway"), err, EINVAL, "'%.64s' is not an IP address", gateway);
        if (ip->gateway.family != ip->address.family)
                return json_error(json_get(item, "gateway"), err, EINVAL, "%s is of another address family than %s",
                                  gateway, address);
        return 0;
}

/* The items of a list with commas between them, without the blanks around each. */
static void split_argument(struct str_list *list, const char *text) {
        str_list_split(list, str_empty(text) ? "" : text, ',');
        for (size_t i = 0; i < list->count; i++) {
                char *item = list->items[i];
                size_t blanks = strspn(item, BLANKS), end = strlen(item);

                while (end > blanks && strchr(BLANKS, item[end - 1]))
                        end--;
                item[end] = '\0';
                memmove(item, item + blanks, strlen(item + blanks) + 1);
        }
}

/* CNI_ARGS IP=ADDRESS/PREFIX,... and GATEWAY=ADDRESS,...: each gateway is that of the networks it lies in. */
static int add_arguments(struct plugin_call *call, struct cni_result *result, struct error *err) {
        _cleanup_str_list_ struct str_list addresses = {0}, gateways = {0};
        int r = 0;

        split_argument(&addresses, plugin_argument(call, "IP"));
        split_argument(&gateways, plugin_argument(call, "GATEWAY"));
        for (size_t i = 0; r >= 0 && i < addresses.count; i++)
                r = add_address(call, addresses.items[i], CNI_CODE_INVALID_ENVIRONMENT, result, err);
        for (size_t i = 0; r >= 0 && i < gateways.count; i++) {
                struct cni_address address;

                if (cni_address_parse(gateways.items[i], &address) < 0)
                        return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                           "CNI_ARGS: GATEWAY: '%.64s' is not an IP address", gateways.items[i]);
                for (size_t j = 0; j < result->ip_count; j++)
                        if (cni_address_within(&result->ips[j].address, &address))
                                result->ips[j].gateway = address;
        }
        return r;
}

/* A list of the runtime's replaces all addresses there were. */
static int replace_by(struct plugin_call *call, const struct json *holder, struct cni_result *result,
                      struct error *err) {
        const struct json *list = NULL;
        int r = json_get_array(holder, "ips", &list, err);

        if (r < 0 || !list || list->count == 0)
                return r;
        result->ips = NULL;
        result->ip_count = 0;
        for (const struct json *item = list->first; r >= 0 && item; item = item->next) {
                r = json_expect(item, JSON_STRING, err);
                if (r >= 0)
                        r = add_address(call, item->text, CNI_CODE_INVALID_CONFIG, result, err);
        }
        return r;
}

static int parse_addresses(struct plugin_call *call, const struct json *ipam, struct cni_result *result,
                           struct error *err) {
        const struct json *list = NULL, *args = NULL;
        int r = json_get_array(ipam, "addresses", &list, err);

        for (const struct json *item = list ? list->first : NULL; r >= 0 && item; item = item->next)
                r = add_configured(call, item, result, err);
        if (r >= 0)
                r = add_arguments(call, result, err);
        if (r >= 0)
                r = plugin_args(call, &args, err);
        if (r >= 0)
                r = replace_by(call, args, result, err);
        return r < 0 ? r : replace_by(call, call->runtime, result, err);
}

static int static_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        const struct json *ipam, *routes = NULL;
        int r;

        *result = (struct cni_result){0};
        r = json_require(call->conf, "ipam", &ipam, err);
        if (r >= 0)
                r = json_expect(ipam, JSON_OBJECT, err);
        if (r >= 0)
                r = parse_addresses(call, ipam, result, err);
        if (r >= 0)
                r = json_get_array(ipam, "routes", &routes, err);
        for (const struct json *item = r >= 0 && routes ? routes->first : NULL; r >= 0 && item; item = item->next)
                r = cni_route_parse(item, cni_result_add_route(result, call->arena), err);
        if (r >= 0)
                r = cni_dns_parse(call->arena, json_get(ipam, "dns"), &result->dns, err);
        return r;
}

/* Nothing is kept anywhere: nothing can be left. */
static int static_nothing(struct plugin_call *call, struct error *err) {
        (void) call;
        (void) err;
        return 0;
}

static int static_check(struct plugin_call *call, struct error *err) {
        struct cni_result wanted;
        char text[CNI_ADDRESS_SIZE];
        int r = static_add(call, &wanted, err);

        for (size_t i = 0; r >= 0 && i < wanted.ip_count; i++) {
                bool found = false;

                for (size_t j = 0; j < call->previous.ip_count; j++)
                        found |= cni_address_equal(&call->previous.ips[j].address, &wanted.ips[i].address) &&
                                 call->previous.ips[j].address.prefix == wanted.ips[i].address.prefix;
                if (!found)
                        return error_set(err, ENOENT, "address %s is not in prevResult",
                                         cni_address_cidr(&wanted.ips[i].address, text));
        }
        return r;
}

static int static_status(struct plugin_call *call, struct error *err) {
        struct cni_result wanted;

        return static_add(call, &wanted, err);
}

const struct plugin plugin_static = {.type = "static",
                                     .summary = "IPAM: addresses that the configuration names",
                                     .is_ipam = true,
                                     .without_netns = true,
                                     .add = static_add,
                                     .del = static_nothing,
                                     .check = static_check,
                                     .status = static_status,
                                     .gc = static_nothing};
