#!/usr/bin/env bats
# How the kernel treats the program beside others, and what security modules and caches make of it.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        runtime_teardown
}

# policy and nice value of the program
SCHEDULING='cut -d " " -f 19,41 /proc/self/stat'

@test "every scheduler policy is set, with nice and priority" {
        local row policy number

        set_args sh -c "$SCHEDULING"
        for row in '{policy: "SCHED_OTHER", nice: 3}=3 0' '{policy: "SCHED_BATCH", nice: 5}=5 3' \
                '{policy: "SCHED_IDLE"}=0 5' '{policy: "SCHED_FIFO", priority: 7}=0 1' \
                '{policy: "SCHED_RR", priority: 9}=0 2' \
                '{policy: "SCHED_DEADLINE", runtime: 10000000, deadline: 50000000, period: 100000000}=0 6'; do
                policy=${row%%=*}
                number=${row##*=}
                edit_config ".process.scheduler = $policy"
                run myrun run "$ID"
                case $policy in
                *FIFO* | *RR* | *DEADLINE*)
                        # The kernel may keep realtime from this machine or from the cgroup: then it says so by name.
                        [ "$status" -ne 0 ] && assert_clear_error process.scheduler SCHED_ && continue
                        ;;
                esac
                assert_success
                assert_output "$number"
        done
}

@test "scheduler flags are set: a nice value that is reset on fork is not inherited" {
        edit_config '.process.scheduler = {policy: "SCHED_BATCH", nice: 4, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
        set_args sh -c 'cut -d " " -f 19,41 <"/proc/$$/stat"; true'
        run myrun run "$ID"
        assert_success
        assert_output "4 3"
        set_args sh -c 'sh -c '"'$SCHEDULING'"'; true'
        run myrun run "$ID"
        assert_success
        assert_output "4 3"
        edit_config '.process.scheduler.nice = -4'
        run myrun run "$ID"
        assert_success
        assert_output "0 3"
}

@test "what a scheduler cannot have is named" {
        edit_config '.process.scheduler = {policy: "SCHED_NONSENSE"}'
        run myrun run "$ID"
        assert_clear_error process.scheduler.policy SCHED_NONSENSE
        edit_config '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"]}'
        run myrun run "$ID"
        assert_clear_error process.scheduler.flags SCHED_FLAG_X
        edit_config '.process.scheduler = {policy: "SCHED_OTHER", nice: 20}'
        run myrun run "$ID"
        assert_clear_error process.scheduler.nice
        edit_config '.process.scheduler = {policy: "SCHED_BATCH", priority: 1}'
        run myrun run "$ID"
        assert_clear_error process.scheduler.priority
}

@test "every io priority class is set" {
        set_args ionice
        edit_config '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
        run myrun run "$ID"
        assert_output idle
        edit_config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
        run myrun run "$ID"
        assert_output "best-effort: prio 6"
        edit_config '.process.ioPriority = {class: "IOPRIO_CLASS_RT", priority: 1}'
        run myrun run "$ID"
        assert_output "realtime: prio 1"
        edit_config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}'
        run myrun run "$ID"
        assert_clear_error process.ioPriority.priority
}

@test "the container's domain of execution is that of linux.personality, also in exec" {
        set_args sleep 100
        edit_config '.linux.personality = {domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"]}'
        start_detached "$ID"
        run myrun exec "$ID" sh -c 'uname -m; cat /proc/self/personality'
        assert_success
        assert_output "$(setarch linux32 uname -m)
00040008"
        edit_config '.linux.personality.flags = ["NONSENSE"]'
        run myrun run "$ID-2"
        assert_clear_error linux.personality.flags NONSENSE
}

@test "the memory policy is set, also in exec" {
        [ -e /proc/self/numa_maps ] || skip "the kernel has no NUMA"
        set_args sleep 100
        edit_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
        start_detached "$ID"
        run cut -d ' ' -f 2 "/proc/$(init_pid "$ID")/numa_maps"
        assert_equal "${lines[0]}" bind=static:0
        run myrun exec "$ID" sh -c 'head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
        assert_output bind=static:0
}

