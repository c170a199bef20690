# Root filesystems from Debian packages, through the machine's own apt sources:
# the packages and what they depend on are downloaded and unpacked, nothing is run.
#
#     . rootfs.sh; debian_rootfs DIR PACKAGE...

# A directory that apt can take for a fresh machine.
download_packages() {
        local cache=$1

        shift
        mkdir -p "$cache/partial"
        : >"$cache/status"
        apt-get -q -y -o Dir::State::status="$cache/status" -o Dir::Cache::archives="$cache" \
                -o Debug::NoLocking=1 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o APT::Install-Recommends=false \
                -o APT::Sandbox::User=root --download-only install "$@"
}

debian_rootfs() {
        local rootfs=$1 cache package directory

        shift
        cache=$IMAGES/packages-$(basename "$rootfs")
        # The lists may be missing on a machine that has never been updated.
        download_packages "$cache" "$@" || { apt-get -q update && download_packages "$cache" "$@"; } || return 1

        mkdir -p "$rootfs"/{etc,dev,proc,sys,root,run,mnt,usr/bin,usr/sbin,usr/lib,usr/lib64,var/log,var/run}
        mkdir -p -m 1777 "$rootfs/tmp"
        for directory in bin sbin lib lib64; do
                ln -sfn "usr/$directory" "$rootfs/$directory"
        done
        for package in "$cache"/*.deb; do
                dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$rootfs" \
                        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
                        --exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' || return 1
        done
        rm -rf "$cache"

        # What the packages' own scripts would have done.
        printf '%s\n' root:x:0:0:root:/root:/bin/sh www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin \
                redis:x:100:101:redis:/var/lib/redis:/usr/sbin/nologin >"$rootfs/etc/passwd"
        printf '%s\n' root:x:0: www-data:x:33: redis:x:101: >"$rootfs/etc/group"
        for directory in bin/sh bin/ip bin/ping bin/wget bin/nc bin/ls bin/cat bin/echo bin/sleep bin/id; do
                [ -e "$rootfs/usr/$directory" ] || ln -sfn /bin/busybox "$rootfs/usr/$directory"
        done
}
