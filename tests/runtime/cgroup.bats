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
                # Where the config says nothing of processors, the container has its parent's cpuset.
                [[ $line != *:cpuset:* ]] || continue
                [[ $line == *":$CGROUP_PATH" ]] || assert_fail "not in the container's cgroup: $line" || return 1
        done <"/proc/$pid/cgroup"
}

@test "a config that mentions processors, if only so, gets a cpuset of its own as well" {
        local line

        set_resources '{"cpu": {}}'
        start_detached "$ID"
        while read -r line; do
                [[ $line == *":$CGROUP_PATH" ]] || assert_fail "not in the container's cgroup: $line" || return 1
        done <"/proc/$(init_pid "$ID")/cgroup"
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

@test "a pids limit of 0 is one from version 1.3 of the specification on" {
        edit_config '.ociVersion = "1.3.0"'
        set_resources '{"pids": {"limit": 0}}'
        set_args sh -c 'echo alone; /bin/true; echo forked'
        run myrun run "$ID"
        assert_output_contains alone fork
        refute_output_contains forked
        set_args sleep 1000
        start_detached "$ID"
        # Also where systemd, which takes no 0, was told 1.
        assert_equal "$(limit pids pids.max pids.max)" 0
        # Who enters a cgroup is not asked for its limit.
        run myrun exec "$ID" echo entered
        assert_output entered
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

@test "a letter of a device rule's access that means nothing is told of, and the others count" {
        edit_config '.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"]'
        edit_config '.linux.resources.devices += [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "ra"}]'
        set_args sh -c 'mknod /dev/kmsg c 1 11; head -c 0 /dev/kmsg && echo readable; echo x >/dev/kmsg'
        run myrun run "$ID"
        assert_output_contains 'linux.resources.devices[1].access: "ra"' readable "Operation not permitted"
        edit_config '.linux.resources.devices[1].access = "a"'
        run myrun run "$ID"
        assert_clear_error 'linux.resources.devices[1].access'
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
        uses_systemd && skip "see tests/vm/systemd.bats"
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
        assert_clear_error "is not empty"
}

@test "a cgroups path cannot lead out of the hierarchy" {
        uses_systemd && skip "a unit's name is no path"
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

@test "events --stats gives the figures of a cpuset of version 1" {
        ! unified || skip "cpusets of version 2 have no figures"
        set_resources '{"cpu": {"cpus": "0", "mems": "0"}}'
        start_detached "$ID"
        run myrun events --stats "$ID"
        assert_equal "$(jq -c '.data.cpuset | [.cpus, .mems, .sched_load_balance, .sched_relax_domain_level]' <<<"$output")" \
                '[[0],[0],1,-1]'
        # A container that was given no cpuset has its parent's.
        myrun delete --force "$ID"
        edit_config 'del(.linux.resources.cpu)'
        start_detached "$ID"
        run myrun events --stats "$ID"
        assert_equal "$(jq '.data.cpuset.cpus | length' <<<"$output")" "$(nproc --all)"
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

@test "delete takes the cgroups above the container's away that were made with it, but not those others use" {
        uses_systemd && skip "slices are systemd's"
        edit_config '.linux.cgroupsPath = $path' --arg path "/outer-$ID/middle/$ID"
        start_detached "$ID"
        edit_config '.linux.cgroupsPath = $path' --arg path "/outer-$ID/$ID-b"
        start_detached "$ID-b"
        myrun delete --force "$ID"
        CGROUP_PATH=/outer-$ID
        assert_exists "$(cgroup_directory memory)/$ID-b"
        refute_exists "$(cgroup_directory memory)/middle"
        myrun delete --force "$ID-b"
        rmdir "$(cgroup_directory memory)" 2>/dev/null || true
        for directory in /sys/fs/cgroup/*/"outer-$ID"; do
                [ ! -d "$directory" ] || rmdir "$directory"
        done
}

@test "cgroup v1: swappiness, the OOM killer and TCP buffers" {
        unified && skip "cgroup v1 alone has these"
        set_resources '{"memory": {"limit": 67108864, "swappiness": 17, "disableOOMKiller": true, "kernelTCP": 11534336}}'
        start_detached "$ID"
        assert_equal "$(limit memory memory.swappiness)" 17
        assert_equal "$(limit memory memory.oom_control | head -n 1)" "oom_kill_disable 1"
        assert_equal "$(limit memory memory.kmem.tcp.limit_in_bytes)" 11534336
        update '{"memory": {"disableOOMKiller": false}}'
        assert_equal "$(limit memory memory.oom_control | head -n 1)" "oom_kill_disable 0"
        run update '{"memory": {"swappiness": 101}}'
        assert_clear_error "linux.resources.memory.swappiness"
}

@test "cgroup v1: real-time processor time" {
        unified && skip "cgroup v1 alone has it"
        # The room's own part of it, from which the container's is taken.
        { echo 200000 >/sys/fs/cgroup/cpu/cpu.rt_runtime_us; } 2>/dev/null || skip "no CONFIG_RT_GROUP_SCHED, or none left"
        set_resources '{"cpu": {"realtimeRuntime": 50000, "realtimePeriod": 500000}}'
        start_detached "$ID"
        assert_equal "$(limit cpu cpu.rt_runtime_us) $(limit cpu cpu.rt_period_us)" "50000 500000"
        myrun update --cpu-rt-runtime 20000 "$ID"
        assert_equal "$(limit cpu cpu.rt_runtime_us)" 20000
        run myrun update --cpu-rt-runtime 490000 "$ID"
        assert_clear_error "linux.resources.cpu.realtimeRuntime"
}

@test "cgroup v1: block devices are throttled" {
        unified && skip "see tests/vm/cgroup2.bats"
        local device

        device=$(cat /sys/block/*/dev | head -n 1)
        [ -n "$device" ] || skip "no block device here"
        set_resources '{"blockIO": {
                "throttleReadBpsDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 1048576}],
                "throttleWriteBpsDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 2097152}],
                "throttleReadIOPSDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 30}],
                "throttleWriteIOPSDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 40}]}}'
        start_detached "$ID"
        assert_equal "$(limit blkio blkio.throttle.read_bps_device)" "$device 1048576"
        assert_equal "$(limit blkio blkio.throttle.write_bps_device)" "$device 2097152"
        assert_equal "$(limit blkio blkio.throttle.read_iops_device)" "$device 30"
        assert_equal "$(limit blkio blkio.throttle.write_iops_device)" "$device 40"
        update '{"blockIO": {"throttleReadBpsDevice": [{"major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 0}]}}'
        assert_equal "$(limit blkio blkio.throttle.read_bps_device)" ""
}

@test "what the host has no controller for is named" {
        local property value

        while read -r property value; do
                set_resources "$value"
                run myrun create "$ID"
                # This kernel may well have it.
                [ "$status" -ne 0 ] || { myrun delete --force "$ID"; continue; }
                assert_clear_error "linux.resources.$property"
                no_cgroup
                edit_config 'del(.linux.resources[$name])' --arg name "${property%%.*}"
        done <<'END'
network.classID {"network": {"classID": 1048577}}
network.priorities {"network": {"priorities": [{"name": "lo", "priority": 3}]}}
blockIO.leafWeight {"blockIO": {"leafWeight": 300}}
hugepageLimits {"hugepageLimits": [{"pageSize": "4KB", "limit": 4096}]}
unified.misc.max {"unified": {"misc.max": "nothing 1"}}
END
}

@test "update takes every limit as a flag" {
        start_detached "$ID"
        myrun update --cpu-period 50000 --cpu-quota 20000 --cpu-burst 5000 --cpu-share 512 --cpuset-cpus 0 --cpuset-mems 0 \
                --memory 64m --memory-reservation 32m --memory-swap 128m --pids-limit 42 \
                --kernel-memory=-1 --kernel-memory-tcp=-1 "$ID"
        assert_equal "$(limit cpu cpu.cfs_quota_us cpu.max)" "$(either 20000 '20000 50000')"
        assert_equal "$(limit cpu cpu.cfs_burst_us cpu.max.burst)" 5000
        assert_equal "$(limit cpu cpu.shares cpu.weight)" "$(either 512 20)"
        assert_equal "$(limit cpuset cpuset.cpus cpuset.cpus)" 0
        assert_equal "$(limit memory memory.limit_in_bytes memory.max)" 67108864
        assert_equal "$(limit memory memory.soft_limit_in_bytes memory.low)" 33554432
        assert_equal "$(limit memory memory.memsw.limit_in_bytes memory.swap.max)" "$(either 134217728 67108864)"
        assert_equal "$(limit pids pids.max pids.max)" 42
        myrun update --cpu-idle 1 "$ID"
        assert_equal "$(limit cpu cpu.idle cpu.idle)" 1
        run myrun update --pids-limit many "$ID"
        assert_clear_error "--pids-limit" "many"
}

@test "kill KILL ends a paused container" {
        start_detached "$ID"
        myrun pause "$ID"
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
}

@test "events tell of a process killed for lack of memory" {
        local watcher

        set_args sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; (head -c 50000000 /dev/zero | tail) >/dev/null; sleep 1000'
        set_resources '{"memory": {"limit": 16777216, "swap": 16777216}}'
        start_detached "$ID"
        (without_fds "$MYRUN" --root "$ROOT" events --interval 100s "$ID") </dev/null >"$BATS_TEST_TMPDIR/events" 2>&1 &
        watcher=$!
        # The first figures are shown once it watches.
        wait_until grep -q '"stats"' "$BATS_TEST_TMPDIR/events"
        touch "$BUNDLE/rootfs/tmp/go"
        wait_until -t 20 grep -qF '{"type":"oom","id":"'"$ID"'"}' "$BATS_TEST_TMPDIR/events"
        myrun delete --force "$ID"
        # Not for all children: with a time limit bats has one that counts it down.
        wait "$watcher"
}

@test "exec starts the process in a cgroup below the container's" {
        local directory

        start_detached "$ID"
        directory=$(cgroup_directory memory)
        mkdir "$directory/inner"
        run myrun exec --cgroup "$(either memory:inner inner)" "$ID" cat /proc/self/cgroup
        assert_success
        assert_output_matches "$(either memory '0:').*$CGROUP_PATH/inner"
        run myrun exec --cgroup "$(either memory:../.. ../..)" "$ID" true
        assert_failure 255
        assert_output_contains "--cgroup: ../.. is not a sub cgroup path"
        run myrun exec --cgroup nowhere "$ID" true
        assert_failure 255
        assert_output_contains "/nowhere/cgroup.procs: no such file or directory"
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
