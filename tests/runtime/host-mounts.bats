#!/usr/bin/env bats
# Containers without a mount namespace: what they mount is the caller's, below root.path, and goes with them.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        remove_namespace mount
        VOLUME=$BATS_TEST_TMPDIR/volume
        mkdir "$VOLUME"
        echo data >"$VOLUME/file"
}

teardown() {
        if [ -n "${COVER:-}" ]; then
                umount "$BUNDLE/rootfs"
        fi
        runtime_teardown
}

# The mounts below the container's root as this mount namespace has them.
mounts_of_root() {
        awk -v root="$BUNDLE/rootfs" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo
}

@test "the mount namespace is the caller's, and the root the container's" {
        set_args sh -c 'readlink /proc/self/ns/mnt; ls /bin/busybox; cat /proc/self/comm'
        run myrun run "$ID"
        assert_success
        assert_output "$(readlink /proc/self/ns/mnt)
/bin/busybox
cat"
        assert_equal "$(mounts_of_root)" ""
}

@test "mounts, masked and read-only paths, devices and a read-only root are as anywhere else" {
        add_mount /data bind "$VOLUME" bind ro
        edit_config '.root.readonly = true | .linux.maskedPaths = ["/proc/meminfo"] | .linux.readonlyPaths = ["/proc/sys"]'
        set_args sh -c 'cat /data/file; cat /proc/meminfo; echo x >/dev/null && echo null
                touch /new; touch /data/new; echo 1 >/proc/sys/kernel/pid_max'
        run myrun run "$ID"
        assert_failure
        assert_equal "${lines[0]}" data
        assert_equal "${lines[1]}" null
        assert_output_contains "/new: Read-only file system" "/data/new: Read-only file system" \
                "/proc/sys/kernel/pid_max: Read-only file system"
        assert_equal "$(mounts_of_root)" ""
        assert_equal "$(cat "$VOLUME/file")" data
}

@test "the host sees a container's mounts until it is deleted, and keeps its own" {
        local before

        # What others mount meanwhile is their affair; how the host's root propagates must stay.
        before=$(awk '$5 == "/"' /proc/self/mountinfo)
        add_mount /data bind "$VOLUME" bind
        set_args sleep 100
        start_detached "$ID"
        assert_equal "$(cat "$BUNDLE/rootfs/data/file")" data
        assert_equal "$(awk '$5 == "/"' /proc/self/mountinfo)" "$before"
        run myrun exec "$ID" cat /data/file
        assert_success
        assert_output data
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        [ -n "$(mounts_of_root)" ]
        myrun delete "$ID"
        assert_equal "$(mounts_of_root)" ""
        assert_equal "$(cat "$VOLUME/file")" data
        refute_exists "$BUNDLE/rootfs/data/file"
}

@test "what propagates to the host from a shared mount goes again, too" {
        mount --bind "$BUNDLE" "$BUNDLE"
        mount --make-shared "$BUNDLE"
        add_mount /data bind "$VOLUME" bind
        set_args cat /data/file
        run myrun run "$ID"
        umount "$BUNDLE"
        assert_success
        assert_output data
        assert_equal "$(mounts_of_root)" ""
}

@test "a terminal is opened in the container's own devpts" {
        require_program script
        edit_config '.process.terminal = true'
        set_args sh -c 'tty; test -c /dev/console && echo console'
        run script -qec "'$MYRUN' --root '$ROOT' run $ID" /dev/null
        assert_success
        assert_output_contains /dev/pts/0 console
        assert_equal "$(mounts_of_root)" ""
}

@test "a create that fails takes its mounts off" {
        add_mount /data bind "$VOLUME" bind
        add_mount /more tmpfs tmpfs no-such-option=1
        run myrun create "$ID"
        assert_failure
        assert_output_contains "/more"
        assert_equal "$(mounts_of_root)" ""
        refute_exists "$ROOT/$ID"
}

@test "a mount that somebody else puts over the root is not taken off" {
        set_args sleep 100
        start_detached "$ID"
        mount -t tmpfs cover "$BUNDLE/rootfs"
        COVER=yes
        run myrun delete --force "$ID"
        assert_failure
        assert_output_contains "root.path: $BUNDLE/rootfs: another mount covers the container's"
        umount "$BUNDLE/rootfs"
        COVER=
        myrun delete --force "$ID"
        assert_equal "$(mounts_of_root)" ""
}

@test "a user namespace may not mount in a mount namespace that is not its own: said by the property" {
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        run myrun run "$ID"
        assert_failure
        assert_output_contains "config.json: mounts: a user namespace needs a mount namespace for it"
}

@test "the host's own root is refused" {
        edit_config '.root.path = "/"'
        run myrun run "$ID"
        assert_failure
        assert_output_contains "root.path: the host's root needs a mount namespace"
}
