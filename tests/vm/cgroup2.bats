# What a container gets from a pure cgroup v2, which only the virtual machine has (tests/vm/run.sh).
load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "no pure cgroup v2 here"
        leaks_begin
        ID=v2-$(token)
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        use_cgroup "$ID"
        CGROUP=/sys/fs/cgroup$CGROUP_PATH
}

teardown() {
        [ -z "${ID:-}" ] || "$MYRUN" delete --force "$ID" >/dev/null 2>&1 || true
}

# start_container COMMAND...: a detached container that runs the command.
start_container() {
        set_args "$@"
        # The container keeps its output open: a pipe of `run` would be waited for.
        (without_fds "$MYRUN" run --detach --bundle "$BUNDLE" "$ID") </dev/null >"$BATS_TEST_TMPDIR/output" 2>&1 ||
                assert_fail "no container:" "$(cat "$BATS_TEST_TMPDIR/output")"
}

# limits JSON: sets linux.resources beside the devices that are there.
limits() {
        edit_config '.linux.resources += $limits' --argjson limits "$1"
}

# cgroup_value FILE VALUE: a file of the container's cgroup says just that.
cgroup_value() {
        assert_equal "$(cat "$CGROUP/$1")" "$2"
}

populated() {
        grep -qx 'populated 1' "$CGROUP/cgroup.events"
}

@test "the machine has a pure cgroup v2 with all controllers" {
        for controller in cpuset cpu io memory hugetlb pids; do
                grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers
        done
        run grep -c ' - cgroup ' /proc/self/mountinfo
        assert_output 0
}

@test "a container is born in its cgroup" {
        set_args cat /proc/self/cgroup
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_success
        assert_output_contains "0::$CGROUP_PATH"
        refute_exists "$CGROUP"
        leaks_check
}

@test "memory limits reach the kernel, swap without the memory part" {
        limits '{"memory": {"limit": 33554432, "swap": 50331648, "reservation": 16777216}}'
        start_container sleep 100
        cgroup_value memory.max 33554432
        cgroup_value memory.swap.max 16777216
        cgroup_value memory.low 16777216
}

@test "a process above the memory limit is killed" {
        limits '{"memory": {"limit": 16777216, "swap": 16777216}}'
        set_args dd if=/dev/zero of=/dev/null bs=64M count=1
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_failure 137
        refute_exists "$CGROUP"
}

@test "cpu shares become a weight, quota and period become cpu.max" {
        limits '{"cpu": {"shares": 1024, "quota": 20000, "period": 100000, "cpus": "1", "mems": "0"}}'
        start_container sleep 100
        cgroup_value cpu.max "20000 100000"
        cgroup_value cpu.weight 39
        cgroup_value cpuset.cpus 1
        cgroup_value cpuset.mems 0
        run "$MYRUN" exec "$ID" grep Cpus_allowed_list /proc/self/status
        [ "$status" -ne 0 ] || assert_output_contains "1"
}

@test "cpu burst and idle are set" {
        limits '{"cpu": {"quota": 20000, "period": 100000, "burst": 10000, "idle": 1}}'
        start_container sleep 100
        cgroup_value cpu.max.burst 10000
        cgroup_value cpu.idle 1
}

@test "the pids limit stops a fork bomb" {
        limits '{"pids": {"limit": 5}}'
        # A shell that cannot fork ends, and the container would with it: the bomb is a shell of its own.
        start_container sh -c '(for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done); exec sleep 100'
        cgroup_value pids.max 5
        wait_until grep -q '^max [1-9]' "$CGROUP/pids.events"
        # Init, three of the nine, and at first the bomb.
        wait_until cgroup_value pids.current 4
}

@test "block devices are throttled by io.max" {
        local device

        device=$(cat /sys/block/vda/dev)
        limits '{"blockIO": {"throttleReadBpsDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 1048576}],
                "throttleWriteIOPSDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 50}]}}'
        start_container sleep 100
        cgroup_value io.max "$device rbps=1048576 wbps=max riops=max wiops=50"
}

@test "hugepage limits are set" {
        limits '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
        start_container sleep 100
        cgroup_value hugetlb.2MB.max 4194304
}

