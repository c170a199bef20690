/* What dnsname finds on disk: an attachment's file, and the hosts and addresses that the name server gets from it. */
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../netplug/dns_names.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct cni_attachment owner = {.container_id = "id", .ifname = "eth0"};
        _cleanup_dns_entry_ struct dns_entry entry = {0}, again = {0}, all = {0};
        _cleanup_str_buf_ struct str_buf hosts = {0};
        struct dns_names names = DNS_NAMES_CLOSED;
        _cleanup_free_ char *first = NULL, *second = NULL;
        struct error err = {0};
        int r;

        names.path = (char *) fuzz_directory(&names.dir_fd);
        fuzz_write(names.dir_fd, "id:eth0.names", data, size);
        r = dns_names_get(&names, &owner, &entry, &err);
        if (!fuzz_accepted(r, &err))
                return 0;
        fuzz_require(r == 1, "an entry that is there is not found");
        fuzz_require(dns_names_read(&names, &hosts, &all, &err) == 1, "%s", err.message);
        /* Every address is written with every name: that may be too long, and then is not written. */
        if (!fuzz_accepted(dns_names_put(&names, &owner, &entry, &err), &err))
                return 0;
        fuzz_require(dns_names_get(&names, &owner, &again, &err) == 1, "%s", err.message);
        first = str_list_join(&entry.names, " ");
        second = str_list_join(&again.names, " ");
        if (entry.addresses.count > 0)
                fuzz_same("names", first, second);
        fuzz_require(dns_names_remove(&names, &owner, &err) >= 0, "%s", err.message);
        return 0;
}
