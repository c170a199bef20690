#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "../lib/str.h"
#include "attach.h"

/* Configurations are small; a published range of ports is the largest thing in one. */
#define INPUT_MAX ((size_t) 8 * 1024 * 1024)

enum need { NEED_CONTAINER = 1, NEED_NETNS = 2, NEED_IFNAME = 4, NEED_CONF = 8 };

struct command_row {
        const char *name;
        enum plugin_command command;
        unsigned int needs;
        const char *since; /* the version that has the command */
};

static const struct command_row commands[] = {
        {"ADD", PLUGIN_ADD, NEED_CONTAINER | NEED_NETNS | NEED_IFNAME | NEED_CONF, "0.3.0"},
        {"DEL", PLUGIN_DEL, NEED_CONTAINER | NEED_IFNAME | NEED_CONF, "0.3.0"},
        {"CHECK", PLUGIN_CHECK, NEED_CONTAINER | NEED_NETNS | NEED_IFNAME | NEED_CONF, "0.4.0"},
        {"STATUS", PLUGIN_STATUS, NEED_CONF, "1.1.0"},
        {"GC", PLUGIN_GC, NEED_CONF, "1.1.0"},
        {"VERSION", PLUGIN_VERSION, 0, "0.3.0"},
};

/* CNI's code for a failure whose place gave none. */
static int code_of_errno(int code) {
        static const struct {
                int number;
                int code;
        } rows[] = {{EINVAL, CNI_CODE_INVALID_CONFIG},
                    {ERANGE, CNI_CODE_INVALID_CONFIG},
                    {E2BIG, CNI_CODE_INVALID_CONFIG},
                    {ENOTSUP, CNI_CODE_UNSUPPORTED_FIELD},
                    {EPROTONOSUPPORT, CNI_CODE_INCOMPATIBLE_VERSION},
                    {EAGAIN, CNI_CODE_TRY_AGAIN}};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].number == code)
                        return rows[i].code;
        return CNI_CODE_PLUGIN;
}

static const char *environment(const char *name) {
        const char *value = getenv(name);

        return value ? value : "";
}

/* "KEY=VALUE;KEY=VALUE": keys that are not known are others' business. */
static int check_arguments(struct plugin_call *call, struct error *err) {
        for (const char *item = call->arguments; *item;) {
                size_t length = strcspn(item, ";"), key = strcspn(item, "=;");

                if (length > 0 && (key == 0 || key == length))
                        return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                           "CNI_ARGS: '%.*s' is not KEY=VALUE", (int) (length < 64 ? length : 64),
                                           item);
                item += length + (item[length] == ';');
        }
        return 0;
}

static int read_environment(struct plugin_call *call, const struct command_row *row, struct error *err) {
        const struct {
                unsigned int need;
                const char *name;
                const char **target;
        } variables[] = {{NEED_CONTAINER, "CNI_CONTAINERID", &call->container_id},
                         {NEED_NETNS, "CNI_NETNS", &call->netns},
                         {NEED_IFNAME, "CNI_IFNAME", &call->ifname}};
        _cleanup_str_buf_ struct str_buf missing = {0};

        call->path = environment("CNI_PATH");
        call->arguments = environment("CNI_ARGS");
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                *variables[i].target = environment(variables[i].name);
                if (row->needs & variables[i].need && (*variables[i].target)[0] == '\0')
                        str_buf_printf(&missing, "%s%s", missing.size ? ", " : "", variables[i].name);
        }
        if (missing.size)
                return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL, "%s: required by %s, but not set",
                                   missing.data, row->name);
        if (call->container_id[0] && !path_is_id(call->container_id))
                return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                   "CNI_CONTAINERID: '%.64s': must begin with a letter or digit, then letters, digits, "
                                   "_ . and -, %d at most",
                                   call->container_id, NAME_MAX);
        if (row->needs & NEED_IFNAME && !attach_link_name_is_valid(call->ifname))
                return plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                                   "CNI_IFNAME: '%.64s' is not a name for a network link (1 to %d characters, no / : "
                                   "or blank)",
                                   call->ifname, IFNAMSIZ - 1);
        return check_arguments(call, err);
}

