#include "portmap_conf.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"

#define PORTS_MAX 65536
#define CONDITIONS_MAX 16

/* --- conditions -------------------------------------------------------------------------------------------------- */

/* The matches of iptables that say something here; the reference plugin hands all of them to iptables. */
static const struct {
        const char *spelling;
        int kind;
} matches[] = {
        {"-s", NFT_SOURCE},         {"--source", NFT_SOURCE},
        {"--src", NFT_SOURCE},      {"-d", NFT_DESTINATION},
        {"--dst", NFT_DESTINATION}, {"--destination", NFT_DESTINATION},
        {"-i", NFT_INPUT_LINK},     {"--in-interface", NFT_INPUT_LINK},
        {"-o", NFT_OUTPUT_LINK},    {"--out-interface", NFT_OUTPUT_LINK},
};

static int parse_match(const struct json *word, struct nft_condition *out, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(matches); i++)
                if (str_equal(word->text, matches[i].spelling)) {
                        out->kind = matches[i].kind;
                        return 0;
                }
        (void) json_error(word, err, ENOTSUP, "'%.64s' is no condition of this build", word->text);
        return error_hint(err, "there are -s and -d with an address or network, -i and -o with a link, each with or "
                               "without ! before it");
}

static int parse_operand(const struct json *word, int family, struct nft_condition *out, struct error *err) {
        size_t size = strlen(word->text);
        int r;

        if (out->kind == NFT_INPUT_LINK || out->kind == NFT_OUTPUT_LINK) {
                if (!attach_link_name_is_valid(word->text))
                        return json_error(word, err, EINVAL, "'%.64s' is not a name for a network link", word->text);
                memcpy(out->link, word->text, size);
                return 0;
        }
        r = strchr(word->text, '/') ? cni_address_parse_cidr(word->text, &out->network)
                                    : cni_address_parse(word->text, &out->network);
        if (r < 0 || out->network.family != family)
                return json_error(word, err, EINVAL, "'%.64s' is not an IPv%c address or network", word->text,
                                  family == AF_INET ? '4' : '6');
        return 0;
}

/* Reads words such as "!", "-d", "192.0.2.0/24". */
static int parse_conditions(struct plugin_call *call, const char *key, int family, struct nft_conditions *out,
                            struct error *err) {
        const struct json *words = NULL;
        struct nft_condition *items;
        int r = json_get_array(call->conf, key, &words, err);

        if (r < 0 || !words)
                return r;
        items = arena_alloc(call->arena, words->count + 1, sizeof(*items));
        for (const struct json *word = words->first; word; word = word->next) {
                struct nft_condition *item = &items[out->count++];
                const struct json *const opening = word;

                *item = (struct nft_condition){0};
                r = json_expect(word, JSON_STRING, err);
                if (r >= 0 && str_equal(word->text, "!")) {
                        item->negated = true;
                        word = word->next;
                        r = word ? json_expect(word, JSON_STRING, err)
                                 : json_error(opening, err, EINVAL, "a condition must follow");
                }
                if (r >= 0)
                        r = parse_match(word, item, err);
                if (r >= 0 && !word->next)
                        r = json_error(word, err, EINVAL, "'%s' needs a value behind it", word->text);
                if (r < 0)
                        return r;
                word = word->next;
                r = json_expect(word, JSON_STRING, err);
                if (r >= 0)
                        r = parse_operand(word, family, item, err);
                if (r >= 0 && item->negated && str_equal(item->link, "+"))
                        r = json_error(word, err, EINVAL, "no packet is without a link");
                if (r < 0)
                        return r;
                /* Any link: no condition at all. */
                if (str_equal(item->link, "+"))
                        out->count--;
        }
        if (out->count > CONDITIONS_MAX)
                return json_error(words, err, EINVAL, "more than %d conditions", CONDITIONS_MAX);
        out->items = items;
        return 0;
}

/* --- ports ------------------------------------------------------------------------------------------------------- */

static int parse_protocol(const struct json *mapping, uint8_t *out, struct error *err) {
        static const struct {
                const char *name;
                uint8_t number;
        } protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};
        const char *name = "tcp";
        int r;

        r = json_get_string(mapping, "protocol", &name, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (strcasecmp(protocols[i].name, name[0] ? name : "tcp") == 0) {
                        *out = protocols[i].number;
                        return 1;
                }
        return json_error(json_get(mapping, "protocol"), err, EINVAL, "'%.16s' is none of tcp, udp and sctp", name);
}

/* Reads hostIP, which may stand in brackets as in a URL. */
static int parse_host_address(const struct json *mapping, struct cni_address *out, struct error *err) {
        const char *text = NULL;
        char plain[CNI_ADDRESS_SIZE];
        size_t size;
        int r = json_get_string(mapping, "hostIP", &text, err);

        if (r < 0 || str_empty(text))
                return r;
        size = strlen(text);
        if (text[0] == '[' && text[size - 1] == ']' && size - 1 < sizeof(plain)) {
                memcpy(plain, text + 1, size - 2);
                plain[size - 2] = '\0';
                r = cni_address_parse(plain, out);
        } else {
                r = cni_address_parse(text, out);
        }
        return r < 0 ? json_error(json_get(mapping, "hostIP"), err, EINVAL, "'%.64s' is not an IP address", text) : 0;
}

