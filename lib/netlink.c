#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's dump messages are at most this large (NLMSG_GOODSIZE is less). */
#define RECEIVE_SIZE (64 * 1024)
/*
 * Zeros behind an answer: a message that ends within its fixed part, a number or a text is read as if it went on
 * with zeros, and nobody reads what is not ours. The largest fixed part is struct tcmsg's or ifinfomsg's.
 */
#define RECEIVE_GUARD 64
/* Room for a batch of some thousand set elements. */
#define SEND_BUFFER (8 * 1024 * 1024)

int netlink_open(int protocol, struct netlink *out, struct error *err) {
        const int on = 1;

        *out = (struct netlink){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
        if (out->fd < 0)
                return error_errno(err, errno, "cannot talk to the kernel's network configuration (netlink)");
        /* Both only make answers shorter and errors clearer: an old kernel may refuse them. */
        (void) setsockopt(out->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
        (void) setsockopt(out->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
        return 0;
}

void netlink_close(struct netlink *netlink) {
        fd_close_at(&netlink->fd);
}

void netlink_batch_free(struct netlink_batch *batch) {
        str_buf_free(&batch->data);
        *batch = (struct netlink_batch){0};
}

/* Numbers the messages so that an answer tells which one it is for. Returns the first number. */
static uint32_t number_messages(struct netlink *netlink, struct netlink_batch *batch, size_t acknowledge) {
        uint32_t first = netlink->sequence + 1;
        size_t offset = 0;

        for (size_t i = 0; i < batch->count; i++) {
                struct nlmsghdr header;

                memcpy(&header, batch->data.data + offset, sizeof(header));
                header.nlmsg_seq = ++netlink->sequence;
                header.nlmsg_pid = 0;
                header.nlmsg_flags |= NLM_F_REQUEST;
                if (i == acknowledge)
                        header.nlmsg_flags |= NLM_F_ACK;
                else
                        header.nlmsg_flags &= (uint16_t) ~NLM_F_ACK;
                memcpy(batch->data.data + offset, &header, sizeof(header));
                offset += NLMSG_ALIGN(header.nlmsg_len);
        }
        return first;
}

static int send_all(struct netlink *netlink, const void *data, size_t size) {
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        const int room = SEND_BUFFER;
        ssize_t sent;

        if (size > 128 * 1024) {
                (void) setsockopt(netlink->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
                (void) setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
        }
        do
                sent = sendto(netlink->fd, data, size, 0, (const struct sockaddr *) &kernel, sizeof(kernel));
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : 0;
}

/* Not cleared: most answers fill little of it, and what is not touched is not memory yet. */
static char *receive_buffer(void) {
        return xrealloc(NULL, 1, RECEIVE_SIZE + RECEIVE_GUARD);
}

/* Receives one datagram into a receive_buffer(). Returns its size or a negative errno. */
static ssize_t receive(const struct netlink *netlink, char *buffer) {
        ssize_t got;

        do
                got = recv(netlink->fd, buffer, RECEIVE_SIZE, MSG_TRUNC);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                return -errno;
        if (got > RECEIVE_SIZE)
                return -EMSGSIZE;
        memset(buffer + got, 0, RECEIVE_GUARD);
        return got;
}

const struct nlattr *netlink_attribute(const void *attributes, size_t size, int type) {
        const char *at = attributes;

        while (size >= NLA_HDRLEN) {
                const struct nlattr *attribute = (const void *) at;
                size_t step = NLA_ALIGN((size_t) attribute->nla_len);

                if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size)
                        return NULL;
                if ((attribute->nla_type & NLA_TYPE_MASK) == type)
                        return attribute;
                size -= step < size ? step : size;
                at += step;
        }
        return NULL;
}

/* 0, or what failed as a negative errno. */
static int answer_code(const struct nlmsgerr *answer) {
        return answer->error == 0 || (answer->error < 0 && answer->error > -4096) ? answer->error : -EBADMSG;
}

/* Copies the kernel's own words out of an extended acknowledgement. */
static void read_extended(const struct nlmsghdr *header, struct netlink_failure *failure) {
        const struct nlmsgerr *answer = NLMSG_DATA(header);
        const struct nlattr *text;
        size_t skip = sizeof(*answer);

        failure->text[0] = '\0';
        if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
                return;
        if (!(header->nlmsg_flags & NLM_F_CAPPED))
                skip += NLMSG_ALIGN(answer->msg.nlmsg_len) - sizeof(answer->msg);
        if (header->nlmsg_len < NLMSG_HDRLEN + skip)
                return;
        text = netlink_attribute((const char *) answer + skip, header->nlmsg_len - NLMSG_HDRLEN - skip,
                                 NLMSGERR_ATTR_MSG);
        if (text)
                (void) snprintf(failure->text, sizeof(failure->text), "%.*s", (int) (text->nla_len - NLA_HDRLEN),
                                (const char *) text + NLA_HDRLEN);
}

int netlink_batch_send(struct netlink *netlink, struct netlink_batch *batch, size_t acknowledge,
                       struct netlink_failure *failure) {
        uint32_t first = number_messages(netlink, batch, acknowledge), last = first + (uint32_t) acknowledge;
        _cleanup_free_ char *buffer = receive_buffer();
        struct netlink_failure seen = {0};
        bool done = false;
        int r;

        r = send_all(netlink, batch->data.data, batch->data.size);
        while (r >= 0 && !done) {
                ssize_t got = receive(netlink, buffer);
                int left = (int) got;

                if (got < 0)
                        return (int) got;
                for (const struct nlmsghdr *header = (const void *) buffer; NLMSG_OK(header, left);
                     header = NLMSG_NEXT(header, left)) {
                        const struct nlmsgerr *answer = NLMSG_DATA(header);
                        uint32_t index = header->nlmsg_seq - first;

                        /* Late answers to an earlier batch are passed over. */
                        if (header->nlmsg_type != NLMSG_ERROR || index >= batch->count)
                                continue;
                        if (answer->error != 0 && seen.code == 0) {
                                seen.index = index;
                                seen.code = -answer_code(answer);
                                read_extended(header, &seen);
                        }
                        done |= header->nlmsg_seq == last || (batch->transaction && answer->error != 0 && index == 0);
                }
        }
        if (r < 0)
                seen.code = -r;
        if (seen.code && failure)
                *failure = seen;
        return -seen.code;
}

/*
 * Handles one datagram of an answer.
 * @interrupted: set when what is dumped changed meanwhile
 * Returns 1 at the answer's end, 0 when more follows, or a negative errno.
 */
static int handle_datagram(char *buffer, int size, uint32_t sequence, bool *interrupted, netlink_handler handler,
                           void *context) {
        struct nlmsghdr *header = (void *) buffer;
        int r = 0;

        for (; r >= 0 && NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
                if (header->nlmsg_seq != sequence)
                        continue;
                if (header->nlmsg_flags & NLM_F_DUMP_INTR)
                        *interrupted = true;
                if (header->nlmsg_type == NLMSG_DONE)
                        return 1;
                if (header->nlmsg_type == NLMSG_ERROR) {
                        r = answer_code(NLMSG_DATA(header));
                        return r < 0 ? r : 1;
                }
                r = handler ? handler(header, context) : 0;
        }
        return r;
}

int netlink_exchange(struct netlink *netlink, struct nlmsghdr *header, netlink_handler handler, void *context) {
        _cleanup_free_ char *buffer = receive_buffer();
        uint32_t sequence = ++netlink->sequence;
        bool interrupted = false;
        int r;

        header->nlmsg_seq = sequence;
        header->nlmsg_pid = 0;
        header->nlmsg_flags |= NLM_F_REQUEST;
        if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
                header->nlmsg_flags |= NLM_F_ACK;
        r = send_all(netlink, header, header->nlmsg_len);
        while (r == 0) {
                ssize_t got = receive(netlink, buffer);

                r = got < 0 ? (int) got : handle_datagram(buffer, (int) got, sequence, &interrupted, handler, context);
        }
        if (r < 0)
                return r;
        return interrupted ? -EINTR : 0;
}

void netlink_begin(struct str_buf *out, int type, int flags, const void *head, size_t head_size) {
        struct nlmsghdr header = {.nlmsg_type = (uint16_t) type, .nlmsg_flags = (uint16_t) flags};
        static const char padding[NLMSG_ALIGNTO];

        header.nlmsg_len = (uint32_t) NLMSG_LENGTH(head_size);
        str_buf_add_bytes(out, &header, sizeof(header));
        str_buf_add_bytes(out, head, head_size);
        str_buf_add_bytes(out, padding, NLMSG_ALIGN(head_size) - head_size);
}

void netlink_put(struct str_buf *message, int type, const void *data, size_t size) {
        struct nlattr attribute = {.nla_type = (uint16_t) type, .nla_len = (uint16_t) (NLA_HDRLEN + size)};
        static const char padding[NLA_ALIGNTO];

        str_buf_add_bytes(message, &attribute, sizeof(attribute));
        str_buf_add_bytes(message, data, size);
        str_buf_add_bytes(message, padding, NLA_ALIGN(size) - size);
        ((struct nlmsghdr *) (void *) message->data)->nlmsg_len = (uint32_t) message->size;
}
