# bridge: the options that change a port, and what the kernel has to know for them.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        make_container c2
        BEFORE=$(host_state)
        CHAIN=$CNI_PLUGINS/bridge
}

teardown() {
        cni_teardown
}

@test "macspoofchk: the container sends by its own hardware address alone" {
        BRIDGE='.macspoofchk = true | .hairpinMode = false'
        attach c1
        attach c2
        in_container c1 ping -c 1 -W 2 10.77.0.1
        in_container c1 ping -c 1 -W 2 10.77.0.3
        in_container c1 ping -c 1 -W 2 fd77::1
        mac=$(in_container c1 ip -j link show eth0 | jq -r ".[0].address")
        in_container c1 ip link set eth0 address 02:00:00:00:00:66
        run in_container c1 ping -c 1 -W 1 10.77.0.1
        assert_failure
        in_container c1 ip link set eth0 address "$mac"
        in_container c1 ip neigh flush all
        wait_until in_container c1 ping -c 1 -W 1 10.77.0.1
        detach c1
        detach c2
        assert_nothing_left "$BEFORE"
}

@test "CHECK tells when a port lost what the configuration says of it" {
        BRIDGE='.macspoofchk = true | .portIsolation = true | .hairpinMode = false'
        CHAIN=$CNI_PLUGINS/bridge
        attach c1
        check c1
        port=$(jq -r '.interfaces[1].name' <<<"$RESULT")
        in_host ip link set "$port" type bridge_slave isolated off
        run check c1
        assert_cni_error 100 "portIsolation is not in force at link $port"
        in_host ip link set "$port" type bridge_slave isolated on locked off
        run check c1
        assert_cni_error 100 "macspoofchk is not in force"
        detach c1
        BRIDGE='.hairpinMode = true'
        attach c1
        check c1
        in_host ip link set "$(jq -r '.interfaces[1].name' <<<"$RESULT")" type bridge_slave hairpin off
        run check c1
        assert_cni_error 100 "hairpinMode is not in force"
}

@test "without macspoofchk the hardware address is the container's own business" {
        attach c1
        in_container c1 ip link set eth0 address 02:00:00:00:00:66
        wait_until in_container c1 ping -c 1 -W 1 10.77.0.1
}

@test "enabledad waits until the addresses are known to be free" {
        BRIDGE='.enabledad = true'
        attach c1
        run in_container c1 ip -o -6 address show dev eth0 scope global
        assert_output_contains "fd77::2/64"
        refute_output_contains tentative dadfailed
        # Somebody has the next address already.
        in_container c1 ip address add fd77::3/64 dev eth0 nodad
        run attach c2
        assert_failure
        assert_output_contains "another host of the network has an IPv6 address"
        run in_container c2 ip -o link show eth0
        assert_failure
        assert_equal "$(ls "$LEASES/$NETWORK" | grep -c '^[0-9]')" 1
}

@test "disableContainerInterface leaves the link down, without addresses" {
        BRIDGE='.disableContainerInterface = true'
        run attach c1
        assert_failure
        assert_output_contains "ipam must not be set"
        BRIDGE='.disableContainerInterface = true | del(.ipam) | .isDefaultGateway = false | .ipMasq = false'
        attach c1
        run in_container c1 ip -o link show eth0
        refute_output_contains ",UP"
        check c1
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "ipMasqBackend is accepted, whichever of the two it is" {
        for backend in iptables nftables; do
                BRIDGE=".ipMasqBackend = \"$backend\""
                attach c1
                in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
                detach c1
        done
        run cni ADD bridge c1 "$(bridge_conf '.ipMasqBackend = "ipchains"')"
        assert_cni_error 7 "ipMasqBackend" "ipchains"
}

@test "a VLAN that cannot be is refused" {
        run cni ADD bridge c1 "$(bridge_conf '.vlan = 5000')"
        assert_cni_error 7 "vlan: 5000 is out of range"
        run cni ADD bridge c1 "$(bridge_conf '.vlanTrunk = [{minID: 5}]')"
        assert_cni_error 7 "vlanTrunk[0]" "minID and maxID"
        run cni ADD bridge c1 "$(bridge_conf '.vlanTrunk = [{minID: 50, maxID: 40}]')"
        assert_cni_error 7 "vlanTrunk[0]" "maxID"
        run cni ADD bridge c1 "$(bridge_conf '.vlanTrunk = [{id: 0}]')"
        assert_cni_error 7 "vlanTrunk[0].id"
        assert_nothing_left "$BEFORE"
}
