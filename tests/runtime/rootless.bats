#!/usr/bin/env bats
# Containers of a user without privileges: with one id, with ranges of ids through newuidmap, without cgroups.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

# A user that no machine has; known in this suite's room alone.
OWNER=47110
RANGE=2147000000

setup() {
        local file

        require_program setpriv
        runtime_setup
        chown -hR "$OWNER:$OWNER" "$BATS_TEST_TMPDIR"
        chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" 2>/dev/null || true
        as_user true || skip "a user cannot reach $MYRUN"
        for file in passwd subuid subgid; do
                cp "/etc/$file" "$BATS_TEST_TMPDIR/$file"
                chmod 644 "$BATS_TEST_TMPDIR/$file"
        done
        echo "somebody:x:$OWNER:$OWNER::/:/bin/sh" >>"$BATS_TEST_TMPDIR/passwd"
        echo "somebody:$RANGE:65536" | tee -a "$BATS_TEST_TMPDIR/subuid" >>"$BATS_TEST_TMPDIR/subgid"
        for file in passwd subuid subgid; do
                mount --bind "$BATS_TEST_TMPDIR/$file" "/etc/$file"
        done
        session_begin "$OWNER"
        rm config.json
        myrun spec --rootless
        edit_config '.process.terminal = false'
}

teardown() {
        local file

        for id in $(myrun list -q 2>/dev/null); do
                myrun delete --force "$id"
        done
        session_end "$OWNER"
        for file in passwd subuid subgid; do
                ! mountpoint -q "/etc/$file" || umount "/etc/$file"
        done
        cd /
        leaks_check
}

as_user() {
        setpriv --reuid "$OWNER" --regid "$OWNER" --clear-groups env "${SESSION[@]}" "$@"
}

myrun() {
        as_user "$MYRUN" --root "$ROOT" "$@" </dev/null
}

# Root of the container is the user, everybody else is of the user's range.
map_ranges() {
        edit_config '.linux.uidMappings = [{containerID: 0, hostID: $id, size: 1}, {containerID: 1, hostID: $range, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings' --argjson id "$OWNER" --argjson range "$RANGE"
}

@test "a user runs, enters, lists, signals and deletes containers with the own id alone" {
        set_args sh -c 'id -u; cat /proc/self/uid_map /proc/self/setgroups'
        run myrun run "$ID"
        assert_success
        assert_output_matches "^0
 +0 +$OWNER +1
deny$"
        set_args sleep 100
        start_detached "$ID"
        has_status "$ID" running
        run myrun exec "$ID" sh -c 'id -u; readlink /proc/self/ns/user'
        assert_output "0
$(readlink "/proc/$(init_pid "$ID")/ns/user")"
        myrun list -q | grep -qx "$ID"
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        myrun delete "$ID"
        run myrun state "$ID"
        assert_failure
}

@test "ranges of ids are mapped through newuidmap and newgidmap" {
        require_program newuidmap newgidmap
        map_ranges
        edit_config '.root.readonly = false | .process.user = {uid: 5, gid: 6, additionalGids: [7]}'
        set_args sh -c 'id -u; id -G; cat /proc/self/uid_map; touch /tmp/mine'
        run myrun run "$ID"
        assert_success
        assert_output_matches "^5
6 7
 +0 +$OWNER +1
 +1 +$RANGE +65536$"
        assert_equal "$(stat -c %u:%g rootfs/tmp/mine)" "$((RANGE + 4)):$((RANGE + 5))"
        set_args sleep 100
        start_detached "$ID"
        run myrun exec --user 8:9 --additional-gids 10 "$ID" sh -c 'id -u; id -G'
        assert_success
        assert_output $'8\n9 7 10'
}

@test "ids that the user was not given are refused by name" {
        require_program newuidmap
        map_ranges
        edit_config '.linux.uidMappings[1].hostID = 1'
        run myrun run "$ID"
        assert_clear_error linux.uidMappings "not allowed" /etc/subuid
        map_ranges
        edit_config '.linux.gidMappings[1].hostID = 1'
        run myrun run "$ID"
        assert_clear_error linux.gidMappings "not allowed" /etc/subgid
}

@test "without newuidmap a range of ids says what is missing" {
        map_ranges
        run as_user "$(command -v env)" "PATH=$BATS_TEST_TMPDIR" "$MYRUN" --root "$ROOT" run "$ID" </dev/null
        assert_clear_error linux.uidMappings newuidmap "package uidmap"
}

