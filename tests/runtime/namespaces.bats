#!/usr/bin/env bats
# Namespaces of the container's own, shared with the host, or joined by path.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        if [ -n "${HOLDER:-}" ]; then
                kill "$HOLDER" 2>/dev/null
        fi
        runtime_teardown
}

# What a process's namespace of a kind is called.
namespace_of() {
        readlink "/proc/$1/ns/$2"
}

add_namespace() {
        edit_config '.linux.namespaces += [{type: $type}]' --arg type "$1"
}

join_namespace() {
        remove_namespace "$1"
        edit_config '.linux.namespaces += [{type: $type, path: $path}]' --arg type "$1" --arg path "$2"
}

map_ids() {
        edit_config '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        chown -R 100000:100000 rootfs
}

# A process with namespaces that others can join; sets HOLDER.
hold_namespaces() {
        spawn unshare "$@" sleep 100
        HOLDER=$SPAWNED
        holds() { [ "$(cat "/proc/$HOLDER/comm")" = sleep ]; }
        wait_until holds
}

@test "each namespace in the config is the container's own, each other is the host's" {
        set_args sleep 100
        add_namespace cgroup
        start_detached "$ID"
        pid=$(init_pid "$ID")
        for kind in pid net ipc uts mnt cgroup; do
                [ "$(namespace_of "$pid" $kind)" != "$(namespace_of self $kind)" ]
        done
        for kind in user time; do
                assert_equal "$(namespace_of "$pid" $kind)" "$(namespace_of self $kind)"
        done
}

@test "a container without a network namespace sees the host's interfaces" {
        remove_namespace network
        set_args readlink /proc/self/ns/net
        run myrun run "$ID"
        assert_output "$(namespace_of self net)"
}

@test "namespaces are joined by path" {
        hold_namespaces --net --ipc --uts --
        join_namespace network "/proc/$HOLDER/ns/net"
        join_namespace ipc "/proc/$HOLDER/ns/ipc"
        join_namespace uts "/proc/$HOLDER/ns/uts"
        set_args sh -c 'for kind in net ipc uts; do readlink /proc/self/ns/$kind; done'
        run myrun run "$ID"
        assert_success
        assert_output "$(namespace_of "$HOLDER" net)
$(namespace_of "$HOLDER" ipc)
$(namespace_of "$HOLDER" uts)"
}

@test "a pid namespace is joined by path" {
        set_args sleep 100
        start_detached "$ID"
        join_namespace pid "/proc/$(init_pid "$ID")/ns/pid"
        set_args sh -c 'readlink /proc/self/ns/pid; test $$ -ne 1; cat /proc/1/cmdline'
        run myrun run "$ID-2"
        assert_success
        assert_output_contains "$(namespace_of "$(init_pid "$ID")" pid)" sleep
}

@test "a namespace path of another kind is refused" {
        join_namespace network /proc/self/ns/uts
        run myrun run "$ID"
        assert_clear_error "network" "/proc/self/ns/uts"
        join_namespace network /no/such/path
        run myrun run "$ID"
        assert_clear_error "network" "/no/such/path: No such file or directory"
}

@test "hostname and domainname are set in the container alone" {
        edit_config '.hostname = "inside" | .domainname = "example.org"'
        set_args sh -c 'hostname; cat /proc/sys/kernel/domainname'
        before=$(hostname)
        run myrun run "$ID"
        assert_output "inside
example.org"
        assert_equal "$(hostname)" "$before"
        remove_namespace uts
        run myrun run "$ID"
        assert_clear_error hostname uts
        assert_equal "$(hostname)" "$before"
}

@test "the loopback interface of a new network namespace is up" {
        set_args cat /sys/class/net/lo/operstate /sys/class/net/lo/flags
        run myrun run "$ID"
        assert_output_contains 0x9
}

