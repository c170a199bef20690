#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        (void) argc;
        (void) argv;
        /* Odd input is worth a warning each time, which nobody would read here. */
        (void) log_open(&(const struct log_options){.program = "fuzz", .level = LOG_LEVEL_ERROR}, NULL);
        return 0;
}

void fuzz_fail(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) fputs("fuzz: ", stderr);
        (void) vfprintf(stderr, format, arguments);
        (void) fputc('\n', stderr);
        va_end(arguments);
        abort();
}

bool fuzz_accepted(int r, const struct error *err) {
        if (r >= 0) {
                fuzz_require(err->code == 0, "success left the error \"%s\"", err->message);
                return true;
        }
        fuzz_require(err->code == -r, "returned %d with an error of code %d: %s", r, err->code, err->message);
        fuzz_require(err->message[0], "failed with %d and no message", r);
        return false;
}

const struct json *fuzz_parse(struct arena *arena, const uint8_t *data, size_t size) {
        const struct json *root = NULL;
        struct error err = {0};

        return fuzz_accepted(json_parse(arena, (const char *) data, size, NULL, &root, &err), &err) ? root : NULL;
}

const struct json *fuzz_parse_own(struct arena *arena, const char *text) {
        const struct json *root = NULL;
        struct error err = {0};

        fuzz_require(json_parse(arena, text, strlen(text), NULL, &root, &err) >= 0, "wrote what it cannot read: %s\n%s",
                     err.message, text);
        return root;
}

void fuzz_same(const char *what, const char *first, const char *second) {
        fuzz_require(str_equal(first, second), "%s: read again it differs:\n%s\n%s", what, first, second);
}

const char *fuzz_text(struct arena *arena, const uint8_t *data, size_t size) {
        return arena_strndup(arena, (const char *) data, strnlen((const char *) data, size));
}

/* libFuzzer ends without atexit(3): who runs the target removes $TMPDIR (tests/fuzz/run.sh). */
const char *fuzz_directory(int *fd) {
        static char path[256];
        static int directory_fd = -1;
        const char *parent = getenv("TMPDIR");

        if (directory_fd < 0) {
                (void) snprintf(path, sizeof(path), "%s/fuzz.XXXXXX", parent ? parent : "/tmp");
                fuzz_require(mkdtemp(path), "%s: %s", path, strerror(errno));
                directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                fuzz_require(directory_fd >= 0, "%s: %s", path, strerror(errno));
        }
        *fd = directory_fd;
        return path;
}

void fuzz_write(int dir_fd, const char *name, const void *data, size_t size) {
        _cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

        fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t) size, "%s: %s", name, strerror(errno));
}
