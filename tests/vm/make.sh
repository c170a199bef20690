#!/bin/bash
# Makes what the virtual machine is booted from, once, in $BUILD/vm: Debian's cloud
# kernel, a small initramfs, and a root disk with what the suites need, all unpacked
# from packages of the configured apt sources; nothing is installed on this machine.
#
#     tests/vm/make.sh            -> $BUILD/vm/{vmlinuz,initramfs,root.img}
set -eu

here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$here/../../build}
vm=$BUILD/vm
mkdir -p "$vm"
vm=$(cd "$vm" && pwd)
# Two runs at once: the second one waits and finds the machine there.
exec 9>"$vm/.lock"
flock 9

# All modules of the kernel are in the root disk, and it loads what a suite asks for (8021q, macvlan, sch_tbf, …).
packages=(
        linux-image-cloud-amd64 kmod
        base-files bash bsdutils coreutils diffutils e2fsprogs findutils grep gzip hostname login mawk mount sed tar util-linux
        apparmor bats iputils-ping jq busybox-static iproute2 nftables passwd procps python3-minimal socat strace uidmap binutils
        criu crun runc podman
        dbus libpam-systemd systemd systemd-sysv
)

stamp=$vm/.made-$(cat "$here/make.sh" "$here/init" "$here/initramfs-init" "$here/suite.service" "$here/../images/rootfs.sh" | sha256sum | cut -c1-16)
[ ! -e "$stamp" ] || exit 0
rm -rf "$vm"/.made-* "$vm"/work.*

work=$(mktemp -d "$vm/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
IMAGES=$work
. "$here/../images/rootfs.sh"
root=$work/root
debian_rootfs "$root" "${packages[@]}" 9>&-

# What the packages' own scripts would have done.
ln -sfn mawk "$root/usr/bin/awk"
printf '%s\n' root:x:0:0:root:/root:/bin/bash messagebus:x:100:100::/nonexistent:/usr/sbin/nologin \
        nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin >"$root/etc/passwd"
printf '%s\n' root:x:0: messagebus:x:100: tty:x:5: adm:x:4: utmp:x:43: nogroup:x:65534: >"$root/etc/group"
# A user's service manager is started without the questions of a login.
for name in account auth password session session-noninteractive; do
        echo "${name%-*} required pam_permit.so" >"$root/etc/pam.d/common-$name"
done
touch "$root/etc/subuid" "$root/etc/subgid"
echo vm >"$root/etc/hostname"
echo 127.0.0.1 localhost vm >"$root/etc/hosts"
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
version=$(basename "$root"/boot/vmlinuz-*)
version=${version#vmlinuz-}
chroot "$root" depmod "$version"
mv "$root/boot/vmlinuz-$version" "$work/vmlinuz"
rm -rf "${root:?}"/boot/* "$root"/etc/initramfs-tools "$root"/usr/share/{doc,man,info,locale}

rm -rf "$root/var/run"
ln -sfn /run "$root/var/run"
# The consoles are the log's and the suites'.
ln -sfn /dev/null "$root/etc/systemd/system/serial-getty@.service"

# The machine's first program, under a name that leaves /sbin/init to systemd.
install -m 755 "$here/init" "$root/sbin/vm-init"
install -m 644 "$here/suite.service" "$root/usr/lib/systemd/system/suite.service"

# module_files NAME...: the files of modules and of what they need, in the order to load them.
module_files() {
        awk -v wanted="$*" '
                { file = $1; sub(/:$/, "", file); name = file; gsub(/.*\/|\.ko.*/, "", name); gsub(/-/, "_", name)
                  path[name] = file; needs[name] = ""
                  for (i = NF; i > 1; i--) { needs[name] = needs[name] " " $i } }
                END { count = split(wanted, list, " ")
                  for (i = 1; i <= count; i++) { print needs[list[i]] " " path[list[i]] } }
        ' "$root/lib/modules/$version/modules.dep" | tr ' ' '\n' | awk 'NF && !seen[$0]++'
}

initramfs=$work/initramfs.d
mkdir -p "$initramfs"/{bin,dev,proc,sys,root,modules}
cp "$root/bin/busybox" "$initramfs/bin/busybox"
number=10
for file in $(module_files virtio_pci virtio_blk); do
        cp "$root/lib/modules/$version/$file" "$initramfs/modules/$number-$(basename "$file")"
        number=$((number + 1))
done
install -m 755 "$here/initramfs-init" "$initramfs/init"
(cd "$initramfs" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs"

# 1 GiB, of which only what is used takes room here.
truncate -s 1G "$work/root.img"
mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$root" "$work/root.img"
mv "$work/vmlinuz" "$work/initramfs" "$work/root.img" "$vm/"
: >"$stamp"
