#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/log.h"

int pid_file_write(const char *path, pid_t pid, struct error *err) {
        char text[16];
        int r;

        if (!path)
                return 0;
        (void) snprintf(text, sizeof(text), "%d", pid);
        r = file_write_new(AT_FDCWD, path, text, strlen(text), 0644, err);
        return r < 0 ? error_wrap(err, "--pid-file") : 0;
}

int pidfd_socket_send(const char *path, int pidfd, struct error *err) {
        _cleanup_fd_ int fd = -1;
        int r;

        if (!path)
                return 0;
        fd = fd_connect_unix(path, SOCK_STREAM);
        r = fd < 0 ? error_errno(err, -fd, "%s", path) : fd_send(fd, "pidfd", 5, &pidfd, 1, err);
        return r < 0 ? error_wrap(err, "--pidfd-socket") : 0;
}

void warn_of_preserved_fds(int count) {
        for (int fd = 3; fd < 3 + count; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                log_warning("--preserve-fds: file descriptor %d is not open", fd);
                return;
        }
}