@test "every mode of the memory policy is known, and what is none is named" {
        local mode

        [ -e /proc/self/numa_maps ] || skip "the kernel has no NUMA"
        for mode in BIND INTERLEAVE PREFERRED PREFERRED_MANY; do
                edit_config '.linux.memoryPolicy = {mode: $mode, nodes: "0"}' --arg mode "MPOL_$mode"
                run myrun run "$ID"
                assert_success
        done
        for mode in DEFAULT LOCAL; do
                edit_config '.linux.memoryPolicy = {mode: $mode}' --arg mode "MPOL_$mode"
                run myrun run "$ID"
                assert_success
        done
        edit_config '.linux.memoryPolicy = {mode: "MPOL_X", nodes: "0"}'
        run myrun run "$ID"
        assert_clear_error linux.memoryPolicy MPOL_X
        edit_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_X"]}'
        run myrun run "$ID"
        assert_clear_error linux.memoryPolicy.flags MPOL_F_X
        edit_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0-"}'
        run myrun run "$ID"
        assert_clear_error linux.memoryPolicy.nodes
        edit_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "1023"}'
        run myrun run "$ID"
        assert_clear_error linux.memoryPolicy 1023
}

@test "a container runs on all processors of its cgroup, whatever its caller was bound to" {
        set_args grep Cpus_allowed_list: /proc/self/status
        all=$(grep Cpus_allowed_list: /proc/self/status)
        [[ $all == *[-,]* ]] || skip "one processor only"
        run taskset -c 0 "$MYRUN" --root "$ROOT" run "$ID"
        assert_output "$all"
        # Nor where the runtime itself keeps init while it is made, with hooks and without.
        run myrun run "$ID"
        assert_output "$all"
        edit_config '.hooks.createContainer = [{path: "/bin/true"}]'
        run myrun run "$ID"
        assert_output "$all"
        set_args sleep 100
        start_detached "$ID"
        run taskset -c 0 "$MYRUN" --root "$ROOT" exec "$ID" grep Cpus_allowed_list: /proc/self/status
        assert_output "$all"
}

@test "execCPUAffinity says where a process of exec runs, and leaves init alone" {
        [ "$(nproc)" -gt 1 ] || skip "one processor only"
        all=$(grep Cpus_allowed_list: /proc/self/status)
        set_args sleep 100
        edit_config '.process.execCPUAffinity = {initial: "0", final: "1"}'
        start_detached "$ID"
        run grep Cpus_allowed_list: "/proc/$(init_pid "$ID")/status"
        assert_output "$all"
        run myrun exec "$ID" grep Cpus_allowed_list: /proc/self/status
        assert_output_matches 'Cpus_allowed_list:.1$'
        # A process of its own says otherwise; without a final set it may go wherever the container may.
        jq -n '{cwd: "/", args: ["grep", "Cpus_allowed_list:", "/proc/self/status"],
                execCPUAffinity: {initial: "1", final: "0"}}' >"$BATS_TEST_TMPDIR/process.json"
        run myrun exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
        assert_output_matches 'Cpus_allowed_list:.0$'
        jq '.execCPUAffinity = {initial: "1"}' "$BATS_TEST_TMPDIR/process.json" >"$BATS_TEST_TMPDIR/process2.json"
        run myrun exec --process "$BATS_TEST_TMPDIR/process2.json" "$ID"
        assert_output "$all"
}

