#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static int error_setv(struct error *err, int code, const char *format, va_list args) {
        if (err) {
                err->code = code;
                err->hint[0] = '\0';
                (void) vsnprintf(err->message, sizeof(err->message), format, args);
        }
        return -code;
}

int error_set(struct error *err, int code, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = error_setv(err, code, format, args);
        va_end(args);
        return r;
}

int error_errno(struct error *err, int code, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) error_setv(err, code, format, args);
        va_end(args);
        if (err) {
                size_t used = strlen(err->message);

                (void) snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(code));
        }
        return -code;
}

int error_wrap(struct error *err, const char *format, ...) {
        char inner[sizeof(err->message)];
        va_list args;
        size_t used;

        if (!err)
                return -EIO;
        memcpy(inner, err->message, sizeof(inner));
        va_start(args, format);
        (void) vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        used = strlen(err->message);
        (void) snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
        return -err->code;
}

int error_hint(struct error *err, const char *format, ...) {
        va_list args;

        if (!err)
                return -EIO;
        va_start(args, format);
        (void) vsnprintf(err->hint, sizeof(err->hint), format, args);
        va_end(args);
        return -err->code;
}

void error_clear(struct error *err) {
        if (err)
                *err = (struct error){0};
}

char *error_text(const struct error *err) {
        char *text = NULL;

        if (err->hint[0] == '\0')
                return xstrdup(err->message);
        if (asprintf(&text, "%s (hint: %s)", err->message, err->hint) < 0)
                return xstrdup(err->message);
        return text;
}
