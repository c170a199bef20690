/*
 * dns_server.h: a network's name server: one dnsmasq a network, which answers
 * what comes from the network or this host alone, knows the names of dns_names.h
 * and passes everything else on. It is started by the first attachment and stopped by the
 * last; the files it reads are in the network's directory.
 */
#pragma once

#include "../spec/cni.h"
#include "dns_names.h"

/* The remedy where a server cannot listen, or is not heard. */
#define DNS_PORT_HINT "another server may hold port 53 at all addresses of this host: let it listen at its own alone"

/* What the configuration asks of the server. */
struct dns_options {
        const char *domain;     /* "": none */
        bool multi_domain;      /* names of other networks that say so are found, by their domain */
        const char **upstreams; /* servers for all other names; NULL: those of the host's resolv.conf */
};

/** The path of dnsmasq, which the caller frees; -ENOENT, with a remedy, when it is not installed. */
int dns_server_program(char **out, struct error *err);

/**
 * Makes the server know what the network's names are now: starts it, lets it read them anew or,
 * where it has to listen elsewhere, starts it again. Stops it when there are no names.
 * @options: NULL: it keeps those it has
 * @required: if not, a server that cannot be started is worth a warning and no error
 */
int dns_server_update(struct dns_names *names, const char *network, const struct dns_options *options, bool required,
                      struct error *err);

/** Returns 1 if the network's server runs, 0 if not. */
int dns_server_is_running(const struct dns_names *names);

/**
 * Asks the server for a name until it gives the address.
 * @server, @address: as text
 * @timeout_ms: how long to go on asking
 * Returns 0, -ETIMEDOUT when nothing answers, -ENOENT when the name is not known to have the address.
 */
int dns_server_ask(const char *server, const char *name, const char *address, int timeout_ms, struct error *err);
