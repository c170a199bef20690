#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "memory.h"

#define FD_PASS_MAX 16

void fd_close(int fd) {
        int saved = errno;

        (void) close(fd);
        errno = saved;
}

void fd_close_at(int *fd) {
        if (*fd >= 0)
                fd_close(*fd);
        *fd = -1;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *from = data;

        while (size > 0) {
                ssize_t n = write(fd, from, size);

                if (n < 0 && errno == EAGAIN) {
                        struct pollfd ready = {.fd = fd, .events = POLLOUT};

                        (void) poll(&ready, 1, -1);
                        continue;
                }
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        from += n;
                        size -= (size_t) n;
                }
        }
        return 0;
}

int fd_read_all(int fd, size_t max, char **out, size_t *size) {
        size_t used = 0;
        size_t room = 4096;
        char *buffer = xcalloc(room + 1, 1);

        for (;;) {
                ssize_t n;

                if (used == room) {
                        room *= 2;
                        buffer = xrealloc(buffer, room + 1, 1);
                }
                n = read(fd, buffer + used, room - used);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || (n > 0 && (size_t) n > max - used)) {
                        int code = n < 0 ? errno : EFBIG;

                        free(buffer);
                        return -code;
                }
                if (n == 0)
                        break;
                used += (size_t) n;
        }
        buffer[used] = '\0';
        *out = buffer;
        if (size)
                *size = used;
        return 0;
}

int fd_set_cloexec(int fd, bool on) {
        int flags = fcntl(fd, F_GETFD);

        if (flags < 0)
                return -errno;
        flags = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
        return fcntl(fd, F_SETFD, flags) < 0 ? -errno : 0;
}

int fd_cloexec_from(unsigned int first) {
        return syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

int fd_close_others(unsigned int first, int a, int b) {
        const int keep[] = {a < b ? a : b, a < b ? b : a};

        for (size_t i = 0; i < 2; i++) {
                if (keep[i] < (int) first)
                        continue;
                if (keep[i] > (int) first && syscall(SYS_close_range, first, keep[i] - 1, 0) < 0)
                        return -errno;
                first = (unsigned int) keep[i] + 1;
        }
        return syscall(SYS_close_range, first, ~0U, 0) < 0 ? -errno : 0;
}

int fd_send(int socket, const void *data, size_t size, const int *fds, size_t fd_count, struct error *err) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
        } control = {0};
        struct iovec part = {.iov_base = (void *) data, .iov_len = size};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        if (fd_count > FD_PASS_MAX)
                return error_set(err, E2BIG, "too many file descriptors to pass: %zu", fd_count);
        if (fd_count > 0) {
                struct cmsghdr *header;

                message.msg_control = control.space;
                message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
                memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
        }
        do
                n = sendmsg(socket, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_errno(err, errno, "cannot send on the socket");
        if ((size_t) n < size)
                return error_set(err, EIO, "only %zd of %zu bytes were sent", n, size);
        return 0;
}

ssize_t fd_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count, struct error *err) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
        } control = {0};
        struct iovec part = {.iov_base = data, .iov_len = size};
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control)};
        size_t room = fd_count ? *fd_count : 0;
        size_t kept = 0;
        ssize_t n;

        do
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_errno(err, errno, "cannot receive on the socket");
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
                size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
                        if (kept < room)
                                fds[kept++] = fd;
                        else
                                fd_close(fd);
                }
        }
        if (fd_count)
                *fd_count = kept;
        return n;
}

int fd_connect_unix(const char *path, int type) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t size = strlen(path);
        int fd;

        if (size >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, size);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        else
                size++; /* the NUL is of the address */
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &address,
                    (socklen_t) (offsetof(struct sockaddr_un, sun_path) + size)) < 0) {
                int code = errno;

                fd_close(fd);
                return -code;
        }
        return fd;
}

int fd_copy(int from, int to) {
        char buffer[65536];

        for (;;) {
                ssize_t n = read(from, buffer, sizeof(buffer));
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = fd_write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}
