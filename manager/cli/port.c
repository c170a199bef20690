#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../network/connect.h"
#include "cli.h"
#include "commands.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

/* Prints the published ports, or those of one container port. Returns how many. */
static size_t show(const struct json *connection, uint16_t wanted, const char *protocol_wanted) {
        const struct json *ports = json_get(connection, "ports");
        size_t shown = 0;

        if (!ports)
                return 0;
        json_for_each (port, ports) {
                uint64_t host = 0, inside = 0;
                const char *protocol = "", *ip = "0.0.0.0";

                (void) json_get_u64(port, "hostPort", 65535, &host, NULL);
                (void) json_get_u64(port, "containerPort", 65535, &inside, NULL);
                (void) json_get_string(port, "protocol", &protocol, NULL);
                (void) json_get_string(port, "hostIP", &ip, NULL);
                if (wanted && (inside != wanted || !str_equal(protocol, protocol_wanted)))
                        continue;
                if (!wanted)
                        (void) printf("%u/%s -> ", (unsigned int) inside, protocol);
                (void) printf("%s:%u\n", ip, (unsigned int) host);
                shown++;
        }
        return shown;
}

int cli_port(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        _cleanup_(cleanup_container) struct container *container = NULL;
        _cleanup_arena_ struct arena *arena = arena_new();
        const char *protocol = "tcp";
        struct error err = {0};
        uint16_t port = 0;
        int r = cli_parse(command, cli, NULL, NULL, &argc, &argv);

        if (r >= 0)
                return r;
        r = container_find(&cli->manager, argv[0], &container, &err);
        if (r == 0 && argc > 1 && port_parse(argv[1], &port, &protocol) < 0)
                r = error_set(&err, EINVAL, "invalid port: %s", argv[1]);
        if (r < 0)
                return cli_fail(&err);
        if (show(connect_read(container, arena), port, protocol) == 0 && port) {
                error_set(&err, ENOENT, "no public port '%s' published for %s", argv[1], argv[0]);
                return cli_fail(&err);
        }
        return 0;
}
