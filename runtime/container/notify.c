#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/path.h"
#include "../../lib/str.h"

#define DIRECTORY "notify"
#define SOCKET DIRECTORY "/notify.sock"
#define MOUNT_POINT "/run/notify"
#define BARRIER_TIMEOUT_MS 30000

static const char *host_socket(void) {
        const char *path = getenv("NOTIFY_SOCKET");

        return str_empty(path) ? NULL : path;
}

bool notify_wanted(void) {
        return host_socket() != NULL;
}

/* The config's lists belong to its document: they are replaced by longer copies. */
static void add_mount(struct arena *arena, struct runtime_config *config, const char *source) {
        static const char *const options[] = {"bind", "nosuid", "noexec", "nodev", "ro", NULL};
        struct runtime_mount *mounts = arena_alloc(arena, config->mount_count + 1, sizeof(*mounts));

        if (config->mount_count > 0)
                memcpy(mounts, config->mounts, config->mount_count * sizeof(*mounts));
        mounts[config->mount_count++] = (struct runtime_mount){
                .destination = MOUNT_POINT, .type = "bind", .source = source, .options = options};
        config->mounts = mounts;
}

static void add_variable(struct arena *arena, struct runtime_config *config) {
        struct runtime_process *process = arena_alloc(arena, 1, sizeof(*process));
        const char **env;
        size_t count = 0;

        *process = *config->process;
        while (process->env && process->env[count])
                count++;
        env = arena_alloc(arena, count + 2, sizeof(*env));
        for (size_t i = 0; i < count; i++)
                env[i] = process->env[i];
        env[count] = "NOTIFY_SOCKET=" MOUNT_POINT "/notify.sock";
        process->env = env;
        config->process = process;
}

int notify_prepare(struct arena *arena, struct runtime_config *config, int state_fd, const char *state_path,
                   struct error *err) {
        const struct runtime_namespace *namespaces = config->linux_.namespaces;
        _cleanup_free_ char *source = NULL;
        int r;

        if (namespaces[NAMESPACE_USER].present && !namespaces[NAMESPACE_MOUNT].present)
                return error_set(err, EINVAL, "NOTIFY_SOCKET: a user namespace needs a mount namespace for it");
        if (mkdirat(state_fd, DIRECTORY, 0755) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: %s/" DIRECTORY, state_path);
        r = path_absolute(state_path, &source, err);
        if (r < 0)
                return r;
        add_mount(arena, config, arena_printf(arena, "%s/" DIRECTORY, source));
        add_variable(arena, config);
        return 0;
}

const char *notify_mount_point(int state_fd) {
        return faccessat(state_fd, DIRECTORY, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? MOUNT_POINT : NULL;
}

int notify_listen(int state_fd, int *out, struct error *err) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_fd_ int fd = -1;
        char directory[PATH_FD_MAX];

        *out = -1;
        if (!notify_wanted() || faccessat(state_fd, DIRECTORY, F_OK, 0) < 0)
                return 0;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET, path_of_fd(state_fd, directory));
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            /* Whoever the program runs as may say that it is ready. */
            fchmodat(state_fd, SOCKET, 0777, 0) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: the container's socket");
        *out = take_fd(&fd);
        return 0;
}

static void tell_host(const char *ready, pid_t main_pid) {
        _cleanup_fd_ int fd = fd_connect_unix(host_socket(), SOCK_DGRAM);
        _cleanup_free_ char *first = str_format("%s\n", ready);
        _cleanup_free_ char *second = str_format("MAINPID=%d\n", main_pid);
        int r = fd;

        if (r >= 0 &&
            (send(fd, first, strlen(first), MSG_NOSIGNAL) < 0 || send(fd, second, strlen(second), MSG_NOSIGNAL) < 0))
                r = -errno;
        if (r < 0)
                log_warning("NOTIFY_SOCKET: %s: %s", host_socket(), strerror(-r));
}

bool notify_handle(int fd, pid_t main_pid) {
        char message[4096];
        ssize_t n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
        _cleanup_str_list_ struct str_list lines = {0};

        if (n <= 0)
                return false;
        message[n] = '\0';
        str_list_split(&lines, message, '\n');
        for (size_t i = 0; i < lines.count; i++) {
                /* Nothing else is the container's to say: MAINPID, for one, would be of its own namespace. */
                if (!str_starts_with(lines.items[i], "READY="))
                        continue;
                tell_host(lines.items[i], main_pid);
                return true;
        }
        return false;
}

/* sd_notify_barrier(3): the manager closes the pipe once it has taken in all that came before. */
static void wait_for_host(void) {
        _cleanup_fd_ int host = fd_connect_unix(host_socket(), SOCK_DGRAM);
        int ends[2];
        struct pollfd closed;
        struct error err = {0};

        if (host < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return;
        closed = (struct pollfd){.fd = ends[0]};
        if (fd_send(host, "BARRIER=1", 9, &ends[1], 1, &err) < 0)
                log_warning("NOTIFY_SOCKET: %s", err.message);
        fd_close(ends[1]);
        if (err.code == 0 && poll(&closed, 1, BARRIER_TIMEOUT_MS) == 0)
                log_warning("NOTIFY_SOCKET: no answer within %d seconds", BARRIER_TIMEOUT_MS / 1000);
        fd_close(ends[0]);
}

void notify_forward(int fd, pid_t main_pid, int pidfd) {
        for (;;) {
                struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

                if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
                        return;
                /* What a program said before it ended counts. */
                if (fds[0].revents && notify_handle(fd, main_pid)) {
                        wait_for_host();
                        return;
                }
                if (fds[1].revents && !fds[0].revents)
                        return;
        }
}
