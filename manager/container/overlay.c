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

/*
 * For kernels before 6.5, whose fsconfig(2) takes 255 characters for all layers: mount(2) takes a page.
 * The directories stand there as /proc/self/fd/N, short and with nothing to escape.
 */
static int mount_by_data(const char *directory, const char *const *layers, size_t count, struct error *err) {
        static const char *const own[] = {"upper", "work"};
        _cleanup_free_ char *merged = path_join(directory, "merged");
        _cleanup_free_ int *fds = xcalloc(count + ARRAY_SIZE(own), sizeof(int));
        _cleanup_str_buf_ struct str_buf data = {0};
        size_t opened = 0;
        int r = 0;

        for (size_t i = count; i-- > 0;) {
                fds[opened] = open(layers[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                str_buf_printf(&data, "%s/proc/self/fd/%d", opened > 0 ? ":" : "lowerdir=", fds[opened]);
                r = fds[opened++] < 0 ? -errno : r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
                _cleanup_free_ char *path = path_join(directory, own[i]);

                fds[opened] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                str_buf_printf(&data, ",%sdir=/proc/self/fd/%d", own[i], fds[opened]);
                r = fds[opened++] < 0 ? -errno : r;
        }
        str_buf_add(&data, ",redirect_dir=off,metacopy=off");
        if (r == 0 && mount("overlay", merged, "overlay", 0, data.data) < 0)
                r = -errno;
        for (size_t i = 0; i < opened; i++)
                fd_close_at(&fds[i]);
        return r < 0 ? error_errno(err, -r, "root file system %s", directory) : 0;
}

/* redirect_dir and metacopy would put into the upper directory what no other host's overlay, and no commit,
 * understands. */
static int finish(int context, const char *directory, struct error *err) {
        _cleanup_free_ char *upper = path_join(directory, "upper"), *work = path_join(directory, "work");
        _cleanup_free_ char *merged = path_join(directory, "merged");
        _cleanup_fd_ int mounted = -1;

        if (set(context, "upperdir", upper) < 0 || set(context, "workdir", work) < 0 ||
            set(context, "redirect_dir", "off") < 0 || set(context, "metacopy", "off") < 0 ||
            set(context, "source", "overlay") < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return mount_error(context, err, directory);
        mounted = fsmount(context, FSMOUNT_CLOEXEC, 0);
        if (mounted < 0)
                return mount_error(context, err, directory);
        if (move_mount(mounted, "", AT_FDCWD, merged, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return error_errno(err, errno, "%s", merged);
        return 0;
}

int overlay_mount(const char *directory, const char *const *layers, struct error *err) {
        _cleanup_free_ char *empty = path_join(directory, "empty");
        _cleanup_fd_ int context = fsopen("overlay", FSOPEN_CLOEXEC);
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
        if (add_layers_each(context, layers, count) == 0)
                return finish(context, directory, err);
        if (errno != EINVAL)
                return mount_error(context, err, directory);
        return mount_by_data(directory, layers, count, err);
}

int overlay_unmount(const char *directory, struct error *err) {
        _cleanup_free_ char *merged = str_format("%s/merged", directory);

        while (umount2(merged, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                ;
        if (errno == EINVAL || errno == ENOENT) /* nothing mounted there (any more) */
                return 0;
        return error_errno(err, errno, "%s", merged);
}
