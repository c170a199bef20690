/* Being told when the kernel kills a process of the cgroup for lack of memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "cgroup_private.h"

static uint64_t count_kills(int dir_fd) {
        char text[512];
        uint64_t count = 0;

        if (cgroup_file_get(dir_fd, "memory.events", text, sizeof(text)) >= 0)
                (void) cgroup_text_number(text, "oom_kill", &count);
        return count;
}

static int watch_v2(int dir_fd, struct cgroup_oom *out, struct error *err) {
        out->fd = openat(dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
        if (out->fd < 0)
                return error_errno(err, errno, "cannot watch memory.events");
        out->count = count_kills(dir_fd);
        return 0;
}

/* cgroup-v1/memory.rst, "OOM Control": an eventfd is registered for the control file. */
static int watch_v1(int dir_fd, struct cgroup_oom *out, struct error *err) {
        char text[32];
        int r;

        out->control_fd = openat(dir_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
        out->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (out->control_fd < 0 || out->fd < 0)
                return error_errno(err, errno, "cannot watch memory.oom_control");
        (void) snprintf(text, sizeof(text), "%d %d", out->fd, out->control_fd);
        r = cgroup_file_put(dir_fd, "cgroup.event_control", text);
        return r < 0 ? error_errno(err, -r, "cannot watch memory.oom_control") : 0;
}

int cgroup_oom_open(const struct cgroup *cgroup, struct cgroup_oom *out, struct error *err) {
        int index = cgroup_find_controller(cgroup, "memory");
        int dir_fd;

        *out = (struct cgroup_oom) CGROUP_OOM_INIT;
        out->v2 = index < 0;
        if (index < 0)
                index = cgroup->unified;
        dir_fd = index < 0 ? -ENOENT : cgroup_directory(cgroup, (size_t) index);
        if (dir_fd < 0)
                return error_errno(err, -dir_fd, "the container's memory cgroup");
        out->dir_fd = dir_fd;
        return out->v2 ? watch_v2(dir_fd, out, err) : watch_v1(dir_fd, out, err);
}

void cgroup_oom_close(struct cgroup_oom *oom) {
        fd_close_at(&oom->fd);
        fd_close_at(&oom->control_fd);
}

bool cgroup_oom_happened(struct cgroup_oom *oom) {
        uint64_t before = oom->count;
        eventfd_t number = 0;
        char text[512];

        if (oom->fd < 0)
                return false;
        if (!oom->v2)
                /* The end of the cgroup counts as an event, too: then the file is gone. */
                return eventfd_read(oom->fd, &number) == 0 && number > 0 &&
                       faccessat(oom->dir_fd, "cgroup.event_control", F_OK, 0) == 0;
        /* Reading is what makes the kernel watch for the next change. */
        if (pread(oom->fd, text, sizeof(text), 0) < 0) {
                fd_close_at(&oom->fd);
                return false;
        }
        oom->count = count_kills(oom->dir_fd);
        return oom->count > before;
}
