/*
 * The small texts of image documents: media types, digests, times, platforms.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "../lib/cleanup.h"
#include "../lib/sha256.h"
#include "../lib/str.h"
#include "image.h"

/* Layer types end in a compression suffix, and some are marked as not for redistribution: a prefix says enough. */
static const struct {
        const char *text;
        bool prefix;
        enum image_media_kind kind;
} media_types[] = {
        {IMAGE_MEDIA_INDEX, false, IMAGE_KIND_INDEX},
        {IMAGE_MEDIA_MANIFEST, false, IMAGE_KIND_MANIFEST},
        {IMAGE_MEDIA_CONFIG, false, IMAGE_KIND_CONFIG},
        {IMAGE_MEDIA_LAYER, true, IMAGE_KIND_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar", true, IMAGE_KIND_LAYER},
        {"application/vnd.docker.distribution.manifest.list.v2+json", false, IMAGE_KIND_INDEX},
        {"application/vnd.docker.distribution.manifest.v2+json", false, IMAGE_KIND_MANIFEST},
        {"application/vnd.docker.container.image.v1+json", false, IMAGE_KIND_CONFIG},
        {"application/vnd.docker.image.rootfs.diff.tar", true, IMAGE_KIND_LAYER},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar", true, IMAGE_KIND_LAYER},
};

enum image_media_kind image_media_kind(const char *media_type) {
        if (!media_type)
                return IMAGE_KIND_UNKNOWN;
        for (size_t i = 0; i < ARRAY_SIZE(media_types); i++) {
                if (str_equal(media_type, media_types[i].text) ||
                    (media_types[i].prefix && str_starts_with(media_type, media_types[i].text)))
                        return media_types[i].kind;
        }
        return IMAGE_KIND_UNKNOWN;
}

bool image_digest_is_hex(const char *text) {
        return text && strlen(text) == SHA256_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

int image_digest_parse(const char *text, const char **hex, struct error *err) {
        const char *colon = text ? strchr(text, ':') : NULL;

        if (!colon || colon == text || colon[1] == '\0')
                return error_set(err, EINVAL, "not a digest: \"%s\"", text ? text : "");
        if (!str_starts_with(text, "sha256:"))
                return error_set(err, ENOTSUP, "%.*s digests: not supported in this build", (int) (colon - text), text);
        if (!image_digest_is_hex(colon + 1))
                return error_set(err, EINVAL, "not a digest: \"%s\"", text);
        *hex = colon + 1;
        return 0;
}

static const struct {
        const char *machine; /* as uname(2) names it */
        const char *architecture;
} architectures[] = {
        {"x86_64", "amd64"},        {"aarch64", "arm64"},   {"armv7l", "arm"},
        {"armv6l", "arm"},          {"i686", "386"},        {"i386", "386"},
        {"ppc64le", "ppc64le"},     {"s390x", "s390x"},     {"riscv64", "riscv64"},
        {"loongarch64", "loong64"}, {"mips64", "mips64le"},
};

const char *image_host_architecture(void) {
        struct utsname host;

        if (uname(&host) == 0) {
                for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
                        if (str_equal(host.machine, architectures[i].machine))
                                return architectures[i].architecture;
        }
        return "unknown";
}

const char *string_pairs_get(const struct string_pair *pairs, size_t count, const char *key) {
        for (size_t i = 0; i < count; i++)
                if (str_equal(pairs[i].key, key))
                        return pairs[i].value;
        return NULL;
}
