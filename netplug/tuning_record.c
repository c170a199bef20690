#include "tuning_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"

#define RECORD_MAX ((size_t) 256 * 1024)
#define QUEUE_MAX 1000000
#define SUFFIX ".json"
/* With "_", the longest name of a link and the suffix behind it, that is as long as a file's name may be. */
#define ID_LONGEST (FILE_NAME_LONGEST - (IFNAMSIZ - 1) - sizeof(SUFFIX))

const struct tuning_flag tuning_flags[2] = {{"promisc", offsetof(struct tuning_values, promiscuous), IFF_PROMISC},
                                            {"allmulti", offsetof(struct tuning_values, all_multicast), IFF_ALLMULTI}};

enum tuning_choice *tuning_choice_of(struct tuning_values *values, const struct tuning_flag *flag) {
        return (enum tuning_choice *) (void *) ((char *) values + flag->offset);
}

int tuning_parse_link(const struct json *from, struct tuning_values *out, struct error *err) {
        int r;

        r = json_get_i64(from, "mtu", 0, LINK_MTU_MAX, &out->mtu, err);
        if (r >= 0)
                r = json_get_i64(from, "txQLen", 0, QUEUE_MAX, &out->queue, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(tuning_flags); i++) {
                bool on = false;

                r = json_get_bool(from, tuning_flags[i].key, &on, err);
                /* `promisc: false` asks for nothing, `allmulti: false` does: so the reference plugin has it. */
                if (r >= 0 && json_get(from, tuning_flags[i].key))
                        *tuning_choice_of(out, &tuning_flags[i]) = on ? TUNING_ON
                                                                   : tuning_flags[i].flag == IFF_ALLMULTI
                                                                           ? TUNING_OFF
                                                                           : TUNING_AS_IT_IS;
        }
        return r;
}

static char *record_name(const struct plugin_call *call) {
        _cleanup_free_ char *id = str_shorten(call->container_id, ID_LONGEST);

        return str_format("%s_%s" SUFFIX, id, call->ifname);
}

/*
 * Which namespace a record is of. The number of an inode soon comes to mean another namespace; the cookie, which
 * kernels before 5.14 do not have, never does until the next boot.
 */
