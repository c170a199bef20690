/* What goes into a request to criu: its options, by the field numbers of criu's rpc.proto. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/path.h"
#include "../../lib/protobuf.h"
#include "criu.h"

enum option {
        OPTION_IMAGES_DIR_FD = 1,
        OPTION_PID = 2,
        OPTION_LEAVE_RUNNING = 3,
        OPTION_EXT_UNIX_SK = 4,
        OPTION_TCP_ESTABLISHED = 5,
        OPTION_EVASIVE_DEVICES = 6,
        OPTION_SHELL_JOB = 7,
        OPTION_FILE_LOCKS = 8,
        OPTION_LOG_LEVEL = 9,
        OPTION_LOG_FILE = 10,
        OPTION_PAGE_SERVER = 11,
        OPTION_NOTIFY_SCRIPTS = 12,
        OPTION_ROOT = 13,
        OPTION_PARENT_IMG = 14,
        OPTION_TRACK_MEM = 15,
        OPTION_AUTO_DEDUP = 16,
        OPTION_WORK_DIR_FD = 17,
        OPTION_LINK_REMAP = 18,
        OPTION_EXT_MNT = 23,
        OPTION_MANAGE_CGROUPS = 24,
        OPTION_CG_ROOT = 25,
        OPTION_RST_SIBLING = 26,
        OPTION_INHERIT_FD = 27,
        OPTION_MANAGE_CGROUPS_MODE = 34,
        OPTION_EXTERNAL = 37,
        OPTION_EMPTY_NS = 38,
        OPTION_JOIN_NS = 39,
        OPTION_FREEZE_CGROUP = 44,
        OPTION_TCP_SKIP_IN_FLIGHT = 46,
        OPTION_LAZY_PAGES = 48,
        OPTION_ORPHAN_PTS_MASTER = 50,
        OPTION_CONFIG_FILE = 51,
        OPTION_TCP_CLOSE = 52,
        OPTION_LSM_PROFILE = 53,
        OPTION_LSM_MOUNT_CONTEXT = 63,
        OPTION_NETWORK_LOCK = 64,
};

#define LOG_LEVEL_DEBUG 4

/* A word of an option and criu's number for it. */
struct word {
        const char *name;
        unsigned int number;
};

