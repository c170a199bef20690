#include "monitor_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "monitor.h"

#define TERMINAL_TIMEOUT_MS 10000

/* A number of its own for the run directory, so that its /proc path can be told to others. */
#define RUN_DIRECTORY_FD 90

void monitor_socket_path(const struct container *container, const char *name, char out[MONITOR_SOCKET_PATH_MAX]) {
        int size = snprintf(out, MONITOR_SOCKET_PATH_MAX, "%s/%s", container->run_directory, name);

        if (size >= MONITOR_SOCKET_PATH_MAX)
                (void) snprintf(out, MONITOR_SOCKET_PATH_MAX, "/proc/%d/fd/%d/%s", (int) getpid(), RUN_DIRECTORY_FD,
                                name);
}

static int open_run_directory(const struct container *container, struct error *err) {
        int fd = open(container->run_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "%s", container->run_directory);
        (void) dup3(fd, RUN_DIRECTORY_FD, O_CLOEXEC);
        fd_close(fd);
        return 0;
}

static int fill_address(const struct container *container, const char *name, struct sockaddr_un *out,
                        struct error *err) {
        int r = open_run_directory(container, err);

        if (r < 0)
                return r;
        *out = (struct sockaddr_un){.sun_family = AF_UNIX};
        monitor_socket_path(container, name, out->sun_path);
        return 0;
}

int monitor_socket_listen(const struct container *container, const char *name, int type, struct error *err) {
        _cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address;
        int r = fill_address(container, name, &address, err);

        if (r < 0)
                return r;
        (void) unlink(address.sun_path);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                return error_errno(err, errno, "socket %s/%s", container->run_directory, name);
        return take_fd(&fd);
}

int monitor_socket_receive_terminal(int listener, struct error *err) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        _cleanup_fd_ int connection = -1;
        size_t count = 1;
        char name[256];
        int fds[8];
        ssize_t r;

        if (poll(&wait, 1, TERMINAL_TIMEOUT_MS) != 1)
                return error_set(err, ETIMEDOUT, "the runtime sent no terminal");
        connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
                return error_errno(err, errno, "terminal");
        r = fd_receive(connection, name, sizeof(name), fds, &count, err);
        if (r < 0)
                return (int) r;
        return count == 1 ? fds[0] : error_set(err, EPROTO, "the runtime sent no terminal");
}

int monitor_connect(const struct container *container, int want, struct error *err) {
        const char hello[2] = {PACKET_HELLO, (char) want};
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un address;
        int r = fill_address(container, "attach", &address, err);

        if (r < 0)
                return r;
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return error_errno(err, errno, "container %s", container->name);
        if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) < 0)
                return error_errno(err, errno, "container %s", container->name);
        return take_fd(&fd);
}

int monitor_wait_started(int connection, struct error *err) {
        char packet[sizeof(struct error) + 1];
        ssize_t size;

        do {
                size = recv(connection, packet, sizeof(packet), 0);
        } while (size < 0 && (errno == EINTR || errno == ECONNRESET)); /* a reset is told once, before what is left */
        if (size > 0 && packet[0] == PACKET_STARTED)
                return 0;
        if (size == sizeof(packet) && packet[0] == PACKET_FAILED) {
                struct error reported;

                memcpy(&reported, packet + 1, sizeof(reported));
                *err = reported;
                return -(err->code ? err->code : EIO);
        }
        return error_set(err, EIO, "the container's monitor ended unexpectedly");
}
