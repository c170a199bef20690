#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../manager/network/ports.h"
#include "../../manager/network/subnet.h"

static void reads_what_p_says(void **state) {
        static const struct {
                const char *text;
                size_t count;
                struct port_mapping first;
        } cases[] = {
                {"80", 1, {"", 0, 80, "tcp"}},
                {"8080:80", 1, {"", 8080, 80, "tcp"}},
                {"53:53/udp", 1, {"", 53, 53, "udp"}},
                {"127.0.0.1:8080:80", 1, {"127.0.0.1", 8080, 80, "tcp"}},
                {"127.0.0.1::80", 1, {"127.0.0.1", 0, 80, "tcp"}},
                {"[::1]:8080:80", 1, {"::1", 8080, 80, "tcp"}},
                {"8000-8002:80-82", 3, {"", 8000, 80, "tcp"}},
                {"80-82", 3, {"", 0, 80, "tcp"}},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct port_list list = {0};

                assert_int_equal(port_list_add(&list, cases[i].text, NULL), 0);
                assert_int_equal(list.count, cases[i].count);
                assert_string_equal(list.items[0].host_ip, cases[i].first.host_ip);
                assert_int_equal(list.items[0].host_port, cases[i].first.host_port);
                assert_int_equal(list.items[0].container_port, cases[i].first.container_port);
                assert_string_equal(list.items[0].protocol, cases[i].first.protocol);
                port_list_free(&list);
        }
}

static void refuses_bad_ports(void **state) {
        struct error err = {0};
        static const char *const cases[] = {"",
                                            "0",
                                            "65536",
                                            "80/xyz",
                                            "a:80",
                                            "8080:",
                                            "80-70",
                                            "8000-8001:80",
                                            "1.2.3:80:80",
                                            "1.2.3.4.5:80:80",
                                            "[::1:80:80",
                                            "8080:80:90:1",
                                            "-1",
                                            "80/"};

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct port_list list = {0};

                assert_int_equal(port_list_add(&list, cases[i], &err), -EINVAL);
                port_list_free(&list);
        }
}

static void a_held_port_is_taken(void **state) {
        struct port_list first = {0}, second = {0};
        struct error err = {0};
        char text[32];
        int fds[1], others[1];

        (void) state;
        assert_int_equal(port_list_add(&first, "127.0.0.1::80", NULL), 0);
        assert_int_equal(port_list_hold(&first, fds, &err), 0);
        assert_true(first.items[0].host_port > 0);
        (void) snprintf(text, sizeof(text), "127.0.0.1:%u:80", first.items[0].host_port);
        assert_int_equal(port_list_add(&second, text, NULL), 0);
        assert_int_equal(port_list_hold(&second, others, &err), -EADDRINUSE);
        assert_non_null(strstr(err.message, "port is already allocated"));
        fd_close(fds[0]);
        assert_int_equal(port_list_hold(&second, others, &err), 0);
        fd_close(others[0]);
        port_list_free(&first);
        port_list_free(&second);
}

static void subnets(void **state) {
        _cleanup_str_list_ struct str_list taken = {0};
        struct subnet subnet = {0};
        struct error err = {0};

        (void) state;
        str_list_add(&taken, "10.251.0.0/16");
        assert_int_equal(subnet_choose("10.252.1.7/24", NULL, NULL, &taken, &subnet, &err), 0);
        assert_string_equal(subnet.text, "10.252.1.0/24");
        assert_string_equal(subnet.gateway, "10.252.1.1");
        assert_int_equal(subnet_choose("10.252.1.0/24", "10.252.1.9", "10.252.1.128/26", &taken, &subnet, &err), 0);
        assert_string_equal(subnet.gateway, "10.252.1.9");
        assert_string_equal(subnet.range_first, "10.252.1.128");
        assert_string_equal(subnet.range_last, "10.252.1.191");
        assert_int_equal(subnet_choose("10.251.3.0/24", NULL, NULL, &taken, &subnet, &err), -EADDRINUSE);
        assert_int_equal(subnet_choose("10.0.0.0/8", NULL, NULL, &taken, &subnet, &err), -EADDRINUSE);
        assert_int_equal(subnet_choose("10.252.0.0/31", NULL, NULL, &taken, &subnet, &err), -EINVAL);
        assert_int_equal(subnet_choose("nonsense", NULL, NULL, &taken, &subnet, &err), -EINVAL);
        assert_int_equal(subnet_choose("10.252.0.0/24", "10.253.0.1", NULL, &taken, &subnet, &err), -EINVAL);
        assert_int_equal(subnet_choose(NULL, NULL, NULL, &taken, &subnet, &err), 0);
        assert_true(strncmp(subnet.text, "10.251.", 7) != 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_what_p_says),
                cmocka_unit_test(refuses_bad_ports),
                cmocka_unit_test(a_held_port_is_taken),
                cmocka_unit_test(subnets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
