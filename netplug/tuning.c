/* The plugin tuning: settings of the container's network and of its link, taken back at DEL. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/str.h"
#include "attach.h"
#include "sysctl.h"
#include "tuning_record.h"

#define DATA_DIR "/run/cni/tuning"
/* One regular expression a line; where there is no such file, every setting of the network is allowed. */
#define ALLOW_LIST "/etc/cni/tuning/allowlist.conf"
#define ALLOW_LIST_MAX ((size_t) 256 * 1024)

static bool changes_link(const struct tuning_values *conf) {
        return conf->mac[0] || conf->mtu || conf->queue >= 0 || conf->promiscuous != TUNING_AS_IT_IS ||
               conf->all_multicast != TUNING_AS_IT_IS;
}

/* --- the configuration ------------------------------------------------------------------------------------------- */

/*
 * "net.ipv4.conf.IFNAME.arp_filter" as a path below /proc/sys/net. As sysctl(8) has it, a name whose first separator
 * is a slash may have dots within its parts.
 */
static int setting_path(struct plugin_call *call, const struct json *member, const char **out, struct error *err) {
        char *path = arena_strdup(call->arena, member->key), *mark;

        if (path[strcspn(path, "./")] == '.')
                for (char *c = path; *c; c++)
                        *c = *c == '.' ? '/' : *c;
        mark = strstr(path, "IFNAME");
        if (mark) {
                *mark = '\0';
                path = arena_printf(call->arena, "%s%s%s", path, call->ifname, mark + strlen("IFNAME"));
        }
        if (!str_starts_with(path, "net/") || strstr(path, "..") || str_ends_with(path, "/"))
                return json_error(member, err, EINVAL, "is no setting of the network (net.*)");
        *out = path + strlen("net/");
        return 0;
}

static int parse_setting(struct plugin_call *call, const struct json *member, struct tuning_values *conf,
                         struct error *err) {
        struct tuning_setting setting = {.name = member->key};
        char *value;
        int r;

        r = json_expect(member, JSON_STRING, err);
        if (r >= 0)
                r = setting_path(call, member, &setting.path, err);
        if (r < 0)
                return r;
        value = arena_strdup(call->arena, member->text);
        sysctl_normalize(value);
        setting.value = value;
        if (strlen(value) >= SYSCTL_VALUE_MAX)
                return json_error(member, err, EINVAL, "is longer than %d characters", SYSCTL_VALUE_MAX - 1);
        for (size_t i = 0; i < conf->setting_count; i++)
                if (str_equal(conf->settings[i].path, setting.path)) {
                        conf->settings[i] = setting;
                        return 0;
                }
        conf->settings[conf->setting_count++] = setting;
        return 0;
}

static int parse_settings(struct plugin_call *call, const struct json *args, struct tuning_values *conf,
                          struct error *err) {
        const struct json *sets[2] = {NULL, NULL};
        int r;

        r = json_get_object(call->conf, "sysctl", &sets[0], err);
        if (r >= 0)
                r = json_get_object(args, "sysctl", &sets[1], err);
        if (r < 0)
                return r;
        conf->settings = arena_alloc(call->arena, (sets[0] ? sets[0]->count : 0) + (sets[1] ? sets[1]->count : 0) + 1,
                                     sizeof(*conf->settings));
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                for (const struct json *member = sets[i] ? sets[i]->first : NULL; r >= 0 && member;
                     member = member->next)
                        r = parse_setting(call, member, conf, err);
        return r;
}

static int parse_directory(struct plugin_call *call, struct tuning_values *conf, struct error *err) {
        int r;

        *conf = TUNING_NOTHING(DATA_DIR);
        r = json_get_string(call->conf, "dataDir", &conf->data_dir, err);
        if (r < 0)
                return r;
        if (conf->data_dir[0] == '\0')
                conf->data_dir = DATA_DIR;
        if (conf->data_dir[0] != '/')
                return json_error(json_get(call->conf, "dataDir"), err, EINVAL, "must be an absolute path");
        return 0;
}

static int parse_configuration(struct plugin_call *call, struct tuning_values *conf, struct error *err) {
        const struct json *args = NULL;
        const char *mac = NULL;
        int r;

        r = parse_directory(call, conf, err);
        if (r >= 0)
                r = plugin_args(call, &args, err);
        if (r >= 0)
                r = parse_settings(call, args, conf, err);
        if (r >= 0)
                r = tuning_parse_link(call->conf, conf, err);
        if (r >= 0)
                r = tuning_parse_link(args, conf, err);
        if (r >= 0)
                r = json_get_string(call->conf, "mac", &mac, err);
        return r < 0 ? r : attach_requested_mac(call, mac, conf->mac, err);
}

static int matches(const char *pattern, const char *name, struct error *err) {
        regex_t expression;
        int r = regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB);

        if (r != 0)
                return error_set(err, EINVAL, "%s: '%.64s' is not a regular expression", ALLOW_LIST, pattern);
        r = regexec(&expression, name, 0, NULL, 0);
        regfree(&expression);
        return r == 0;
}

