/* The part of netlink.h for messages made with libnl. */
#include <netlink/msg.h>
#include <string.h>

#include "netlink.h"

struct nl_msg *netlink_message(int type, int flags, const void *head, size_t head_size, size_t room) {
        struct nl_msg *message = nlmsg_alloc_size(NLMSG_HDRLEN + NLMSG_ALIGN(head_size) + room);
        struct nlmsghdr *header = message ? nlmsg_put(message, 0, 0, type, (int) head_size, flags) : NULL;

        /* As in memory.c: nothing sensible is left to do. */
        if (!header)
                abort();
        memcpy(nlmsg_data(header), head, head_size);
        return message;
}

void netlink_batch_add(struct netlink_batch *batch, struct nl_msg *message) {
        const struct nlmsghdr *header = nlmsg_hdr(message);
        static const char padding[NLMSG_ALIGNTO];

        str_buf_add_bytes(&batch->data, header, header->nlmsg_len);
        str_buf_add_bytes(&batch->data, padding, NLMSG_ALIGN(header->nlmsg_len) - header->nlmsg_len);
        batch->count++;
        nlmsg_free(message);
}

int netlink_request(struct netlink *netlink, struct nl_msg *message) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};

        netlink_batch_add(&batch, message);
        return netlink_batch_send(netlink, &batch, 0, NULL);
}

int netlink_query(struct netlink *netlink, struct nl_msg *message, netlink_handler handler, void *context) {
        int r = netlink_exchange(netlink, nlmsg_hdr(message), handler, context);

        nlmsg_free(message);
        return r;
}
