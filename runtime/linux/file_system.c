#include "file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/path.h"
#include "../../lib/str.h"

/* The kernel takes at most this much as the value of one option (fsconfig(2)). */
#define VALUE_MAX 255

/* The kernel's own words about a refused mount, which a file system context keeps for its reader. */
static int context_error(int context, const char *what, struct error *err) {
        int code = errno;
        char text[256];
        ssize_t n = read(context, text, sizeof(text) - 1);

        if (n <= 2)
                return error_errno(err, code, "%s", what);
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_errno(err, code, "%s: %s", what, text + 2);
}

static int set_option(int context, const char *word, struct error *err) {
        const char *equals = strchr(word, '=');
        _cleanup_free_ char *key = equals ? xstrndup(word, (size_t) (equals - word)) : xstrdup(word);
        int r = equals ? fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1, 0)
                       : fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0);

        return r < 0 ? context_error(context, word, err) : 0;
}

static int set_options(int context, const char *const *words, struct error *err) {
        for (; words && *words; words++) {
                int r = set_option(context, *words, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int file_system_new(const char *type, const char *source, const char *const *words, uint64_t attributes,
                    struct error *err) {
        _cleanup_fd_ int context = fsopen(type, FSOPEN_CLOEXEC);
        int fd;
        int r;

        if (context < 0 && errno == ENODEV)
                return error_set(err, ENODEV, "type: the kernel has no file system \"%s\"", type);
        if (context < 0)
                return error_errno(err, errno, "type %s", type);
        if (source && fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
                return context_error(context, "source", err);
        if ((r = set_options(context, words, err)) < 0)
                return r;
        if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return context_error(context, type, err);
        fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned int) attributes);
        return fd < 0 ? context_error(context, type, err) : fd;
}

bool file_system_has_long_value(const char *const *words) {
        for (; *words; words++) {
                const char *equals = strchr(*words, '=');

                if (equals && strlen(equals + 1) > VALUE_MAX)
                        return true;
        }
        return false;
}

int file_system_mount(const char *type, const char *source, const char *const *words, unsigned long flags, int target,
                      struct error *err) {
        _cleanup_str_list_ struct str_list list = {0};
        _cleanup_free_ char *data = NULL;
        char path[PATH_FD_MAX];

        for (; words && *words; words++)
                str_list_add(&list, *words);
        data = str_list_join(&list, ",");
        if (mount(source, path_of_fd(target, path), type, flags, data) < 0)
                return error_errno(err, errno, "type %s", type);
        return 0;
}

int file_system_reconfigure(int fd, const char *const *words, struct error *err) {
        _cleanup_fd_ int context = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
        int r;

        if (context < 0)
                return error_errno(err, errno, "remount");
        if ((r = set_options(context, words, err)) < 0)
                return r;
        if (fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
                return context_error(context, "remount", err);
        return 0;
}
