#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"

/* What the kernel said to a failed option or mount, which errno alone does not tell (fsopen(2)). */
static int mount_error(int context, struct error *err, const char *directory) {
        int code = errno;
        char text[512];
        ssize_t size = read(context, text, sizeof(text) - 1);

        if (size <= 2)
                return error_errno(err, code, "root file system %s", directory);
        text[size] = '\0';
        if (text[size - 1] == '\n')
                text[size - 1] = '\0';
        return error_set(err, code, "root file system %s: %s", directory, text + 2);
}

static int set(int context, const char *key, const char *value) {
        return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

/* Layer by layer (Linux 6.5): no limit by the length of an option string, no character that needs escaping. */
static int add_layers_each(int context, const char *const *layers, size_t count) {
        for (size_t i = count; i-- > 0;)
                if (set(context, "lowerdir+", layers[i]) < 0)
                        return -1;
        return 0;
}

/* All at once, as /proc/self/fd/N, so that deep stacks stay below the length limit of older kernels. */
static int add_layers_at_once(int context, const char *const *layers, size_t count) {
        _cleanup_free_ int *fds = xcalloc(count + 1, sizeof(int));
        _cleanup_str_buf_ struct str_buf lower = {0};
        int r = 0;

        for (size_t i = count; i-- > 0;) {
                fds[i] = open(layers[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (fds[i] < 0)
                        r = -1;
                str_buf_printf(&lower, "%s/proc/self/fd/%d", lower.size > 0 ? ":" : "", fds[i]);
        }
        if (r == 0)
                r = set(context, "lowerdir", lower.data);
        for (size_t i = 0; i < count; i++)
                fd_close_at(&fds[i]);
        return r;
}

int overlay_mount(const char *directory, const char *const *layers, struct error *err) {
        _cleanup_free_ char *upper = str_format("%s/upper", directory), *work = str_format("%s/work", directory);
        _cleanup_free_ char *merged = str_format("%s/merged", directory), *empty = str_format("%s/empty", directory);
        _cleanup_fd_ int context = fsopen("overlay", FSOPEN_CLOEXEC), mounted = -1;
        const char *const nothing[] = {empty};
        size_t count = 0;

        if (context < 0)
                return error_errno(err, errno, "overlay file system");
        while (layers && layers[count])
                count++;
        if (count == 0) { /* overlay wants at least one lower layer */
                if (mkdir(empty, 0755) < 0 && errno != EEXIST)
                        return error_errno(err, errno, "%s", empty);
                layers = nothing;
                count = 1;
        }
        if (add_layers_each(context, layers, count) < 0 &&
            (errno != EINVAL || add_layers_at_once(context, layers, count) < 0))
                return mount_error(context, err, directory);
        if (set(context, "upperdir", upper) < 0 || set(context, "workdir", work) < 0 ||
            set(context, "source", "overlay") < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return mount_error(context, err, directory);
        mounted = fsmount(context, FSMOUNT_CLOEXEC, 0);
        if (mounted < 0)
                return mount_error(context, err, directory);
        if (move_mount(mounted, "", AT_FDCWD, merged, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return error_errno(err, errno, "%s", merged);
        return 0;
}

int overlay_unmount(const char *directory, struct error *err) {
        _cleanup_free_ char *merged = str_format("%s/merged", directory);

        while (umount2(merged, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                ;
        if (errno == EINVAL || errno == ENOENT) /* nothing mounted there (any more) */
                return 0;
        return error_errno(err, errno, "%s", merged);
}
