#!/bin/sh
# Makes a bundle ready to run: copies its config.json and fills its root filesystem
# with busybox (Debian package busybox-static).
#
#     sh bundles/fill.sh bundles/hello /tmp/hello
set -eu

if [ $# != 2 ]; then
        echo "usage: fill.sh BUNDLE DIRECTORY" >&2
        exit 2
fi
bundle=$1
target=$2

busybox=$(command -v busybox) || {
        echo "fill.sh: busybox is missing (apt-get install busybox-static)" >&2
        exit 1
}
if [ -e "$target/rootfs" ]; then
        echo "fill.sh: $target/rootfs is there already: choose another directory or remove it" >&2
        exit 1
fi

rootfs=$target/rootfs
mkdir -p "$rootfs/bin" "$rootfs/dev" "$rootfs/etc" "$rootfs/proc" "$rootfs/root" "$rootfs/sys" "$rootfs/www"
mkdir -m 1777 "$rootfs/tmp"
cp "$busybox" "$rootfs/bin/busybox"
for applet in $("$busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$rootfs/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$rootfs/etc/passwd"
echo 'root:x:0:' >"$rootfs/etc/group"
echo 'This page comes out of an OCI bundle.' >"$rootfs/www/index.html"
cp "$bundle/config.json" "$target/config.json"
echo "$target is ready: myrun run --bundle $target NAME"