static const struct word cgroup_modes[] = {{"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}, {0}};
static const struct word network_locks[] = {{"iptables", 1}, {"nftables", 2}, {"skip", 3}, {0}};

static int find_word(const struct word *words, const char *option, const char *text, unsigned int *out,
                     struct error *err) {
        _cleanup_str_list_ struct str_list known = {0};
        _cleanup_free_ char *joined = NULL;

        for (; words->name; words++) {
                if (str_equal(words->name, text)) {
                        *out = words->number;
                        return 0;
                }
                str_list_add(&known, words->name);
        }
        joined = str_list_join(&known, ", ");
        return error_set(err, EINVAL, "--%s: \"%s\" is none of %s", option, text, joined);
}

static void put_flag(struct criu *criu, enum option option, bool value) {
        if (value)
                protobuf_put_number(&criu->message, option, 1);
}

/* criu locks the network by iptables(8) unless told otherwise, also where there is none. */
static bool has_program(const char *name) {
        const char *path = getenv("PATH");
        _cleanup_str_list_ struct str_list directories = {0};

        str_list_split(&directories, path ? path : "", ':');
        for (size_t i = 0; i < directories.count; i++) {
                _cleanup_free_ char *file = path_join(directories.items[i], name);

                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

static int put_words(struct criu *criu, struct error *err) {
        const struct criu_options *options = criu->options;
        const char *lock = options->network_lock;
        unsigned int number = 0;
        int r;

        /* The devices of a container's network are not the runtime's, so criu gets to save none. */
        for (const char *const *name = options->empty_namespaces; name && *name; name++)
                if (!str_equal(*name, "network"))
                        return error_set(err, EINVAL, "--empty-ns: namespace \"%s\" is not supported", *name);
        protobuf_put_number(&criu->message, OPTION_EMPTY_NS, CLONE_NEWNET);

        r = find_word(cgroup_modes, "manage-cgroups-mode", options->cgroup_mode ? options->cgroup_mode : "soft",
                      &number, err);
        if (r < 0)
                return r;
        protobuf_put_number(&criu->message, OPTION_MANAGE_CGROUPS, 1);
        protobuf_put_number(&criu->message, OPTION_MANAGE_CGROUPS_MODE, number);

        if (!lock && !has_program("iptables-restore"))
                lock = "nftables";
        if (!lock)
                return 0;
        r = find_word(network_locks, "network-lock", lock, &number, err);
        if (r >= 0)
                protobuf_put_number(&criu->message, OPTION_NETWORK_LOCK, number);
        return r;
}

/* "ADDRESS:PORT", the address of IPv6 in brackets or not. */
static int put_page_server(struct criu *criu, struct error *err) {
        const char *text = criu->options->page_server;
        const char *colon = text ? strrchr(text, ':') : NULL;
        _cleanup_str_buf_ struct str_buf server = {0};
        _cleanup_free_ char *address = NULL;
        uint64_t port = 0;

        if (!text)
                return 0;
        if (!colon || colon == text || str_to_u64(colon + 1, UINT16_MAX, &port) < 0 || port == 0)
                return error_set(err, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT", text);
        if (text[0] == '[' && colon[-1] == ']')
                address = xstrndup(text + 1, (size_t) (colon - text) - 2);
        else
                address = xstrndup(text, (size_t) (colon - text));
        protobuf_put_string(&server, 1, address);
        protobuf_put_number(&server, 2, port);
        protobuf_put_message(&criu->message, OPTION_PAGE_SERVER, &server);
        return 0;
}

/* criu's own message about such a path does not name it. */
static int put_parent(struct criu *criu, struct error *err) {
        const char *path = criu->options->parent_path;
        struct stat st;

        if (!path)
                return 0;
        if (path[0] == '/') {
                error_set(err, EINVAL, "--parent-path: %s is not relative", path);
                return error_hint(err, "it starts at --image-path");
        }
        if (fstatat(criu->image_fd, path, &st, 0) < 0)
                return error_errno(err, errno, "--parent-path: %s/%s", criu->options->image_path, path);
        if (!S_ISDIR(st.st_mode))
                return error_errno(err, ENOTDIR, "--parent-path: %s/%s", criu->options->image_path, path);
        protobuf_put_string(&criu->message, OPTION_PARENT_IMG, path);
        protobuf_put_number(&criu->message, OPTION_TRACK_MEM, 1);
        return 0;
}

static int open_directory(const char *option, const char *path, bool make, struct error *err) {
        int fd;
        int r = make ? path_make_trusted_dirs(path, 0700, err) : 0;

        if (r < 0)
                return error_wrap(err, "--%s", option);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_errno(err, errno, "--%s: %s", option, path) : fd;
}

static int open_directories(struct criu *criu, struct error *err) {
        const struct criu_options *options = criu->options;

        criu->image_fd = open_directory("image-path", options->image_path, criu->action != CRIU_RESTORE, err);
        if (criu->image_fd < 0)
                return criu->image_fd;
        criu->work_fd = options->work_path ? open_directory("work-path", options->work_path, true, err)
                                           : fcntl(criu->image_fd, F_DUPFD_CLOEXEC, 0);
        return criu->work_fd < 0 ? criu->work_fd : 0;
}

static void put_flags(struct criu *criu) {
        const struct criu_options *options = criu->options;
        bool restore = criu->action == CRIU_RESTORE;

        put_flag(criu, OPTION_LEAVE_RUNNING, options->leave_running);
        put_flag(criu, OPTION_EXT_UNIX_SK, options->ext_unix_sockets);
        put_flag(criu, OPTION_TCP_ESTABLISHED, options->tcp_established);
        put_flag(criu, OPTION_TCP_SKIP_IN_FLIGHT, options->tcp_skip_in_flight);
        put_flag(criu, OPTION_TCP_CLOSE, options->tcp_close);
        put_flag(criu, OPTION_SHELL_JOB, options->shell_job);
        put_flag(criu, OPTION_FILE_LOCKS, options->file_locks);
        put_flag(criu, OPTION_AUTO_DEDUP, options->auto_dedup);
        put_flag(criu, OPTION_LINK_REMAP, options->link_remap);
        put_flag(criu, OPTION_LAZY_PAGES, options->lazy_pages);
        put_flag(criu, OPTION_ORPHAN_PTS_MASTER, true);
        put_flag(criu, OPTION_NOTIFY_SCRIPTS, true);
        put_flag(criu, OPTION_EVASIVE_DEVICES, restore);
        /* The restored init becomes our child, as one that we had made. */
        put_flag(criu, OPTION_RST_SIBLING, restore);
}

int criu_begin(struct criu *criu, enum criu_action action, const struct criu_options *options, struct error *err) {
        int r;

        criu->action = action;
        criu->options = options;
        if ((r = open_directories(criu, err)) < 0)
                return r;
        protobuf_put_number(&criu->message, OPTION_IMAGES_DIR_FD, (uint64_t) criu->image_fd);
        protobuf_put_number(&criu->message, OPTION_WORK_DIR_FD, (uint64_t) criu->work_fd);
        protobuf_put_number(&criu->message, OPTION_LOG_LEVEL, LOG_LEVEL_DEBUG);
        protobuf_put_string(&criu->message, OPTION_LOG_FILE, action == CRIU_RESTORE ? "restore.log" : "dump.log");
        protobuf_put_string(&criu->message, OPTION_LSM_PROFILE, options->lsm_profile);
        protobuf_put_string(&criu->message, OPTION_LSM_MOUNT_CONTEXT, options->lsm_mount_context);
        protobuf_put_string(&criu->message, OPTION_CONFIG_FILE, options->config_file);
        put_flags(criu);
        if ((r = put_words(criu, err)) < 0 || (r = put_page_server(criu, err)) < 0)
                return r;
        return put_parent(criu, err);
}

void criu_end(struct criu *criu) {
        fd_close_at(&criu->image_fd);
        fd_close_at(&criu->work_fd);
        str_buf_free(&criu->message);
}

void criu_put_process(struct criu *criu, pid_t pid, const char *freezer) {
        protobuf_put_number(&criu->message, OPTION_PID, (uint64_t) pid);
        protobuf_put_string(&criu->message, OPTION_FREEZE_CGROUP, freezer);
}

void criu_put_root(struct criu *criu, const char *path) {
        protobuf_put_string(&criu->message, OPTION_ROOT, path);
}

static void put_pair(struct criu *criu, enum option option, const char *first, const char *second) {
        _cleanup_str_buf_ struct str_buf pair = {0};

        protobuf_put_string(&pair, 1, first);
        protobuf_put_string(&pair, 2, second);
        protobuf_put_message(&criu->message, option, &pair);
}

void criu_put_mount(struct criu *criu, const char *key, const char *value) {
        put_pair(criu, OPTION_EXT_MNT, key, value);
}

void criu_put_namespace(struct criu *criu, const char *type, const char *path) {
        put_pair(criu, OPTION_JOIN_NS, type, path);
}

void criu_put_cgroup(struct criu *criu, const char *controller, const char *path) {
        put_pair(criu, OPTION_CG_ROOT, controller, path);
}

void criu_put_external(struct criu *criu, const char *text) {
        protobuf_put_string(&criu->message, OPTION_EXTERNAL, text);
}

int criu_put_file(struct criu *criu, int fd, const char *key, struct error *err) {
        _cleanup_str_buf_ struct str_buf file = {0};

        if (criu->inherited_count == CRIU_FDS_MAX)
                return error_set(err, E2BIG, "more than %d files for criu", CRIU_FDS_MAX);
        criu->inherited[criu->inherited_count++] = fd;
        protobuf_put_string(&file, 1, key);
        protobuf_put_number(&file, 2, (uint64_t) fd);
        protobuf_put_message(&criu->message, OPTION_INHERIT_FD, &file);
        return 0;
}
