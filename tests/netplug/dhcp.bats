# Addresses that another program asks for over the container's link: the reference plugins' dhcp.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

DHCP=/usr/lib/cni/dhcp

# make_lan LINK ADDRESS: a link of the host's with a DHCP server behind it.
make_lan() {
        ip -n "$HOST_NETNS" link add "$1" up type veth peer name "$1x" netns "$OUTSIDE_NETNS"
        ip -n "$OUTSIDE_NETNS" address add "$2/24" dev "$1x"
        ip -n "$OUTSIDE_NETNS" link set "$1x" up
}

daemon_listens() {
        [ -S "$BATS_TEST_TMPDIR/dhcp.sock" ]
}

setup() {
        leaks_begin
        [ -x $DHCP ] || skip "no reference plugins (containernetworking-plugins)"
        require_program dnsmasq
        cni_setup
        make_container c1
        make_lan lan0 10.90.0.1
        make_lan lan1 10.91.0.1
        spawn nsenter --net="/run/netns/$OUTSIDE_NETNS" -- dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root \
                --pid-file= --leasefile-ro --no-ping --dhcp-range=10.90.0.100,10.90.0.150,255.255.255.0,1h \
                --dhcp-range=10.91.0.100,10.91.0.150,255.255.255.0,1h
        SERVERS+=("$SPAWNED")
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- $DHCP daemon -socketpath "$BATS_TEST_TMPDIR/dhcp.sock"
        SERVERS+=("$SPAWNED")
        wait_until daemon_listens
        CNI_DIRECTORIES=$CNI_PLUGINS:/usr/lib/cni
}

teardown() {
        cni_teardown
}

# dhcp_conf TYPE [JQ EXPRESSION]
dhcp_conf() {
        jq -cn --arg type "$1" --arg name "$NETWORK" --arg socket "$BATS_TEST_TMPDIR/dhcp.sock" '{
                cniVersion: "1.0.0", name: $name, type: $type,
                ipam: {type: "dhcp", daemonSocketPath: $socket}}' | jq -c "${2:-.}"
}

# assert_leased PREFIX GATEWAY: the result and the container agree on an address that reaches the server.
assert_leased() {
        assert_success
        address=$(address_of "$output")
        [[ $address == "$1".* ]]
        in_container c1 ip -o address show dev eth0 | grep -q "inet $address/24"
        in_container c1 ping -c 1 -W 2 "$2"
}

# assert_attached TYPE CONF PREFIX: ADD, CHECK and DEL.
assert_attached() {
        run cni ADD "$1" c1 "$2"
        assert_leased "$3" "$3.1"
        result=$output
        run cni CHECK "$1" c1 "$(jq -c --argjson result "$result" '.prevResult = $result' <<<"$2")"
        assert_success
        run cni DEL "$1" c1 "$2"
        assert_success
}

@test "bridge, macvlan and host-device: the link is there when the address is asked for" {
        in_host ip link add br-lan up type bridge
        in_host ip link set lan0 master br-lan
        before=$(host_state)
        assert_attached bridge "$(dhcp_conf bridge '.bridge = "br-lan"')" 10.90.0
        assert_attached macvlan "$(dhcp_conf macvlan '.master = "lan1"')" 10.91.0
        assert_attached host-device "$(dhcp_conf host-device '.device = "lan1"')" 10.91.0
        assert_equal "$(host_state)" "$before"
        run in_container c1 ip -o link show eth0
        assert_failure
}

@test "where nobody gives an address, ADD leaves nothing, and a device is back and up" {
        kill "${SERVERS[1]}"
        in_host ip link add br-lan up type bridge
        in_host ip link set lan0 master br-lan
        before=$(host_state)
        for conf in "$(dhcp_conf bridge '.bridge = "br-lan"')" "$(dhcp_conf macvlan '.master = "lan1"')" \
                "$(dhcp_conf host-device '.device = "lan1"')"; do
                run cni ADD "$(jq -r .type <<<"$conf")" c1 "$conf"
                assert_failure
                assert_output_contains "/usr/lib/cni/dhcp"
                assert_equal "$(host_state)" "$before"
                run in_container c1 ip -o link show eth0
                assert_failure
        done
        in_host ip -o link show lan1 | grep -q ',UP'
}
