#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../runtime/linux/procfs.h"

/* Runs a test with mounts of its own, in a process that ends with 0 when all was as expected. */
static void in_own_mounts(int (*test)(void)) {
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
                if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(77);
                _exit(test());
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* As an attacker would: a file of his over one that the runtime is to write. */
static int cover(const char *path) {
        char forged[] = "/tmp/procfs-test-XXXXXX";
        _cleanup_fd_ int fd = mkstemp(forged);
        int r = fd < 0 ? -1 : mount(forged, path, NULL, MS_BIND, NULL);

        (void) unlink(forged);
        return r;
}

static int write_under_cover(void) {
        _cleanup_free_ char *path = str_format("/proc/%d/oom_score_adj", (int) getpid());
        _cleanup_fd_ int plain = -1;
        _cleanup_fd_ int own = -1;
        char text[8] = "";
        struct error err = {0};
        int fd;

        if (cover(path) < 0)
                return 77;
        plain = procfs_open(PROCFS_READ, &err);
        if (plain < 0 || procfs_write_process(plain, getpid(), "oom_score_adj", "500", &err) != -EXDEV)
                return 1;
        own = procfs_open(PROCFS_PROCESSES, &err);
        if (own < 0 || procfs_write_self(own, "oom_score_adj", "500", &err) != 0)
                return 2;
        if (umount(path) < 0)
                return 3;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && read(fd, text, sizeof(text) - 1) == 4 && str_equal(text, "500\n") ? 0 : 4;
}

static void a_write_lands_in_proc_whatever_covers_it(void **state) {
        (void) state;
        in_own_mounts(write_under_cover);
}

static int covered_root(void) {
        struct error err = {0};

        if (mount("tmpfs", "/proc", "tmpfs", 0, NULL) < 0)
                return 77;
        return procfs_open(PROCFS_READ, &err) == -EINVAL ? 0 : 1;
}

static void what_is_mounted_over_proc_is_not_taken_for_it(void **state) {
        (void) state;
        in_own_mounts(covered_root);
}

static int only_what_is_needed(void) {
        struct error err = {0};
        struct stat st;
        _cleanup_fd_ int processes = procfs_open(PROCFS_PROCESSES, &err);
        _cleanup_fd_ int all = procfs_open(PROCFS_ALL, &err);

        if (fstatat(all, "sys/kernel/shmmax", &st, 0) < 0)
                return 1;
        if (fstatat(processes, "self/oom_score_adj", &st, 0) < 0)
                return 2;
        return fstatat(processes, "sysrq-trigger", &st, 0) < 0 ? 0 : 3;
}

static void for_processes_there_is_nothing_else(void **state) {
        (void) state;
        in_own_mounts(only_what_is_needed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_write_lands_in_proc_whatever_covers_it),
                cmocka_unit_test(what_is_mounted_over_proc_is_not_taken_for_it),
                cmocka_unit_test(for_processes_there_is_nothing_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
