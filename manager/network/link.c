#include "link.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/cleanup.h"

int link_delete(const char *name, struct error *err) {
        struct {
                struct nlmsghdr header;
                struct ifinfomsg link;
        } request = {
                .header = {.nlmsg_len = sizeof(request),
                           .nlmsg_type = RTM_DELLINK,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int) if_nametoindex(name)},
        };
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[256];
        } answer;
        _cleanup_fd_ int fd = -1;

        if (request.link.ifi_index == 0)
                return 0;
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
                return error_errno(err, errno, "delete link %s", name);
        if (answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error != 0 && answer.error.error != -ENODEV)
                return error_errno(err, -answer.error.error, "delete link %s", name);
        return 0;
}
