#include "sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../../lib/cleanup.h"

#define PLAIN_SIZE offsetof(struct sync_message, error)

int sync_send_many(int socket, enum sync_kind kind, pid_t pid, const int *fds, size_t count, struct error *err) {
        struct sync_message message = {.kind = kind, .pid = pid};

        return fd_send(socket, &message, PLAIN_SIZE, fds, count, err);
}

int sync_send(int socket, enum sync_kind kind, pid_t pid, int fd, struct error *err) {
        return sync_send_many(socket, kind, pid, &fd, fd >= 0 ? 1 : 0, err);
}

void sync_send_error(int socket, enum sync_kind kind, const struct error *error) {
        struct sync_message message = {.kind = kind, .error = *error};
        struct error ignored;

        (void) fd_send(socket, &message, sizeof(message), NULL, 0, &ignored);
}

static void close_all(const int *fds, size_t *count) {
        while (*count > 0)
                fd_close(fds[--*count]);
}

static int check(struct sync_message *message, ssize_t n, struct error *err) {
        if ((size_t) n < PLAIN_SIZE)
                return error_set(err, EPROTO, "the other side of the start sent %zd bytes of nonsense", n);
        if (message->kind != SYNC_ERROR && message->kind != SYNC_FATAL)
                return 1;
        if ((size_t) n != sizeof(*message))
                return error_set(err, EPROTO, "the container's init process failed without saying why");
        message->error.message[sizeof(message->error.message) - 1] = '\0';
        message->error.hint[sizeof(message->error.hint) - 1] = '\0';
        if (message->error.code <= 0)
                message->error.code = EIO;
        if (err)
                *err = message->error;
        return -message->error.code;
}

static int receive(int socket, struct sync_message *message, int *fds, size_t *count, struct error *err) {
        size_t room = *count;
        ssize_t n;
        int r;

        *message = (struct sync_message){0};
        n = fd_receive(socket, message, sizeof(*message), fds, count, err);
        /*
         * A peer that ended with unread messages of ours resets the connection. That is told
         * once and first; what the peer had sent, and then its end, come after it.
         */
        if (n == -ECONNRESET) {
                *count = room;
                n = fd_receive(socket, message, sizeof(*message), fds, count, err);
        }
        if (n <= 0) {
                *count = 0;
                return (int) n;
        }
        r = check(message, n, err);
        if (r < 0)
                close_all(fds, count);
        return r;
}

int sync_receive(int socket, struct sync_message *message, int *fd, struct error *err) {
        _cleanup_fd_ int attached = -1;
        size_t count = 1;
        int r = receive(socket, message, &attached, &count, err);

        if (count == 0)
                attached = -1;
        if (fd)
                *fd = take_fd(&attached);
        return r;
}

int sync_expect_many(int socket, enum sync_kind kind, struct sync_message *message, int *fds, size_t *count,
                     struct error *err) {
        int r = receive(socket, message, fds, count, err);

        if (r < 0)
                return r;
        if (r == 0)
                return error_set(err, ECONNRESET, "the container's init process and its parent lost each other");
        if (message->kind == kind)
                return 0;
        close_all(fds, count);
        return error_set(err, EPROTO, "unexpected message %d during the start", (int) message->kind);
}

int sync_expect(int socket, enum sync_kind kind, struct sync_message *message, struct error *err) {
        size_t none = 0;

        return sync_expect_many(socket, kind, message, NULL, &none, err);
}
