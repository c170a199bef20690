#!/usr/bin/env bats
# Control groups: limits as the kernel shows them, on whatever hierarchies the host has.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        set_args sleep 1000
        use_cgroup "$ID"
}

teardown() {
        runtime_teardown
}

unified() {
        [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
}

# cgroup_directory CONTROLLER: the container's directory.
cgroup_directory() {
        if unified; then
                echo "/sys/fs/cgroup$CGROUP_PATH"
        else
                echo "/sys/fs/cgroup/$1$CGROUP_PATH"
        fi
}

# limit V1_CONTROLLER V1_FILE V2_FILE: what the kernel has for the container.
limit() {
        if unified; then
                cat "/sys/fs/cgroup$CGROUP_PATH/$3"
        else
                cat "/sys/fs/cgroup/$1$CGROUP_PATH/$2"
        fi
}

# either V1 V2: the value to expect here.
either() {
        if unified; then echo "$2"; else echo "$1"; fi
}

# update RESOURCES: changes limits of the running container.
update() {
        "$MYRUN" --root "$ROOT" update -r - "$ID" <<<"$1"
}

# Nothing with the container's name is left in any hierarchy.
no_cgroup() {
        run find /sys/fs/cgroup -name "*$ID*"
        assert_output ""
}

set_resources() {
        edit_config '.linux.resources += $resources' --argjson resources "$1"
}

@test "memory, cpu and pids limits are in the kernel before the program runs" {
        set_resources '{"memory": {"limit": 67108864, "reservation": 33554432},
                "cpu": {"shares": 512, "quota": 20000, "period": 50000}, "pids": {"limit": 42}}'
        myrun create "$ID" >/dev/null 2>&1
        assert_equal "$(limit memory memory.limit_in_bytes memory.max)" 67108864
        assert_equal "$(limit memory memory.soft_limit_in_bytes memory.low)" 33554432
        assert_equal "$(limit cpu cpu.shares cpu.weight)" "$(either 512 20)"
        assert_equal "$(limit cpu cpu.cfs_quota_us cpu.max)" "$(either 20000 '20000 50000')"
        assert_equal "$(limit cpu cpu.cfs_period_us cpu.max)" "$(either 50000 '20000 50000')"
        assert_equal "$(limit pids pids.max pids.max)" 42
}

@test "the container's processes are in its cgroup in every hierarchy" {
        local pid line

        start_detached "$ID"
        pid=$(init_pid "$ID")
        while read -r line; do
                # Without a cpuset of its own the container has its parent's.
                [[ $line != *:cpuset:* ]] || continue
                [[ $line == *":$CGROUP_PATH" ]] || assert_fail "not in the container's cgroup: $line" || return 1
        done <"/proc/$pid/cgroup"
}

@test "the container can be bound to processors and memory nodes" {
        set_resources '{"cpu": {"cpus": "0", "mems": "0"}}'
        start_detached "$ID"
        assert_equal "$(limit cpuset cpuset.cpus cpuset.cpus)" 0
        assert_equal "$(limit cpuset cpuset.mems cpuset.mems)" 0
        assert_equal "$(awk '/Cpus_allowed_list/ { print $2 }' "/proc/$(init_pid "$ID")/status")" 0
}

@test "a pids limit stops a fork beyond it" {
        set_args sh -c 'sleep 100 & sleep 100 & sleep 100 & sleep 100 & echo all'
        set_resources '{"pids": {"limit": 3}}'
        run myrun run "$ID"
        assert_output_contains "fork"
        refute_output_contains "all"
}

@test "a pids limit of 0 or -1 means none" {
        local value

        for value in 0 -1; do
                set_resources "{\"pids\": {\"limit\": $value}}"
                myrun create "$ID" >/dev/null 2>&1
                assert_equal "$(limit pids pids.max pids.max)" max
                myrun delete --force "$ID"
        done
}

@test "a program that takes more memory than it may is killed, not its neighbours" {
        set_args sh -c 'head -c 50000000 /dev/zero | tail; echo "status $?"'
        set_resources '{"memory": {"limit": 8388608, "swap": 8388608}}'
        run myrun run "$ID"
        refute_output_contains "status 0"
}

