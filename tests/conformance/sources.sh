#!/bin/bash
# Makes ready below $CONFORMANCE what the suites by others need: their sources, through the
# machine's own apt sources; their helper programs, built from Debian packages; and the root
# filesystems that they would download. Done once; a part is made anew where it is missing.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$HERE/../.." && pwd)
FETCHED=$CONFORMANCE
RUNC=$CONFORMANCE/runc
CRUN=$CONFORMANCE/crun
. "$SOURCE/tests/helpers/debian-source.bash"

# The suite's programs, with the Go libraries that Debian has as packages.
build_runc_helpers() {
        local path=$CONFORMANCE/gopath/src/github.com/opencontainers helper

        mkdir -p "$path"
        ln -sfn "$RUNC" "$path/runc"
        for helper in recvtty sd-helper seccompagent; do
                [ ! -x "$RUNC/contrib/cmd/$helper/$helper" ] || continue
                (
                        cd "$path/runc"
                        GO111MODULE=off GOFLAGS='' GOCACHE=$CONFORMANCE/gocache \
                                GOPATH=$CONFORMANCE/gopath:/usr/share/gocode \
                                go build -tags seccomp -o "contrib/cmd/$helper/$helper" "./contrib/cmd/$helper"
                )
        done
}

# The suite's init, which is the only program in its root filesystems.
build_crun_init() {
        [ ! -x "$CRUN/tests/init" ] || return 0
        printf '%s\n' '#define HAVE_ERROR_H 1' '#define HAVE_SECCOMP 1' >"$CRUN/tests/config.h"
        gcc -static -D_GNU_SOURCE -I "$CRUN/tests" -o "$CRUN/tests/init" "$CRUN/tests/init.c" -lseccomp
}

# The names under which runc's get-images.sh looks for what it downloaded earlier.
make_images() {
        local images=$RUNC/tests/integration/testdata architecture work

        architecture=$(go env GOARCH)
        work=$CONFORMANCE/image-work
        rm -rf "$work"
        mkdir -p "$work/layout"
        if [ ! -e "$images/busybox-$architecture.tar.xz" ]; then
                sh "$SOURCE/bundles/busybox-image.sh" "$work/busybox.tar"
                tar -C "$work/layout" -xf "$work/busybox.tar"
                mkdir "$work/busybox"
                # Its one layer is the largest blob. Cases count on these two being absent, as in docker's image.
                tar -C "$work/busybox" -xf "$(find "$work/layout/blobs" -type f -size +100k | head -n 1)"
                rmdir "$work/busybox/proc" "$work/busybox/sys"
                tar -C "$work/busybox" -cf "$work/busybox.tar" .
                mv "$work/busybox.tar" "$images/busybox-$architecture.tar.xz"
        fi
        if [ ! -e "$images/debian-$architecture.tar.xz" ]; then
                . "$SOURCE/tests/images/rootfs.sh"
                IMAGES=$work
                debian_rootfs "$work/debian" bash coreutils dash grep libc-bin mount
                tar -C "$work/debian" -cf "$work/debian.tar" .
                mv "$work/debian.tar" "$images/debian-$architecture.tar.xz"
        fi
        rm -rf "$work"
}

# The root filesystem of the image that the suite would download, with what its cases look for in there.
make_podman_image() {
        local image=$CONFORMANCE/podman-image.tar work=$CONFORMANCE/podman-image-work home

        [ ! -e "$image" ] || return 0
        rm -rf "$work"
        mkdir -p "$work/rootfs"
        tar -C "$work/rootfs" -xf "$RUNC/tests/integration/testdata/busybox-$(go env GOARCH).tar.xz"
        home=$work/rootfs/home/podman
        mkdir -p "$home" "$work/rootfs/proc" "$work/rootfs/sys"
        echo 20220615 >"$home/testimage-id"
        touch --date=@1600000000 "$home/testimage-id"
        printf '#!/bin/sh\necho "Confirmed: testimage pause invoked as $0"\nwhile :; do sleep 0.1; done\n' >"$home/pause"
        ln -s /proc/mounts "$work/rootfs/etc/mtab"
        printf '%s\n' 'sync:x:5:0:sync:/sbin:/bin/sync' 'guest:x:405:100:guest:/dev/null:/sbin/nologin' \
                >>"$work/rootfs/etc/passwd"
        ln -s busybox "$work/rootfs/bin/busybox-extras"
        echo 'ID=testimage' >"$work/rootfs/etc/os-release"
        echo 'domain 53/udp' >"$work/rootfs/etc/services"
        chmod 755 "$home/pause"
        # Debian's busybox has none.
        gcc -static -O -x c -o "$work/rootfs/bin/printenv" - <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv, char **env) {
        if (argc > 1)
                return getenv(argv[1]) ? puts(getenv(argv[1])) < 0 : 1;
        while (*env)
                puts(*env++);
        return 0;
}
END
        tar -C "$work/rootfs" -cf "$work/image.tar" .
        mv "$work/image.tar" "$image"
        rm -rf "$work"
}

sh "$SOURCE/tests/packages.sh" conformance
fetch runc "$RUNC"
fetch crun "$CRUN"
fetch libpod "$CONFORMANCE/libpod"
fetch golang-github-containers-buildah "$CONFORMANCE/buildah"
build_runc_helpers
build_crun_init
make_images
make_podman_image
