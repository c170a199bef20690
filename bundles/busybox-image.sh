#!/bin/sh
# Makes the default image as an OCI archive: busybox-image.sh OUT.tar
#
# Its only ingredient is the static busybox of the Debian package
# busybox-static, so it needs neither network nor root, and the same busybox
# always gives the same archive, byte for byte.
set -eu
umask 022
export LC_ALL=C

fail() {
        echo "busybox-image.sh: $*" >&2
        exit 1
}

[ $# -eq 1 ] || fail "usage: busybox-image.sh OUT.tar"
out=$1
busybox=${BUSYBOX:-/bin/busybox}

[ -x "$busybox" ] || fail "$busybox: not found (hint: apt-get install busybox-static)"
# A dynamic program names its loader near the start of the file (PT_INTERP).
if head -c 4096 "$busybox" | grep -q 'ld-linux\|ld-musl\|/ld\.so'; then
        fail "$busybox: dynamically linked (hint: apt-get install busybox-static)"
fi

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
armv7*) arch=arm ;;
i?86) arch=386 ;;
*) arch=$(uname -m) ;;
esac
created=$(date -u -r "$busybox" +%Y-%m-%dT%H:%M:%SZ)

work=$(mktemp -d "${TMPDIR:-/tmp}/busybox-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# pack OUT DIR: a tar that depends on nothing but the names, modes and contents in DIR.
pack() {
        tar -C "$2" -cf "$1" --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
}

# The root file system.
rootfs=$work/rootfs
mkdir -p "$rootfs"
(
        cd "$rootfs"
        mkdir -p bin dev etc home lib mnt opt proc root run sbin srv sys tmp usr/bin usr/sbin \
                var/cache var/lib var/log var/spool var/tmp var/www
        chmod 1777 tmp var/tmp
        chmod 700 root
        cp "$busybox" bin/busybox
        chmod 755 bin/busybox
        "$busybox" --list-full | while read -r applet; do
                case $applet in
                bin/* | sbin/* | usr/bin/* | usr/sbin/*) ;;
                *) applet=bin/${applet##*/} ;;
                esac
                [ -e "$applet" ] || [ -L "$applet" ] || ln -s /bin/busybox "$applet"
        done
        ln -s ../run var/run

        cat >etc/passwd <<END
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
END
        cat >etc/group <<END
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
mail:x:8:
wheel:x:10:root
www-data:x:33:
operator:x:37:
users:x:100:
nogroup:x:65534:
END
        cat >etc/shadow <<END
root:*:::::::
daemon:*:::::::
bin:*:::::::
sys:*:::::::
mail:*:::::::
www-data:*:::::::
operator:*:::::::
nobody:*:::::::
END
        chmod 640 etc/shadow
        echo "hosts: files dns" >etc/nsswitch.conf
        cat >var/www/index.html <<END
<!DOCTYPE html>
<title>It works</title>
<h1>It works</h1>
<p>This page is served by busybox httpd from inside a container.</p>
END
)

# The image: one layer, its config and manifest, each blob named after its digest.
layout=$work/layout
blobs=$layout/blobs/sha256
mkdir -p "$blobs"

digest_of() {
        sha256sum "$1" | cut -d ' ' -f 1
}

# store FILE: moves it among the blobs; sets $digest and $size.
store() {
        digest=$(digest_of "$1")
        size=$(wc -c <"$1")
        mv "$1" "$blobs/$digest"
}

pack "$work/layer.tar" "$rootfs"
diff_id=$(digest_of "$work/layer.tar")
gzip -n -9 "$work/layer.tar"
store "$work/layer.tar.gz"
layer=$(printf '{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%d}' \
        "$digest" "$size")

cat >"$work/config" <<END
{"created":"$created","architecture":"$arch","os":"linux",\
"config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"]},\
"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]},\
"history":[{"created":"$created","created_by":"busybox-image.sh","comment":"from Debian's busybox-static"}]}
END
store "$work/config"
config=$(printf '{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d}' \
        "$digest" "$size")

printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' \
        application/vnd.oci.image.manifest.v1+json "$config" "$layer" >"$work/manifest"
store "$work/manifest"
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%d,%s}]}' \
        application/vnd.oci.image.index.v1+json application/vnd.oci.image.manifest.v1+json "$digest" "$size" \
        '"annotations":{"io.containerd.image.name":"docker.io/library/busybox:latest","org.opencontainers.image.ref.name":"busybox:latest"}' \
        >"$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"

# Written beside its place, so that an interrupted run leaves no half of an archive under the final name.
pack "$work/image.tar" "$layout"
staged=$out.$$.tmp
trap 'rm -rf "$work" "$staged"' EXIT
cp "$work/image.tar" "$staged"
mv "$staged" "$out"
