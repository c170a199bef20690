#!/usr/bin/env bats
# mounts, root, masked and read-only paths, /dev.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        VOLUME=$BATS_TEST_TMPDIR/volume
        mkdir "$VOLUME"
        echo data >"$VOLUME/file"
}

teardown() {
        runtime_teardown
}

# The options of one mount as the container sees them.
mount_options() {
        set_args sh -c "grep ' $1 ' /proc/self/mountinfo"
        myrun run "$ID" | awk '{ print $6 }'
}

@test "a bind mount shows the host's directory, writable" {
        add_mount /data bind "$VOLUME" rbind
        set_args sh -c 'cat /data/file; echo new >/data/new'
        run myrun run "$ID"
        assert_success
        assert_output data
        assert_equal "$(cat "$VOLUME/new")" new
}

@test "a bind mount of a file makes the file it is mounted on" {
        add_mount /some/where/file none "$VOLUME/file" bind
        set_args cat /some/where/file
        run myrun run "$ID"
        assert_output data
}

@test "ro makes a bind mount read-only" {
        add_mount /data bind "$VOLUME" rbind ro
        set_args touch /data/new
        run myrun run "$ID"
        assert_failure
        assert_output_contains "Read-only file system"
        refute_exists "$VOLUME/new"
}

@test "a relative bind source starts at the bundle" {
        mkdir "$BUNDLE/beside"
        echo here >"$BUNDLE/beside/file"
        add_mount /data bind beside bind
        set_args cat /data/file
        run myrun run "$ID"
        assert_output here
}

@test "mount options arrive at the mount" {
        add_mount /data bind "$VOLUME" bind nosuid nodev noexec noatime ro
        run mount_options /data
        assert_output_matches 'ro.*nosuid.*nodev.*noexec.*noatime'
}

@test "rro makes what is mounted below read-only too" {
        mkdir "$VOLUME/below"
        mount -t tmpfs tmpfs "$VOLUME/below"
        add_mount /data bind "$VOLUME" rbind rro
        set_args touch /data/below/new
        run myrun run "$ID"
        umount "$VOLUME/below"
        assert_failure
        assert_output_contains "Read-only file system"
}

@test "tmpfs takes its options, and refuses wrong ones by name" {
        add_mount /scratch tmpfs tmpfs size=1m mode=1777 nosuid
        set_args sh -c 'grep /scratch /proc/mounts; ls -ld /scratch'
        run myrun run "$ID"
        assert_success
        assert_output_contains "size=1024k" "drwxrwxrwt"
        edit_config '.mounts[-1].options = ["size=nonsense"]'
        run myrun run "$ID"
        assert_clear_error "mounts[6] /scratch" size
}

@test "tmpcopyup fills a tmpfs with what was there" {
        mkdir rootfs/full
        echo content >rootfs/full/file
        ln -s file rootfs/full/link
        add_mount /full tmpfs tmpfs tmpcopyup
        set_args sh -c 'cat /full/link; echo more >/full/new'
        run myrun run "$ID"
        assert_success
        assert_output content
        refute_exists rootfs/full/new
}

@test "propagation is what the mount asks for" {
        for propagation in private slave shared unbindable; do
                edit_config 'del(.mounts[6])'
                add_mount /data bind "$VOLUME" bind "$propagation"
                set_args sh -c "grep ' /data ' /proc/self/mountinfo"
                run myrun run "$ID"
                case $propagation in
                shared) assert_output_contains shared: ;;
                unbindable) assert_output_contains unbindable ;;
                *) refute_output_contains shared: unbindable ;;
                esac
        done
}

# Where the kernel orders its list by the age of mounts (Linux 6.8) it can also make a peer's again (6.15).
@test "the kernel lists the mounts in the order of the config" {
        local expected=/data/first

        mount -t tmpfs tmpfs "$VOLUME"
        mount --make-shared "$VOLUME"
        add_mount /data/first tmpfs tmpfs
        for propagation in private slave shared unbindable; do
                for bind in bind rbind; do
                        add_mount "/data/$bind-$propagation" bind "$VOLUME" $bind $propagation
                        expected+=$'\n'/data/$bind-$propagation
                done
        done
        add_mount /data/last tmpfs tmpfs
        set_args awk '$5 ~ "^/data/" { print $5 }' /proc/self/mountinfo
        run myrun run "$ID"
        assert_output "$expected"$'\n'/data/last
        umount "$VOLUME"
}

