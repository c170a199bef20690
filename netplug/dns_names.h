/*
 * dns_names.h: which names a network's containers have, one file an attachment
 * below /run/netplug/dnsname/NETWORK/names. A file appears whole or not at all,
 * and what the name server reads is made from these files, so that whatever
 * kills a plugin, the next one finds what holds.
 */
#pragma once

#include "../lib/error.h"
#include "../lib/str.h"
#include "../spec/cni.h"

/** Where the names of all networks are. */
#define DNS_DIRECTORY "/run/netplug/dnsname"

struct dns_names {
        char *path; /* of the network's directory */
        int dir_fd; /* of its names; -1: there is none */
        int lock_fd;
};

#define DNS_NAMES_CLOSED                                                                                               \
        { .dir_fd = -1, .lock_fd = -1 }

/** Opens a network's names, all networks being locked; with `make`, makes the directory where it is missing. */
int dns_names_open(const char *network, bool make, struct dns_names *out, struct error *err);
void dns_names_close(struct dns_names *names);

#define _cleanup_dns_names_ _cleanup_(dns_names_close)

/* What an attachment has told. */
struct dns_entry {
        struct str_list links;     /* of this host that questions come by; a "*" at the end stands for any end */
        struct str_list servers;   /* addresses the network's server is to listen at */
        struct str_list addresses; /* of the container */
        struct str_list names;
};

void dns_entry_free(struct dns_entry *entry);

#define _cleanup_dns_entry_ _cleanup_(dns_entry_free)

int dns_names_put(struct dns_names *names, const struct cni_attachment *owner, const struct dns_entry *entry,
                  struct error *err);

/** Reads one attachment's. Returns 1, 0 when there is none, or a negative errno. */
int dns_names_get(struct dns_names *names, const struct cni_attachment *owner, struct dns_entry *out,
                  struct error *err);

/** Takes one attachment's names back. 0 when there are none. */
int dns_names_remove(struct dns_names *names, const struct cni_attachment *owner, struct error *err);

/** Takes the names of all attachments back that are not valid. */
int dns_names_collect(struct dns_names *names, const struct cni_attachment *valid, size_t count, struct error *err);

/**
 * Reads all attachments' names.
 * @hosts: filled in the format of hosts(5)
 * @all: its links and servers are filled with those of all attachments, each once
 * Returns the number of attachments, or a negative errno.
 */
int dns_names_read(struct dns_names *names, struct str_buf *hosts, struct dns_entry *all, struct error *err);

/** Removes the directory of a network nobody is attached to. */
int dns_names_discard(struct dns_names *names, const char *network, struct error *err);

/** Called for each attachment with names; a negative errno ends the listing. */
typedef int (*dns_names_visitor)(const struct cni_attachment *owner, const struct dns_entry *entry, void *context);

/** Lists a network's names without locking them: for those who only look. */
int dns_names_list(const char *network, dns_names_visitor visitor, void *context, struct error *err);