@test "a process of exec is bound to the initial processors when it enters the cgroup" {
        require_program strace
        [ "$(nproc)" -gt 1 ] || skip "one processor only"
        set_args sleep 100
        edit_config '.process.execCPUAffinity = {initial: "1", final: "0"}'
        start_detached "$ID"
        # Of the mask strace shows how it begins: "[1 ...]".
        run strace -f -qq -e trace=sched_setaffinity,setns,execve "$MYRUN" --root "$ROOT" exec "$ID" true
        assert_success
        order=$(grep -oE 'sched_setaffinity\(0, [0-9]+, \[[01] |execve\("/bin/true"' <<<"$output" | tr -d '\n')
        [[ $order == *'[1 '*'[0 '*'/bin/true'* ]] || assert_fail "in this order:" "$order"
        run myrun --debug exec "$ID" true
        assert_output_contains "initial: affinity: 0x2" "final: affinity: 0x1"
}

@test "processors that are not there are named" {
        set_args sleep 100
        start_detached "$ID"
        for list in 4000 x 1- 3-1; do
                jq -n '{cwd: "/", args: ["true"], execCPUAffinity: {initial: $list}}' --arg list "$list" \
                        >"$BATS_TEST_TMPDIR/process.json"
                run myrun exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
                assert_failure 255
                assert_output_contains execCPUAffinity.initial "$list"
        done
}

@test "labels of security modules that this kernel does not have are errors that name the property" {
        [ ! -e /sys/module/apparmor ] || skip "the kernel has AppArmor"
        [ ! -e /sys/fs/selinux ] || skip "the kernel has SELinux"
        edit_config '.process.apparmorProfile = "profile"'
        run myrun create "$ID"
        assert_clear_error process.apparmorProfile AppArmor
        edit_config 'del(.process.apparmorProfile) | .process.selinuxLabel = "system_u:system_r:container_t:s0"'
        run myrun create "$ID"
        assert_clear_error process.selinuxLabel SELinux
        # To be unconfined is to ask for nothing.
        edit_config 'del(.process.selinuxLabel) | .process.apparmorProfile = "unconfined"'
        set_args sleep 100
        start_detached "$ID"
        assert_equal "$(container_status "$ID")" running
        run myrun exec --apparmor profile "$ID" true
        assert_failure 255
        assert_output_contains process.apparmorProfile
        run myrun exec --process-label label "$ID" true
        assert_failure 255
        assert_output_contains process.selinuxLabel
        run myrun exec --apparmor unconfined "$ID" true
        assert_success
}

@test "an AppArmor profile confines the program" {
        grep -q Y /sys/module/apparmor/parameters/enabled 2>/dev/null || skip "the kernel has no AppArmor"
        require_program apparmor_parser
        printf 'profile myrun-test flags=(attach_disconnected) { file, }\n' | apparmor_parser -Kr
        edit_config '.process.apparmorProfile = "myrun-test"'
        set_args cat /proc/self/attr/current
        run myrun run "$ID"
        printf 'profile myrun-test {}\n' | apparmor_parser -KR
        assert_success
        assert_output_contains myrun-test
}

@test "resctrl that is not mounted is an error that names linux.intelRdt" {
        [ ! -e /sys/fs/resctrl/schemata ] || skip "resctrl is mounted"
        edit_config '.linux.intelRdt = {closID: "gold"}'
        run myrun create "$ID"
        assert_clear_error linux.intelRdt resctrl
        run myrun list -q
        assert_output ""
        edit_config 'del(.linux.intelRdt)'
        set_args sleep 100
        start_detached "$ID"
        run myrun update --l3-cache-schema L3:0=f "$ID"
        assert_clear_error linux.intelRdt resctrl
        run myrun update --mem-bw-schema MB:0=20 "$ID"
        assert_clear_error linux.intelRdt resctrl
}

@test "a class of caches is not a path, and bandwidth is one line" {
        for expression in '{closID: "../x"}' '{closID: ".."}' '{closID: "a/b"}' '{memBwSchema: "L3:0=f"}' \
                '{memBwSchema: "MB:0=20\nL3:0=f"}'; do
                edit_config ".linux.intelRdt = $expression"
                run myrun create "$ID"
                assert_clear_error "config.json: linux.intelRdt"
        done
}
