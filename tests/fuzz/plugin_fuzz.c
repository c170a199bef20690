/*
 * A whole call of a plugin, through the front door: the environment and standard input, on a kernel that agrees to
 * everything and changes nothing (kernel.h). The input is a document
 *
 *     {"command": "ADD", "type": "bridge", "id": "…", "ifname": "…", "args": "…", "conf": {…}, "answers": "…"}
 *
 * whose conf, when it is a string, is written as it is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../netplug/call.h"
#include "../../netplug/plugin.h"
#include "fuzz.h"
#include "kernel.h"

/* putenv(3) keeps what it is given; setenv(3) would keep a copy of every value there ever was. */
static char environment[4][1024];
static const char *const variables[4][2] = {
        {"CNI_COMMAND", "command"}, {"CNI_CONTAINERID", "id"}, {"CNI_IFNAME", "ifname"}, {"CNI_ARGS", "args"}};
static char netns[] = "CNI_NETNS=/proc/self/ns/net", override[] = "CNI_NETNS_OVERRIDE=1", path[] = "CNI_PATH=";

static void set_environment(const struct json *root) {
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const char *value = "";

                (void) json_get_string(root, variables[i][1], &value, NULL);
                (void) snprintf(environment[i], sizeof(environment[i]), "%s=%s", variables[i][0], value);
                (void) putenv(environment[i]);
        }
        (void) putenv(netns);
        (void) putenv(override);
        (void) putenv(path);
}

/* Standard input is the same file each time. */
static void set_input(const struct json *conf) {
        struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        if (conf && conf->type == JSON_STRING) {
                text = xstrdup(conf->text);
        } else {
                json_put_value(&writer, NULL, conf);
                text = json_writer_take(&writer);
        }
        if (ftruncate(STDIN_FILENO, 0) < 0) {
                int fd = memfd_create("input", MFD_CLOEXEC);

                fuzz_require(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO, "no file for standard input");
                (void) close(fd);
        }
        r = pwrite(STDIN_FILENO, text, strlen(text), 0) == (ssize_t) strlen(text) ? 0 : -1;
        fuzz_require(r == 0 && lseek(STDIN_FILENO, 0, SEEK_SET) == 0, "cannot write standard input");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = fuzz_parse(arena, data, size);
        const char *type = NULL, *answers = "";
        int status;

        if (!root || root->type != JSON_OBJECT)
                return 0;
        (void) json_get_string(root, "type", &type, NULL);
        (void) json_get_string(root, "answers", &answers, NULL);
        set_environment(root);
        set_input(json_get(root, "conf"));
        kernel_answers((const uint8_t *) answers, strlen(answers));
        status = call_run(type && plugin_find(type) ? type : NULL);
        fuzz_require(status == EXIT_SUCCESS || status == EXIT_FAILURE, "exit status %d", status);
        return 0;
}