@test "memory limits are raised and lowered together with swap, in either direction" {
        [ -e "$(either /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes /none)" ] || unified || skip "no swap accounting"
        set_resources '{"memory": {"limit": 67108864, "swap": 134217728}}'
        start_detached "$ID"
        assert_equal "$(limit memory memory.memsw.limit_in_bytes memory.swap.max)" "$(either 134217728 67108864)"
        update '{"memory": {"limit": 268435456, "swap": 536870912}}'
        assert_equal "$(limit memory memory.limit_in_bytes memory.max)" 268435456
        assert_equal "$(limit memory memory.memsw.limit_in_bytes memory.swap.max)" "$(either 536870912 268435456)"
        update '{"memory": {"limit": 33554432, "swap": 33554432}}'
        assert_equal "$(limit memory memory.limit_in_bytes memory.max)" 33554432
        assert_equal "$(limit memory memory.memsw.limit_in_bytes memory.swap.max)" "$(either 33554432 0)"
        update '{"memory": {"limit": -1}}'
        assert_equal "$(limit memory memory.limit_in_bytes memory.max)" "$(either 9223372036854771712 max)"
}

@test "update changes what it is given and leaves the rest" {
        set_resources '{"cpu": {"shares": 512, "quota": 20000, "period": 50000}, "pids": {"limit": 42}}'
        start_detached "$ID"
        update '{"cpu": {"quota": 40000}, "pids": {"limit": 50}}'
        assert_equal "$(limit cpu cpu.cfs_quota_us cpu.max)" "$(either 40000 '40000 50000')"
        assert_equal "$(limit cpu cpu.cfs_period_us cpu.max)" "$(either 50000 '40000 50000')"
        assert_equal "$(limit cpu cpu.shares cpu.weight)" "$(either 512 20)"
        assert_equal "$(limit pids pids.max pids.max)" 50
}

@test "update binds a running container to a processor" {
        start_detached "$ID"
        update '{"cpu": {"cpus": "0"}}'
        assert_equal "$(awk '/Cpus_allowed_list/ { print $2 }' "/proc/$(init_pid "$ID")/status")" 0
        run myrun exec "$ID" grep Cpus_allowed_list /proc/self/status
        assert_output_matches 'Cpus_allowed_list:[[:space:]]*0$'
}

@test "the container has the devices it is promised and no others" {
        edit_config '.process.capabilities[] += ["CAP_MKNOD"]'
        set_args sh -c 'mknod /dev/kmsg c 1 11; mknod /dev/null2 c 1 3
                echo x >/dev/null2 && echo "null works"; head -c 1 /dev/zero | wc -c; cat /dev/kmsg'
        run myrun run "$ID"
        assert_output_contains "null works" 1 "Operation not permitted"
}

@test "a device rule lets the container at a device" {
        edit_config '.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"]'
        edit_config '.linux.resources.devices += [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]'
        set_args sh -c 'mknod /dev/kmsg c 1 11; head -c 0 /dev/kmsg && echo readable; echo x >/dev/kmsg'
        run myrun run "$ID"
        assert_output_contains readable "Operation not permitted"
}

@test "pause stops the processes and resume lets them go on" {
        set_args sh -c 'while :; do date +%N >/tmp/now; done'
        start_detached "$ID"
        wait_until test -s "$BUNDLE/rootfs/tmp/now"
        myrun pause "$ID"
        assert_equal "$(container_status "$ID")" paused
        local before
        before=$(cat "$BUNDLE/rootfs/tmp/now")
        # A running loop would write many times meanwhile.
        timeout 0.2 tail -f /dev/null || true
        assert_equal "$(cat "$BUNDLE/rootfs/tmp/now")" "$before"
        myrun resume "$ID"
        assert_equal "$(container_status "$ID")" running
        wait_until not grep -qx "$before" "$BUNDLE/rootfs/tmp/now"
}

@test "delete --force removes a paused container" {
        start_detached "$ID"
        myrun pause "$ID"
        myrun delete --force "$ID"
        no_cgroup
}

@test "delete leaves no cgroup, though the container made cgroups inside its own" {
        local directory

        start_detached "$ID"
        directory=$(cgroup_directory memory)
        mkdir "$directory/inner" "$directory/inner/most"
        myrun delete --force "$ID"
        no_cgroup
}

@test "a limit the kernel refuses names the property and leaves nothing" {
        set_resources '{"cpu": {"cpus": "4096"}}'
        run myrun create "$ID"
        assert_clear_error "linux.resources.cpu.cpus"
        set_resources '{"cpu": {"period": 1}}'
        edit_config 'del(.linux.resources.cpu.cpus)'
        run myrun create "$ID"
        assert_clear_error "linux.resources.cpu.period"
        no_cgroup
        run myrun list -q
        assert_output ""
}

