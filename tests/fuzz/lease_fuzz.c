/*
 * What host-local finds on disk. The input, one part a line and the last to the end, are an owner's note, the address
 * given out last, and a lease.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../netplug/lease.h"
#include "fuzz.h"

#define NETWORK "net"
#define ADDRESS "10.1.2.3"

static int visit(const char *address, const struct lease_owner *owner, void *context) {
        fuzz_require(str_equal(address, ADDRESS), "a lease for %s", address);
        if (owner)
                fuzz_require(path_is_id(owner->container_id) &&
                                     (str_empty(owner->ifname) || path_is_name(owner->ifname)),
                             "a lease of %s %s", owner->container_id, owner->ifname);
        *(int *) context += owner ? 1 : 0;
        return 0;
}

/* Puts the parts where the store looks for them. */
static void lay_out(int fd, const char *note, const char *last, const uint8_t *lease, size_t size) {
        _cleanup_fd_ int store = -1, owners = -1;

        (void) path_remove_tree(fd, NETWORK, NULL);
        (void) mkdirat(fd, NETWORK, 0755);
        store = openat(fd, NETWORK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void) mkdirat(store, ".owners", 0755);
        owners = openat(store, ".owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void) symlinkat(note, owners, "id:eth0");
        fuzz_write(store, "last_reserved_ip.0", last, strlen(last));
        fuzz_write(store, ADDRESS, lease, size);
}

static void use_store(const char *directory, const struct lease_owner *owner) {
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        _cleanup_str_list_ struct str_list addresses = {0};
        struct cni_address address;
        struct error err = {0};
        char holder[512] = "";
        int leases = 0, r;

        r = lease_list(directory, NETWORK, visit, &leases, &err);
        fuzz_require(r >= 0, "%s", err.message);
        fuzz_require(lease_open(directory, NETWORK, false, &store, &err) >= 0, "%s", err.message);
        lease_last(&store, 0, &address);
        r = lease_holder(&store, ADDRESS, holder, &err);
        fuzz_require((r > 0) == (leases > 0) && (r <= 0 || holder[0]), "held by '%s'", holder);
        (void) fuzz_accepted(r, &err);
        error_clear(&err);
        (void) cni_address_parse(ADDRESS, &address);
        fuzz_require(lease_take(&store, &address, owner, &err) == 0, "an address that is taken is given out");
        if (!fuzz_accepted(lease_of_owner(&store, owner, true, &addresses, &err), &err))
                return;
        fuzz_require(addresses.count <= 1 || !addresses.items[0] || str_equal(addresses.items[0], ADDRESS),
                     "the address %s", addresses.items[0]);
        fuzz_require(lease_release(&store, owner, &err) >= 0, "%s", err.message);
        /* Garbage stays where it is; a lease of somebody else, too. */
        r = lease_collect(&store, NULL, 0, &err);
        fuzz_require(r >= 0, "%s", err.message);
        r = faccessat(store.dir_fd, ADDRESS, F_OK, 0);
        fuzz_require((r == 0) == (leases == 0), "a collection that %s", r == 0 ? "left a lease" : "took garbage");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct lease_owner owner = {.container_id = "id", .ifname = "eth0"};
        _cleanup_arena_ struct arena *arena = arena_new();
        const char *parts[2] = {"", ""};
        const char *directory;
        int fd;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                const uint8_t *end = memchr(data, '\n', size);
                size_t length = end ? (size_t) (end - data) : 0;

                parts[i] = fuzz_text(arena, data, length);
                data += end ? length + 1 : 0;
                size -= end ? length + 1 : 0;
        }
        directory = fuzz_directory(&fd);
        lay_out(fd, parts[0], parts[1], data, size);
        use_store(directory, &owner);
        return 0;
}