@test "mounts made below a bind mount reach the host only with rshared" {
        mount -t tmpfs tmpfs "$VOLUME"
        mount --make-shared "$VOLUME"
        mkdir "$VOLUME/below"
        edit_config '.process.capabilities |= map_values(["CAP_SYS_ADMIN"])'
        for propagation in "" rslave rprivate shared rshared; do
                edit_config 'del(.mounts[6])'
                add_mount /data bind "$VOLUME" rbind ${propagation:+"$propagation"}
                # What engines set with rshared; without it, it is a matter of the container's own mounts.
                [ "$propagation" != rshared ] || edit_config '.linux.rootfsPropagation = "shared"'
                set_args sh -c 'mount -t tmpfs tmpfs /data/below && echo mounted'
                run myrun run "$ID"
                assert_output mounted
                if [ "$propagation" = rshared ]; then
                        grep -q " $VOLUME/below " /proc/self/mountinfo
                else
                        run grep " $VOLUME/below " /proc/self/mountinfo
                        assert_failure
                fi
        done
        umount -R "$VOLUME"
}

@test "shared without an r leaves what is mounted below alone" {
        mount -t tmpfs tmpfs "$VOLUME"
        mount --make-shared "$VOLUME"
        mkdir "$VOLUME/below"
        mount -t tmpfs tmpfs "$VOLUME/below"
        add_mount /data bind "$VOLUME" rbind shared
        set_args grep ' /data' /proc/self/mountinfo
        run myrun run "$ID"
        assert_output_matches ' /data .* shared:'
        assert_equal "$(grep -c ' /data/below .* shared:' <<<"$output")" 0
        umount -R "$VOLUME"
}

@test "a mount keeps its propagation whatever the root's is" {
        for root in rshared rslave rprivate; do
                edit_config 'del(.mounts[6:]) | .linux.rootfsPropagation = $r' --arg r $root
                for propagation in rshared rprivate runbindable; do
                        add_mount "/data/$propagation" bind "$VOLUME" rbind $propagation
                done
                set_args grep ' /data' /proc/self/mountinfo
                run myrun run "$ID"
                assert_output_matches ' /data/rshared .* shared:'
                assert_equal "$(grep -cE ' /data/rprivate .* (shared|unbindable)' <<<"$output")" 0
                assert_output_matches ' /data/runbindable .* unbindable'
        done
}

@test "a mount on a link in the rootfs stays in the rootfs" {
        ln -s /etc rootfs/link
        mkdir -p rootfs/etc
        add_mount /link/inside bind "$VOLUME" bind
        set_args cat /etc/inside/file
        run myrun run "$ID"
        assert_success
        assert_output data
        refute_exists /etc/inside
}

@test "a mount on a link to what does not exist yet makes it where the link points, in the rootfs" {
        mkdir -p "$BUNDLE/rootfs/etc"
        ln -s "../../..$BATS_TEST_TMPDIR/resolv.conf" "$BUNDLE/rootfs/etc/resolv.conf"
        add_mount /etc/resolv.conf bind "$VOLUME/file" bind
        set_args sh -c "cat /etc/resolv.conf $BATS_TEST_TMPDIR/resolv.conf"
        run myrun run "$ID"
        assert_output $'data\ndata'
        refute_exists "$BATS_TEST_TMPDIR/resolv.conf"
}

@test "a mount whose path climbs out stays in the rootfs" {
        ln -s ../../../../../../.. rootfs/up
        add_mount "/up/$ID" bind "$VOLUME" bind
        set_args cat "/$ID/file"
        run myrun run "$ID"
        assert_success
        assert_output data
        refute_exists "/$ID"
}

@test "a bind source below the container's root has what was mounted there before" {
        local namespaces

        mkdir -p rootfs/final "$VOLUME"/{a/x,b/y,c/z}
        echo found >"$VOLUME/c/z/file"
        ln -s b "$VOLUME/link"
        add_mount /mnt bind "$VOLUME/a" bind
        add_mount /mnt/x bind "$VOLUME/link" bind
        add_mount /mnt/x/y bind "$VOLUME/c" bind
        add_mount /final bind "$BUNDLE/rootfs/mnt" rbind ro
        add_mount /plain none rootfs/mnt bind
        set_args sh -c 'cat /final/x/y/z/file; ls /plain /plain/x; touch /final/new'
        for namespaces in "" '{"type": "user"}'; do
                edit_config '.linux.namespaces += $more' --argjson more "[$namespaces]"
                [ -z "$namespaces" ] || edit_config '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 100}] |
                        .linux.gidMappings = .linux.uidMappings'
                run myrun run "$ID"
                assert_output "found
/plain:
x

/plain/x:
touch: /final/new: Read-only file system"
        done
}

@test "a missing bind source is named" {
        add_mount /data bind "$VOLUME/no-such" bind
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: source $VOLUME/no-such: No such file or directory"
}

@test "an unknown file system is named" {
        add_mount /data no-such-fs none
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data" no-such-fs
}

