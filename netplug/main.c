/* netplug: CNI plugins in one program, chosen by the name it is run by or by the configuration's `type`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/str.h"
#include "call.h"
#include "plugin.h"

static void print_help(FILE *out) {
        (void) fprintf(out,
                       "Usage: CNI_COMMAND=ADD CNI_CONTAINERID=ID CNI_NETNS=/run/netns/NAME CNI_IFNAME=eth0 \\\n"
                       "       CNI_PATH=DIRECTORY... netplug < CONFIGURATION\n"
                       "\n"
                       "netplug is a set of network plugins by the Container Network Interface (CNI),\n"
                       "versions 0.3.0 to %s. The plugin is chosen by the name the program is run by,\n"
                       "or, as netplug, by the `type` in the configuration on standard input. The result\n"
                       "or an error object is written to standard output.\n"
                       "\n"
                       "Commands: ADD attaches, DEL detaches, CHECK compares with what ADD made, STATUS\n"
                       "tells whether ADD can work, GC removes what no attachment in the list owns,\n"
                       "VERSION lists the versions spoken.\n"
                       "\n"
                       "Types:\n",
                       CNI_VERSION_LATEST);
        for (size_t i = 0; plugins[i]; i++)
                (void) fprintf(out, "  %-12s %s\n", plugins[i]->type, plugins[i]->summary);
        (void) fprintf(out, "\n"
                            "To try it by hand:\n"
                            "  ip netns add demo\n"
                            "  echo '{\"cniVersion\": \"1.1.0\", \"name\": \"demo\", \"type\": \"bridge\", \"bridge\": "
                            "\"demo0\",\n"
                            "    \"isDefaultGateway\": true, \"ipMasq\": true,\n"
                            "    \"ipam\": {\"type\": \"host-local\", \"subnet\": \"10.99.0.0/24\"}}' |\n"
                            "  CNI_COMMAND=ADD CNI_CONTAINERID=demo CNI_NETNS=/run/netns/demo CNI_IFNAME=eth0 "
                            "netplug\n"
                            "\n"
                            "Options:\n"
                            "  --help     show this text\n"
                            "  --version  show the version\n"
                            "\n"
                            "See netplug(8).\n");
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int main(int argc, char **argv) {
        const char *name = argc > 0 ? base_name(argv[0]) : "netplug";
        const char *type = str_equal(name, "netplug") ? NULL : name;

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
        if (argc > 1) {
                (void) fprintf(stderr,
                               "%s: unknown argument: %s (hint: a plugin is told what to do by CNI_* variables; "
                               "see --help)\n",
                               name, argv[1]);
                return EXIT_FAILURE;
        }
        if (!getenv("CNI_COMMAND")) {
                print_help(stdout);
                return EXIT_SUCCESS;
        }
        return call_run(type);
}