@test "unified keys are written as they are" {
        limits '{"unified": {"memory.high": "20971520", "pids.max": "7", "cgroup.max.descendants": "3"}}'
        start_container sleep 100
        cgroup_value memory.high 20971520
        cgroup_value pids.max 7
        cgroup_value cgroup.max.descendants 3
}

@test "an unknown unified key is refused with its name, and nothing stays" {
        limits '{"unified": {"memory.nonsense": "1"}}'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_clear_error "memory.nonsense"
        refute_exists "$CGROUP"
        leaks_check
}

@test "a unified key that names another directory is refused" {
        limits '{"unified": {"../cgroup.procs": "1"}}'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_clear_error "../cgroup.procs"
        refute_exists "$CGROUP"
}

@test "device rules: what is not allowed cannot be opened, what is can" {
        local device

        device=$(cat /sys/block/vda/dev)
        edit_config '.process.capabilities[] += ["CAP_MKNOD"]'
        limits '{"devices": [{"allow": false, "access": "rwm"},
                {"allow": true, "type": "b", "major": '"${device%:*}"', "minor": '"${device#*:}"', "access": "rm"},
                {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "m"}]}'
        # The disk may be read but not written; kmsg and port may be made, as any node may, but not opened.
        set_args sh -c '
                mknod /disk b '"${device/:/ }"' && head -c 1 /disk >/dev/null && echo "disk read"
                (: >>/disk) 2>/dev/null || echo "disk not written"
                mknod /kmsg c 1 11 && echo "kmsg made"
                (: >>/kmsg) 2>/dev/null || echo "kmsg not written"
                mknod /port c 1 4 && (: </port) 2>/dev/null || echo "port not read"
                : </dev/null && echo "null read"'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_success
        assert_output_contains "disk read" "disk not written" "kmsg made" "kmsg not written" "port not read" "null read"
}

@test "pause freezes the cgroup and resume thaws it" {
        start_container sh -c 'while :; do date +%s%N >/tick; sleep 0.1; done'
        run "$MYRUN" pause "$ID"
        assert_success
        grep -qx 'frozen 1' "$CGROUP/cgroup.events"
        run "$MYRUN" state "$ID"
        assert_equal "$(jq -r .status <<<"$output")" paused
        run "$MYRUN" resume "$ID"
        assert_success
        grep -qx 'frozen 0' "$CGROUP/cgroup.events"
}

@test "a paused container can be deleted by force" {
        start_container sleep 100
        run "$MYRUN" pause "$ID"
        assert_success
        run timeout 20 "$MYRUN" delete --force "$ID"
        assert_success
        refute_exists "$CGROUP"
        leaks_check
}

@test "kill --all reaches every process of a container without a pid namespace" {
        remove_namespace pid
        start_container sh -c 'sleep 100 & sleep 100 & sleep 100'
        run "$MYRUN" kill --all "$ID" KILL
        assert_success
        wait_while populated
        run "$MYRUN" delete "$ID"
        assert_success
        refute_exists "$CGROUP"
        leaks_check
}

@test "delete removes the cgroups that the container made below its own" {
        edit_config '.linux.namespaces += [{"type": "cgroup"}] |
                .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'
        start_container sh -c 'mkdir -p /sys/fs/cgroup/a/b && echo 0 >/sys/fs/cgroup/a/b/cgroup.procs && sleep 100'
        wait_until grep -q . "$CGROUP/a/b/cgroup.procs"
        run "$MYRUN" delete --force "$ID"
        assert_success
        refute_exists "$CGROUP"
        leaks_check
}

@test "with a cgroup namespace the container sees its cgroup as the root" {
        edit_config '.linux.namespaces += [{"type": "cgroup"}] |
                .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]'
        limits '{"pids": {"limit": 33}}'
        set_args sh -c 'cat /proc/self/cgroup /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x 2>&1'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_failure
        assert_output_matches $'^0::/\n33\n'
        assert_output_contains "Read-only"
}

