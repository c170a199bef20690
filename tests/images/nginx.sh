#!/bin/bash
# nginx as a plain root filesystem, for `mymgr import`: nginx.tar
set -eu
. "$(dirname "$0")/rootfs.sh"

rootfs=$WORK/nginx
debian_rootfs "$rootfs" nginx-light busybox-static
mkdir -p "$rootfs/var/lib/nginx" "$rootfs/var/log/nginx" "$rootfs/var/www/html"
echo 'Served by nginx in a container.' >"$rootfs/var/www/html/index.html"
cat >"$rootfs/etc/nginx/nginx.conf" <<'CONF'
daemon off;
user www-data;
worker_processes 1;
error_log /dev/stderr;
events { worker_connections 64; }
http {
        access_log /dev/stdout;
        server {
                listen 80;
                root /var/www/html;
        }
}
CONF
tar -C "$rootfs" --numeric-owner -cf "$WORK/nginx.tar" .
mv "$WORK/nginx.tar" "$IMAGES/nginx.tar"