/* Attaching the plugin's own namespace to itself is never what was meant, and would be hard to undo. */
static int refuse_own_netns(struct plugin_call *call, int fd, struct error *err) {
        const char *override = environment("CNI_NETNS_OVERRIDE");
        struct stat theirs, own;

        if (str_equal(override, "1") || str_equal(override, "true"))
                return 0;
        if (fstat(fd, &theirs) < 0 || stat("/proc/self/ns/net", &own) < 0)
                return error_errno(err, errno, "CNI_NETNS: %s", call->netns);
        if (theirs.st_dev != own.st_dev || theirs.st_ino != own.st_ino)
                return 0;
        (void) plugin_fail(call, CNI_CODE_INVALID_ENVIRONMENT, err, EINVAL,
                           "CNI_NETNS: %s: this is the network namespace the plugin itself runs in", call->netns);
        return error_hint(err, "name the container's namespace, such as /run/netns/NAME, or set CNI_NETNS_OVERRIDE=1");
}

/* Opens the container's namespace. On DEL one that is gone is no error. */
static int open_netns(struct plugin_call *call, struct error *err) {
        _cleanup_fd_ int fd = -1;
        struct statfs fs;
        int r;

        if (call->netns[0] == '\0')
                return 0;
        fd = open(call->netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && call->command == PLUGIN_DEL)
                return 0;
        if (fd < 0)
                return plugin_fail(call, errno == ENOENT ? CNI_CODE_UNKNOWN_CONTAINER : CNI_CODE_IO_FAILURE, err, errno,
                                   "CNI_NETNS: %s: %s", call->netns, strerror(errno));
        if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC) {
                /* What is left of a namespace that was unmounted: an empty file. */
                if (call->command == PLUGIN_DEL)
                        return 0;
                return plugin_fail(call, CNI_CODE_UNKNOWN_CONTAINER, err, EINVAL,
                                   "CNI_NETNS: %s is not a network namespace", call->netns);
        }
        r = refuse_own_netns(call, fd, err);
        if (r >= 0) {
                call->netns_fd = take_fd(&fd);
        } else if (call->command == PLUGIN_DEL) {
                /* The container's is gone: its path, by a process's number, has become another's. */
                error_clear(err);
                call->code = r = 0;
        }
        return r;
}

static int parse_valid_attachments(struct plugin_call *call, struct error *err) {
        /* Some runtimes call it so, as an example in the specification did. */
        static const char *const names[] = {"cni.dev/valid-attachments", "cni.dev/attachments"};
        const struct json *list = NULL;
        bool given = false;
        size_t i = 0;
        int r = 0;

        if (call->command != PLUGIN_GC)
                return 0;
        for (size_t n = 0; r >= 0 && !list && n < ARRAY_SIZE(names); n++) {
                r = json_get_array(call->conf, names[n], &list, err);
                /* libcni writes null when no attachment is valid. */
                given |= json_has(call->conf, names[n]);
        }
        if (r < 0)
                return r;
        if (!given)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "cni.dev/valid-attachments: GC needs it, but it is missing");
        call->valid = arena_alloc(call->arena, list ? list->count + 1 : 1, sizeof(*call->valid));
        for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
                const struct json *id, *ifname;

                r = json_require(item, "containerID", &id, err);
                if (r >= 0)
                        r = json_expect(id, JSON_STRING, err);
                if (r >= 0)
                        r = json_require(item, "ifname", &ifname, err);
                if (r >= 0)
                        r = json_expect(ifname, JSON_STRING, err);
                if (r < 0)
                        return r;
                call->valid[i++] = (struct cni_attachment){.container_id = id->text, .ifname = ifname->text};
        }
        call->valid_count = i;
        return 0;
}

