#!/bin/bash
# redis as an OCI archive of two layers made by umoci, compressed: redis.oci.tar.gz
set -eu
. "$(dirname "$0")/rootfs.sh"

rootfs=$WORK/redis
debian_rootfs "$rootfs" redis-server redis-tools busybox-static
mkdir -p "$rootfs/var/lib/redis"
tar -C "$rootfs" --numeric-owner -cf "$WORK/redis-layer.tar" .

# A second layer that replaces a file and removes another, so that whiteouts are exercised by a peer's archive.
mkdir -p "$WORK/redis-top/etc/redis"
printf 'bind 0.0.0.0\nprotected-mode no\nsave ""\ndir /var/lib/redis\n' >"$WORK/redis-top/etc/redis/redis.conf"
: >"$WORK/redis-top/etc/.wh.ld.so.conf.d"
tar -C "$WORK/redis-top" --numeric-owner --owner=0 --group=0 -cf "$WORK/redis-top.tar" .

layout=$WORK/redis-layout
umoci init --layout "$layout"
umoci new --image "$layout:latest"
umoci raw add-layer --image "$layout:latest" "$WORK/redis-layer.tar"
umoci raw add-layer --image "$layout:latest" "$WORK/redis-top.tar"
umoci config --image "$layout:latest" --config.entrypoint redis-server --config.cmd /etc/redis/redis.conf \
        --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin --config.workingdir /var/lib/redis \
        --config.exposedports 6379/tcp
# An archive names its image by this annotation.
jq '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "redis:latest"' "$layout/index.json" \
        >"$layout/index.json.new"
mv "$layout/index.json.new" "$layout/index.json"
tar -C "$layout" -czf "$WORK/redis.oci.tar.gz" .
mv "$WORK/redis.oci.tar.gz" "$IMAGES/redis.oci.tar.gz"
