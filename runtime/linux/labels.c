#include "labels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "procfs.h"

#define APPARMOR_SWITCH "/sys/module/apparmor/parameters/enabled"

static bool wants_apparmor(const struct runtime_process *process) {
        return !str_empty(process->apparmor_profile) && !str_equal(process->apparmor_profile, "unconfined");
}

static bool has_apparmor(void) {
        _cleanup_fd_ int fd = open(APPARMOR_SWITCH, O_RDONLY | O_CLOEXEC);
        char answer = 'N';

        return fd >= 0 && read(fd, &answer, 1) == 1 && answer == 'Y';
}

static bool has_selinux(void) {
        struct statfs fs;

        return statfs("/sys/fs/selinux", &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

int labels_check(const struct runtime_process *process, struct error *err) {
        if (wants_apparmor(process) && !has_apparmor())
                return error_set(err, ENOTSUP, "process.apparmorProfile: AppArmor is not enabled on this host");
        if (!str_empty(process->selinux_label) && !has_selinux())
                return error_set(err, ENOTSUP, "process.selinuxLabel: SELinux is not enabled on this host");
        return 0;
}

int labels_check_mounts(const char *label, struct error *err) {
        if (!str_empty(label) && !has_selinux())
                return error_set(err, ENOTSUP, "linux.mountLabel: SELinux is not enabled on this host");
        return 0;
}

/* Since Linux 5.8 AppArmor has files of its own, beside those that several modules would share. */
static int apply_apparmor(const char *profile, int proc_fd, struct error *err) {
        _cleanup_free_ char *text = str_format("exec %s", profile);
        int r = procfs_write_self(proc_fd, "attr/apparmor/exec", text, err);

        if (r == -ENOENT)
                r = procfs_write_self(proc_fd, "attr/exec", text, err);
        if (r < 0) {
                error_errno(err, -r, "process.apparmorProfile: %s", profile);
                return r == -ENOENT ? error_hint(err, "the profile must have been loaded") : r;
        }
        return 0;
}

int labels_apply(const struct runtime_process *process, int proc_fd, struct error *err) {
        int r;

        if (!str_empty(process->selinux_label) &&
            (r = procfs_write_self(proc_fd, "attr/exec", process->selinux_label, err)) < 0)
                return error_errno(err, -r, "process.selinuxLabel: %s", process->selinux_label);
        return wants_apparmor(process) ? apply_apparmor(process->apparmor_profile, proc_fd, err) : 0;
}

int labels_apply_keyring(const struct runtime_process *process, int proc_fd, struct error *err) {
        int r;

        if (str_empty(process->selinux_label))
                return 0;
        r = procfs_write_self(proc_fd, "attr/keycreate", process->selinux_label, err);
        return r < 0 ? error_errno(err, -r, "process.selinuxLabel: %s: of the session keyring", process->selinux_label)
                     : 0;
}
