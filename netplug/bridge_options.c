#include "bridge_options.h"

#include <errno.h>

#include "../lib/cleanup.h"
#include "../lib/str.h"
#include "attach.h"
#include "ipam.h"

#define BRIDGE_DEFAULT "cni0"
#define TRUNK_MAX 4094

/* Reads a VLAN's id, if the member is there: *out is 0 without it. */
static int get_id(const struct json *object, const char *key, int64_t *out, struct error *err) {
        *out = 0;
        return json_get(object, key) ? json_get_i64(object, key, 1, LINK_VLAN_MAX, out, err) : 0;
}

/* One element of `vlanTrunk`: {"id": 5}, {"minID": 10, "maxID": 20}, or both. */
static int parse_trunk(const struct json *item, struct link_vlans *vlans, struct error *err) {
        int64_t id, first, last;
        int r;

        r = json_expect(item, JSON_OBJECT, err);
        if (r >= 0)
                r = get_id(item, "id", &id, err);
        if (r >= 0)
                r = get_id(item, "minID", &first, err);
        if (r >= 0)
                r = get_id(item, "maxID", &last, err);
        if (r < 0)
                return r;
        if ((first == 0) != (last == 0))
                return json_error(item, err, EINVAL, "minID and maxID must be set together");
        if (first > last)
                return json_error(item, err, EINVAL, "maxID is less than minID");
        if (id)
                link_vlans_add(vlans, (int) id, (int) id);
        if (first)
                link_vlans_add(vlans, (int) first, (int) last);
        return 0;
}

static int parse_vlans(struct plugin_call *call, struct bridge_options *options, struct error *err) {
        const struct json *trunk = NULL;
        bool preserve = true;
        int64_t id = 0;
        int r;

        r = json_get_i64(call->conf, "vlan", 0, LINK_VLAN_MAX, &id, err);
        if (r >= 0)
                r = json_get_bool(call->conf, "preserveDefaultVlan", &preserve, err);
        if (r >= 0)
                r = json_get_array(call->conf, "vlanTrunk", &trunk, err);
        if (r < 0)
                return r;
        if (trunk && trunk->count > TRUNK_MAX)
                return json_error(trunk, err, EINVAL, "more than %d elements", TRUNK_MAX);
        for (const struct json *item = trunk ? trunk->first : NULL; item; item = item->next) {
                r = parse_trunk(item, &options->vlans, err);
                if (r < 0)
                        return r;
        }
        options->vlans.untagged = (int) id;
        options->vlans.drop_default = !preserve;
        options->has_vlans = id || (trunk && trunk->count);
        return 0;
}

static int check_together(struct plugin_call *call, const struct bridge_options *options, struct error *err) {
        if (!attach_link_name_is_valid(options->bridge))
                return json_error(json_get(call->conf, "bridge"), err, EINVAL, "'%.64s' is not a name for a bridge",
                                  options->bridge);
        if (options->hairpin && options->promiscuous)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "hairpinMode and promiscMode cannot both be set");
        if (options->leave_down && ipam_is_wanted(call))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "disableContainerInterface: a link that is down has no addresses: ipam must not be "
                                   "set");
        return 0;
}

int bridge_options_parse(struct plugin_call *call, struct bridge_options *out, struct error *err) {
        const struct {
                const char *key;
                bool *target;
        } flags[] = {{"isGateway", &out->is_gateway},
                     {"isDefaultGateway", &out->is_default_gateway},
                     {"forceAddress", &out->force_address},
                     {"hairpinMode", &out->hairpin},
                     {"promiscMode", &out->promiscuous},
                     {"portIsolation", &out->isolated},
                     {"macspoofchk", &out->check_mac},
                     {"enabledad", &out->detect_duplicates},
                     {"disableContainerInterface", &out->leave_down}};
        int r;

        *out = (struct bridge_options){.bridge = BRIDGE_DEFAULT};
        r = json_get_string(call->conf, "bridge", &out->bridge, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(flags); i++)
                r = json_get_bool(call->conf, flags[i].key, flags[i].target, err);
        if (r >= 0)
                r = json_get_i64(call->conf, "mtu", 0, LINK_MTU_MAX, &out->mtu, err);
        if (r >= 0)
                r = attach_wants_masquerade(call, &out->masquerade, err);
        if (r >= 0)
                r = parse_vlans(call, out, err);
        if (r >= 0)
                r = attach_requested_mac(call, NULL, out->mac, err);
        if (r >= 0)
                r = check_together(call, out, err);
        out->is_gateway |= out->is_default_gateway;
        return r;
}