@test "sysctl sets parameters of the container's namespaces only" {
        edit_config '.linux.sysctl = {"net.ipv4.ip_default_ttl": "77", "kernel.shmmax": "4711"}'
        set_args cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmax
        run myrun run "$ID"
        assert_output "77
4711"
        [ "$(cat /proc/sys/net/ipv4/ip_default_ttl)" != 77 ]
        edit_config '.linux.sysctl = {"vm.swappiness": "10"}'
        run myrun run "$ID"
        assert_clear_error vm.swappiness
        edit_config '.linux.sysctl = {"net.ipv4.ip_default_ttl": "78"}'
        remove_namespace network
        run myrun run "$ID"
        assert_clear_error net.ipv4.ip_default_ttl
}

@test "sysctl does not change the host by way of a path to its namespace" {
        before=$(cat /proc/sys/net/ipv4/ip_default_ttl)
        edit_config '.linux.sysctl = {"net.ipv4.ip_default_ttl": "79"}'
        join_namespace network /proc/self/ns/net
        run myrun run "$ID"
        assert_clear_error net.ipv4.ip_default_ttl /proc/self/ns/net
        assert_equal "$(cat /proc/sys/net/ipv4/ip_default_ttl)" "$before"
        hold_namespaces --net --
        join_namespace network "/proc/$HOLDER/ns/net"
        set_args cat /proc/sys/net/ipv4/ip_default_ttl
        run myrun run "$ID"
        assert_output 79
        assert_equal "$(cat /proc/sys/net/ipv4/ip_default_ttl)" "$before"
}

@test "a user namespace maps ids" {
        add_namespace user
        map_ids
        set_args sh -c 'id -u; cat /proc/self/uid_map; touch /tmp/mine; test -w /dev/null && echo writable'
        run myrun run "$ID"
        assert_success
        assert_output_matches '^0
 +0 +100000 +65536
writable$'
        assert_equal "$(stat -c %u rootfs/tmp/mine)" 100000
}

@test "a user namespace without mappings is an error" {
        add_namespace user
        run myrun run "$ID"
        assert_clear_error uidMappings
}

@test "a new user namespace goes with joined namespaces of the host" {
        hold_namespaces --net --
        join_namespace network "/proc/$HOLDER/ns/net"
        edit_config '.mounts |= map(select(.type != "sysfs"))'
        edit_config '.linux.maskedPaths = [] | .linux.readonlyPaths = []'
        add_namespace user
        map_ids
        set_args sh -c 'readlink /proc/self/ns/net; id -u'
        run myrun run "$ID"
        assert_success
        assert_output "$(namespace_of "$HOLDER" net)
0"
}

@test "a user namespace is joined by path" {
        add_namespace user
        map_ids
        set_args sleep 100
        start_detached "$ID"
        edit_config 'del(.linux.uidMappings, .linux.gidMappings)'
        join_namespace user "/proc/$(init_pid "$ID")/ns/user"
        set_args sh -c 'readlink /proc/self/ns/user; id -u'
        run myrun run "$ID-2"
        assert_success
        assert_output "$(namespace_of "$(init_pid "$ID")" user)
0"
}

@test "exec enters a user namespace" {
        add_namespace user
        map_ids
        set_args sleep 100
        start_detached "$ID"
        run myrun exec "$ID" sh -c 'id -u; readlink /proc/self/ns/user'
        assert_success
        assert_output "0
$(namespace_of "$(init_pid "$ID")" user)"
}