static int parse_version(struct plugin_call *call, const struct command_row *row, struct error *err) {
        const char *version = NULL;
        int r;

        r = json_get_string(call->conf, "cniVersion", &version, err);
        if (r < 0)
                return r;
        if (str_empty(version))
                return plugin_fail(call, CNI_CODE_INCOMPATIBLE_VERSION, err, EINVAL,
                                   "cniVersion: required, but missing");
        if (!cni_version_supported(version)) {
                (void) plugin_fail(call, CNI_CODE_INCOMPATIBLE_VERSION, err, EPROTONOSUPPORT,
                                   "cniVersion: %.32s is not supported", version);
                return error_hint(err, "supported are 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0");
        }
        call->version = version;
        if (cni_version_compare(version, row->since) < 0)
                return plugin_fail(call, CNI_CODE_INCOMPATIBLE_VERSION, err, EPROTONOSUPPORT,
                                   "%s: cniVersion %s does not have it, %s does", row->name, version, row->since);
        return 0;
}

/* DEL does what it can without a result that makes no sense. */
static int parse_previous(struct plugin_call *call, struct error *err) {
        const struct json *previous = NULL;
        struct error own = {0};
        int r = json_get_object(call->conf, "prevResult", &previous, &own);

        if (r >= 0 && previous)
                r = cni_result_parse(call->arena, previous, &call->previous, &own);
        call->has_previous = r >= 0 && previous;
        if (r >= 0)
                return 0;
        call->previous = (struct cni_result){0};
        if (call->command == PLUGIN_DEL) {
                log_warning("%s: DEL goes on without", own.message);
                return 0;
        }
        *err = own;
        return r;
}

static int parse_conf(struct plugin_call *call, const struct command_row *row, struct error *err) {
        /* The reference plugins tell no capitals from small letters in names of members. */
        static const struct json_limits limits = {.fold_keys = true};
        int r;

        r = json_parse(call->arena, call->input, call->input_size, &limits, &call->conf, err);
        if (r >= 0)
                r = json_expect(call->conf, JSON_OBJECT, err);
        if (r < 0) {
                call->code = CNI_CODE_DECODING_FAILURE;
                return error_wrap(err, "standard input");
        }
        r = parse_version(call, row, err);
        if (r >= 0)
                r = json_get_string(call->conf, "name", &call->network, err);
        if (r >= 0)
                r = json_get_string(call->conf, "type", &call->type, err);
        if (r >= 0)
                r = json_get_object(call->conf, "runtimeConfig", &call->runtime, err);
        if (r >= 0)
                r = parse_valid_attachments(call, err);
        if (r < 0)
                return r;
        if (!call->network || !path_is_id(call->network))
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                   "name: %s%.64s%s: must begin with a letter or digit, then letters, digits, _ . "
                                   "and -",
                                   call->network ? "'" : "", call->network ? call->network : "missing",
                                   call->network ? "'" : "");
        return parse_previous(call, err);
}

static int find_plugin(struct plugin_call *call, const char *type, const struct plugin **out, struct error *err) {
        const char *wanted = type ? type : call->type;

        if (!wanted)
                return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL, "type: required, but missing");
        *out = plugin_find(wanted);
        if (!*out) {
                (void) plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EOPNOTSUPP,
                                   "type %.64s: not supported in this build", wanted);
                return error_hint(err, "`netplug --help` lists the types");
        }
        call->type = (*out)->type;
        return 0;
}

/* Unlike all others, VERSION may come without standard input, or with anything on it. */
static void print_versions(const struct plugin_call *call) {
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        const struct json *conf = NULL;
        const char *version = NULL;

        if (json_parse(call->arena, call->input, call->input_size, NULL, &conf, NULL) >= 0)
                (void) json_get_string(conf, "cniVersion", &version, NULL);
        json_begin_object(&writer, NULL);
        json_put_string(&writer, "cniVersion",
                        version && cni_version_supported(version) ? version : CNI_VERSION_LATEST);
        json_put_strings(&writer, "supportedVersions", cni_versions);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        (void) printf("%s\n", text);
}

