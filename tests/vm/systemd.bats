# The driver behind --systemd-cgroup, on a machine that runs systemd (tests/vm/run.sh --systemd).
load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        [ -d /run/systemd/system ] || skip "systemd does not run here"
        runtime_setup
        set_args sleep 1000
        use_cgroup "$ID"
        UNIT=test-$ID.scope
}

teardown() {
        [ -n "${UNIT:-}" ] || return 0
        runtime_teardown
        refute_unit
}

# limits JSON: sets linux.resources beside the devices that are there.
limits() {
        edit_config '.linux.resources += $limits' --argjson limits "$1"
}

annotation() {
        edit_config '.annotations += {($name): $value}' --arg name "org.systemd.property.$1" --arg value "$2"
}

# property NAME: as systemd has it.
property() {
        systemctl show --value --property "$1" "$UNIT"
}

assert_property() {
        assert_equal "$1=$(property "$1")" "$1=$2"
}

# systemd has forgotten the unit.
refute_unit() {
        assert_equal "$(property LoadState) $(property ActiveState)" "not-found inactive"
}

@test "the container is a delegated scope in its slice, with accounting on" {
        edit_config '.linux.cgroupsPath = $path' --arg path "machine-a.slice:test:$ID"
        start_detached "$ID"
        assert_property Slice machine-a.slice
        assert_property ControlGroup "/machine.slice/machine-a.slice/$UNIT"
        assert_property Description "myrun container $ID"
        for name in Delegate MemoryAccounting CPUAccounting TasksAccounting; do
                assert_property "$name" yes
        done
        assert_property DefaultDependencies no
        grep -q "/machine.slice/machine-a.slice/$UNIT\$" "/proc/$(init_pid "$ID")/cgroup"
        myrun delete --force "$ID"
        refute_unit
}

@test "limits are properties of the unit, and outlive systemd reading its files again" {
        limits '{"memory": {"limit": 67108864, "reservation": 33554432},
                "cpu": {"shares": 512, "quota": 20001, "period": 50000}, "pids": {"limit": 42}}'
        start_detached "$ID"
        assert_property MemoryMax 67108864
        assert_property MemoryLow 33554432
        assert_property CPUWeight 20
        # systemd counts in hundredths of a processor; the kernel has the exact quota.
        assert_property CPUQuotaPerSecUSec 410ms
        assert_property CPUQuotaPeriodUSec 50ms
        assert_property TasksMax 42
        assert_equal "$(cat "/sys/fs/cgroup$CGROUP_PATH/cpu.max")" "20001 50000"
        systemctl daemon-reload
        assert_equal "$(cat "/sys/fs/cgroup$CGROUP_PATH/memory.max")" 67108864
        assert_equal "$(cat "/sys/fs/cgroup$CGROUP_PATH/pids.max")" 42
}

@test "limits of the unified section are properties, too, and what systemd does not know is set beside it" {
        limits '{"unified": {"memory.high": "20971520", "cpu.weight": "77", "pids.max": "7", "cpu.max": "10000 100000",
                "cpuset.cpus": "0", "hugetlb.2MB.max": "4194304"}}'
        start_detached "$ID"
        assert_property MemoryHigh 20971520
        assert_property CPUWeight 77
        assert_property TasksMax 7
        assert_property CPUQuotaPerSecUSec 100ms
        assert_property AllowedCPUs 0
        assert_equal "$(cat "/sys/fs/cgroup$CGROUP_PATH/hugetlb.2MB.max")" 4194304
}

@test "update changes the properties, and a period alone leaves the quota" {
        limits '{"cpu": {"quota": 20000, "period": 50000}, "memory": {"limit": 33554432}}'
        start_detached "$ID"
        myrun update --cpu-period 100000 --memory 67108864 --pids-limit 9 "$ID"
        assert_property MemoryMax 67108864
        assert_property TasksMax 9
        assert_property CPUQuotaPeriodUSec 100ms
        assert_property CPUQuotaPerSecUSec 200ms
        assert_equal "$(cat "/sys/fs/cgroup$CGROUP_PATH/cpu.max")" "20000 100000"
}

@test "annotations set properties of any type" {
        annotation TimeoutStopSec 7
        annotation CollectMode "'inactive-or-failed'"
        annotation SendSIGHUP true
        annotation After "['dbus.socket', 'basic.target']"
        annotation CPUWeight "uint64 55"
        start_detached "$ID"
        assert_property TimeoutStopUSec 7s
        assert_property CollectMode inactive-or-failed
        assert_property SendSIGHUP yes
        assert_property CPUWeight 55
        [[ $(property After) == *dbus.socket* ]]
}

@test "an annotation that is no value, or no property, is refused by its name" {
        annotation TimeoutStopSec "seven"
        run myrun run "$ID"
        assert_clear_error "org.systemd.property.TimeoutStopSec" "seven"
        edit_config 'del(.annotations)'
        annotation NoSuchThing "'x'"
        run myrun run "$ID"
        assert_clear_error "$UNIT" "NoSuchThing"
}