@test "without a cgroup namespace the cgroup mount shows the container's cgroup alone" {
        edit_config '.mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]'
        limits '{"pids": {"limit": 33}}'
        set_args sh -c 'cat /sys/fs/cgroup/pids.max'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_success
        assert_output 33
}

@test "update changes the limits of a running container" {
        "$MYRUN" update --help >/dev/null 2>&1 || skip "update: not supported in this build"
        limits '{"memory": {"limit": 33554432}, "pids": {"limit": 10}}'
        start_container sleep 100
        run "$MYRUN" update --memory 67108864 --pids-limit 20 --cpu-quota 30000 --cpu-period 100000 "$ID"
        assert_success
        cgroup_value memory.max 67108864
        cgroup_value pids.max 20
        cgroup_value cpu.max "30000 100000"
}

@test "a cgroup path of several parts gets its controllers all the way down" {
        uses_systemd && skip "slices are systemd's"
        ID=$(token)
        CGROUP=/sys/fs/cgroup/v2-outer-$ID/middle/$ID
        edit_config '.linux.cgroupsPath = $path' --arg path "${CGROUP#/sys/fs/cgroup}"
        limits '{"memory": {"limit": 33554432}, "cpu": {"quota": 10000, "period": 50000}, "pids": {"limit": 4}}'
        start_container sleep 100
        cgroup_value memory.max 33554432
        cgroup_value cpu.max "10000 50000"
        cgroup_value pids.max 4
        run "$MYRUN" delete --force "$ID"
        assert_success
        refute_exists "/sys/fs/cgroup/v2-outer-$ID"
}

@test "an empty container starts under a small memory limit" {
        limits '{"memory": {"limit": 4194304}}'
        set_args echo fits
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_success
        assert_output fits
}

@test "an update of one of memory and swap leaves the other as it is" {
        limits '{"memory": {"limit": 33554432, "swap": 67108864}}'
        start_container sleep 100
        "$MYRUN" update --memory 41943040 "$ID"
        cgroup_value memory.max 41943040
        cgroup_value memory.swap.max 25165824
        "$MYRUN" update --memory-swap 50331648 "$ID"
        cgroup_value memory.max 41943040
        cgroup_value memory.swap.max 8388608
}

@test "checkBeforeUpdate refuses a limit below what is in use" {
        start_container sh -c 'head -c 20000000 /dev/zero >/dev/shm/full; sleep 100'
        wait_until sh -c '[ "$(cat "$1/memory.current")" -gt 20000000 ]' sh "$CGROUP"
        run "$MYRUN" update -r - "$ID" <<<'{"memory": {"limit": 8388608, "checkBeforeUpdate": true}}'
        assert_clear_error "linux.resources.memory.limit" "in use"
        cgroup_value memory.max max
}

@test "what only cgroup v1 has is refused by its name" {
        local property value

        while read -r property value; do
                edit_config 'del(.linux.resources.memory, .linux.resources.cpu, .linux.resources.network)'
                limits "$value"
                run "$MYRUN" run --bundle "$BUNDLE" "$ID"
                assert_clear_error "linux.resources.$property"
                refute_exists "$CGROUP"
        done <<'END'
memory.swappiness {"memory": {"swappiness": 10}}
memory.disableOOMKiller {"memory": {"disableOOMKiller": true}}
memory.kernelTCP {"memory": {"kernelTCP": 10000000}}
cpu.realtimeRuntime {"cpu": {"realtimeRuntime": 10000}}
network.classID {"network": {"classID": 1048577}}
END
}

@test "block device weights, reserved huge pages and misc are set" {
        limits '{"blockIO": {"weight": 500}, "hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}'
        start_container sleep 100
        cgroup_value hugetlb.2MB.rsvd.max 2097152
        if [ -e "$CGROUP/io.bfq.weight" ]; then
                grep -qx "default 500" "$CGROUP/io.bfq.weight"
        else
                cgroup_value io.weight "default 4950"
        fi
}

