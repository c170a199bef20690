#include "attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "monitor.h"

#define KEYS_MAX 8

struct session {
        int connection;
        const struct attach_options *options;
        int signals;
        bool input_open;
        bool raw;
        struct termios before;
        char keys[KEYS_MAX]; /* the sequence that detaches */
        size_t key_count;
        size_t matched;
};

/* "ctrl-p,ctrl-q", or single characters */
static int parse_keys(struct session *session, struct error *err) {
        const char *text = session->options->detach_keys ? session->options->detach_keys : "ctrl-p,ctrl-q";
        _cleanup_str_list_ struct str_list names = {0};

        str_list_split(&names, text, ',');
        for (size_t i = 0; i < names.count && i < KEYS_MAX; i++) {
                const char *name = names.items[i];

                if (str_starts_with(name, "ctrl-") && strlen(name) == 6)
                        session->keys[session->key_count++] = (char) (name[5] & 0x1f);
                else if (strlen(name) == 1)
                        session->keys[session->key_count++] = name[0];
                else
                        return error_set(err, EINVAL, "invalid detach keys: %s", text);
        }
        return 0;
}

static int watch_signals(struct session *session, struct error *err) {
        static const int proxied[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGWINCH);
        for (size_t i = 0; session->options->proxy_signals && i < ARRAY_SIZE(proxied); i++)
                (void) sigaddset(&set, proxied[i]);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        session->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return session->signals < 0 ? error_errno(err, errno, "signals") : 0;
}

static void set_raw(struct session *session) {
        struct termios raw;

        if (!session->options->terminal || !session->options->input || tcgetattr(0, &session->before) < 0)
                return;
        raw = session->before;
        cfmakeraw(&raw);
        session->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static bool send_packet(const struct session *session, enum monitor_packet type, const void *data, size_t size) {
        char packet[MONITOR_PACKET_MAX];

        packet[0] = (char) type;
        memcpy(packet + 1, data, size);
        return send(session->connection, packet, size + 1, MSG_NOSIGNAL) >= 0;
}

static void send_window(const struct session *session) {
        struct winsize size;

        if (session->options->terminal && ioctl(0, TIOCGWINSZ, &size) == 0)
                (void) send_packet(session, PACKET_WINDOW, &size, sizeof(size));
}

static void take_signals(const struct session *session) {
        struct signalfd_siginfo info;

        while (read(session->signals, &info, sizeof(info)) == sizeof(info)) {
                char number = (char) info.ssi_signo;

                if (info.ssi_signo == SIGWINCH)
                        send_window(session);
                else
                        (void) send_packet(session, PACKET_SIGNAL, &number, 1);
        }
}

/* True when the detach keys were typed; *size is cut to what came before them. */
static bool find_keys(struct session *session, const char *data, size_t *size) {
        if (!session->raw || session->key_count == 0)
                return false;
        for (size_t i = 0; i < *size; i++) {
                session->matched = data[i] == session->keys[session->matched] ? session->matched + 1
                                   : data[i] == session->keys[0]              ? 1
                                                                              : 0;
                if (session->matched == session->key_count) {
                        *size = i + 1 > session->key_count ? i + 1 - session->key_count : 0;
                        return true;
                }
        }
        return false;
}

/* True to go on, false when the user detached. */
static bool take_input(struct session *session) {
        char data[MONITOR_PACKET_MAX - 1];
        ssize_t size = read(0, data, sizeof(data));
        size_t count;
        bool detached;

        if (size < 0 && (errno == EINTR || errno == EAGAIN))
                return true;
        if (size <= 0) {
                session->input_open = false;
                (void) send_packet(session, PACKET_EOF, "", 0);
                return true;
        }
        count = (size_t) size;
        detached = find_keys(session, data, &count);
        if (count > 0)
                (void) send_packet(session, PACKET_INPUT, data, count);
        return !detached;
}

/* One packet of the monitor. Returns 1 to go on, 0 at the container's end, or a negative errno. */
static int take_packet(const struct session *session, int *exit_code, struct error *err) {
        char packet[MONITOR_PACKET_MAX];
        ssize_t size = recv(session->connection, packet, sizeof(packet), 0);

        /*
         * A monitor that ends before it has read all we sent resets the connection. The
         * kernel says so once, ahead of the packets that are still to be read (unix(7)).
         */
        if (size < 0 && (errno == EINTR || errno == ECONNRESET))
                return 1;
        if (size <= 0)
                return error_set(err, EIO, "the container's monitor ended unexpectedly");
        size--;
        if (packet[0] == PACKET_OUTPUT)
                (void) fd_write_all(1, packet + 1, (size_t) size);
        else if (packet[0] == PACKET_ERRORS)
                (void) fd_write_all(2, packet + 1, (size_t) size);
        else if (packet[0] == PACKET_FAILED && size == sizeof(*err)) {
                memcpy(err, packet + 1, sizeof(*err));
                return -(err->code ? err->code : EIO);
        } else if (packet[0] == PACKET_EXIT && size == sizeof(*exit_code)) {
                memcpy(exit_code, packet + 1, sizeof(*exit_code));
                return 0;
        }
        return 1;
}

static int loop(struct session *session, int *exit_code, struct error *err) {
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = session->connection, .events = POLLIN},
                        {.fd = session->signals, .events = POLLIN},
                        {.fd = session->input_open ? 0 : -1, .events = POLLIN},
                };
                int r;

                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        continue;
                if (fds[0].revents) {
                        r = take_packet(session, exit_code, err);
                        if (r <= 0)
                                return r < 0 ? r : ATTACH_EXITED;
                }
                if (fds[1].revents)
                        take_signals(session);
                if (fds[2].revents && !take_input(session))
                        return ATTACH_DETACHED;
        }
}

int attach_run(int connection, const struct attach_options *options, int *exit_code, struct error *err) {
        struct session session = {
                .connection = connection,
                .options = options,
                .signals = -1,
                .input_open = options->input,
        };
        int r = parse_keys(&session, err);

        if (r == 0)
                r = watch_signals(&session, err);
        if (r < 0)
                return r;
        set_raw(&session);
        send_window(&session);
        r = loop(&session, exit_code, err);
        if (session.raw)
                (void) tcsetattr(0, TCSANOW, &session.before);
        fd_close(session.signals);
        return r;
}
