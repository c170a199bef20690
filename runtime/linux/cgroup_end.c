/* The end of a cgroup: its processes are signalled, its directories removed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/process.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

/* The hierarchy whose membership is the surest: v2, then the one nobody leaves (devices). */
static size_t main_hierarchy(const struct cgroup *cgroup) {
        int devices = cgroup_find_controller(cgroup, "devices");

        if (cgroup->unified >= 0)
                return (size_t) cgroup->unified;
        return devices >= 0 ? (size_t) devices : 0;
}

int cgroup_pids(const struct cgroup *cgroup, pid_t **pids, size_t *count, struct error *err) {
        size_t index = main_hierarchy(cgroup);
        int dir_fd, r;

        *pids = NULL;
        *count = 0;
        if (cgroup->count == 0)
                return 0;
        dir_fd = cgroup_directory(cgroup, index);
        r = dir_fd < 0 ? dir_fd : cgroup_tree_pids(dir_fd, pids, count);
        if (r == 0 || r == -ENOENT)
                return 0;
        free(take_ptr(*pids));
        return error_errno(err, -r, "%s: cannot list the processes", cgroup->hierarchies[index].directory);
}

static bool contains(const pid_t *pids, size_t count, pid_t pid) {
        for (size_t i = 0; i < count; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

/*
 * Signals the processes of one reading. A pid may have passed to a process
 * outside before its pidfd was opened; it is then missing from a second reading.
 */
static int signal_listed(const struct cgroup *cgroup, int signal, size_t *sent, struct error *err) {
        _cleanup_free_ pid_t *pids = NULL, *still = NULL;
        _cleanup_free_ int *pidfds = NULL;
        size_t count = 0, still_count = 0;
        int r = cgroup_pids(cgroup, &pids, &count, err);

        *sent = 0;
        if (r < 0 || count == 0)
                return r;
        pidfds = xcalloc(count, sizeof(*pidfds));
        for (size_t i = 0; i < count; i++)
                pidfds[i] = process_pidfd(pids[i]);
        r = cgroup_pids(cgroup, &still, &still_count, err);
        for (size_t i = 0; i < count; i++) {
                if (pidfds[i] < 0)
                        continue;
                if (r == 0 && contains(still, still_count, pids[i])) {
                        int s = process_signal(pidfds[i], signal);

                        if (s < 0 && s != -ESRCH)
                                r = error_errno(err, -s, "cannot signal process %d", (int) pids[i]);
                        (*sent)++;
                }
                fd_close(pidfds[i]);
        }
        return r;
}

static void pause_ms(long milliseconds) {
        const struct timespec pause = {.tv_nsec = milliseconds * 1000000L};

        nanosleep(&pause, NULL);
}

int cgroup_signal(const struct cgroup *cgroup, int signal, struct error *err) {
        size_t sent = 0;
        int r = 0;

        if (signal == SIGKILL && cgroup->unified >= 0) {
                int dir_fd = cgroup_directory(cgroup, (size_t) cgroup->unified);

                if (dir_fd == -ENOENT)
                        return 0;
                if (dir_fd >= 0 && cgroup_file_put(dir_fd, "cgroup.kill", "1") == 0)
                        return 0;
        }
        if (signal != SIGKILL)
                return signal_listed(cgroup, signal, &sent, err);

        /* What forks while it is killed is caught by the next round; a frozen process must thaw to die. */
        for (int round = 0; round < 100; round++) {
                r = signal_listed(cgroup, signal, &sent, err);
                if (r < 0 || sent == 0)
                        return r;
                if (round == 0 && cgroup_frozen(cgroup, NULL) == 1)
                        (void) cgroup_freeze(cgroup, false, NULL);
                pause_ms(1);
        }
        return 0;
}

/* Parents that were made with the cgroup, from the lowest on, as far as nobody else uses them. */
static void remove_parents(const struct cgroup *cgroup, size_t index) {
        _cleanup_free_ char *path = xstrdup(cgroup->hierarchies[index].directory);

        for (unsigned int left = cgroup->places[index].parents; left > 0; left--) {
                char *slash = strrchr(path, '/');

                if (!slash || slash <= path + strlen(cgroup->hierarchies[index].mount))
                        return;
                *slash = '\0';
                if (rmdir(path) < 0 && errno != ENOENT)
                        return;
        }
}

void cgroup_undo(const struct cgroup *cgroup) {
        for (size_t i = cgroup->total; i-- > 0;)
                if (cgroup->places[i].made && rmdir(cgroup->hierarchies[i].directory) == 0)
                        remove_parents(cgroup, i);
}

/* Removes one directory. 0 when it is gone. */
static int remove_directory(const struct cgroup *cgroup, size_t index) {
        int dir_fd;

        if (rmdir(cgroup->hierarchies[index].directory) == 0 || errno == ENOENT || errno == ENODEV)
                return 0;
        /* EBUSY: processes or cgroups inside. */
        if (errno != EBUSY)
                return -errno;
        dir_fd = cgroup_directory(cgroup, index);
        if (dir_fd >= 0)
                (void) cgroup_tree_remove_children(dir_fd);
        return rmdir(cgroup->hierarchies[index].directory) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Some 100 ms: an init whose runtime was killed is gone by then. */
#define FOUND_ROUNDS 7

/* True when the processes of a cgroup that was found by its path do not go away: they may be somebody else's. */
static bool has_strangers(const struct cgroup *cgroup) {
        for (int round = 0; round <= FOUND_ROUNDS; round++) {
                _cleanup_free_ pid_t *pids = NULL;
                size_t count = 0;

                if (cgroup_pids(cgroup, &pids, &count, NULL) == 0 && count == 0)
                        return false;
                pause_ms(1L << round);
        }
        return true;
}

/* systemd would first ask the processes to end, and wait for those that do not. */
static int remove_unit(const struct cgroup *cgroup, struct error *err) {
        if (cgroup->found && has_strangers(cgroup)) {
                log_warning("%s has processes: left as it is", cgroup->unit);
                return 0;
        }
        (void) cgroup_signal(cgroup, SIGKILL, NULL);
        return cgroup->driver->remove(cgroup, err);
}

int cgroup_remove(const struct cgroup *cgroup, struct error *err) {
        const char *left = NULL;
        int r = 0;

        /* Never made. */
        if (cgroup->pending)
                return 0;
        if (!cgroup->complete) {
                cgroup_undo(cgroup);
                return 0;
        }
        if (cgroup->driver->remove && (r = remove_unit(cgroup, err)) < 0)
                return r;
        /* Killed processes leave their cgroup a little later: some 4 s of patience in growing steps. */
        for (long wait = 1, round = 0; round < 40; round++) {
                left = NULL;
                for (size_t i = cgroup->total; i-- > 0;) {
                        int removed = remove_directory(cgroup, i);

                        if (removed == 0)
                                continue;
                        r = removed;
                        left = cgroup->hierarchies[i].directory;
                        if (r != -EBUSY)
                                return error_errno(err, -r, "cannot remove the cgroup %s", left);
                }
                for (size_t i = cgroup->total; !left && i-- > 0;)
                        remove_parents(cgroup, i);
                if (!left)
                        return 0;
                /* Nobody knows that the processes in a cgroup found by its path are the container's. */
                if (cgroup->found && round == FOUND_ROUNDS) {
                        log_warning("the cgroup %s has processes: left as it is", left);
                        return 0;
                }
                if (round == 0 && !cgroup->found)
                        (void) cgroup_signal(cgroup, SIGKILL, NULL);
                pause_ms(wait);
                if (wait < 128)
                        wait *= 2;
        }
        error_errno(err, -r, "cannot remove the cgroup %s", left);
        return error_hint(err, "a killed process is still in it: see state D in ps");
}