/* The host's administrator may have said which settings containers may ask for. */
static int check_allowed(struct plugin_call *call, const struct tuning_values *conf, struct error *err) {
        _cleanup_str_list_ struct str_list patterns = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read(AT_FDCWD, ALLOW_LIST, ALLOW_LIST_MAX, &text, NULL, err);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        str_list_split(&patterns, text, '\n');
        for (size_t i = 0; i < conf->setting_count; i++) {
                bool allowed = false;

                for (size_t j = 0; !allowed && j < patterns.count; j++) {
                        char *pattern = patterns.items[j] + strspn(patterns.items[j], " \t\r");

                        pattern[strcspn(pattern, " \t\r")] = '\0';
                        r = pattern[0] ? matches(pattern, conf->settings[i].name, err) : 0;
                        if (r < 0)
                                return r;
                        allowed = r > 0;
                }
                if (!allowed)
                        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EPERM,
                                           "sysctl.%.128s: not in the list of allowed settings, %s",
                                           conf->settings[i].name, ALLOW_LIST);
        }
        return 0;
}

/* --- settings of the network ------------------------------------------------------------------------------------- */

static int read_settings(void *context, struct error *err) {
        struct tuning_values *former = context;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < former->setting_count; i++) {
                r = sysctl_get(former->settings[i].path, (char *) former->settings[i].value, err);
                if (r < 0)
                        return error_wrap(err, "sysctl.%s", former->settings[i].name);
        }
        return 0;
}

