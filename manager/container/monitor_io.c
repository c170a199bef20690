#include "monitor_io.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/cleanup.h"

#define CLIENT_PATIENCE_MS 5000
#define NS ((int64_t) 1000 * 1000 * 1000)

void monitor_io_add_client(struct monitor_io *io, int fd, bool streams) {
        io->clients = xrealloc(io->clients, io->client_count + 1, sizeof(*io->clients));
        io->clients[io->client_count++] = (struct monitor_client){.fd = fd, .streams = streams};
}

static void remove_client(struct monitor_io *io, size_t index) {
        struct monitor_client *client = &io->clients[index];

        if (client->streams && io->close_input_with_client && !io->terminal) {
                if (io->waiting_size > 0)
                        io->waiting_eof = true;
                else
                        fd_close_at(&io->input);
        }
        fd_close(client->fd);
        free(client->packet);
        io->clients[index] = io->clients[--io->client_count];
}

static bool is_blocked(const struct monitor_io *io) {
        for (size_t i = 0; i < io->client_count; i++)
                if (io->clients[i].packet)
                        return true;
        return false;
}

/* Sends or keeps one packet. False when the client is gone. */
static bool send_packet(struct monitor_client *client, const char *packet, size_t size) {
        if (send(client->fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return true;
        if (errno != EAGAIN && errno != EINTR)
                return false;
        client->packet = xrealloc(NULL, size, 1);
        memcpy(client->packet, packet, size);
        client->packet_size = size;
        return true;
}

static bool flush_client(struct monitor_client *client, int timeout_ms) {
        struct pollfd wait = {.fd = client->fd, .events = POLLOUT};

        while (client->packet) {
                if (send(client->fd, client->packet, client->packet_size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
                        free(client->packet);
                        client->packet = NULL;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return false;
                if (timeout_ms == 0)
                        return true;
                if (poll(&wait, 1, timeout_ms) <= 0)
                        return false;
        }
        return true;
}

void monitor_io_tell(struct monitor_io *io, enum monitor_packet type, const void *data, size_t size) {
        char packet[2048];

        packet[0] = (char) type;
        if (size > 0)
                memcpy(packet + 1, data, size);
        for (size_t i = io->client_count; i-- > 0;) {
                struct monitor_client *client = &io->clients[i];

                if (!flush_client(client, CLIENT_PATIENCE_MS) || !send_packet(client, packet, size + 1) ||
                    !flush_client(client, CLIENT_PATIENCE_MS))
                        remove_client(io, i);
        }
}

/* One read of the container's output. False at its end. */
static bool carry(struct monitor_io *io, int *fd, enum log_stream stream) {
        char packet[MONITOR_PACKET_MAX];
        ssize_t size = read(*fd, packet + 1, sizeof(packet) - 1);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
                return errno == EINTR;
        if (size <= 0) { /* EIO: the last user of a terminal closed it */
                if (io->terminal && io->input == *fd)
                        io->input = -1;
                fd_close_at(fd);
                return false;
        }
        packet[0] = stream == LOG_STDOUT ? PACKET_OUTPUT : PACKET_ERRORS;
        logfile_add(io->log, stream, packet + 1, (size_t) size);
        for (size_t i = io->client_count; i-- > 0;)
                if (io->clients[i].streams && !send_packet(&io->clients[i], packet, (size_t) size + 1))
                        remove_client(io, i);
        return true;
}

void monitor_io_drain(struct monitor_io *io) {
        int *fds[] = {&io->output, &io->errors};

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                while (*fds[i] >= 0 && carry(io, fds[i], i == 0 ? LOG_STDOUT : LOG_STDERR))
                        for (size_t j = io->client_count; j-- > 0;)
                                if (!flush_client(&io->clients[j], CLIENT_PATIENCE_MS))
                                        remove_client(io, j);
        if (!io->terminal)
                fd_close_at(&io->input);
        io->input = -1;
        fd_close_at(&io->output);
        fd_close_at(&io->errors);
        io->waiting_size = 0;
}

static void write_input(struct monitor_io *io) {
        ssize_t size = io->input < 0 ? -1 : write(io->input, io->waiting_input, io->waiting_size);

        if (size < 0 && io->input >= 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (size < 0)
                size = (ssize_t) io->waiting_size; /* nobody reads it any more */
        io->waiting_size -= (size_t) size;
        memmove(io->waiting_input, io->waiting_input + size, io->waiting_size);
        if (io->waiting_size == 0 && io->waiting_eof) {
                io->waiting_eof = false;
                if (!io->terminal)
                        fd_close_at(&io->input);
        }
}

static void end_input(struct monitor_io *io) {
        if (io->terminal)
                return;
        if (io->waiting_size > 0)
                io->waiting_eof = true;
        else
                fd_close_at(&io->input);
}

static void signal_init(const struct monitor_io *io, int signal) {
        if (io->init > 0)
                (void) kill(io->init, signal); /* not reaped yet by this, its parent: the pid is still its own */
}

/* One packet of a client. False when it has gone. */
static bool serve(struct monitor_io *io, size_t index) {
        char packet[MONITOR_PACKET_MAX];
        ssize_t size = recv(io->clients[index].fd, packet, sizeof(packet), MSG_DONTWAIT);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (size <= 0)
                return false;
        size--;
        switch (packet[0]) {
        case PACKET_HELLO:
                io->clients[index].streams = size == 1 && (packet[1] & MONITOR_WANT_STREAMS);
                break;
        case PACKET_INPUT:
                if (io->input >= 0) {
                        memcpy(io->waiting_input, packet + 1, (size_t) size);
                        io->waiting_size = (size_t) size;
                        write_input(io);
                }
                break;
        case PACKET_EOF:
                end_input(io);
                break;
        case PACKET_WINDOW:
                if (io->terminal && io->output >= 0 && size == sizeof(struct winsize))
                        (void) ioctl(io->output, TIOCSWINSZ, packet + 1);
                break;
        case PACKET_SIGNAL:
                if (size == 1)
                        signal_init(io, packet[1]);
                break;
        default:
                break;
        }
        return true;
}

/* Reaps all that has ended. True when init is among them. */
static bool reap(const struct monitor_io *io, int *status) {
        bool ended = false;
        int one;
        pid_t pid;

        while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
                if (pid == io->init) {
                        *status = one;
                        ended = true;
                }
        return ended;
}

/* SIGTERM came? */
static bool read_signals(const struct monitor_io *io) {
        struct signalfd_siginfo info;
        bool terminated = false;

        while (read(io->signals, &info, sizeof(info)) == sizeof(info))
                terminated = terminated || info.ssi_signo == SIGTERM;
        return terminated;
}

enum { AT_SIGNALS, AT_LISTENER, AT_INPUT, AT_OUTPUT, AT_ERRORS, AT_CLIENTS };

static size_t fill_poll(const struct monitor_io *io, struct pollfd *fds) {
        bool blocked = is_blocked(io);

        fds[AT_SIGNALS] = (struct pollfd){.fd = io->signals, .events = POLLIN};
        fds[AT_LISTENER] = (struct pollfd){.fd = io->listener, .events = POLLIN};
        fds[AT_INPUT] = (struct pollfd){.fd = io->waiting_size > 0 ? io->input : -1, .events = POLLOUT};
        fds[AT_OUTPUT] = (struct pollfd){.fd = blocked ? -1 : io->output, .events = POLLIN};
        fds[AT_ERRORS] = (struct pollfd){.fd = blocked ? -1 : io->errors, .events = POLLIN};
        for (size_t i = 0; i < io->client_count; i++)
                fds[AT_CLIENTS + i] = (struct pollfd){
                        .fd = io->clients[i].fd,
                        .events = (short) ((io->waiting_size > 0 ? 0 : POLLIN) | (io->clients[i].packet ? POLLOUT : 0)),
                };
        return AT_CLIENTS + io->client_count;
}

static void serve_clients(struct monitor_io *io, const struct pollfd *fds, size_t count) {
        for (size_t i = count; i-- > 0;) {
                short events = fds[AT_CLIENTS + i].revents;
                bool alive = true;

                if (events & POLLOUT)
                        alive = flush_client(&io->clients[i], 0);
                if (alive && (events & POLLIN) && io->waiting_size == 0)
                        alive = serve(io, i);
                else if (alive && (events & (POLLHUP | POLLERR)) && !(events & POLLIN))
                        alive = false;
                if (!alive)
                        remove_client(io, i);
        }
}

static int64_t now_ns(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * NS + now.tv_nsec;
}

enum monitor_event monitor_io_run(struct monitor_io *io, int64_t timeout_ns, int *status) {
        int64_t end = timeout_ns < 0 ? -1 : now_ns() + timeout_ns;

        for (;;) {
                _cleanup_free_ struct pollfd *fds = xcalloc(AT_CLIENTS + io->client_count, sizeof(*fds));
                size_t clients = io->client_count, count = fill_poll(io, fds);
                int64_t left = end < 0 ? -1 : end - now_ns();
                struct timespec timeout = {.tv_sec = left / NS, .tv_nsec = left % NS};

                if (io->init > 0 && reap(io, status))
                        return MONITOR_INIT_ENDED;
                if (end >= 0 && left <= 0)
                        return MONITOR_TIMEOUT;
                if (ppoll(fds, count, end < 0 ? NULL : &timeout, NULL) < 0)
                        continue;
                if (fds[AT_INPUT].revents)
                        write_input(io);
                if (fds[AT_OUTPUT].revents)
                        (void) carry(io, &io->output, LOG_STDOUT);
                if (fds[AT_ERRORS].revents && !is_blocked(io))
                        (void) carry(io, &io->errors, LOG_STDERR);
                if (io->client_count == clients) /* else the order changed: next time */
                        serve_clients(io, fds, clients);
                if (fds[AT_LISTENER].revents) {
                        int fd = accept4(io->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                        if (fd >= 0)
                                monitor_io_add_client(io, fd, false);
                }
                if (fds[AT_SIGNALS].revents && read_signals(io))
                        return MONITOR_TERMINATED;
        }
}

void monitor_io_close(struct monitor_io *io) {
        io->close_input_with_client = false;
        while (io->client_count > 0)
                remove_client(io, io->client_count - 1);
        free(io->clients);
        io->clients = NULL;
}