@test "a scope that exists belongs to another: it is refused and left alone" {
        local other=$ID-other

        start_detached "$ID"
        run myrun run "$other"
        assert_clear_error "$UNIT: the unit exists already" "systemctl stop $UNIT"
        assert_equal "$(container_status "$ID")" running
        run myrun list -q
        assert_output "$ID"
}

@test "a unit of that name which has failed is no obstacle" {
        systemd-run --quiet --scope --unit "$UNIT" sh -c 'kill -KILL $$' || true
        start_detached "$ID"
        assert_property ActiveState active
}

@test "stopping the unit ends the container" {
        # The first process of a pid namespace hears no SIGTERM that it does not handle.
        annotation TimeoutStopSec 1
        start_detached "$ID"
        systemctl stop "$UNIT"
        wait_until has_status "$ID" stopped
        run myrun delete "$ID"
        assert_success
}

@test "the devices of the container are known to systemd and limited exactly" {
        edit_config '.process.capabilities[] += ["CAP_MKNOD", "CAP_SYSLOG"]'
        limits '{"devices": [{"allow": false, "access": "rwm"},
                {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}'
        set_args sh -c 'mknod /kmsg c 1 11; head -c 0 /kmsg && echo readable; echo x >/kmsg; sleep 1000'
        start_detached "$ID"
        assert_property DevicePolicy strict
        [[ $(property DeviceAllow) == *"/dev/char/1:11 r"* ]]
        wait_until grep -q "Operation not permitted" "$BATS_TEST_TMPDIR/$ID.out"
        grep -q readable "$BATS_TEST_TMPDIR/$ID.out"
}

@test "without a cgroups path the scope is in system.slice and named after the container" {
        edit_config 'del(.linux.cgroupsPath)'
        UNIT=myrun-$ID.scope
        start_detached "$ID"
        assert_property Slice system.slice
}

@test "a create that was killed leaves nothing that delete --force does not find" {
        (without_fds "$MYRUN" --root "$ROOT" create "$ID") </dev/null >/dev/null 2>&1
        kill -KILL "$(init_pid "$ID")"
        run myrun delete --force "$ID"
        assert_success
}

# settings UNIT: what systemd was told, and what the control files have; not what is measured. runc before 1.2
# allows /dev/net/tun to everybody where the kernel has it (the module may be loaded by any suite); the specification
# has no such default device.
settings() {
        local directory file

        systemctl show "$1" | grep -E '^(Slice|Delegate|Default|Kill|Send|Final|Timeout|Collect|OOM|Managed|Device|Allowed|After|Before|[A-Za-z]*(Accounting|Max|High|Low|Min|Quota[A-Za-z]*USec)=|CPUWeight|Requires|Wants|Transient)' |
                grep -v '^DeviceAllow=/dev/char/10:200 ' | sed "s/$1/UNIT/g" | sort
        directory=/sys/fs/cgroup$(systemctl show --value --property ControlGroup "$1")
        for file in "$directory"/*.{max,high,low,min,weight,cpus,mems,partition,burst,idle,type,subtree_control}; do
                [ ! -f "$file" ] || echo "${file##*/} $(tr '\n' ' ' <"$file")"
        done
}

@test "a unit has the settings that runc gives it, and after an update, too" {
        local change=(update --memory 100663296 --memory-swap 201326592 --cpu-quota 30000 --cpu-share 2048
                --pids-limit 50 --cpuset-cpus 0-1)

        require_program runc
        limits '{"memory": {"limit": 67108864, "reservation": 33554432, "swap": 134217728}, "pids": {"limit": 42},
                "cpu": {"shares": 512, "quota": 20001, "period": 50000, "cpus": "0", "mems": "0"},
                "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
                "unified": {"memory.high": "50000000"}}'
        edit_config '.linux.cgroupsPath = $path' --arg path "system.slice:test:$ID-runc"
        runc --systemd-cgroup --root "$BATS_TEST_TMPDIR/runc" run -d "$ID-runc" </dev/null >/dev/null 2>&1
        settings "test-$ID-runc.scope" >"$BATS_TEST_TMPDIR/theirs"
        runc --systemd-cgroup --root "$BATS_TEST_TMPDIR/runc" "${change[@]}" "$ID-runc"
        settings "test-$ID-runc.scope" >>"$BATS_TEST_TMPDIR/theirs"
        runc --systemd-cgroup --root "$BATS_TEST_TMPDIR/runc" delete --force "$ID-runc"
        use_cgroup "$ID"
        start_detached "$ID"
        settings "$UNIT" >"$BATS_TEST_TMPDIR/ours"
        myrun "${change[@]}" "$ID"
        settings "$UNIT" >>"$BATS_TEST_TMPDIR/ours"
        grep -q '^memory.high 49999872' "$BATS_TEST_TMPDIR/ours"
        grep -q '^memory.max 100663296' "$BATS_TEST_TMPDIR/ours"
        run diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/ours"
        assert_success
}