@test "a limit whose controller the host lacks names the property and leaves nothing" {
        set_resources '{"rdma": {"mlx5_0": {"hcaHandles": 1}}}'
        ! [ -d /sys/fs/cgroup/rdma ] || skip "this host has the controller"
        run myrun create "$ID"
        assert_clear_error "linux.resources.rdma"
        no_cgroup
}

@test "a cgroup that has processes of others is refused" {
        local directory pid

        directory=$(cgroup_directory memory)
        mkdir "$directory"
        spawn sleep 1000
        pid=$SPAWNED
        echo "$pid" >"$directory/cgroup.procs"
        run myrun create "$ID"
        kill -KILL "$pid"
        wait_until process_gone "$pid"
        wait_until rmdir "$directory"
        assert_clear_error "has processes"
}

@test "a cgroups path cannot lead out of the hierarchy" {
        edit_config '.linux.cgroupsPath = $path' --arg path "/../../../$ID"
        start_detached "$ID"
        assert_exists "$(cgroup_directory memory)"
}

@test "a container without a cgroups path is below the runtime's own cgroup" {
        edit_config 'del(.linux.cgroupsPath)'
        start_detached "$ID"
        grep -q "[/-]$ID\(.scope\)\?\$" "/proc/$(init_pid "$ID")/cgroup"
}

@test "events --stats gives the figures of runc" {
        set_resources '{"memory": {"limit": 67108864}, "pids": {"limit": 42}}'
        start_detached "$ID"
        run myrun events --stats "$ID"
        assert_success
        assert_equal "$(jq -r '[.type, .id, .data.pids.current, .data.pids.limit, .data.memory.usage.limit] | join(" ")' \
                <<<"$output")" "stats $ID 1 42 67108864"
        assert_equal "$(jq -r '.data.cpu.usage.total > 0 and .data.memory.usage.usage > 0' <<<"$output")" true
}

@test "the container sees its own cgroups below /sys/fs/cgroup, read-only" {
        edit_config '.mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}]'
        set_resources '{"pids": {"limit": 42}}'
        set_args sh -c "cat $(either /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max)
                mkdir $(either /sys/fs/cgroup/pids/x /sys/fs/cgroup/x); ls /sys/fs/cgroup"
        run myrun run "$ID"
        assert_output_contains 42 "Read-only file system"
}

@test "--systemd-cgroup where no systemd runs says so and leaves nothing" {
        [ ! -d /run/systemd/system ] || skip "systemd runs here"
        edit_config '.linux.cgroupsPath = $path' --arg path "system.slice:test:$ID"
        run myrun --systemd-cgroup create "$ID"
        assert_clear_error "systemd cgroup driver: systemd cannot be reached" "without it leave --systemd-cgroup out"
        run myrun list -q
        assert_output ""
        no_cgroup
}

@test "--systemd-cgroup wants a cgroups path of its own form" {
        edit_config '.linux.cgroupsPath = $path' --arg path "/$ID"
        run myrun --cgroup-manager=systemd create "$ID"
        assert_clear_error "linux.cgroupsPath: \"/$ID\" is not of the form \"slice:prefix:name\""
        run myrun list -q
        assert_output ""
}

@test "a container starts under a memory limit of 512 KiB" {
        set_args true
        set_resources '{"memory": {"limit": 524288}}'
        run myrun run "$ID"
        assert_success
}

@test "--systemd-cgroup without its helper program says what is missing" {
        edit_config '.linux.cgroupsPath = "system.slice:test:alone"'
        cp "$BUILD/bin/myrun" "$BATS_TEST_TMPDIR/alone"
        run "$BATS_TEST_TMPDIR/alone" --root "$ROOT" --systemd-cgroup create "$ID" </dev/null
        assert_clear_error "systemd cgroup driver: its helper program" "libexec/myrun/systemd is missing"
        run "$BATS_TEST_TMPDIR/alone" features
        assert_equal "$(jq .linux.cgroup.systemd <<<"$output")" false
        run "$BUILD/bin/myrun" features
        assert_equal "$(jq .linux.cgroup.systemd <<<"$output")" true
}

@test "--cgroup-manager=disabled leaves the container in its caller's cgroup" {
        myrun --cgroup-manager=disabled run -d "$ID" >"$BATS_TEST_TMPDIR/$ID.out" 2>&1
        assert_equal "$(cat "/proc/$(init_pid "$ID")/cgroup")" "$(cat /proc/self/cgroup)"
        run myrun --cgroup-manager=nonsense list
        assert_clear_error "--cgroup-manager" nonsense
}