@test "a user's exec is in the container's cgroup, wherever the user called from" {
        set_args sleep 100
        for user in 0:0 8:9; do
                start_detached "$ID"
                myrun exec -d --pid-file "$PWD/exec.pid" --user "$user" "$ID" sleep 100 >/dev/null 2>&1
                run cat "/proc/$(cat exec.pid)/cgroup"
                assert_output "$(cat "/proc/$(init_pid "$ID")/cgroup")"
                if uses_systemd; then
                        assert_output_contains "user@$OWNER.service" "$ID.scope"
                        myrun pause "$ID"
                        has_status "$ID" paused
                        myrun resume "$ID"
                fi
                myrun delete --force "$ID"
                map_ranges
                edit_config '.process.user = {uid: 5, gid: 6}'
        done
}

@test "a user's containers need no cgroup, and have limits refused by name only if they ask" {
        ! uses_systemd || skip "systemd makes cgroups for its users"
        set_args true
        run myrun run "$ID"
        assert_success
        run myrun --rootless=true run "$ID"
        assert_success
        run myrun --rootless=nonsense run "$ID"
        assert_clear_error --rootless nonsense
        run myrun --rootless=false run "$ID"
        assert_clear_error cgroup
}

@test "a user who names a cgroup that may not be made is told so, and goes without by --rootless=true" {
        ! uses_systemd || skip "systemd makes cgroups for its users"
        set_args true
        edit_config '.linux.cgroupsPath = "/of-a-user"'
        run myrun run "$ID"
        assert_clear_error "unable to apply cgroup configuration" "/of-a-user: permission denied"
        run myrun --rootless=true run "$ID"
        assert_success
        edit_config 'del(.linux.cgroupsPath) | .linux.resources = {pids: {limit: 10}}'
        for flag in --rootless=true --rootless=auto; do
                run myrun $flag run "$ID"
                assert_clear_error linux.resources "cgroup"
        done
}

@test "a config without a user namespace gets one of the user's ids, with newuidmap or without" {
        edit_config 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user")) |
                .process.user = {uid: 5, gid: 6}'
        set_args sh -c 'id -u; id -g; sed "s/  */ /g" /proc/self/uid_map'
        run myrun run "$ID"
        assert_success
        assert_output "5
6
 0 $RANGE 5
 5 $OWNER 1
 6 $((RANGE + 5)) 65531"
        run as_user "$(command -v env)" "PATH=$BATS_TEST_TMPDIR" "$MYRUN" --root "$ROOT" run "$ID" </dev/null
        assert_success
        assert_output "5
6
 5 $OWNER 1"
        set_args sleep 100
        start_detached "$ID"
        run myrun exec "$ID" id -u
        assert_output 5
}

@test "a user may exec in a container that is not started yet" {
        set_args sleep 100
        for id in 0 5; do
                edit_config '.process.user = {uid: $id, gid: $id}' --argjson id "$id"
                myrun create "$ID" </dev/null >/dev/null 2>&1
                run myrun exec "$ID" id -u
                assert_success
                assert_output "$id"
                assert_equal "$(container_status "$ID")" created
                myrun start "$ID"
                assert_equal "$(container_status "$ID")" running
                myrun delete --force "$ID"
                map_ranges
        done
}

@test "root of a user namespace needs no cgroup of the host either" {
        require_program unshare
        edit_config '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings'
        set_args id -u
        run as_user unshare --user --map-root-user "$MYRUN" --root "$ROOT" run "$ID"
        assert_success
        assert_output 0
}

@test "root of a user namespace gives a container a network of its own, with the loopback interface up" {
        require_program unshare
        edit_config 'del(.linux.uidMappings, .linux.gidMappings) | .annotations["run.oci.keep_original_groups"] = "1" |
                .linux.namespaces |= (map(select(.type != "user" and .type != "network")) + [{type: "network"}])'
        set_args cat /sys/class/net/lo/flags
        run as_user unshare --user --map-root-user --mount "$MYRUN" --root "$ROOT" run "$ID"
        assert_success
        assert_output 0x9
}

@test "a user's containers are kept below XDG_RUNTIME_DIR" {
        ! uses_systemd || skip "by it systemd is found, too"
        set_args sleep 100
        mkdir run
        chown "$OWNER" run
        as_user env "XDG_RUNTIME_DIR=$PWD/run" "$MYRUN" run -d "$ID" </dev/null >/dev/null 2>&1
        assert_exists "run/myrun/$ID/state.json"
        ROOT=$PWD/run/myrun myrun delete --force "$ID"
        refute_exists "run/myrun/$ID"
}

@test "a user's container has volumes, devices and a terminal's devpts" {
        mkdir volume
        echo data >volume/file
        chown -R "$OWNER" volume
        edit_config '.mounts += [{destination: "/data", type: "bind", source: "volume", options: ["rbind", "ro", "nosuid"]}]'
        set_args sh -c 'cat /data/file; echo gone >/dev/null && ls /dev/pts/ptmx; touch /data/new'
        run myrun run "$ID"
        assert_failure
        assert_output_contains data /dev/pts/ptmx "Read-only file system"
}
