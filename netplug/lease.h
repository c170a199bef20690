/*
 * lease.h: addresses that are taken, one file an address below
 * DATADIR/NETWORK, as the reference host-local plugin keeps them: the file is
 * named after the address and holds "CONTAINERID\r\nIFNAME", old ones "CONTAINERID" alone. A lease appears
 * with its content in one step, so that a crash leaves a whole one or none.
 *
 * .owners/CONTAINERID:IFNAME is a link whose text lists the owner's addresses.
 * It only saves reading every lease; where it is missing or wrong they are all read.
 *
 * The text of the file "lock" is the id of the boot (random(4)) that addresses were last taken in; to the reference
 * plugin it says nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"
#include "../lib/str.h"
#include "../spec/cni.h"

/** Where the leases of all networks are unless a configuration says otherwise. */
#define LEASE_DATA_DIR "/var/lib/cni/networks"

struct lease_store {
        int dir_fd; /* -1: there is no such directory */
        int lock_fd;
        char *path;
};

struct lease_owner {
        const char *container_id;
        const char *ifname;
};

/**
 * Opens and locks the leases of a network.
 * @make: make the directory where it is missing; else dir_fd stays -1
 */
int lease_open(const char *data_dir, const char *network, bool make, struct lease_store *out, struct error *err);
void lease_close(struct lease_store *store);

#define _cleanup_lease_store_ _cleanup_(lease_close)
#define LEASE_STORE_CLOSED                                                                                             \
        { .dir_fd = -1, .lock_fd = -1 }

/**
 * Gives back the leases of attachments that a reboot has ended, when this is the first look since: those that are older
 * than the boot. Others may have been made since by the reference plugin, which keeps no account of boots.
 */
int lease_forget_former_boot(struct lease_store *store, struct error *err);

/** Takes an address. Returns 1, 0 when it is taken already, or a negative errno. */
int lease_take(struct lease_store *store, const struct cni_address *address, const struct lease_owner *owner,
               struct error *err);

/** Gives one address back. 0 when there is no lease. */
int lease_give_back(struct lease_store *store, const struct cni_address *address, struct error *err);

/** Notes which addresses an owner has, for lease_of_owner(). */
int lease_note_owner(struct lease_store *store, const struct lease_owner *owner, const struct str_list *addresses,
                     struct error *err);

/**
 * The addresses of an owner, as text, added to an empty list: from the note, or with `search` from all leases where
 * there is none or it names one that is not the owner's.
 */
int lease_of_owner(struct lease_store *store, const struct lease_owner *owner, bool search, struct str_list *out,
                   struct error *err);

/** Gives back all addresses of an owner. */
int lease_release(struct lease_store *store, const struct lease_owner *owner, struct error *err);

/** Gives back every lease, and note, whose owner is not in the list; files that hold no lease are reported and stay. */
int lease_collect(struct lease_store *store, const struct cni_attachment *valid, size_t count, struct error *err);

/** Who holds an address: 1 and the owner's text ("CONTAINERID IFNAME"), 0: nobody; -EBADMSG: the file is no lease. */
int lease_holder(struct lease_store *store, const char *address, char holder[512], struct error *err);

/** The address given out last from a set of ranges (family 0: none). */
void lease_last(struct lease_store *store, size_t set, struct cni_address *out);
void lease_set_last(struct lease_store *store, size_t set, const struct cni_address *address);

/** Called for each lease; the owner is NULL where the file is garbage. A negative errno ends the listing. */
typedef int (*lease_visitor)(const char *address, const struct lease_owner *owner, void *context);

/** Lists a network's leases without locking them: for those who only look. */
int lease_list(const char *data_dir, const char *network, lease_visitor visitor, void *context, struct error *err);
