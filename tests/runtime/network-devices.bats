#!/usr/bin/env bats
# linux.netDevices: network devices of the host handed to the container. "The host" is a network namespace of the test's own.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        HOST=$ID-host
        ip netns add "$HOST"
        ip -n "$HOST" link add dev0 type veth peer name peer0
        ip -n "$HOST" link set dev0 mtu 1400 address 02:00:00:00:00:77
        ip -n "$HOST" address add 192.0.2.7/24 dev dev0
        ip -n "$HOST" address add 2001:db8::7/64 dev dev0 nodad
        ip -n "$HOST" link set dev0 up
        set_args ip address show
}

teardown() {
        ip netns del "$HOST" 2>/dev/null || true
        runtime_teardown
}

in_host() {
        nsenter --net="/run/netns/$HOST" -- "$@"
}

myrun_in_host() {
        in_host "$MYRUN" --root "$ROOT" "$@" </dev/null
}

@test "a network device is moved with its addresses, and is up" {
        edit_config '.linux.netDevices = {dev0: {}}'
        run myrun_in_host run "$ID"
        assert_success
        assert_output_matches 'dev0@[^<]*<[^>]*,UP[^>]*> mtu 1400'
        assert_output_contains 02:00:00:00:00:77 "192.0.2.7/24" "2001:db8::7/64"
}

@test "a network device that is down on the host is up in the container, under its new name" {
        ip -n "$HOST" link set dev0 down
        edit_config '.linux.netDevices = {dev0: {name: "net0"}}'
        run myrun_in_host run "$ID"
        assert_success
        assert_output_matches 'net0@[^<]*<[^>]*,UP'
        assert_output_contains "192.0.2.7/24"
        refute_output_contains dev0
        run ip -n "$HOST" link show dev0
        assert_failure
}

@test "only permanent addresses of global scope go along" {
        ip -n "$HOST" address add 192.0.2.8/24 dev dev0 valid_lft 500 preferred_lft 500
        ip -n "$HOST" address add 198.51.100.9/24 dev dev0 scope link
        edit_config '.linux.netDevices = {dev0: {}}'
        run myrun_in_host run "$ID"
        assert_success
        assert_output_contains 192.0.2.7/24
        refute_output_contains 192.0.2.8 198.51.100.9
}

@test "network devices go to a namespace that is joined, and into a user namespace" {
        ip netns add "$ID-joined"
        edit_config '.linux.netDevices = {dev0: {name: "net0"}} |
                (.linux.namespaces[] | select(.type == "network")).path = "/run/netns/" + $name' --arg name "$ID-joined"
        run myrun_in_host run "$ID"
        assert_success
        assert_output_contains net0 192.0.2.7/24
        run ip -n "$ID-joined" address show net0
        ip netns del "$ID-joined"
        assert_output_contains 192.0.2.7/24
        # The kernel takes a namespace's devices down later, and the other end with them.
        wait_while ip -n "$HOST" link show peer0
        ip -n "$HOST" link add dev0 type veth peer name peer0
        edit_config 'del(.linux.namespaces[].path) | .linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        chown -R 100000:100000 rootfs
        run myrun_in_host run "$ID"
        assert_success
        assert_output_contains net0
}

@test "a network device that cannot be moved is named, and the others are back as they were" {
        edit_config '.linux.netDevices = {dev0: {name: "net0"}, dev1: {}}'
        run myrun_in_host run "$ID"
        assert_clear_error "linux.netDevices: dev1: no such network device"
        run ip -n "$HOST" address show dev0
        assert_success
        assert_output_contains 192.0.2.7/24 2001:db8::7/64 ",UP"
        edit_config '.linux.netDevices = {dev0: {name: "lo"}}'
        run myrun_in_host run "$ID"
        assert_clear_error 'linux.netDevices: dev0: name "lo": is taken'
        ip -n "$HOST" address show dev0 | grep -q 192.0.2.7
}

@test "a container that fails later gives its network devices back" {
        edit_config '.linux.netDevices = {dev0: {name: "net0"}}'
        set_args /no/such/program
        run myrun_in_host run "$ID"
        assert_clear_error /no/such/program
        run ip -n "$HOST" address show dev0
        assert_output_contains 192.0.2.7/24 ",UP"
}

@test "network devices need a network namespace of the container's own, and names that can be" {
        edit_config '.linux.netDevices = {dev0: {name: "a/b"}}'
        run myrun_in_host run "$ID"
        assert_clear_error "linux.netDevices.dev0" "a/b"
        edit_config '.linux.netDevices = {dev0: {}} |
                (.linux.namespaces[] | select(.type == "network")).path = "/run/netns/" + $name' --arg name "$HOST"
        run myrun_in_host run "$ID"
        assert_clear_error "linux.netDevices" "is the host's"
        remove_namespace network
        run myrun_in_host run "$ID"
        assert_clear_error "linux.netDevices" "network namespace"
        ip -n "$HOST" address show dev0 | grep -q 192.0.2.7
}
