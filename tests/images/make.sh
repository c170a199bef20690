#!/bin/bash
# Makes the images of the acceptance tests from Debian packages, once; they are
# kept in $BUILD/images until the scripts here change.
#
#     tests/images/make.sh [nginx] [redis] [flask]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
export BUILD=${BUILD:-$here/../../build}
export IMAGES=$BUILD/images
mkdir -p "$IMAGES"
# Two runs at once: the second one waits and finds the images there.
exec 9>"$IMAGES/.lock"
flock 9

[ $# -gt 0 ] || set -- nginx redis flask
for image in "$@"; do
        stamp=$IMAGES/.$image-$(cat "$here/rootfs.sh" "$here/$image.sh" "$here/app.py" | sha256sum | cut -c1-16)
        [ ! -e "$stamp" ] || continue
        rm -f "$IMAGES/.$image"-*
        WORK=$(mktemp -d "$IMAGES/work.XXXXXX")
        export WORK
        if ! bash "$here/$image.sh" 9>&-; then
                rm -rf "$WORK"
                echo "tests/images/$image.sh failed" >&2
                exit 1
        fi
        rm -rf "$WORK"
        : >"$stamp"
done