static int write_settings(void *context, struct error *err) {
        const struct tuning_values *conf = context;

        for (size_t i = 0; i < conf->setting_count; i++)
                if (sysctl_set(conf->settings[i].path, conf->settings[i].value, err) < 0)
                        return error_wrap(err, "sysctl.%s", conf->settings[i].name);
        return 0;
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static int change_link(struct netlink *container, int index, struct tuning_values *conf, struct error *err) {
        struct link_change change = LINK_CHANGE_NONE;

        change.mac = conf->mac[0] ? conf->mac : NULL;
        change.mtu = conf->mtu;
        change.queue = conf->queue;
        for (size_t i = 0; i < ARRAY_SIZE(tuning_flags); i++) {
                if (*tuning_choice_of(conf, &tuning_flags[i]) == TUNING_ON)
                        change.on |= tuning_flags[i].flag;
                else if (*tuning_choice_of(conf, &tuning_flags[i]) == TUNING_OFF)
                        change.off |= tuning_flags[i].flag;
        }
        return link_change(container, index, &change, err);
}

/* Undoes what is possible; what went with the link or the namespace is no failure. */
static int restore(struct plugin_call *call, struct tuning_values *former, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info link;
        int r;

        r = link_open(call->netns_fd, &container, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < former->setting_count; i++) {
                struct tuning_values one = {.settings = &former->settings[i], .setting_count = 1};

                (void) link_inside(call->netns_fd, write_settings, &one, NULL);
        }
        if (!changes_link(former) || link_find(&container, call->ifname, &link, NULL) < 0)
                return 0;
        return change_link(&container, link.index, former, err);
}

/* DEL and GC: false where no ADD can have written anything. */
static bool has_directory(struct plugin_call *call, struct tuning_values *conf) {
        struct error err = {0};

        if (parse_directory(call, conf, &err) >= 0)
                return true;
        log_warning("%s: %s has nothing to take back", err.message, call->command_name);
        return false;
}

static int tuning_del(struct plugin_call *call, struct error *err) {
        struct tuning_values former;

        if (!has_directory(call, &former))
                return 0;
        if (tuning_record_read(call, &former) && call->netns_fd >= 0) {
                int r = restore(call, &former, err);

                if (r < 0)
                        return r;
        }
        return tuning_record_remove(call, former.data_dir, err);
}

static void change_result(struct plugin_call *call, const struct tuning_values *conf, struct cni_result *result) {
        for (size_t i = 0; i < result->interface_count; i++) {
                struct cni_interface *interface = &result->interfaces[i];

                if (!str_equal(interface->name, call->ifname) || str_empty(interface->sandbox))
                        continue;
                if (conf->mac[0])
                        interface->mac = arena_strdup(call->arena, conf->mac);
                if (conf->mtu)
                        interface->mtu = conf->mtu;
        }
}

/* What is now, of all that is going to be changed. */
static int read_former(struct plugin_call *call, const struct tuning_values *conf, const struct link_info *link,
                       struct tuning_values *former, struct error *err) {
        *former = TUNING_NOTHING(conf->data_dir);
        if (conf->mac[0])
                (void) snprintf(former->mac, sizeof(former->mac), "%s", link->mac);
        if (conf->mtu)
                former->mtu = link->mtu;
        if (conf->queue >= 0)
                former->queue = link->queue;
        if (conf->promiscuous != TUNING_AS_IT_IS)
                former->promiscuous = link->flags & IFF_PROMISC ? TUNING_ON : TUNING_OFF;
        if (conf->all_multicast != TUNING_AS_IT_IS)
                former->all_multicast = link->flags & IFF_ALLMULTI ? TUNING_ON : TUNING_OFF;
        former->setting_count = conf->setting_count;
        former->settings = arena_alloc(call->arena, conf->setting_count + 1, sizeof(*former->settings));
        for (size_t i = 0; i < conf->setting_count; i++) {
                former->settings[i] = conf->settings[i];
                former->settings[i].value = arena_alloc(call->arena, 1, SYSCTL_VALUE_MAX);
        }
        return link_inside(call->netns_fd, read_settings, former, err);
}

static int apply(struct plugin_call *call, struct tuning_values *conf, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct tuning_values former;
        struct link_info link = {0};
        int r;

        r = link_open(call->netns_fd, &container, err);
        if (r >= 0 && changes_link(conf))
                r = link_find(&container, call->ifname, &link, err);
        if (r >= 0)
                r = read_former(call, conf, &link, &former, err);
        if (r >= 0)
                r = tuning_record_write(call, &container, &former, err);
        if (r < 0)
                return r;
        r = link_inside(call->netns_fd, write_settings, conf, err);
        if (r >= 0 && changes_link(conf))
                r = change_link(&container, link.index, conf, err);
        if (r < 0)
                (void) tuning_del(call, NULL);
        return r;
}

static int tuning_add(struct plugin_call *call, struct cni_result *result, struct error *err) {
        struct tuning_values conf;
        int r;

        r = parse_configuration(call, &conf, err);
        if (r >= 0)
                r = check_allowed(call, &conf, err);
        if (r < 0)
                return r;
        r = attach_require_previous(call, err);
        if (r < 0)
                return r;
        if (conf.setting_count == 0 && !changes_link(&conf))
                return 0;
        r = apply(call, &conf, err);
        if (r >= 0)
                change_result(call, &conf, result);
        return r;
}

static int check_settings(void *context, struct error *err) {
        const struct tuning_values *conf = context;
        char now[SYSCTL_VALUE_MAX];

        for (size_t i = 0; i < conf->setting_count; i++) {
                const struct tuning_setting *setting = &conf->settings[i];

                if (sysctl_get(setting->path, now, err) < 0)
                        return error_wrap(err, "sysctl.%s", setting->name);
                if (!str_equal(now, setting->value))
                        return error_set(err, ENOENT, "sysctl.%s is %s, but was set to %s", setting->name, now,
                                         setting->value);
        }
        return 0;
}

static int check_link(struct plugin_call *call, struct tuning_values *conf, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info link;
        int r;

        r = link_open(call->netns_fd, &container, err);
        if (r >= 0)
                r = link_find(&container, call->ifname, &link, err);
        if (r < 0)
                return r;
        if (conf->mac[0] && strcasecmp(conf->mac, link.mac) != 0)
                return error_set(err, ENOENT, "mac of %s is %s, but was set to %s", call->ifname, link.mac, conf->mac);
        if (conf->mtu && conf->mtu != link.mtu)
                return error_set(err, ENOENT, "mtu of %s is %d, but was set to %lld", call->ifname, link.mtu,
                                 (long long) conf->mtu);
        if (conf->queue >= 0 && conf->queue != link.queue)
                return error_set(err, ENOENT, "txQLen of %s is %d, but was set to %lld", call->ifname, link.queue,
                                 (long long) conf->queue);
        for (size_t i = 0; i < ARRAY_SIZE(tuning_flags); i++) {
                bool on =
                        link.flags & tuning_flags[i].flag || (tuning_flags[i].flag == IFF_PROMISC && link.promiscuous);

                if (*tuning_choice_of(conf, &tuning_flags[i]) != TUNING_AS_IT_IS &&
                    on != (*tuning_choice_of(conf, &tuning_flags[i]) == TUNING_ON))
                        return error_set(err, ENOENT, "%s of %s is %s, but was set to %s", tuning_flags[i].key,
                                         call->ifname, on ? "on" : "off", on ? "off" : "on");
        }
        return 0;
}

static int tuning_check(struct plugin_call *call, struct error *err) {
        struct tuning_values conf;
        int r = parse_configuration(call, &conf, err);

        if (r >= 0)
                r = link_inside(call->netns_fd, check_settings, &conf, err);
        return r < 0 || !changes_link(&conf) ? r : check_link(call, &conf, err);
}

static int tuning_status(struct plugin_call *call, struct error *err) {
        struct tuning_values conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : check_allowed(call, &conf, err);
}

static int tuning_gc(struct plugin_call *call, struct error *err) {
        struct tuning_values conf;

        return has_directory(call, &conf) ? tuning_record_collect(call, conf.data_dir, err) : 0;
}

const struct plugin plugin_tuning = {.type = "tuning",
                                     .summary = "settings of the container's network and link",
                                     .add = tuning_add,
                                     .del = tuning_del,
                                     .check = tuning_check,
                                     .status = tuning_status,
                                     .gc = tuning_gc};
