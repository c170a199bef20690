/*
 * cni.h: the documents of the Container Network Interface (CNI spec 1.1.0, and
 * back to 0.3.1) as C types: network configuration lists, plugin results, error
 * objects, and the text that is written to a plugin's standard input.
 *
 * Everything parsed lives in the arena it was parsed into, and strings point
 * into the parsed document, which therefore has to live as long.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"

/** The newest version we speak; what a configuration without cniVersion is written in by us. */
#define CNI_VERSION_LATEST "1.1.0"

/** The versions we accept, oldest first, NULL-terminated: the answer to VERSION. */
extern const char *const cni_versions[];

/** True if `version` is one we accept. */
bool cni_version_supported(const char *version);

/** Compares two versions such as "0.4.0" and "1.0.0" number by number: negative, 0 or positive. */
int cni_version_compare(const char *a, const char *b);

/* Error codes of the specification ("Error"); a plugin's own start at 100. */
enum cni_code {
        CNI_CODE_INCOMPATIBLE_VERSION = 1,
        CNI_CODE_UNSUPPORTED_FIELD = 2,
        CNI_CODE_UNKNOWN_CONTAINER = 3,
        CNI_CODE_INVALID_ENVIRONMENT = 4,
        CNI_CODE_IO_FAILURE = 5,
        CNI_CODE_DECODING_FAILURE = 6,
        CNI_CODE_INVALID_CONFIG = 7,
        CNI_CODE_TRY_AGAIN = 11,
        CNI_CODE_PLUGIN_UNAVAILABLE = 50, /* STATUS: ADD would fail */
        CNI_CODE_PLUGIN_LIMITED = 51,     /* STATUS: ADD would fail, and existing containers are limited */
        CNI_CODE_PLUGIN = 100,
};

/* An IPv4 or IPv6 address, alone or with the length of its network's prefix. */
struct cni_address {
        int family; /* AF_INET or AF_INET6; 0: none */
        uint8_t bytes[16];
        unsigned int prefix; /* bits of the network part; all bits for an address alone */
};

/** Room for any address with its prefix length, as text. */
#define CNI_ADDRESS_SIZE 64

/** Reads "10.1.2.3" or "fd00::2" into *out. Returns 0 or -EINVAL. */
int cni_address_parse(const char *text, struct cni_address *out);

/** Reads an address with prefix length, such as "10.1.2.3/24"; host bits are kept. Returns 0 or -EINVAL. */
int cni_address_parse_cidr(const char *text, struct cni_address *out);

/** The address as text, without the prefix length. Returns `buffer`. */
const char *cni_address_text(const struct cni_address *address, char buffer[CNI_ADDRESS_SIZE]);

/** The address with "/prefix" behind it. Returns `buffer`. */
const char *cni_address_cidr(const struct cni_address *address, char buffer[CNI_ADDRESS_SIZE]);

/** True if both are the same address; prefix lengths are not compared. */
bool cni_address_equal(const struct cni_address *a, const struct cni_address *b);

/** True if `address` lies in the network that `network` and its prefix length describe. */
bool cni_address_within(const struct cni_address *network, const struct cni_address *address);

struct cni_dns {
        const char **nameservers; /* NULL-terminated lists, or NULL */
        const char *domain;
        const char **search;
        const char **options;
};

struct cni_interface {
        const char *name;
        const char *mac;         /* may be NULL */
        int64_t mtu;             /* 0: not said; since 1.1.0 */
        const char *sandbox;     /* the network namespace's path; NULL or "": on the host */
        const char *socket_path; /* since 1.1.0 */
        const char *pci_id;      /* since 1.1.0 */
};

struct cni_ip {
        int interface; /* index into the result's interfaces, -1: none given */
        struct cni_address address;
        struct cni_address gateway; /* family 0: none */
};

struct cni_route {
        struct cni_address destination;
        struct cni_address gateway; /* family 0: none given */
        int64_t mtu;                /* the rest since 1.1.0; 0: not said */
        int64_t advmss;
        int64_t priority;
        int64_t table;
        int64_t scope;             /* -1: not said */
        struct cni_address source; /* the address that is sent from; not told in documents */
};

/* What a plugin answers to ADD, in any version: reading and writing convert. Start with {0}. */
struct cni_result {
        struct cni_interface *interfaces;
        size_t interface_count;
        struct cni_ip *ips;
        size_t ip_count;
        struct cni_route *routes;
        size_t route_count;
        struct cni_dns dns;
        bool has_dns; /* write the dns member even though it is empty */
};