static int run_add(const struct plugin *plugin, struct plugin_call *call, struct error *err) {
        struct cni_result result = call->previous;
        _cleanup_free_ char *text = NULL;
        int r;

        r = plugin->add(call, &result, err);
        if (r < 0)
                return r;
        text = cni_result_write(&result, call->version);
        if (printf("%s\n", text) < 0 || fflush(stdout) != 0) {
                r = plugin_fail(call, CNI_CODE_IO_FAILURE, err, errno, "cannot write the result: %s", strerror(errno));
                call->command = PLUGIN_DEL;
                call->command_name = "DEL";
                (void) plugin->del(call, NULL);
                call->code = CNI_CODE_IO_FAILURE;
        }
        return r;
}

static int run_command(struct plugin_call *call, const char *type, const struct command_row *row, struct error *err) {
        const struct plugin *plugin;
        int r;

        r = read_environment(call, row, err);
        if (r < 0)
                return r;
        if (row->command == PLUGIN_VERSION) {
                print_versions(call);
                return 0;
        }
        r = parse_conf(call, row, err);
        if (r >= 0)
                r = find_plugin(call, type, &plugin, err);
        if (r >= 0 && !plugin->without_netns && row->needs & NEED_CONTAINER)
                r = open_netns(call, err);
        if (r < 0)
                return r;
        switch (row->command) {
        case PLUGIN_ADD:
                return run_add(plugin, call, err);
        case PLUGIN_DEL:
                return plugin->del(call, err);
        case PLUGIN_CHECK:
                if (!call->has_previous)
                        return plugin_fail(call, CNI_CODE_INVALID_CONFIG, err, EINVAL,
                                           "prevResult: CHECK needs it, but it is missing");
                return plugin->check(call, err);
        case PLUGIN_STATUS:
                r = plugin->status(call, err);
                if (r < 0 && !call->code)
                        call->code = CNI_CODE_PLUGIN_UNAVAILABLE;
                return r;
        case PLUGIN_GC:
                return plugin->gc(call, err);
        case PLUGIN_VERSION:
                break;
        }
        return 0;
}

static const struct command_row *find_command(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (str_equal(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

static void print_error(const struct plugin_call *call, const struct error *err) {
        const char *version = call->version && cni_version_supported(call->version) ? call->version : NULL;
        _cleanup_free_ char *text =
                cni_error_write(version, call->code ? call->code : code_of_errno(err->code), err->message, err->hint);

        (void) printf("%s\n", text);
}

int call_run(const char *type) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct plugin_call call = {.arena = arena, .netns_fd = -1};
        const struct command_row *row = find_command(environment("CNI_COMMAND"));
        _cleanup_free_ char *input = NULL;
        struct error err = {0};
        int r = 0;

        /* A result that nobody reads is an error, after which ADD has to undo what it did. */
        (void) signal(SIGPIPE, SIG_IGN);
        if (!row)
                r = plugin_fail(&call, CNI_CODE_INVALID_ENVIRONMENT, &err, EINVAL,
                                "CNI_COMMAND: '%.32s' is none of ADD, DEL, CHECK, STATUS, GC and VERSION",
                                environment("CNI_COMMAND"));
        if (row && (row->needs & NEED_CONF || !isatty(STDIN_FILENO))) {
                r = fd_read_all(STDIN_FILENO, INPUT_MAX, &input, &call.input_size);
                if (r < 0 && row->command != PLUGIN_VERSION)
                        (void) plugin_fail(&call, CNI_CODE_IO_FAILURE, &err, -r, "cannot read standard input: %s",
                                           strerror(-r));
                else
                        r = 0;
                call.input = input;
        }
        if (row && r >= 0) {
                call.command = row->command;
                call.command_name = row->name;
                r = run_command(&call, type, row, &err);
        }
        fd_close_at(&call.netns_fd);
        if (r >= 0)
                return EXIT_SUCCESS;
        print_error(&call, &err);
        return EXIT_FAILURE;
}
