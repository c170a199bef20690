/* netplug: CNI plugins in one program, chosen by the name it is run by or by the configuration's `type`. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/str.h"
#include "call.h"
#include "plugin.h"
#include "show.h"

static void print_help(FILE *out) {
        (void) fprintf(out,
                       "Usage: netplug show [--json] [NETWORK]\n"
                       "       CNI_COMMAND=ADD CNI_CONTAINERID=ID CNI_NETNS=/run/netns/NAME CNI_IFNAME=eth0 \\\n"
                       "       [CNI_PATH=DIRECTORY...] netplug < CONFIGURATION\n"
                       "\n"
                       "netplug connects containers to networks. It is a set of plugins by the Container\n"
                       "Network Interface (CNI), versions 0.3.0 to %s, which container engines run; each\n"
                       "can be run by hand, too. The plugin is chosen by the name the program is run by,\n"
                       "or, as netplug, by the `type` in the configuration on standard input. The result\n"
                       "or an error object is written to standard output.\n"
                       "\n"
                       "CNI_COMMAND: ADD attaches, DEL detaches, CHECK compares with what ADD made, STATUS\n"
                       "tells whether ADD can work, GC removes what no attachment in the list owns,\n"
                       "VERSION lists the versions spoken.\n"
                       "\n"
                       "Types:\n",
                       CNI_VERSION_LATEST);
        for (size_t i = 0; plugins[i]; i++)
                (void) fprintf(out, "  %-12s %s\n", plugins[i]->type, plugins[i]->summary);
        (void) fprintf(out, "\nCommands:\n");
        for (const struct command *command = show_commands; command->name; command++)
                (void) fprintf(out, "  %-12s %s\n", command->name, command->summary);
        (void) fprintf(out, "\n"
                            "To try it by hand, as root:\n"
                            "  ip netns add demo\n"
                            "  echo '{\"cniVersion\": \"1.1.0\", \"name\": \"demo\", \"type\": \"bridge\", \"bridge\": "
                            "\"demo0\",\n"
                            "    \"isDefaultGateway\": true, \"ipMasq\": true,\n"
                            "    \"ipam\": {\"type\": \"host-local\", \"subnet\": \"10.99.0.0/24\"}}' >demo.json\n"
                            "  export CNI_CONTAINERID=demo CNI_NETNS=/run/netns/demo CNI_IFNAME=eth0\n"
                            "  CNI_COMMAND=ADD netplug <demo.json\n"
                            "  netplug show demo\n"
                            "  ip netns exec demo ping -c 1 10.99.0.1\n"
                            "  CNI_COMMAND=DEL netplug <demo.json\n"
                            "  ip link del demo0; ip netns del demo\n"
                            "\n"
                            "Options:\n"
                            "  --help     show this text\n"
                            "  --version  show the version\n"
                            "\n"
                            "See netplug(8), and docs/netplug.md for what each step does.\n");
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int main(int argc, char **argv) {
        /* A call is short: memory comes in one piece, and none is given back before the end. */
        (void) mallopt(M_TOP_PAD, 1024 * 1024);
        (void) mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);

        const char *name = argc > 0 ? base_name(argv[0]) : "netplug";
        const char *type = str_equal(name, "netplug") ? NULL : name;
        const struct command *command;

        (void) log_open(&(const struct log_options){.program = name, .level = LOG_LEVEL_WARNING}, NULL);
        if (argc > 1 && (str_equal(argv[1], "--help") || str_equal(argv[1], "-h"))) {
                print_help(stdout);
                return EXIT_SUCCESS;
        }
        if (argc > 1 && str_equal(argv[1], "--version")) {
                (void) printf("netplug version %s\nCNI versions:", VERSION);
                for (size_t i = 0; cni_versions[i]; i++)
                        (void) printf(" %s", cni_versions[i]);
                (void) printf("\n");
                return EXIT_SUCCESS;
        }
        command = !type && argc > 1 ? command_find(show_commands, argv[1]) : NULL;
        if (command)
                return command->run(command, NULL, argc - 1, argv + 1);
        if (argc > 1) {
                (void) fprintf(stderr,
                               "%s: unknown argument: %s (hint: a plugin is told what to do by CNI_* variables; "
                               "see --help)\n",
                               name, argv[1]);
                return EXIT_FAILURE;
        }
        if (str_empty(getenv("CNI_COMMAND"))) {
                print_help(stdout);
                return EXIT_SUCCESS;
        }
        return call_run(type);
}