static int parse_mapping(const struct json *mapping, struct nft_port *out, struct error *err) {
        int64_t host_port = 0, container_port = 0;
        int r;

        *out = (struct nft_port){0};
        r = json_expect(mapping, JSON_OBJECT, err);
        if (r >= 0)
                r = json_get_i64(mapping, "hostPort", 0, 65535, &host_port, err);
        if (r >= 0)
                r = json_get_i64(mapping, "containerPort", 0, 65535, &container_port, err);
        if (r >= 0)
                r = parse_host_address(mapping, &out->host_address, err);
        if (r < 0)
                return r;
        if (host_port == 0 || container_port == 0)
                return json_error(mapping, err, EINVAL, "%s: required, 1 to 65535",
                                  host_port == 0 ? "hostPort" : "containerPort");
        out->host_port = (uint16_t) host_port;
        out->container_port = (uint16_t) container_port;
        return parse_protocol(mapping, &out->protocol, err);
}

static int compare_ports(const void *a, const void *b) {
        const struct nft_port *left = a, *right = b;
        int r = left->host_address.family - right->host_address.family;

        if (!r && left->host_address.family)
                r = memcmp(left->host_address.bytes, right->host_address.bytes, sizeof(left->host_address.bytes));
        if (!r)
                r = left->protocol - right->protocol;
        return r ? r : left->host_port - right->host_port;
}

static bool published_alike(const struct nft_port *a, const struct nft_port *b) {
        return a->protocol == b->protocol && a->host_address.family == b->host_address.family &&
               (!a->host_address.family || cni_address_equal(&a->host_address, &b->host_address));
}

/* Takes `next` into the range `port` if it goes on there. */
static bool extend(struct nft_port *port, const struct nft_port *next) {
        bool same = next->container_port == next->host_port;

        if (!published_alike(port, next) || next->host_port != nft_port_last(port) + 1)
                return false;
        if (same && (port->container_port == 0 || (!port->last_port && port->container_port == port->host_port))) {
                port->container_port = 0;
                port->last_port = next->host_port;
                return true;
        }
        return false;
}

/* Engines hand them over in order. */
static void sort_ports(struct portmap_conf *conf) {
        for (size_t i = 1; i < conf->port_count; i++)
                if (compare_ports(&conf->ports[i - 1], &conf->ports[i]) > 0) {
                        qsort(conf->ports, conf->port_count, sizeof(*conf->ports), compare_ports);
                        return;
                }
}

/* Makes ranges of consecutive ports that stay what they are, so that a thousand of them cost what one does. */
static int join_ports(struct plugin_call *call, struct portmap_conf *conf, struct error *err) {
        size_t kept = 0;

        sort_ports(conf);
        for (size_t i = 0; i < conf->port_count; i++) {
                const struct nft_port port = conf->ports[i];

                if (i && published_alike(&conf->ports[kept - 1], &port) &&
                    port.host_port <= nft_port_last(&conf->ports[kept - 1])) {
                        const struct nft_port *before = &conf->ports[kept - 1];

                        if (port.container_port == (before->container_port ? before->container_port : port.host_port))
                                continue;
                        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                           "runtimeConfig.portMappings: host port %u is published to two ports of the "
                                           "container",
                                           port.host_port);
                }
                if (i && extend(&conf->ports[kept - 1], &port))
                        continue;
                conf->ports[kept++] = port;
        }
        conf->port_count = kept;
        return 0;
}

static int parse_ports(struct plugin_call *call, struct portmap_conf *conf, struct error *err) {
        const struct json *mappings = NULL;
        int r;

        r = json_get_array(call->runtime, "portMappings", &mappings, err);
        if (r < 0 || !mappings)
                return r;
        if (mappings->count > PORTS_MAX)
                return json_error(mappings, err, EINVAL, "more than %d ports", PORTS_MAX);
        conf->ports = arena_alloc(call->arena, mappings->count + 1, sizeof(*conf->ports));
        json_for_each (mapping, mappings) {
                r = parse_mapping(mapping, &conf->ports[conf->port_count++], err);
                if (r < 0)
                        return r;
        }
        return join_ports(call, conf, err);
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

/*
 * How the reference plugin marks packets that are to be masqueraded. Ours needs no
 * mark, and masquerades whatever the options say, so they change nothing here.
 */
static int check_marks(struct plugin_call *call, const char *backend, struct error *err) {
        const char *chain = NULL;
        int64_t bit = 0;
        int r = json_get_i64(call->conf, "markMasqBit", 0, 31, &bit, err);

        if (r >= 0)
                r = json_get_string(call->conf, "externalSetMarkChain", &chain, err);
        if (r < 0 || !chain)
                return r;
        if (json_get(call->conf, "markMasqBit"))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "externalSetMarkChain and markMasqBit exclude each other");
        if (str_equal(backend, "nftables"))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "externalSetMarkChain: a chain of iptables cannot be used with backend nftables");
        return 0;
}

static int parse_backend(struct plugin_call *call, const char **out, struct error *err) {
        int r = json_get_string(call->conf, "backend", out, err);

        if (r < 0 || str_empty(*out) || str_equal(*out, "iptables") || str_equal(*out, "nftables"))
                return r;
        return json_error(json_get(call->conf, "backend"), err, EINVAL, "'%.32s' is neither iptables nor nftables",
                          *out);
}

int portmap_conf_parse(struct plugin_call *call, struct portmap_conf *out, struct error *err) {
        const char *backend = NULL;
        int r;

        *out = (struct portmap_conf){.snat = true};
        r = json_get_bool(call->conf, "snat", &out->snat, err);
        if (r >= 0)
                r = json_get_bool(call->conf, "masqAll", &out->masquerade_all, err);
        if (r >= 0)
                r = parse_backend(call, &backend, err);
        if (r >= 0)
                r = check_marks(call, backend, err);
        if (r >= 0)
                r = parse_conditions(call, "conditionsV4", AF_INET, &out->conditions[0], err);
        if (r >= 0)
                r = parse_conditions(call, "conditionsV6", AF_INET6, &out->conditions[1], err);
        return r < 0 ? r : parse_ports(call, out, err);
}
