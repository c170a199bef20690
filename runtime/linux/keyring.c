#include "keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"

int keyring_join(const char *id, struct error *err) {
        _cleanup_free_ char *name = str_format("_ses.%s", id);

        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0 || errno == ENOSYS)
                return 0;
        if (errno != EDQUOT && errno != EPERM)
                return error_errno(err, errno, "session keyring");
        log_warning("the container shares the caller's session keyring: %s", strerror(errno));
        return 0;
}