@test "below a threaded cgroup a container gets what threads can be limited by, and no more" {
        uses_systemd && skip "slices are never threaded"
        mkdir -p "/sys/fs/cgroup/threads-$ID/below"
        echo threaded >"/sys/fs/cgroup/threads-$ID/below/cgroup.type"
        edit_config '.linux.cgroupsPath = $path' --arg path "/threads-$ID/$ID"
        CGROUP=/sys/fs/cgroup/threads-$ID/$ID
        limits '{"memory": {"limit": 33554432}}'
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        assert_clear_error "linux.resources" "threaded" "memory"
        refute_exists "$CGROUP"
        edit_config 'del(.linux.resources.memory)'
        limits '{"pids": {"limit": 20}}'
        start_container sleep 100
        cgroup_value cgroup.type threaded
        cgroup_value pids.max 20
        run "$MYRUN" ps --format json "$ID"
        assert_equal "$output" "[$("$MYRUN" state "$ID" | jq .pid)]"
        run "$MYRUN" exec "$ID" cat /proc/self/cgroup
        assert_output "0::/threads-$ID/$ID"
        run "$MYRUN" kill --all "$ID" KILL
        assert_success
        run "$MYRUN" delete --force "$ID"
        assert_success
        rmdir "/sys/fs/cgroup/threads-$ID/below" "/sys/fs/cgroup/threads-$ID"
}

@test "exec finds its place where the container has divided its cgroup" {
        edit_config '.linux.namespaces += [{"type": "cgroup"}] |
                .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'
        start_container sh -c 'mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs &&
                echo +memory +pids >/sys/fs/cgroup/cgroup.subtree_control && sleep 100'
        wait_until grep -qw memory "$CGROUP/cgroup.subtree_control"
        run "$MYRUN" exec "$ID" cat /proc/self/cgroup
        assert_success
        assert_output 0::/init
}

@test "the user of a container with a writable cgroup of its own may divide it" {
        edit_config '.linux.namespaces += [{"type": "cgroup"}, {"type": "user"}] |
                .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] |
                .linux.gidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] |
                .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'
        chown -R 100000:100000 "$BUNDLE/rootfs"
        chmod 711 "$BATS_TEST_TMPDIR" "$BUNDLE"
        start_container sh -c 'mkdir /sys/fs/cgroup/own && echo 1 >/sys/fs/cgroup/own/cgroup.procs && echo divided; sleep 100'
        wait_until grep -q divided "$BATS_TEST_TMPDIR/output"
        assert_equal "$(stat -c %u "$CGROUP" "$CGROUP/cgroup.procs" "$CGROUP/cgroup.subtree_control" "$CGROUP/memory.max" | xargs)" \
                "100000 100000 100000 0"
}

@test "a read-only cgroup mount leaves the cgroup root's" {
        edit_config '.linux.namespaces += [{"type": "cgroup"}] | .process.user = {"uid": 1000, "gid": 1000} |
                .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]'
        start_container sleep 100
        assert_equal "$(stat -c %u "$CGROUP" "$CGROUP/cgroup.procs" | xargs)" "0 0"
}

@test "new device rules replace those before" {
        edit_config '.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"]'
        limits '{"devices": [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "rm"}]}'
        start_container sleep 100
        run "$MYRUN" exec "$ID" sh -c 'mknod /kmsg c 1 11; head -c 0 /kmsg && echo readable'
        assert_output readable
        "$MYRUN" update -r - "$ID" <<<'{"devices": [{"allow": false, "access": "rwm"}]}'
        run "$MYRUN" exec "$ID" head -c 0 /kmsg
        assert_failure
        assert_output_contains "not permitted"
        run "$MYRUN" exec "$ID" head -c 1 /dev/zero
        assert_success
}

@test "a container in the pid namespace of another is in its own cgroup" {
        local first=$ID

        start_container sleep 100
        ID=$first-b
        edit_config '(.linux.namespaces[] | select(.type == "pid")).path = $path' \
                --arg path "/proc/$("$MYRUN" state "$first" | jq .pid)/ns/pid"
        use_cgroup "$ID"
        set_args cat /proc/self/cgroup
        run "$MYRUN" run --bundle "$BUNDLE" "$ID"
        "$MYRUN" delete --force "$first"
        assert_success
        assert_output "0::$CGROUP_PATH"
}