@test "a time namespace has its offsets" {
        [ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
        add_namespace time
        edit_config '.linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}, monotonic: {secs: 7, nanosecs: 5}}'
        set_args sh -c 'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets'
        run myrun run "$ID"
        assert_success
        [ "${lines[0]}" -ge 1000000 ]
        assert_output_matches 'boottime +1000000 +0'
}

@test "a time namespace has its offsets in a user namespace, too" {
        [ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
        add_namespace user
        map_ids
        add_namespace time
        edit_config '.linux.timeOffsets = {boottime: {secs: 1000000}, monotonic: {secs: 7, nanosecs: 5}}'
        set_args cat /proc/self/timens_offsets
        run myrun run "$ID"
        assert_success
        assert_output_matches 'monotonic +7 +5'
        assert_output_matches 'boottime +1000000 +0'
}

@test "a user namespace without a root runs, and is entered" {
        add_namespace user
        chown -R 100000:200000 rootfs
        edit_config '.linux.uidMappings = [{containerID: 1000, hostID: 100000, size: 1}] |
                .linux.gidMappings = [{containerID: 1000, hostID: 200000, size: 1}] |
                .process.user = {uid: 1000, gid: 1000} |
                (.mounts[] | select(.destination == "/dev/pts") | .options) -= ["gid=5"]'
        set_args sh -c 'id -u; id -g; touch /tmp/mine; cat /proc/self/uid_map; grep ^CapEff /proc/self/status'
        run myrun run "$ID"
        assert_success
        assert_output_matches '^1000
1000
 +1000 +100000 +1
CapEff:.0000000000000000$'
        assert_equal "$(stat -c %u:%g rootfs/tmp/mine)" 100000:200000
        set_args sleep 100
        start_detached "$ID"
        run myrun exec "$ID" sh -c 'id -u; id -g'
        assert_output "1000
1000"
}

@test "every namespace of another container is joined at once, but for its mounts" {
        [ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
        for type in user time cgroup; do add_namespace "$type"; done
        map_ids
        edit_config '.linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 5}}'
        set_args sleep 100
        start_detached "$ID"
        edit_config '.linux |= del(.uidMappings, .gidMappings, .timeOffsets)'
        for type in user time cgroup pid network ipc uts; do
                join_namespace "$type" "/proc/$(init_pid "$ID")/ns/${type/network/net}"
        done
        start_detached "$ID-2"
        for kind in user time cgroup pid net ipc uts; do
                run myrun exec "$ID-2" readlink "/proc/self/ns/$kind"
                assert_output "$(namespace_of "$(init_pid "$ID")" "$kind")"
        done
        run myrun exec "$ID-2" ps
        assert_equal "$(grep -c 'sleep 100' <<<"$output")" 2
}

@test "a user namespace is joined together with a network namespace that is not its own" {
        add_namespace user
        map_ids
        set_args sleep 100
        start_detached "$ID"
        touch user net
        mount --bind "/proc/$(init_pid "$ID")/ns/user" user
        hold_namespaces --net --
        mount --bind "/proc/$HOLDER/ns/net" net
        myrun delete --force "$ID"
        edit_config 'del(.linux.uidMappings, .linux.gidMappings)'
        join_namespace user "$BUNDLE/user"
        join_namespace network "$BUNDLE/net"
        edit_config '(.mounts[] | select(.type == "sysfs")) = {source: "/sys", destination: "/sys", options: ["rbind"]}'
        set_args sh -c 'readlink /proc/self/ns/user; readlink /proc/self/ns/net'
        run myrun run "$ID"
        expected="user:[$(stat -c %i user)]
net:[$(stat -c %i net)]"
        umount user net
        assert_success
        assert_output "$expected"
}

@test "in a cgroup namespace the container's cgroup is the root" {
        add_namespace cgroup
        set_args cat /proc/self/cgroup
        run myrun run "$ID"
        assert_success
        refute_output_contains "$ID"
        remove_namespace cgroup
        run myrun run "$ID"
        assert_output_contains "$ID"
}

@test "a user without privileges runs and enters a container with a single id" {
        uses_systemd && skip "rootless.bats does it with a user that systemd knows"
        require_program setpriv
        chown -R 1000:1000 "$BATS_TEST_TMPDIR"
        chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" 2>/dev/null || true
        as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$MYRUN" --root "$ROOT" "$@" </dev/null; }
        setpriv --reuid 1000 --regid 1000 --clear-groups "$MYRUN" --version || skip "user 1000 cannot reach $MYRUN"
        rm config.json
        as_user spec --rootless
        edit_config '.process.terminal = false'
        chown 1000 config.json
        set_args sh -c 'id -u; cat /proc/self/uid_map'
        run as_user run "$ID"
        assert_success
        assert_output_matches '^0
 +0 +1000 +1$'
        set_args sleep 100
        as_user run -d "$ID" >/dev/null 2>&1
        run as_user exec "$ID" id -u
        assert_success
        assert_output 0
        as_user delete --force "$ID"
}
