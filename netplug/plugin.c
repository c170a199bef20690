#include "plugin.h"

#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"

const struct plugin *const plugins[] = {&plugin_bridge,
                                        &plugin_ptp,
                                        &plugin_macvlan,
                                        &plugin_host_device,
                                        &plugin_loopback,
                                        &plugin_host_local,
                                        &plugin_static,
                                        &plugin_portmap,
                                        &plugin_firewall,
                                        &plugin_bandwidth,
                                        &plugin_tuning,
                                        &plugin_dnsname,
                                        NULL};

const struct plugin *plugin_find(const char *type) {
        for (size_t i = 0; plugins[i]; i++)
                if (str_equal(plugins[i]->type, type))
                        return plugins[i];
        return NULL;
}

const char *plugin_argument(const struct plugin_call *call, const char *key) {
        size_t size = strlen(key);

        for (const char *item = call->arguments; *item;) {
                size_t length = strcspn(item, ";");

                if (length > size && strncmp(item, key, size) == 0 && item[size] == '=')
                        return arena_strndup(call->arena, item + size + 1, length - size - 1);
                item += length + (item[length] == ';');
        }
        return NULL;
}

int plugin_args(const struct plugin_call *call, const struct json **out, struct error *err) {
        const struct json *args = NULL;
        int r = json_get_object(call->conf, "args", &args, err);

        *out = NULL;
        return r < 0 ? r : json_get_object(args, "cni", out, err);
}
