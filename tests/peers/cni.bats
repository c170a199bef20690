#!/usr/bin/env bats
# Callers of CNI plugins, unchanged: CNI's own cnitool and Podman with its CNI backend, over our
# plugins alone and over chains of ours and the reference ones.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/network
load ../helpers/cni

THEIRS=/usr/lib/cni

setup() {
        [ -x "$BUILD/cnitool" ] || skip "cnitool was not built (golang-go, dpkg-dev and the source of golang-github-appc-cni)"
        [ -x "$THEIRS/bridge" ] || skip "containernetworking-plugins is not installed"
        cni_setup
        CONFIG=$BATS_TEST_TMPDIR/net.d
        mkdir "$CONFIG" "$BATS_TEST_TMPDIR/cache" "$BATS_TEST_TMPDIR/bin"
}

teardown() {
        [ -n "${HOST_NETNS:-}" ] || return 0
        cni_teardown
}

# from DIRECTORY PLUGIN...: these plugins of the chain are those of that directory.
from() {
        local directory=$1 plugin

        shift
        for plugin; do
                ln -sf "$directory/$plugin" "$BATS_TEST_TMPDIR/bin/$plugin"
        done
}

# chain PLUGIN...: a list of the name $NETWORK; PLUGIN is an object in JSON.
chain() {
        jq -n --arg name "$NETWORK" --arg version "${CNI_VERSION_OF_LIST:-1.0.0}" \
                '{cniVersion: $version, name: $name, plugins: $ARGS.positional | map(fromjson)}' --args "$@" \
                >"$CONFIG/list.conflist"
}

# The paths of host-local and of the cache of results are fixed: they are covered for the one command.
cnitool() {
        in_host env NETCONFPATH="$CONFIG" CNI_PATH="$BATS_TEST_TMPDIR/bin" CAP_ARGS="${CAP_ARGS:-}" \
                unshare --mount sh -c 'mount -t tmpfs none /var/lib && mkdir /var/lib/cni && mount --bind "$0" /var/lib/cni && exec "$@"' \
                "$BATS_TEST_TMPDIR/cache" "$BUILD/cnitool" "$1" "$NETWORK" "/run/netns/$HOST_NETNS-$2"
}

bridge() {
        jq -cn --arg leases "$LEASES" '{type: "bridge", bridge: "br-test", isGateway: true, ipMasq: true, hairpinMode: true,
                ipam: {type: "host-local", dataDir: $leases, routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}],
                       ranges: [[{subnet: "10.77.0.0/24"}], [{subnet: "fd77::/64"}]]}}'
}

PORTMAP='{"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}'
FIREWALL='{"type": "firewall"}'
TUNING='{"type": "tuning", "mtu": 1400}'
BANDWIDTH='{"type": "bandwidth", "ingressRate": 100000000, "ingressBurst": 10000000, "egressRate": 100000000, "egressBurst": 10000000}'
PUBLISHED='{"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}'

# works [unchecked]: ADD of two containers, all that the network is for, CHECK, DEL twice; nothing stays.
works() {
        local address

        make_container one
        make_container two
        export CAP_ARGS=$PUBLISHED
        run --separate-stderr cnitool add one
        [ "$status" = 0 ] || assert_fail "$output" "$stderr"
        address=$(address_of "$output")
        CAP_ARGS='' cnitool add two >/dev/null
        [ "${1:-}" = unchecked ] || cnitool check one
        serve one 80
        run in_container two $FETCH "http://$address:80"
        assert_success
        run in_outside $FETCH "http://$HOST_ADDRESS:8080"
        assert_success
        # 198.51.100.2, as a server of both families sees it
        assert_output_contains c633:6402
        run in_host $FETCH "http://127.0.0.1:8080"
        assert_success
        cnitool del one
        cnitool del one
        CAP_ARGS='' cnitool del two
        run in_outside $FETCH "http://$HOST_ADDRESS:8080"
        assert_failure
        run find "$LEASES" \( -name '10.77.*' -o -name 'fd77*' \)
        assert_output ""
}

@test "cnitool runs a chain of our plugins alone" {
        from "$CNI_PLUGINS" bridge host-local portmap firewall tuning bandwidth
        chain "$(bridge)" "$PORTMAP" "$FIREWALL" "$TUNING" "$BANDWIDTH"
        works
}

@test "cnitool runs our bridge before the reference portmap, firewall, tuning and bandwidth" {
        from "$CNI_PLUGINS" bridge host-local
        from "$THEIRS" portmap firewall tuning bandwidth
        chain "$(bridge)" "$PORTMAP" "$FIREWALL" "$TUNING" "$BANDWIDTH"
        # The reference portmap looks for the rules of one family in the other, and fails every CHECK.
        works unchecked
}

@test "cnitool runs the reference bridge before our portmap, firewall, tuning and bandwidth" {
        from "$THEIRS" bridge host-local
        from "$CNI_PLUGINS" portmap firewall tuning bandwidth
        chain "$(bridge)" "$PORTMAP" "$FIREWALL" "$TUNING" "$BANDWIDTH"
        works
}

@test "cnitool runs our bridge with the reference host-local" {
        from "$CNI_PLUGINS" bridge portmap firewall
        from "$THEIRS" host-local
        chain "$(bridge)" "$PORTMAP" "$FIREWALL"
        works
}

@test "cnitool runs the reference bridge with our host-local" {
        from "$THEIRS" bridge
        from "$CNI_PLUGINS" host-local portmap firewall
        chain "$(bridge)" "$PORTMAP" "$FIREWALL"
        works
}

@test "cnitool runs lists of version 0.3.1 and 0.4.0" {
        from "$CNI_PLUGINS" bridge host-local portmap firewall
        make_container one
        for CNI_VERSION_OF_LIST in 0.3.1 0.4.0; do
                chain "$(bridge)" "$PORTMAP" "$FIREWALL"
                run --separate-stderr cnitool add one
                assert_success
                assert_equal "$(jq -r .cniVersion <<<"$output")" "$CNI_VERSION_OF_LIST"
                assert_equal "$(jq -r '.ips[0].version' <<<"$output")" 4
                cnitool del one
        done
}
