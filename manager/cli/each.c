#include "each.h"

#include "../../lib/cleanup.h"

DEFINE_CLEANUP(cleanup_container, struct container *, container_free);

int cli_each(struct cli *cli, int count, char **names, each_action action, void *context) {
        int status = 0;

        for (int i = 0; i < count; i++) {
                _cleanup_(cleanup_container) struct container *container = NULL;
                struct error err = {0};
                int r = container_find(&cli->manager, names[i], &container, &err);

                if (r == 0)
                        r = action(cli, container, context, &err);
                if (r < 0) {
                        status = cli_fail(&err);
                        continue;
                }
                (void) printf("%s\n", names[i]);
                (void) fflush(stdout);
        }
        return status;
}