/*
 * Append a zeroed item and return it (interface and scope set to -1); the arrays
 * belong to the arena. Pointers got before may be stale afterwards.
 */
struct cni_interface *cni_result_add_interface(struct cni_result *result, struct arena *arena);
struct cni_ip *cni_result_add_ip(struct cni_result *result, struct arena *arena);
struct cni_route *cni_result_add_route(struct cni_result *result, struct arena *arena);

/**
 * Reads a result from its parsed document.
 * @root: an object whose cniVersion says how to read it (0.3.0 and later are alike to the reader)
 * Returns 0, or -EINVAL with the place of the bad field.
 */
int cni_result_parse(struct arena *arena, const struct json *root, struct cni_result *out, struct error *err);

/** Reads a result from text: parses the JSON, then as cni_result_parse(). */
int cni_result_parse_text(struct arena *arena, const char *text, size_t size, struct cni_result *out,
                          struct error *err);

/** Writes a result in the shape of `version`. Returns the document; the caller frees it. */
char *cni_result_write(const struct cni_result *result, const char *version);

/** As cni_result_write(), as a member of a document that is being written. */
void cni_result_put(struct json_writer *writer, const char *key, const struct cni_result *result, const char *version);

/** Reads a dns object (NULL gives an empty one). */
int cni_dns_parse(struct arena *arena, const struct json *value, struct cni_dns *out, struct error *err);

/** Reads one element of a "routes" array. */
int cni_route_parse(const struct json *value, struct cni_route *out, struct error *err);

/**
 * Writes an error object {cniVersion, code, msg, details}.
 * @version: the version of the call; NULL: the latest
 * @code: one of enum cni_code, or a plugin's own from 100 on
 * @details: a longer text or the remedy; NULL or "": left out
 * Returns the document; the caller frees it.
 */
char *cni_error_write(const char *version, int code, const char *message, const char *details);

/**
 * Turns the standard output of a plugin that failed into an error: the object's
 * msg becomes the message and its details the hint. Text that is no error object
 * is quoted as it is, bounded.
 * Returns the object's code, or 0 when there was none.
 */
int cni_error_parse(const char *text, size_t size, struct error *err);

/* One plugin of a list. */
struct cni_plugin {
        const char *type;                /* a file name: no "/" in it */
        const struct json *conf;         /* the plugin's object, as written */
        const struct json *capabilities; /* its `capabilities` object, or NULL */
};

/* A network configuration list (*.conflist). */
struct cni_network_list {
        const char *name;
        const char *cni_version; /* the highest we speak of cniVersion and cniVersions */
        bool disable_check;
        bool disable_gc;
        struct cni_plugin *plugins;
        size_t plugin_count; /* at least 1 */
        const struct json *root;
};

/**
 * Reads a network configuration list, or a single plugin's configuration (*.conf),
 * which becomes a list of one.
 * Returns 0; -EINVAL naming the bad field; -EPROTONOSUPPORT when the version is none we speak.
 */
int cni_network_list_parse(struct arena *arena, const struct json *root, struct cni_network_list *out,
                           struct error *err);

/** Reads the list from a file; the message starts with its path. */
int cni_network_list_parse_file(struct arena *arena, int dir_fd, const char *path, struct cni_network_list *out,
                                struct error *err);

/** True if the plugin declares the capability, such as "portMappings". */
bool cni_plugin_has_capability(const struct cni_plugin *plugin, const char *capability);

/** An attachment that exists, for GC. */
struct cni_attachment {
        const char *container_id;
        const char *ifname;
};

/* What a runtime tells one plugin of a list ("Deriving execution configuration from plugin configuration"). */
struct cni_request {
        const struct cni_network_list *list;
        const struct cni_plugin *plugin;
        const struct json *capability_args; /* object of arguments by capability name; NULL: none. Each plugin
                                               gets, as runtimeConfig, those whose capability it declares */
        const struct json *prev_result;     /* the previous plugin's answer (ADD), the final result of ADD
                                               (CHECK, DEL); NULL: none */
        const struct cni_attachment *valid_attachments; /* GC: what must be kept */
        size_t attachment_count;
        bool is_gc; /* write cni.dev/valid-attachments, also when there are none */
};

/**
 * Composes a plugin's standard input: the plugin's own members, the list's name
 * and cniVersion, runtimeConfig and prevResult. Runtime-only members that the
 * configuration file carries are replaced.
 * Returns the document; the caller frees it.
 */
char *cni_request_write(const struct cni_request *request);