static char *namespace_text(struct plugin_call *call, const struct netlink *container) {
        socklen_t size = sizeof(uint64_t);
        uint64_t cookie = 0;
        struct stat info;

        if (fstat(call->netns_fd, &info) < 0)
                return xstrdup("");
        (void) getsockopt(container->fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
        return str_format("%ju %ju", (uintmax_t) info.st_ino, (uintmax_t) cookie);
}

/*
 * Reads a record back. Returns 1, 0 when there is none or it is garbage.
 * @namespace: set to the one it is of, "" when it does not say; may be NULL
 */
static int read_record(struct plugin_call *call, int dir, struct tuning_values *former, const char **namespace) {
        _cleanup_free_ char *name = record_name(call);
        const struct json *root, *settings = NULL;
        const char *mac = NULL;
        struct error err = {0};
        int r;

        r = json_parse_file(call->arena, dir, name, &(struct json_limits){.size = RECORD_MAX}, &root, &err);
        if (r >= 0)
                r = json_expect(root, JSON_OBJECT, &err);
        if (r >= 0)
                r = tuning_parse_link(root, former, &err);
        if (r >= 0 && json_get(root, "promisc") && former->promiscuous == TUNING_AS_IT_IS)
                former->promiscuous = TUNING_OFF;
        if (r >= 0)
                r = json_get_string(root, "mac", &mac, &err);
        if (r >= 0)
                r = json_get_object(root, "sysctl", &settings, &err);
        if (r >= 0 && namespace)
                r = json_get_string(root, "namespace", namespace, &err);
        if (r < 0) {
                if (r != -ENOENT)
                        log_warning("%s/%s: %s: nothing is taken back", former->data_dir, name, err.message);
                return 0;
        }
        (void) snprintf(former->mac, sizeof(former->mac), "%s", mac ? mac : "");
        former->settings = arena_alloc(call->arena, (settings ? settings->count : 0) + 1, sizeof(*former->settings));
        for (const struct json *member = settings ? settings->first : NULL; member; member = member->next)
                if (member->type == JSON_STRING)
                        former->settings[former->setting_count++] = (struct tuning_setting){
                                .name = member->key, .path = member->key, .value = member->text};
        return 1;
}

/* What was noted first is what was before. */
static void put_noted(struct plugin_call *call, const struct tuning_values *noted, struct tuning_values *former) {
        struct tuning_setting *all =
                arena_alloc(call->arena, former->setting_count + noted->setting_count + 1, sizeof(*all));
        size_t count = 0;

        if (noted->mac[0])
                (void) snprintf(former->mac, sizeof(former->mac), "%s", noted->mac);
        if (noted->mtu)
                former->mtu = noted->mtu;
        if (noted->queue >= 0)
                former->queue = noted->queue;
        if (noted->promiscuous != TUNING_AS_IT_IS)
                former->promiscuous = noted->promiscuous;
        if (noted->all_multicast != TUNING_AS_IT_IS)
                former->all_multicast = noted->all_multicast;
        /* The noted ones come last: they are taken back after those that were set on top of them. */
        for (size_t i = 0; i < former->setting_count; i++) {
                bool again = false;

                for (size_t j = 0; !again && j < noted->setting_count; j++)
                        again = str_equal(former->settings[i].path, noted->settings[j].path);
                if (!again)
                        all[count++] = former->settings[i];
        }
        for (size_t i = 0; i < noted->setting_count; i++)
                all[count++] = noted->settings[i];
        former->settings = all;
        former->setting_count = count;
}

/*
 * Another tuning of the same chain, or an ADD that was killed, has noted what was before it in this namespace. A record
 * of another namespace was left by a container that had the same id and is no more: it says nothing about this one.
 */
static void merge_record(struct plugin_call *call, int dir, const char *namespace, struct tuning_values *former) {
        struct tuning_values noted = TUNING_NOTHING(former->data_dir);
        const char *noted_namespace = "";

        if (read_record(call, dir, &noted, &noted_namespace) && noted_namespace[0] &&
            str_equal(noted_namespace, namespace))
                put_noted(call, &noted, former);
}

static char *record_text(const struct plugin_call *call, const struct tuning_values *former, const char *namespace) {
        _cleanup_json_writer_ struct json_writer writer = {.indent = 1};

        json_begin_object(&writer, NULL);
        json_put_string(&writer, "network", call->network);
        json_put_string(&writer, "containerID", call->container_id);
        json_put_string(&writer, "ifname", call->ifname);
        json_put_string(&writer, "namespace", namespace);
        if (former->mac[0])
                json_put_string(&writer, "mac", former->mac);
        if (former->mtu)
                json_put_int(&writer, "mtu", former->mtu);
        if (former->queue >= 0)
                json_put_int(&writer, "txQLen", former->queue);
        if (former->promiscuous != TUNING_AS_IT_IS)
                json_put_bool(&writer, "promisc", former->promiscuous == TUNING_ON);
        if (former->all_multicast != TUNING_AS_IT_IS)
                json_put_bool(&writer, "allmulti", former->all_multicast == TUNING_ON);
        json_begin_object(&writer, "sysctl");
        for (size_t i = 0; i < former->setting_count; i++)
                json_put_string(&writer, former->settings[i].path, former->settings[i].value);
        json_end_object(&writer);
        json_end_object(&writer);
        return json_writer_take(&writer);
}

int tuning_record_write(struct plugin_call *call, const struct netlink *container, const struct tuning_values *former,
                        struct error *err) {
        _cleanup_free_ char *name = record_name(call), *namespace = namespace_text(call, container), *text = NULL;
        struct tuning_values all = *former;
        _cleanup_fd_ int dir = -1;
        int r;

        r = path_make_trusted_dirs(former->data_dir, 0700, err);
        if (r < 0)
                return error_wrap(err, "dataDir");
        dir = open(former->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return error_errno(err, errno, "dataDir: %s", former->data_dir);
        merge_record(call, dir, namespace, &all);
        text = record_text(call, &all, namespace);
        r = file_write_new(dir, name, text, strlen(text), 0600, err);
        return r < 0 ? error_wrap(err, "%s", former->data_dir) : 0;
}

int tuning_record_read(struct plugin_call *call, struct tuning_values *former) {
        _cleanup_fd_ int dir = open(former->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return dir < 0 ? 0 : read_record(call, dir, former, NULL);
}

int tuning_record_remove(struct plugin_call *call, const char *data_dir, struct error *err) {
        _cleanup_free_ char *name = record_name(call), *path = path_join(data_dir, name);

        if (unlink(path) < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s", path);
        return 0;
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

int tuning_record_collect(struct plugin_call *call, const char *data_dir, struct error *err) {
        _cleanup_dir_ DIR *dir = opendir(data_dir);
        const struct dirent *entry;

        if (!dir)
                return errno == ENOENT ? 0 : error_errno(err, errno, "dataDir: %s", data_dir);
        while ((entry = readdir(dir)))
                if (str_ends_with(entry->d_name, SUFFIX) && is_stale(call, dirfd(dir), entry->d_name) &&
                    unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        return error_errno(err, errno, "%s/%s", data_dir, entry->d_name);
        return 0;
}