@test "root.readonly protects the root and nothing else" {
        edit_config '.root.readonly = true'
        set_args sh -c 'touch /dev/shm/new && touch /new'
        run myrun run "$ID"
        assert_failure
        assert_output_contains "/new: Read-only file system"
        refute_output_contains "/dev/shm"
}

@test "mounts do not appear on the host" {
        add_mount /data bind "$VOLUME" bind
        set_args sleep 100
        start_detached "$ID"
        run grep "$BUNDLE" /proc/self/mountinfo
        assert_failure
}

@test "masked paths are empty or not readable" {
        edit_config '.linux.maskedPaths = ["/proc/keys", "/proc/acpi", "/etc", "/no/such/path"]'
        mkdir -p rootfs/etc
        echo secret >rootfs/etc/secret
        set_args sh -c 'cat /proc/keys; ls /etc; ls /proc/acpi; touch /etc/new'
        run myrun run "$ID"
        assert_failure
        assert_output_contains "Read-only file system"
        refute_output_contains secret
}

@test "read-only paths cannot be written" {
        mkdir -p rootfs/fixed
        edit_config '.linux.readonlyPaths += ["/fixed", "/no/such/path"]'
        set_args sh -c 'touch /fixed/new; echo 1 >/proc/sys/kernel/domainname'
        run myrun run "$ID"
        assert_output_matches '/fixed/new: Read-only file system'
        assert_output_matches '/proc/sys/kernel/domainname: Read-only file system'
}

@test "/dev has the devices and links every container has" {
        set_args sh -c 'cd /dev; for d in null zero full random urandom tty; do test -c $d || echo missing $d; done
                for l in fd stdin stdout stderr ptmx; do readlink $l; done'
        run myrun run "$ID"
        assert_output "/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx"
}

@test "linux.devices are made with type, number, mode and owner" {
        edit_config '.linux.devices = [
                {path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 384, uid: 5, gid: 6},
                {path: "/dev/deep/pipe", type: "p", fileMode: 420}]'
        set_args sh -c 'ls -ln /dev/fuse /dev/deep/pipe'
        run myrun run "$ID"
        assert_success
        assert_output_matches 'crw------- +1 5 +6 +10, 229 .* /dev/fuse'
        assert_output_matches 'prw-r--r-- +1 0 +0 .* /dev/deep/pipe'
}

@test "a listed /dev/ptmx is the container's own, in a user namespace as well" {
        edit_config '.linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
        set_args readlink /dev/ptmx
        for namespace in "" user; do
                [ -z "$namespace" ] || edit_config '.linux.namespaces += [{type: "user"}] |
                        .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 100}] |
                        .linux.gidMappings = .linux.uidMappings'
                run myrun run "$ID"
                assert_success
                assert_output pts/ptmx
        done
}

@test "linux.devices in a user namespace need no node of the host's, and belong to the ids of the container" {
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 100}] | .linux.gidMappings = .linux.uidMappings |
                .linux.resources.devices += [{allow: true, type: "c", major: 1, minor: 3, access: "rw"}] |
                .linux.devices = [
                {path: "/dev/deep/other-null", type: "c", major: 1, minor: 3, fileMode: 384, uid: 5, gid: 6},
                {path: "/dev/null", type: "c", major: 1, minor: 3, uid: 200},
                {path: "/dev/pipe", type: "p", fileMode: 420}]'
        set_args sh -c 'ls -ln /dev/deep/other-null /dev/null /dev/pipe; echo x >/dev/null && grep -c "^[^ ]* / " /proc/mounts'
        run myrun run "$ID"
        assert_output_matches 'crw------- +1 5 +6 +1, +3 .* /dev/deep/other-null'
        assert_output_matches 'crw-rw-rw- +1 65534 +0 +1, +3 .* /dev/null'
        assert_output_matches 'prw-r--r-- +1 0 +0 .* /dev/pipe'
        # Nothing but the root is mounted there.
        assert_equal "${lines[-1]}" 1
}

@test "something else at the path of a device is an error, the device itself is not" {
        echo content >rootfs/device
        edit_config '.linux.devices = [{path: "/device", type: "c", major: 1, minor: 3}]'
        run myrun run "$ID"
        assert_clear_error "linux.devices[0]" /device
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        run myrun run "$ID"
        assert_clear_error "linux.devices[0]" /device
        rm rootfs/device
        mknod rootfs/device c 1 3
        run myrun run "$ID"
        assert_success
}

@test "the cgroup mount shows the container's own cgroup" {
        add_mount /sys/fs/cgroup cgroup cgroup ro nosuid noexec nodev
        set_args sh -c 'cat /sys/fs/cgroup/pids/cgroup.procs 2>/dev/null || cat /sys/fs/cgroup/cgroup.procs'
        run myrun run "$ID"
        assert_success
        assert_output_matches '^1'
}

