#!/bin/bash
# A Python Flask application that counts its visits in redis, as a docker archive
# made by skopeo: flask.docker.tar
set -eu
here=$(dirname "$0")
. "$here/rootfs.sh"

rootfs=$WORK/flask
debian_rootfs "$rootfs" python3-flask python3-redis busybox-static
mkdir -p "$rootfs/app"
cp "$here/app.py" "$rootfs/app/app.py"
tar -C "$rootfs" --numeric-owner -cf "$WORK/flask-layer.tar" .

layout=$WORK/flask-layout
umoci init --layout "$layout"
umoci new --image "$layout:latest"
umoci raw add-layer --image "$layout:latest" "$WORK/flask-layer.tar"
umoci config --image "$layout:latest" --config.cmd python3 --config.cmd /app/app.py \
        --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin --config.env PYTHONUNBUFFERED=1 \
        --config.workingdir /app --config.exposedports 5000/tcp
rm -f "$WORK/flask.docker.tar"
skopeo --insecure-policy copy -q "oci:$layout:latest" "docker-archive:$WORK/flask.docker.tar:flask:latest"
mv "$WORK/flask.docker.tar" "$IMAGES/flask.docker.tar"
