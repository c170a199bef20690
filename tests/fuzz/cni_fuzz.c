/*
 * CNI's documents: a plugin's answer, written in every version and read again; a network configuration list, and what
 * its plugins would get on standard input; a plugin's error object.
 */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../spec/cni.h"
#include "fuzz.h"

static void read_result(struct arena *arena, const struct json *root) {
        struct cni_result result = {0};
        struct error err = {0};

        if (!fuzz_accepted(cni_result_parse(arena, root, &result, &err), &err))
                return;
        for (const char *const *version = cni_versions; *version; version++) {
                _cleanup_free_ char *first = cni_result_write(&result, *version), *second = NULL;
                struct cni_result again = {0};
                int r = cni_result_parse(arena, fuzz_parse_own(arena, first), &again, &err);

                fuzz_require(r >= 0, "refuses the result it wrote: %s\n%s", err.message, first);
                second = cni_result_write(&again, *version);
                fuzz_same(*version, first, second);
        }
}

static void compose_request(struct arena *arena, const struct cni_network_list *list, const struct cni_plugin *plugin) {
        const struct cni_attachment attachment = {.container_id = "id", .ifname = "eth0"};
        const struct cni_request request = {.list = list,
                                            .plugin = plugin,
                                            .capability_args = plugin->capabilities,
                                            .prev_result = plugin->conf,
                                            .valid_attachments = &attachment,
                                            .attachment_count = 1,
                                            .is_gc = true};
        _cleanup_free_ char *text = cni_request_write(&request);
        const struct json *root = fuzz_parse_own(arena, text);

        fuzz_require(plugin->type[0] && !strchr(plugin->type, '/'), "a plugin of the type %s", plugin->type);
        fuzz_require(str_equal(json_get(root, "name")->text, list->name), "a request for another network:\n%s", text);
        fuzz_require(cni_version_supported(json_get(root, "cniVersion")->text), "an unknown version:\n%s", text);
}

static void read_list(struct arena *arena, const struct json *root) {
        struct cni_network_list list = {0};
        struct error err = {0};

        if (!fuzz_accepted(cni_network_list_parse(arena, root, &list, &err), &err))
                return;
        fuzz_require(list.plugin_count > 0 && list.name[0], "a list without plugins or name");
        for (size_t i = 0; i < list.plugin_count; i++)
                compose_request(arena, &list, &list.plugins[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = fuzz_parse(arena, data, size);
        struct error err = {0};

        (void) cni_error_parse((const char *) data, size, &err);
        fuzz_require(err.code && err.message[0], "a failed plugin without a message");
        if (root) {
                read_result(arena, root);
                read_list(arena, root);
        }
        return 0;
}
