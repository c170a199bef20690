/* The plugin tuning: settings of the container's network and of its link, taken back at DEL. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "../lib/str.h"
#include "attach.h"
#include "sysctl.h"

#define DATA_DIR "/run/cni/tuning"
/* One regular expression a line; where there is no such file, every setting of the network is allowed. */
#define ALLOW_LIST "/etc/cni/tuning/allowlist.conf"
#define ALLOW_LIST_MAX ((size_t) 256 * 1024)
#define RECORD_MAX ((size_t) 256 * 1024)
#define QUEUE_MAX 1000000

enum choice { AS_IT_IS = -1, OFF, ON };

struct setting {
        const char *name; /* as in the configuration */
        const char *path; /* below /proc/sys/net */
        const char *value;
};

struct configuration {
        const char *data_dir;
        struct setting *settings;
        size_t setting_count;
        char mac[LINK_MAC_SIZE];
        int64_t mtu;
        int64_t queue;
        enum choice promiscuous;
        enum choice all_multicast;
};

static const struct {
        const char *key;
        size_t offset;
        unsigned int flag;
} flags[] = {{"promisc", offsetof(struct configuration, promiscuous), IFF_PROMISC},
             {"allmulti", offsetof(struct configuration, all_multicast), IFF_ALLMULTI}};

static enum choice *choice_of(struct configuration *conf, size_t i) {
        return (enum choice *) (void *) ((char *) conf + flags[i].offset);
}

