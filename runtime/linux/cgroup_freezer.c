/* Both freezers of the kernel: cgroup.freeze of v2, the "freezer" controller of v1. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

#define FREEZE_TIMEOUT_MS 5000

static int64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int timed_out(struct error *err, bool frozen) {
        error_set(err, ETIMEDOUT, "the container's processes did not %s within %d s", frozen ? "freeze" : "thaw",
                  FREEZE_TIMEOUT_MS / 1000);
        return error_hint(err, "a process may be in an uninterruptible sleep: see state D in ps");
}

static int read_events(int fd, uint64_t *frozen) {
        char text[256];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        return cgroup_text_number(text, "frozen", frozen) ? 0 : -ENODATA;
}

int cgroup_v2_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        _cleanup_fd_ int events = -1;
        int64_t deadline = now_ms() + FREEZE_TIMEOUT_MS;
        int r;

        if (dir_fd < 0)
                return error_errno(err, -dir_fd, "%s", cgroup->hierarchies[cgroup->unified].directory);
        events = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        if (events < 0)
                return error_errno(err, errno, "cannot watch the freezer");
        r = cgroup_file_put(dir_fd, "cgroup.freeze", frozen ? "1" : "0");
        if (r < 0)
                return error_errno(err, -r, "cannot %s the container", frozen ? "freeze" : "thaw");

        for (;;) {
                struct pollfd watch = {.fd = events, .events = POLLPRI};
                uint64_t state = 0;
                int64_t left;

                r = read_events(events, &state);
                if (r < 0)
                        return error_errno(err, -r, "cannot read the freezer's state");
                if (state == frozen)
                        return 0;
                left = deadline - now_ms();
                if (left <= 0)
                        break;
                (void) poll(&watch, 1, (int) left);
        }
        /* A half-frozen container is of no use to anyone. */
        if (frozen)
                (void) cgroup_file_put(dir_fd, "cgroup.freeze", "0");
        return timed_out(err, frozen);
}

int cgroup_v2_frozen(const struct cgroup *cgroup, struct error *err) {
        int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);
        uint64_t frozen = 0;
        int r = dir_fd < 0 ? dir_fd : cgroup_file_get_number(dir_fd, "cgroup.freeze", &frozen);

        /* Gone, or the root, which has no freezer: nothing there is frozen. */
        if (r == -ENOENT || r == -ENODEV)
                return 0;
        return r < 0 ? error_errno(err, -r, "cannot read the freezer's state") : frozen == 1;
}

static int freezer_directory(const struct cgroup *cgroup, struct error *err) {
        int index = cgroup_find_controller(cgroup, "freezer");
        int dir_fd;

        if (index < 0) {
                error_set(err, EOPNOTSUPP, "this host has no freezer for the container");
                return error_hint(err, "mount the freezer controller or a cgroup2 tree");
        }
        dir_fd = cgroup_directory(cgroup, (size_t) index);
        return dir_fd < 0 ? error_errno(err, -dir_fd, "%s", cgroup->hierarchies[index].directory) : dir_fd;
}

int cgroup_v1_freeze(const struct cgroup *cgroup, bool frozen, struct error *err) {
        int dir_fd = freezer_directory(cgroup, err);
        const char *wanted = frozen ? "FROZEN" : "THAWED";
        int64_t deadline = now_ms() + FREEZE_TIMEOUT_MS;

        if (dir_fd < 0)
                return dir_fd;
        do {
                const struct timespec pause = {.tv_nsec = 1000000};
                char state[32];
                int r = cgroup_file_put(dir_fd, "freezer.state", wanted);

                if (r == 0)
                        r = cgroup_file_get(dir_fd, "freezer.state", state, sizeof(state));
                if (r < 0)
                        return error_errno(err, -r, "cannot %s the container", frozen ? "freeze" : "thaw");
                if (str_starts_with(state, wanted))
                        return 0;
                /* This freezer cannot be polled; writing again makes it look again. */
                nanosleep(&pause, NULL);
        } while (now_ms() < deadline);

        if (frozen)
                (void) cgroup_file_put(dir_fd, "freezer.state", "THAWED");
        return timed_out(err, frozen);
}

int cgroup_v1_frozen(const struct cgroup *cgroup, struct error *err) {
        int index = cgroup_find_controller(cgroup, "freezer");
        int dir_fd = index < 0 ? -ENOENT : cgroup_directory(cgroup, (size_t) index);
        char state[32];
        int r = dir_fd < 0 ? dir_fd : cgroup_file_get(dir_fd, "freezer.state", state, sizeof(state));

        if (r == -ENOENT || r == -ENODEV)
                return 0;
        return r < 0 ? error_errno(err, -r, "cannot read the freezer's state") : !str_starts_with(state, "THAWED");
}

/* As the drivers choose: the newer freezer where there is one. */
const char *cgroup_freezer_directory(const struct cgroup *cgroup) {
        int index = cgroup->unified >= 0 ? cgroup->unified : cgroup_find_controller(cgroup, "freezer");

        return index < 0 ? NULL : cgroup->hierarchies[index].directory;
}
