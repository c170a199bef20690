#include "sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../../lib/cleanup.h"

#define PLAIN_SIZE offsetof(struct sync_message, error)

int sync_send(int socket, enum sync_kind kind, pid_t pid, int fd, struct error *err) {
        struct sync_message message = {.kind = kind, .pid = pid};

        return fd_send(socket, &message, PLAIN_SIZE, &fd, fd >= 0 ? 1 : 0, err);
}

void sync_send_error(int socket, enum sync_kind kind, const struct error *error) {
        struct sync_message message = {.kind = kind, .error = *error};
        struct error ignored;

        (void) fd_send(socket, &message, sizeof(message), NULL, 0, &ignored);
}

int sync_receive(int socket, struct sync_message *message, int *fd, struct error *err) {
        _cleanup_fd_ int attached = -1;
        size_t count = 1;
        ssize_t n;

        *message = (struct sync_message){0};
        n = fd_receive(socket, message, sizeof(*message), &attached, &count, err);
        /*
         * A peer that ended with unread messages of ours resets the connection. That is told
         * once and first; what the peer had sent, and then its end, come after it.
         */
        if (n == -ECONNRESET) {
                count = 1;
                n = fd_receive(socket, message, sizeof(*message), &attached, &count, err);
        }
        if (fd)
                *fd = -1;
        if (n == 0)
                return 0;
        if (n < 0)
                return (int) n;
        if ((size_t) n < PLAIN_SIZE)
                return error_set(err, EPROTO, "the other side of the start sent %zd bytes of nonsense", n);
        if (message->kind == SYNC_ERROR || message->kind == SYNC_FATAL) {
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
        if (fd)
                *fd = take_fd(&attached);
        return 1;
}

int sync_expect(int socket, enum sync_kind kind, struct sync_message *message, struct error *err) {
        int r = sync_receive(socket, message, NULL, err);

        if (r < 0)
                return r;
        if (r == 0)
                return error_set(err, ECONNRESET, "the container's init process and its parent lost each other");
        if (message->kind != kind)
                return error_set(err, EPROTO, "unexpected message %d during the start", (int) message->kind);
        return 0;
}