@test "a symbolic link instead of /proc, /sys or /dev is refused" {
        for path in proc sys dev; do
                rm -rf "rootfs/${path:?}"
                ln -s /tmp "rootfs/$path"
                run myrun run "$ID"
                assert_clear_error "/$path"
                rm "rootfs/$path"
                mkdir "rootfs/$path"
        done
}

@test "rootfsPropagation is that of the container's root, and unknown words are refused" {
        set_args sh -c 'sed -n "/ \/ \/ /p;/rootfs \/ /p" /proc/self/mountinfo'
        for propagation in private slave shared rshared unbindable; do
                edit_config '.linux.rootfsPropagation = $p' --arg p $propagation
                run myrun run "$ID"
                assert_success
                case $propagation in
                *shared) assert_output_contains shared: ;;
                unbindable) assert_output_contains unbindable ;;
                *) refute_output_contains shared: unbindable ;;
                esac
        done
        edit_config '.linux.rootfsPropagation = "nonsense"'
        run myrun run "$ID"
        assert_clear_error linux.rootfsPropagation
}

@test "a label for mounts needs SELinux" {
        [ ! -d /sys/fs/selinux ] || skip "this kernel has SELinux"
        edit_config '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
        run myrun run "$ID"
        assert_clear_error "linux.mountLabel: SELinux is not enabled on this host"
}

@test "every option of the specification's table is taken" {
        for option in async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev \
                nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private \
                ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnodev rnoexec rnorelatime \
                rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid \
                rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable \
                idmap ridmap; do
                myrun features | jq -e --arg o "$option" '.mountOptions | index($o)' >/dev/null || assert_fail "$option"
        done
        add_mount /scratch tmpfs tmpfs async dirsync lazytime nomand noiversion silent loud defaults sync rnosuid rnoatime
        set_args grep /scratch /proc/self/mountinfo
        run myrun run "$ID"
        assert_success
        assert_output_matches 'nosuid,noatime.* - tmpfs tmpfs rw,sync,dirsync,lazytime'
        edit_config '.mounts[-1].options = ["iversion", "ro"]'
        run myrun run "$ID"
        assert_success
        assert_output_matches ' ro,.*tmpfs ro'
}

@test "words about access times mean what they mean to mount(8)" {
        add_mount /scratch tmpfs tmpfs
        set_args sh -c 'grep " /scratch " /proc/self/mountinfo | cut -d" " -f6'
        while read -r expected words; do
                edit_config '.mounts[-1].options = ($words | split(" "))' --arg words "$words"
                run myrun run "$ID"
                assert_output "$expected"
        done <<'EOF'
rw,relatime norelatime
rw,relatime nostrictatime
rw,relatime atime
rw,relatime noatime atime
rw,relatime strictatime nostrictatime
rw,relatime strictatime relatime
rw strictatime
rw strictatime norelatime
rw strictatime atime
rw,noatime noatime nostrictatime
rw,noatime noatime norelatime
rw,noatime atime noatime
rw,noatime rnoatime
rw,relatime rnorelatime
rw rstrictatime
EOF
}

@test "the recursive options set and clear what is mounted below" {
        mkdir "$VOLUME/below"
        mount -t tmpfs -o ro,nosuid,nodev,noexec,noatime,nosymfollow tmpfs "$VOLUME/below"
        set_args sh -c "awk '\$5 == \"/data/below\" { print \$6 }' /proc/self/mountinfo"
        add_mount /data bind "$VOLUME" rbind rrw rsuid rdev rexec rrelatime rsymfollow rnodiratime
        run myrun run "$ID"
        assert_output rw,nodiratime,relatime
        edit_config '.mounts[-1].options = ["rbind", "rstrictatime", "rdiratime"]'
        run myrun run "$ID"
        umount "$VOLUME/below"
        assert_output ro,nosuid,nodev,noexec,nosymfollow
}

@test "remount changes a file system, with bind this mount of it alone" {
        add_mount /scratch tmpfs tmpfs size=1m
        add_mount /scratch tmpfs tmpfs remount size=2m
        add_mount /scratch none none bind remount ro nosuid
        set_args grep ' /scratch ' /proc/self/mountinfo
        run myrun run "$ID"
        assert_success
        assert_output_matches ' ro,nosuid.* - tmpfs tmpfs rw,size=2048k'
}

@test "a tmpfs keeps the mode of the directory it covers" {
        mkdir -m 1750 rootfs/covered
        add_mount /covered tmpfs tmpfs
        set_args stat -c %a /covered
        run myrun run "$ID"
        assert_output 1750
        edit_config '.mounts[-1].options = ["mode=711"]'
        run myrun run "$ID"
        assert_output 711
}
