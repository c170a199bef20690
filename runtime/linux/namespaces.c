#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "procfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

uint64_t namespaces_flag(enum runtime_namespace_type type) {
        static const uint64_t flags[NAMESPACE_TYPE_COUNT] = {
                [NAMESPACE_MOUNT] = CLONE_NEWNS,      [NAMESPACE_PID] = CLONE_NEWPID,
                [NAMESPACE_NETWORK] = CLONE_NEWNET,   [NAMESPACE_UTS] = CLONE_NEWUTS,
                [NAMESPACE_IPC] = CLONE_NEWIPC,       [NAMESPACE_USER] = CLONE_NEWUSER,
                [NAMESPACE_CGROUP] = CLONE_NEWCGROUP, [NAMESPACE_TIME] = CLONE_NEWTIME,
        };

        return flags[type];
}

/* What the kernel calls a kind of namespace in /proc/PID/ns. */
static const char *ns_file(enum runtime_namespace_type type) {
        switch (type) {
        case NAMESPACE_MOUNT:
                return "mnt";
        case NAMESPACE_NETWORK:
                return "net";
        default:
                return runtime_namespace_type_name(type);
        }
}

static bool is_own(enum runtime_namespace_type type, const struct stat *other) {
        char path[32];
        struct stat own;

        (void) snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_file(type));
        return stat(path, &own) == 0 && own.st_dev == other->st_dev && own.st_ino == other->st_ino;
}

bool namespaces_is_own(enum runtime_namespace_type type, const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && is_own(type, &st);
}

static int open_namespace(enum runtime_namespace_type type, const char *path, struct error *err) {
        const char *name = runtime_namespace_type_name(type);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        int kind;

        if (fd < 0)
                return error_errno(err, errno, "linux.namespaces: %s: path %s", name, path);
        kind = ioctl(fd, NS_GET_NSTYPE);
        if (kind < 0 || (uint64_t) kind != namespaces_flag(type))
                return error_set(err, EINVAL, "linux.namespaces: %s: path %s: not a %s namespace", name, path, name);
        return take_fd(&fd);
}

int namespaces_prepare(const struct runtime_linux *config, struct namespace_plan *out, struct error *err) {
        bool joins = false;

        *out = (struct namespace_plan){0};
        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                out->join[i] = -1;
        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++) {
                const struct runtime_namespace *namespace = &config->namespaces[i];
                struct stat st;

                if (!namespace->present)
                        continue;
                if (str_empty(namespace->path)) {
                        if (i == NAMESPACE_CGROUP)
                                out->new_cgroup = true;
                        else if (i == NAMESPACE_TIME)
                                out->new_time = true;
                        else
                                out->create |= namespaces_flag((enum runtime_namespace_type) i);
                        continue;
                }
                out->join[i] = open_namespace((enum runtime_namespace_type) i, namespace->path, err);
                if (out->join[i] < 0)
                        return out->join[i];
                /* The kernel refuses to join the user namespace one is in already. */
                if (i == NAMESPACE_USER && fstat(out->join[i], &st) == 0 && is_own(NAMESPACE_USER, &st)) {
                        fd_close_at(&out->join[i]);
                        continue;
                }
                joins = true;
        }
        out->intermediate = out->join[NAMESPACE_PID] >= 0 || out->join[NAMESPACE_USER] >= 0 ||
                            (joins && (out->create & CLONE_NEWUSER));
        return 0;
}

void namespaces_close(struct namespace_plan *plan) {
        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                fd_close_at(&plan->join[i]);
}

static int join_one(struct namespace_plan *plan, enum runtime_namespace_type type) {
        if (plan->join[type] < 0)
                return 0;
        if (setns(plan->join[type], (int) namespaces_flag(type)) < 0)
                return -errno;
        fd_close_at(&plan->join[type]);
        return 0;
}

int namespaces_join(struct namespace_plan *plan, struct error *err) {
        /* The mount namespace last: paths of the others are of the host. */
        static const enum runtime_namespace_type order[] = {NAMESPACE_NETWORK, NAMESPACE_IPC,  NAMESPACE_UTS,
                                                            NAMESPACE_CGROUP,  NAMESPACE_TIME, NAMESPACE_PID,
                                                            NAMESPACE_MOUNT};
        int r;

        /*
         * Namespaces of the host are joined while we still are the host's root, those that
         * belong to the user namespace we join are tried again once we are in it.
         */
        for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
                r = join_one(plan, order[i]);
                if (r < 0 && !(r == -EPERM && plan->join[NAMESPACE_USER] >= 0))
                        return error_errno(err, -r, "linux.namespaces: %s: cannot be joined",
                                           runtime_namespace_type_name(order[i]));
        }
        r = join_one(plan, NAMESPACE_USER);
        if (r < 0)
                return error_errno(err, -r, "linux.namespaces: user: cannot be joined");
        for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
                r = join_one(plan, order[i]);
                if (r < 0)
                        return error_errno(err, -r, "linux.namespaces: %s: cannot be joined",
                                           runtime_namespace_type_name(order[i]));
        }
        return 0;
}

pid_t namespaces_clone(uint64_t flags, int cgroup_fd, int exit_signal) {
        struct clone_args args = {.flags = flags, .exit_signal = (uint64_t) exit_signal};
        long pid;

        if (cgroup_fd >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t) cgroup_fd;
        }
        pid = syscall(SYS_clone3, &args, sizeof(args));
        return pid < 0 ? -errno : (pid_t) pid;
}

static void put_offset(struct str_buf *text, const char *clock, const struct runtime_time_offset *offset) {
        if (offset->set)
                str_buf_printf(text, "%s %lld %u\n", clock, (long long) offset->secs, offset->nanosecs);
}

int namespaces_open_offsets(const struct runtime_linux *config, int proc_fd, int *out, struct error *err) {
        if (!config->monotonic.set && !config->boottime.set)
                return 0;
        *out = procfs_open_self(proc_fd, "timens_offsets", O_WRONLY, err);
        return *out < 0 ? error_errno(err, -*out, "linux.timeOffsets") : 0;
}

int namespaces_new_time(const struct runtime_linux *config, int offsets_fd, int proc_fd, struct error *err) {
        _cleanup_str_buf_ struct str_buf text = {0};
        _cleanup_fd_ int fd = -1;

        if (unshare(CLONE_NEWTIME) < 0)
                return error_errno(err, errno, "linux.namespaces: time");
        put_offset(&text, "monotonic", &config->monotonic);
        put_offset(&text, "boottime", &config->boottime);
        if (text.size > 0 && write(offsets_fd, text.data, text.size) < 0)
                return error_errno(err, errno, "linux.timeOffsets");
        fd = openat(proc_fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
                return error_errno(err, errno, "linux.namespaces: time");
        return 0;
}

int namespaces_loopback_up(struct error *err) {
        _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                return error_errno(err, errno, "the loopback interface cannot be set up");
        return 0;
}
