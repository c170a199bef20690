#include "foreground.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/process.h"
#include "../linux/terminal.h"
#include "notify.h"

/* Two directions of bytes: what was read and not yet written. */
struct pipe_buffer {
        char data[8192];
        size_t start;
        size_t size;
        bool closed;
};

struct relay {
        int terminal;
        struct pipe_buffer in;  /* our standard input to the terminal */
        struct pipe_buffer out; /* the terminal to our standard output */
        bool raw;
        struct termios saved;
};

void foreground_block_signals(sigset_t *old) {
        sigset_t all;

        (void) sigfillset(&all);
        /* These are about ourselves. */
        (void) sigdelset(&all, SIGSEGV);
        (void) sigdelset(&all, SIGABRT);
        (void) sigdelset(&all, SIGBUS);
        (void) sigdelset(&all, SIGILL);
        (void) sigdelset(&all, SIGFPE);
        (void) sigprocmask(SIG_BLOCK, &all, old);
}

static void make_raw(struct relay *relay) {
        struct termios settings;

        if (tcgetattr(STDIN_FILENO, &relay->saved) < 0)
                return;
        settings = relay->saved;
        cfmakeraw(&settings);
        relay->raw = tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0;
        terminal_copy_size(STDIN_FILENO, relay->terminal);
}

static void restore_terminal(const struct relay *relay) {
        if (relay->raw)
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &relay->saved);
}

/* Reads when there is room; end of file and a hung-up terminal (EIO) close this direction. */
static void fill(struct pipe_buffer *buffer, int fd) {
        ssize_t n = read(fd, buffer->data, sizeof(buffer->data));

        if (n > 0) {
                buffer->start = 0;
                buffer->size = (size_t) n;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
                buffer->closed = true;
        }
}

static void drain(struct pipe_buffer *buffer, int fd) {
        ssize_t n = write(fd, buffer->data + buffer->start, buffer->size);

        if (n > 0) {
                buffer->start += (size_t) n;
                buffer->size -= (size_t) n;
        } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
                buffer->size = 0;
                buffer->closed = true;
        }
}

static short wanted(const struct pipe_buffer *buffer, bool source) {
        if (source)
                return buffer->size == 0 && !buffer->closed ? POLLIN : 0;
        return buffer->size > 0 ? POLLOUT : 0;
}

/* One end of input is passed on as Ctrl-D: a terminal has no other. */
static void pass_end_of_input(struct relay *relay) {
        static const char end = 4;

        if (!relay->raw)
                (void) !write(relay->terminal, &end, 1);
}

static void relay_step(struct relay *relay, const struct pollfd *fds) {
        bool was_closed = relay->in.closed;

        if (fds[0].revents && wanted(&relay->in, true))
                fill(&relay->in, STDIN_FILENO);
        if (!was_closed && relay->in.closed)
                pass_end_of_input(relay);
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR) && wanted(&relay->out, true))
                fill(&relay->out, relay->terminal);
        if (relay->in.size > 0 && (fds[1].revents & POLLOUT))
                drain(&relay->in, relay->terminal);
        if (relay->out.size > 0)
                drain(&relay->out, STDOUT_FILENO);
}

static void prepare_poll(const struct relay *relay, struct pollfd *fds) {
        short in = wanted(&relay->in, true);
        short both = (short) (wanted(&relay->out, true) | wanted(&relay->in, false));

        /* A closed direction would report POLLHUP for ever: leave it out. */
        fds[0] = (struct pollfd){.fd = in ? STDIN_FILENO : -1, .events = in};
        fds[1] = (struct pollfd){.fd = both ? relay->terminal : -1, .events = both};
}

/* What the program wrote before it ended is still in the terminal. */
static void relay_rest(struct relay *relay) {
        struct pollfd ready = {.fd = relay->terminal, .events = POLLIN};

        while (!relay->out.closed && (relay->out.size > 0 || poll(&ready, 1, 0) > 0)) {
                if (relay->out.size == 0)
                        fill(&relay->out, relay->terminal);
                if (relay->out.size > 0)
                        drain(&relay->out, STDOUT_FILENO);
        }
}

static void forward_signals(int signals, int pidfd, const struct relay *relay) {
        struct signalfd_siginfo info;

        while (read(signals, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
                int signal = (int) info.ssi_signo;

                if (signal == SIGCHLD)
                        continue;
                if (signal == SIGWINCH && relay->terminal >= 0)
                        terminal_copy_size(STDIN_FILENO, relay->terminal);
                else
                        (void) process_signal(pidfd, signal);
        }
}

static int wait_for_end(struct created *child, int signals, struct relay *relay, struct error *err) {
        for (;;) {
                struct pollfd fds[5] = {{.fd = -1}, {.fd = -1}};

                if (relay->terminal >= 0)
                        prepare_poll(relay, fds);
                fds[2] = (struct pollfd){.fd = signals, .events = POLLIN};
                fds[3] = (struct pollfd){.fd = child->pidfd, .events = POLLIN};
                fds[4] = (struct pollfd){.fd = child->notify, .events = POLLIN};
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return error_errno(err, errno, "cannot wait for the program");
                }
                if (fds[2].revents)
                        forward_signals(signals, child->pidfd, relay);
                if (relay->terminal >= 0)
                        relay_step(relay, fds);
                /* This process stays, and ends with the program: it is the one to watch. */
                if (fds[4].revents && notify_handle(child->notify, getpid()))
                        fd_close_at(&child->notify);
                if (fds[3].revents)
                        return 0;
        }
}

int foreground_wait(struct created *child, struct error *err) {
        struct relay *relay = xcalloc(1, sizeof(*relay));
        _cleanup_free_ void *owned = relay;
        _cleanup_fd_ int signals = -1;
        sigset_t all;
        int status;
        int r;

        (void) sigfillset(&all);
        signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0)
                return error_errno(err, errno, "cannot receive signals");
        relay->terminal = child->terminal;
        if (relay->terminal >= 0)
                make_raw(relay);
        r = wait_for_end(child, signals, relay, err);
        if (relay->terminal >= 0)
                relay_rest(relay);
        restore_terminal(relay);
        if (r < 0)
                return r;
        while (waitpid(child->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_errno(err, errno, "cannot learn how the program ended");
        return process_exit_code(status);
}
