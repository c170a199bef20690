/*
 * Image references: [host[:port]/]path[:tag][@digest], as Docker's distribution
 * grammar has them: path parts in lower case, joined by one '.', one or two '_'
 * or any number of '-'; a tag of up to 128 word characters, '.' and '-'.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "store_internal.h"

#define REFERENCE_MAX 255
#define TAG_MAX 128
#define DEFAULT_TAG "latest"

static const char *const dropped_prefixes[] = {
        "docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "localhost/", "library/",
};

static bool is_lower_alnum(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The length of a separator between letters and digits: ".", "_", "__" or dashes; 0: none here. */
static size_t separator_length(const char *text) {
        if (*text == '.')
                return 1;
        if (*text == '_')
                return text[1] == '_' ? 2 : 1;
        return strspn(text, "-");
}

static bool is_path_part(const char *text, size_t length) {
        size_t i = 0;

        while (i < length) {
                size_t start = i;

                while (i < length && is_lower_alnum(text[i]))
                        i++;
                if (i == start)
                        return false;
                if (i == length)
                        return true;
                start = i;
                i += separator_length(text + i);
                if (i == start)
                        return false;
        }
        return false;
}

/* Only the first part can be a host, and only if it looks like one. */
static bool is_host(const char *text, size_t length) {
        bool marked = length == strlen("localhost") && strncmp(text, "localhost", length) == 0;
        const char *port = memrchr(text, ':', length);

        if (length == 0 || (!isalnum((unsigned char) text[0]) && text[0] != '[') || strchr(".-:[", text[length - 1]))
                return false;
        /* An IPv6 address without a port ends in "]". */
        if (port && text[length - 1] != ']' && strspn(port + 1, "0123456789") != length - (size_t) (port + 1 - text))
                return false;
        for (size_t i = 0; i < length; i++) {
                if (!isalnum((unsigned char) text[i]) && !strchr(".-:[]", text[i]))
                        return false;
                /* No label is empty: ".." is a path, not a host. */
                if (text[i] == '.' && text[i + 1] == '.')
                        return false;
                marked = marked || text[i] == '.' || text[i] == ':';
        }
        return marked;
}

static bool is_repository(const char *text, size_t length) {
        bool first = true;

        for (;;) {
                const char *slash = memchr(text, '/', length);
                size_t part = slash ? (size_t) (slash - text) : length;

                if (!is_path_part(text, part) && !(first && slash && is_host(text, part)))
                        return false;
                if (!slash)
                        return true;
                first = false;
                text += part + 1;
                length -= part + 1;
        }
}

static bool is_tag(const char *text) {
        size_t length = strlen(text);

        if (length == 0 || length > TAG_MAX || *text == '.' || *text == '-')
                return false;
        for (; *text; text++)
                if (!isalnum((unsigned char) *text) && !strchr("_.-", *text))
                        return false;
        return true;
}

/* All of them, one behind the other: a normal name is normal. */
static const char *without_default_prefix(const char *text) {
        for (size_t i = 0; i < ARRAY_SIZE(dropped_prefixes);) {
                if (str_starts_with(text, dropped_prefixes[i])) {
                        text += strlen(dropped_prefixes[i]);
                        i = 0;
                } else {
                        i++;
                }
        }
        return text;
}

int reference_normalize(const char *text, char **out, struct error *err) {
        const char *name = without_default_prefix(text);
        const char *digest = strchr(name, '@');
        _cleanup_free_ char *tagged = digest ? xstrndup(name, (size_t) (digest - name)) : xstrdup(name);
        const char *slash = strrchr(tagged, '/');
        const char *colon = strchr(slash ? slash : tagged, ':');
        size_t length = colon ? (size_t) (colon - tagged) : strlen(tagged);
        const char *end = digest ? digest : colon ? "" : ":" DEFAULT_TAG;
        const char *hex;

        /* With the default tag, too, or the image could not be named again. */
        if (strlen(text) > REFERENCE_MAX || strlen(tagged) + strlen(end) > REFERENCE_MAX || length == 0 ||
            !is_repository(tagged, length) || (colon && !is_tag(colon + 1)) ||
            (digest && image_digest_parse(digest + 1, &hex, NULL) < 0)) {
                (void) error_set(err, EINVAL, "not an image reference: \"%.255s\"", text);
                (void) error_hint(err, "a reference is NAME[:TAG], the name in lower case, such as nginx:1.22");
                return -EINVAL;
        }
        *out = str_format("%s%s", tagged, end);
        return 0;
}