static bool changes_link(const struct configuration *conf) {
        return conf->mac[0] || conf->mtu || conf->queue >= 0 || conf->promiscuous != AS_IT_IS ||
               conf->all_multicast != AS_IT_IS;
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

static int parse_setting(struct plugin_call *call, const struct json *member, struct configuration *conf,
                         struct error *err) {
        struct setting setting = {.name = member->key};
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

static int parse_settings(struct plugin_call *call, const struct json *args, struct configuration *conf,
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

/* What the link is to be, from the configuration or the runtime's arguments. */
static int parse_link(const struct json *from, struct configuration *conf, struct error *err) {
        int r;

        r = json_get_i64(from, "mtu", 0, LINK_MTU_MAX, &conf->mtu, err);
        if (r >= 0)
                r = json_get_i64(from, "txQLen", 0, QUEUE_MAX, &conf->queue, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(flags); i++) {
                bool on = false;

                r = json_get_bool(from, flags[i].key, &on, err);
                /* `promisc: false` asks for nothing, `allmulti: false` does: so the reference plugin has it. */
                if (r >= 0 && json_get(from, flags[i].key))
                        *choice_of(conf, i) = on ? ON : flags[i].flag == IFF_ALLMULTI ? OFF : AS_IT_IS;
        }
        return r;
}

static int parse_directory(struct plugin_call *call, struct configuration *conf, struct error *err) {
        int r;

        *conf = (struct configuration){
                .data_dir = DATA_DIR, .queue = -1, .promiscuous = AS_IT_IS, .all_multicast = AS_IT_IS};
        r = json_get_string(call->conf, "dataDir", &conf->data_dir, err);
        if (r < 0)
                return r;
        if (conf->data_dir[0] == '\0')
                conf->data_dir = DATA_DIR;
        if (conf->data_dir[0] != '/')
                return json_error(json_get(call->conf, "dataDir"), err, EINVAL, "must be an absolute path");
        return 0;
}

static int parse_configuration(struct plugin_call *call, struct configuration *conf, struct error *err) {
        const struct json *args = NULL;
        const char *mac = NULL;
        int r;

        r = parse_directory(call, conf, err);
        if (r >= 0)
                r = plugin_args(call, &args, err);
        if (r >= 0)
                r = parse_settings(call, args, conf, err);
        if (r >= 0)
                r = parse_link(call->conf, conf, err);
        if (r >= 0)
                r = parse_link(args, conf, err);
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
static int check_allowed(struct plugin_call *call, const struct configuration *conf, struct error *err) {
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

/* --- the record of what was before ------------------------------------------------------------------------------- */

/*
 * DATADIR/CONTAINERID_IFNAME.json, as the reference plugin writes it, and the attachment and its former sysctls beside.
 */
static void record_name(const struct plugin_call *call, char name[NAME_MAX + 1]) {
        (void) snprintf(name, NAME_MAX + 1, "%s_%s.json", call->container_id, call->ifname);
}

static int read_settings(void *context, struct error *err) {
        struct configuration *former = context;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < former->setting_count; i++) {
                r = sysctl_get(former->settings[i].path, (char *) former->settings[i].value, err);
                if (r < 0)
                        return error_wrap(err, "sysctl.%s", former->settings[i].name);
        }
        return 0;
}

static int write_settings(void *context, struct error *err) {
        const struct configuration *conf = context;

        for (size_t i = 0; i < conf->setting_count; i++)
                if (sysctl_set(conf->settings[i].path, conf->settings[i].value, err) < 0)
                        return error_wrap(err, "sysctl.%s", conf->settings[i].name);
        return 0;
}

static int write_record(struct plugin_call *call, const struct configuration *conf, const struct link_info *link,
                        const struct configuration *former, struct error *err) {
        _cleanup_json_writer_ struct json_writer writer = {.indent = 1};
        _cleanup_free_ char *text = NULL;
        _cleanup_fd_ int dir = -1;
        char name[NAME_MAX + 1];
        int r;

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "network", call->network);
        json_put_string(&writer, "containerID", call->container_id);
        json_put_string(&writer, "ifname", call->ifname);
        if (conf->mac[0])
                json_put_string(&writer, "mac", link->mac);
        if (conf->mtu)
                json_put_int(&writer, "mtu", link->mtu);
        if (conf->queue >= 0)
                json_put_int(&writer, "txQLen", link->queue);
        if (conf->promiscuous != AS_IT_IS)
                json_put_bool(&writer, "promisc", (link->flags & IFF_PROMISC) != 0);
        if (conf->all_multicast != AS_IT_IS)
                json_put_bool(&writer, "allmulti", (link->flags & IFF_ALLMULTI) != 0);
        json_begin_object(&writer, "sysctl");
        for (size_t i = 0; i < former->setting_count; i++)
                json_put_string(&writer, former->settings[i].path, former->settings[i].value);
        json_end_object(&writer);
        json_end_object(&writer);
        text = json_writer_take(&writer);

        r = path_make_trusted_dirs(conf->data_dir, 0700, err);
        if (r < 0)
                return error_wrap(err, "dataDir");
        dir = open(conf->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return error_errno(err, errno, "dataDir: %s", conf->data_dir);
        record_name(call, name);
        r = file_write_new(dir, name, text, strlen(text), 0600, err);
        return r < 0 ? error_wrap(err, "%s", conf->data_dir) : 0;
}

/* Reads a record back. Returns 1, 0 when there is none or it is garbage. */
static int read_record(struct plugin_call *call, int dir, const char *name, struct configuration *former) {
        const struct json *root, *settings = NULL;
        const char *mac = NULL;
        struct error err = {0};
        int r;

        r = json_parse_file(call->arena, dir, name, &(struct json_limits){.size = RECORD_MAX}, &root, &err);
        if (r >= 0)
                r = json_expect(root, JSON_OBJECT, &err);
        if (r >= 0)
                r = parse_link(root, former, &err);
        if (r >= 0 && json_get(root, "promisc") && former->promiscuous == AS_IT_IS)
                former->promiscuous = OFF;
        if (r >= 0)
                r = json_get_string(root, "mac", &mac, &err);
        if (r >= 0)
                r = json_get_object(root, "sysctl", &settings, &err);
        if (r < 0) {
                if (r != -ENOENT)
                        log_warning("%s/%s: %s: nothing is taken back", former->data_dir, name, err.message);
                return 0;
        }
        (void) snprintf(former->mac, sizeof(former->mac), "%s", mac ? mac : "");
        former->settings = arena_alloc(call->arena, (settings ? settings->count : 0) + 1, sizeof(*former->settings));
        for (const struct json *member = settings ? settings->first : NULL; member; member = member->next)
                if (member->type == JSON_STRING)
                        former->settings[former->setting_count++] =
                                (struct setting){.name = member->key, .path = member->key, .value = member->text};
        return 1;
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static int change_link(struct netlink *container, int index, struct configuration *conf, struct error *err) {
        struct link_change change = LINK_CHANGE_NONE;

        change.mac = conf->mac[0] ? conf->mac : NULL;
        change.mtu = conf->mtu;
        change.queue = conf->queue;
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                if (*choice_of(conf, i) == ON)
                        change.on |= flags[i].flag;
                else if (*choice_of(conf, i) == OFF)
                        change.off |= flags[i].flag;
        }
        return link_change(container, index, &change, err);
}

/* Undoes what is possible; what went with the link or the namespace is no failure. */
static int restore(struct plugin_call *call, struct configuration *former, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct link_info link;
        int r;

        r = link_open(call->netns_fd, &container, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < former->setting_count; i++) {
                struct configuration one = {.settings = &former->settings[i], .setting_count = 1};

                (void) link_inside(call->netns_fd, write_settings, &one, NULL);
        }
        if (!changes_link(former) || link_find(&container, call->ifname, &link, NULL) < 0)
                return 0;
        return change_link(&container, link.index, former, err);
}

static int tuning_del(struct plugin_call *call, struct error *err) {
        struct configuration former;
        _cleanup_fd_ int dir = -1;
        char name[NAME_MAX + 1];
        int r;

        r = parse_directory(call, &former, err);
        if (r < 0)
                return r;
        dir = open(former.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "dataDir: %s", former.data_dir);
        record_name(call, name);
        if (read_record(call, dir, name, &former) && call->netns_fd >= 0) {
                r = restore(call, &former, err);
                if (r < 0)
                        return r;
        }
        if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s/%s", former.data_dir, name);
        return 0;
}

static void change_result(struct plugin_call *call, const struct configuration *conf, struct cni_result *result) {
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

static int apply(struct plugin_call *call, struct configuration *conf, struct error *err) {
        _cleanup_netlink_ struct netlink container = NETLINK_CLOSED;
        struct configuration former = {
                .settings = arena_alloc(call->arena, conf->setting_count + 1, sizeof(*former.settings)),
                .setting_count = conf->setting_count};
        struct link_info link = {0};
        int r;

        for (size_t i = 0; i < conf->setting_count; i++) {
                former.settings[i] = conf->settings[i];
                former.settings[i].value = arena_alloc(call->arena, 1, SYSCTL_VALUE_MAX);
        }
        r = link_open(call->netns_fd, &container, err);
        if (r >= 0 && changes_link(conf))
                r = link_find(&container, call->ifname, &link, err);
        if (r >= 0)
                r = link_inside(call->netns_fd, read_settings, &former, err);
        if (r >= 0)
                r = write_record(call, conf, &link, &former, err);
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
        struct configuration conf;
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
        const struct configuration *conf = context;
        char now[SYSCTL_VALUE_MAX];

        for (size_t i = 0; i < conf->setting_count; i++) {
                const struct setting *setting = &conf->settings[i];

                if (sysctl_get(setting->path, now, err) < 0)
                        return error_wrap(err, "sysctl.%s", setting->name);
                if (!str_equal(now, setting->value))
                        return error_set(err, ENOENT, "sysctl.%s is %s, but was set to %s", setting->name, now,
                                         setting->value);
        }
        return 0;
}

static int check_link(struct plugin_call *call, struct configuration *conf, struct error *err) {
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
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                bool on = link.flags & flags[i].flag || (flags[i].flag == IFF_PROMISC && link.promiscuous);

                if (*choice_of(conf, i) != AS_IT_IS && on != (*choice_of(conf, i) == ON))
                        return error_set(err, ENOENT, "%s of %s is %s, but was set to %s", flags[i].key, call->ifname,
                                         on ? "on" : "off", on ? "off" : "on");
        }
        return 0;
}

static int tuning_check(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        if (r >= 0)
                r = link_inside(call->netns_fd, check_settings, &conf, err);
        return r < 0 || !changes_link(&conf) ? r : check_link(call, &conf, err);
}

static int tuning_status(struct plugin_call *call, struct error *err) {
        struct configuration conf;
        int r = parse_configuration(call, &conf, err);

        return r < 0 ? r : check_allowed(call, &conf, err);
}

/* True if the record is one of this network's, whose attachment is not valid. */
static bool is_stale(struct plugin_call *call, int dir, const char *name) {
        const char *network = NULL, *container_id = NULL, *ifname = NULL;
        const struct json *root;

        if (json_parse_file(call->arena, dir, name, &(struct json_limits){.size = RECORD_MAX}, &root, NULL) < 0 ||
            json_get_string(root, "network", &network, NULL) < 0 ||
            json_get_string(root, "containerID", &container_id, NULL) < 0 ||
            json_get_string(root, "ifname", &ifname, NULL) < 0 || !str_equal(network, call->network))
                return false;
        for (size_t i = 0; i < call->valid_count; i++)
                if (str_equal(call->valid[i].container_id, container_id) && str_equal(call->valid[i].ifname, ifname))
                        return false;
        return true;
}

static int tuning_gc(struct plugin_call *call, struct error *err) {
        _cleanup_dir_ DIR *dir = NULL;
        const struct dirent *entry;
        struct configuration conf;
        int r = parse_directory(call, &conf, err);

        if (r < 0)
                return r;
        dir = opendir(conf.data_dir);
        if (!dir)
                return errno == ENOENT ? 0 : error_errno(err, errno, "dataDir: %s", conf.data_dir);
        while ((entry = readdir(dir)))
                if (str_ends_with(entry->d_name, ".json") && is_stale(call, dirfd(dir), entry->d_name) &&
                    unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        return error_errno(err, errno, "%s/%s", conf.data_dir, entry->d_name);
        return 0;
}

const struct plugin plugin_tuning = {.type = "tuning",
                                     .summary = "settings of the container's network and link",
                                     .add = tuning_add,
                                     .del = tuning_del,
                                     .check = tuning_check,
                                     .status = tuning_status,
                                     .gc = tuning_gc};
