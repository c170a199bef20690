#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../linux/cgroup.h"

#define SPEC_FILE "config.json"

struct options {
        const char *bundle;
        const char *file;
        bool rootless;
};

#define AT(field) offsetof(struct options, field)

const struct option_row spec_options_table[] = {
        {"bundle", 'b', NULL, OPTION_STRING, AT(bundle), "DIR", "where to write (default: the current directory)"},
        {"file", 'f', NULL, OPTION_STRING, AT(file), "FILE", "write this file instead of config.json"},
        {"rootless", 0, NULL, OPTION_FLAG, AT(rootless), NULL, "for a user without privileges"},
        {0},
};

#define OPTIONS(...)                                                                                                   \
        (const char *const[]) {                                                                                        \
                __VA_ARGS__, NULL                                                                                      \
        }

static const char *const capability_names[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL};

static const struct runtime_capabilities capabilities = {
        .bounding = capability_names,
        .effective = capability_names,
        .permitted = capability_names,
};

static const struct runtime_rlimit rlimits[] = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}};

static const struct runtime_process process = {
        .terminal = true,
        .args = OPTIONS("sh"),
        .env = OPTIONS("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"),
        .cwd = "/",
        .capabilities = &capabilities,
        .rlimits = rlimits,
        .rlimit_count = ARRAY_SIZE(rlimits),
        .no_new_privileges = true,
};

static const struct runtime_root root = {.path = "rootfs", .readonly = true};

#define MOUNT(to, kind, from, ...)                                                                                     \
        { .destination = (to), .type = (kind), .source = (from), .options = OPTIONS(__VA_ARGS__) }
#define MOUNT_PROC MOUNT("/proc", "proc", "proc", "nosuid", "noexec", "nodev")
#define MOUNT_DEV MOUNT("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
#define MOUNT_SHM MOUNT("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k")
#define MOUNT_MQUEUE MOUNT("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")

static const struct runtime_mount mounts[] = {
        MOUNT_PROC,
        MOUNT_DEV,
        MOUNT("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        MOUNT_SHM,
        MOUNT_MQUEUE,
        MOUNT("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        MOUNT("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
};

/* A user namespace has no group 5, and without a network namespace no sysfs of its own. */
static const struct runtime_mount rootless_mounts[] = {
        MOUNT_PROC,
        MOUNT_DEV,
        MOUNT("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        MOUNT_SHM,
        MOUNT_MQUEUE,
        MOUNT("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro"),
};

static const char *const masked_paths[] = {"/proc/acpi",
                                           "/proc/asound",
                                           "/proc/kcore",
                                           "/proc/keys",
                                           "/proc/latency_stats",
                                           "/proc/timer_list",
                                           "/proc/timer_stats",
                                           "/proc/sched_debug",
                                           "/sys/firmware",
                                           "/proc/scsi",
                                           NULL};

static const char *const readonly_paths[] = {"/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
                                             "/proc/sysrq-trigger", NULL};

static const struct runtime_device_rule device_rules[] = {{.allow = false, .type = 'a', .access = "rwm"}};

static const struct runtime_resources resources = {.devices = device_rules, .device_count = ARRAY_SIZE(device_rules)};

static void fill(struct runtime_config *config, bool rootless, const struct runtime_id_mapping maps[2]) {
        static const enum runtime_namespace_type types[] = {NAMESPACE_PID, NAMESPACE_NETWORK, NAMESPACE_IPC,
                                                            NAMESPACE_UTS, NAMESPACE_MOUNT};
        struct runtime_linux *linux_ = &config->linux_;

        *config = (struct runtime_config){
                .oci_version = SPEC_VERSION, .root = &root, .process = &process, .hostname = PROGRAM, .mounts = mounts};
        config->mount_count = ARRAY_SIZE(mounts);
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                linux_->namespaces[types[i]].present = true;
        /* As runc: on v1 the bind mounts at /sys/fs/cgroup already show the container's own cgroups alone. */
        linux_->namespaces[NAMESPACE_CGROUP].present = cgroup_host_unified();
        linux_->masked_paths = masked_paths;
        linux_->readonly_paths = readonly_paths;
        if (!rootless) {
                linux_->resources = &resources;
                return;
        }
        config->mounts = rootless_mounts;
        config->mount_count = ARRAY_SIZE(rootless_mounts);
        linux_->namespaces[NAMESPACE_NETWORK].present = false;
        linux_->namespaces[NAMESPACE_USER].present = true;
        linux_->uid_mappings = (struct runtime_id_mappings){.items = &maps[0], .count = 1};
        linux_->gid_mappings = (struct runtime_id_mappings){.items = &maps[1], .count = 1};
}

static int write_spec(const struct options *options, struct error *err) {
        const struct runtime_id_mapping maps[2] = {{.host_id = geteuid(), .size = 1},
                                                   {.host_id = getegid(), .size = 1}};
        _cleanup_json_writer_ struct json_writer writer = {.indent = 4};
        _cleanup_fd_ int directory = open(options->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct runtime_config config;
        _cleanup_free_ char *text = NULL;

        if (directory < 0)
                return error_errno(err, errno, "--bundle: %s", options->bundle);
        if (faccessat(directory, options->file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return error_set(err, EEXIST, "file %s exists. Remove it first", options->file);
        fill(&config, options->rootless, maps);
        runtime_config_write(&writer, &config);
        str_buf_add(&writer.out, "\n");
        text = json_writer_take(&writer);
        return file_write_atomic(directory, options->file, text, __builtin_strlen(text), 0666, err);
}

int cmd_spec(const struct command *command, void *context, int argc, char **argv) {
        struct options options = {.bundle = ".", .file = SPEC_FILE};
        struct error err = {0};
        int r = cmd_parse(command, &options, &argc, &argv);

        (void) context;
        if (r >= 0)
                return r;
        return write_spec(&options, &err) < 0 ? cmd_fail(&err) : 0;
}
