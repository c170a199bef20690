#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../netplug/dns_names.h"

static const struct cni_attachment owner = {.container_id = "id", .ifname = "eth0"};

static struct dns_names open_names(char path[]) {
        struct dns_names names = DNS_NAMES_CLOSED;

        assert_non_null(mkdtemp(path));
        names.path = path;
        names.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return names;
}

static void close_names(struct dns_names *names) {
        (void) close(names->dir_fd);
        assert_int_equal(path_remove_tree(AT_FDCWD, names->path, NULL), 0);
}

static void finds_what_was_put(void **state) {
        char path[] = "/tmp/names.XXXXXX";
        struct dns_names names = open_names(path);
        _cleanup_dns_entry_ struct dns_entry entry = {0}, found = {0};
        struct error err = {0};

        (void) state;
        str_list_add(&entry.addresses, "10.1.2.3");
        str_list_add(&entry.names, "web");
        str_list_add(&entry.names, "www");
        assert_int_equal(dns_names_put(&names, &owner, &entry, &err), 0);
        assert_int_equal(dns_names_get(&names, &owner, &found, &err), 1);
        assert_string_equal(found.addresses.items[0], "10.1.2.3");
        assert_int_equal(found.names.count, 2);
        close_names(&names);
}

/* One container's file that cannot be read would end the names of all. */
static void puts_nothing_that_it_could_not_read_again(void **state) {
        char path[] = "/tmp/names.XXXXXX";
        struct dns_names names = open_names(path);
        _cleanup_dns_entry_ struct dns_entry entry = {0}, found = {0};
        struct error err = {0};

        (void) state;
        for (int i = 0; i < 300; i++)
                str_list_printf(&entry.addresses, "10.1.%d.1", i % 256);
        for (int i = 0; i < 100; i++)
                str_list_printf(&entry.names, "name-%d", i);
        assert_int_equal(dns_names_put(&names, &owner, &entry, &err), -E2BIG);
        assert_non_null(strstr(err.message, "names"));
        assert_int_equal(dns_names_get(&names, &owner, &found, &err), 0);
        close_names(&names);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_what_was_put),
                cmocka_unit_test(puts_nothing_that_it_could_not_read_again),
        };

        return cmocka_run_group_tests_name("dns_names", tests, NULL, NULL);
}
