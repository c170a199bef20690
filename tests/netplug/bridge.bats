# bridge: links, addresses, routes, NAT, CHECK and DEL.

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

@test "ADD gives the container a link, addresses and a default route" {
        attach c1
        run in_container c1 ip -o address show eth0
        assert_output_contains "10.77.0.2/24" "fd77::2/64"
        run in_container c1 ip route
        assert_output_contains "default via 10.77.0.1"
        run in_container c1 ip -6 route
        assert_output_contains "default via fd77::1"
        run in_host ip -o address show br-test
        assert_output_contains "10.77.0.1/24" "fd77::1/64"
}

@test "containers reach each other, the gateway and, masqueraded, the outside" {
        attach c1
        attach c2
        in_container c1 ping -c 1 -W 2 10.77.0.3
        in_container c1 ping -c 1 -W 2 fd77::3
        in_container c1 ping -c 1 -W 2 10.77.0.1
        serve_outside 9000
        run in_container c1 $FETCH http://$OUTSIDE_ADDRESS:9000/
        stop_outside
        assert_success
        assert_output_contains "you are $HOST_ADDRESS"
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
}

@test "without ipMasq the outside sees nothing of the container" {
        BRIDGE='.ipMasq = false'
        attach c1
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        refute_output_contains "Network is unreachable"
        run in_host nft list ruleset
        assert_output ""
}

@test "the result names bridge, host link and container link" {
        attach c1
        assert_equal "$(jq -r '.interfaces[0].name' <<<"$RESULT")" br-test
        assert_equal "$(jq -r '.interfaces[2].name' <<<"$RESULT")" eth0
        assert_equal "$(jq -r '.interfaces[2].sandbox' <<<"$RESULT")" "/run/netns/$HOST_NETNS-c1"
        assert_equal "$(jq -r '.interfaces[2].mac' <<<"$RESULT")" "$(in_container c1 ip -j link show eth0 | jq -r '.[0].address')"
        in_host ip link show "$(jq -r '.interfaces[1].name' <<<"$RESULT")"
}

@test "mtu, mac, hairpinMode and promiscMode are honoured" {
        BRIDGE='.mtu = 1400 | .runtimeConfig.mac = "02-11-22-AA-44-55"'
        attach c1
        assert_equal "$(jq -r '.interfaces[2].mac' <<<"$RESULT")" 02:11:22:aa:44:55
        [[ $(jq -r '.interfaces[1].name' <<<"$RESULT") =~ ^veth[0-9a-v]{11}$ ]]
        assert_equal "$(in_container c1 ip -j link show eth0 | jq -r '.[0].mtu')" 1400
        assert_equal "$(in_container c1 ip -j link show eth0 | jq -r '.[0].address')" 02:11:22:aa:44:55
        detach c1
        for mac in 0211.22aa.4455 02:11:22:AA:44:55; do
                BRIDGE=".runtimeConfig.mac = \"$mac\"" attach c1
                assert_equal "$(jq -r '.interfaces[2].mac' <<<"$RESULT")" 02:11:22:aa:44:55
                detach c1
        done
        for mac in 0211.22aa:4455 02:11:22-aa-44-55 2:11:22:aa:44:555 02:11:22:aa:44:5g 03:11:22:aa:44:55; do
                run cni ADD bridge c1 "$(bridge_conf ".runtimeConfig.mac = \"$mac\"")"
                assert_cni_error 7 "mac: '$mac'"
        done
        attach c1
        run in_host ip -d link show "$(jq -r '.interfaces[1].name' <<<"$RESULT")"
        assert_output_contains "hairpin on"
        BRIDGE='.hairpinMode = false | .promiscMode = true'
        attach c2
        run in_host ip link show br-test
        assert_output_contains PROMISC
        run cni ADD bridge c2 "$(bridge_conf '.promiscMode = true')"
        assert_cni_error 7 "hairpinMode and promiscMode"
}

@test "a container may have two links" {
        attach c1
        IFNAME=eth1 attach c1
        run in_container c1 ip -o -4 address
        assert_output_contains "eth0" "10.77.0.2/24" "eth1" "10.77.0.3/24"
        IFNAME=eth1 detach c1
        run in_container c1 ip -o link
        assert_output_contains "eth0"
        refute_output_contains "eth1"
}

@test "CHECK finds the default routes of two networks, also where the kernel has joined them" {
        attach c1
        first=$RESULT
        BRIDGE='.name += "b" | .bridge = "br-other" | .ipam.ranges = [[{subnet: "10.78.0.0/24"}], [{subnet: "fd78::/64"}]]'
        IFNAME=eth1 CHAIN=$CNI_PLUGINS/bridge attach c1
        run in_container c1 ip -6 route show default
        assert_output_contains "nexthop via fd77::1 dev eth0" "nexthop via fd78::1 dev eth1"
        IFNAME=eth1 CHAIN=$CNI_PLUGINS/bridge check c1
        in_container c1 ip -6 route change default via fd78::1 dev eth1
        IFNAME=eth1 CHAIN=$CNI_PLUGINS/bridge check c1
        IFNAME=eth1 CHAIN=$CNI_PLUGINS/bridge detach c1
        BRIDGE=. RESULT=$first
        run check c1
        assert_failure
        assert_output_contains "::/0" "missing"
        in_container c1 ip -6 route add default via fd77::1 dev eth0
        check c1
}

@test "a link name that is taken in the container is refused" {
        in_container c1 ip link add eth0 type veth peer name other
        run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 100 "eth0 already"
        assert_nothing_left "$BEFORE"
        in_container c1 ip link show eth0
}

@test "a link that is no bridge is not taken for one" {
        in_host ip link add br-test type veth peer name other
        BEFORE=$(host_state)
        run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 100 "no bridge"
        assert_nothing_left "$BEFORE"
}

@test "a bridge that cannot be looked for is a clear error" {
        require_program strace
        # How many answers of the kernel come before that one is not the test's business.
        for n in $(seq 12); do
                printf '#!/bin/sh\nexec strace -qq -o /dev/null -e trace=recvfrom -e inject=recvfrom:error=ENOBUFS:when=%d %s\n' \
                        "$n" "$CNI_PLUGINS/bridge" >"$BATS_TEST_TMPDIR/bridge"
                chmod +x "$BATS_TEST_TMPDIR/bridge"
                run cni ADD "$BATS_TEST_TMPDIR/bridge" c1 "$(bridge_conf '.ipMasq = false')"
                [ "$status" = 0 ] || [ -n "$(jq -r .msg <<<"$output")" ] || assert_fail "$n: $output"
                [[ $output != *"bridge br-test"*"No buffer space"* ]] || break
                cni DEL bridge c1 "$(bridge_conf)"
        done
        assert_cni_error 100 "bridge br-test" "No buffer space"
        assert_nothing_left "$BEFORE"
}

@test "another gateway address is refused, or replaced with forceAddress" {
        attach c1
        conf='.name = "other" | .ipam.ranges = [[{subnet: "10.78.0.0/24"}]]'
        run cni ADD bridge c2 "$(bridge_conf "$conf")"
        assert_cni_error 100 "10.77.0.1/24" "forceAddress"
        run in_container c2 ip -o link show
        refute_output_contains "eth0"
        run cni ADD bridge c2 "$(bridge_conf "$conf | .forceAddress = true")"
        assert_success
        run in_host ip -o -4 address show br-test
        assert_output_contains "10.78.0.1/24"
        refute_output_contains "10.77.0.1/24"
}

@test "without ipam the link has no addresses" {
        BRIDGE='del(.ipam)'
        attach c1
        run in_container c1 ip -o -4 address show eth0
        assert_output ""
        in_container c1 ip -o link show up dev eth0
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "IPv6 alone works, also where the container has IPv6 switched off" {
        in_container c1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        BRIDGE='.ipam.ranges = [[{subnet: "fd77::/64"}]]'
        attach c1
        in_container c1 ping -c 1 -W 2 fd77::1
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
}

@test "CHECK passes after ADD and tells what is missing" {
        attach c1
        check c1
        in_container c1 ip address del 10.77.0.2/24 dev eth0
        run check c1
        assert_cni_error 100 "10.77.0.2/24"
        in_container c1 ip address add 10.77.0.2/24 dev eth0
        run check c1
        assert_cni_error 100 "route"
        in_container c1 ip route add default via 10.77.0.1
        check c1
        in_host ip link set "$(jq -r '.interfaces[1].name' <<<"$RESULT")" nomaster
        run check c1
        assert_cni_error 100 "not a port"
        in_host ip link set "$(jq -r '.interfaces[1].name' <<<"$RESULT")" master br-test
        in_host ip link set "$(jq -r '.interfaces[1].name' <<<"$RESULT")" type bridge_slave hairpin on
        in_host nft flush ruleset
        run check c1
        assert_cni_error 100 "masquerade"
        RESULT=$(jq -c '.interfaces[1].name = "x" * 5000' <<<"$RESULT")
        run check c1
        assert_cni_error 100 "link xxx"
}

@test "CHECK compares the hardware addresses of the bridge and of both ends" {
        attach c1
        whole=$RESULT
        for i in 0 1 2; do
                RESULT=$(jq -c ".interfaces[$i].mac |= ascii_upcase" <<<"$whole")
                check c1
                RESULT=$(jq -c ".interfaces[$i].mac = \"02:00:00:00:00:0$i\"" <<<"$whole")
                run check c1
                assert_cni_error 100 "$(jq -r ".interfaces[$i].name" <<<"$whole")" "02:00:00:00:00:0$i was given"
        done
        RESULT=$(jq -c '.interfaces[0].name = "other"' <<<"$whole")
        run check c1
        assert_cni_error 7 "prevResult" "no bridge br-test"
}

address_of_bridge() {
        in_host ip -j link show br-test | jq -r '.[0].address'
}

@test "a bridge of another's making has the hardware address that the result says, and keeps it as a gateway" {
        in_host ip link add br-test type bridge
        BRIDGE='.isDefaultGateway = false | .ipMasq = false' attach c1
        BRIDGE='.isDefaultGateway = false | .ipMasq = false' check c1
        mac=$(jq -r '.interfaces[0].mac' <<<"$RESULT")
        assert_equal "$mac" "$(address_of_bridge)"
        attach c2
        mac=$(jq -r '.interfaces[0].mac' <<<"$RESULT")
        in_host ip link add low0 address 02:00:00:00:00:01 master br-test type veth peer name low1
        assert_equal "$(address_of_bridge)" "$mac"
        check c2
}

@test "DEL takes everything back and may run twice" {
        attach c1
        detach c1
        assert_nothing_left "$BEFORE"
        detach c1
        run in_container c1 ip -o link
        refute_output_contains eth0
}

@test "DEL without prevResult works" {
        attach c1
        RESULT=null
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "DEL works when the network namespace is gone" {
        attach c1
        ip netns del "$HOST_NETNS-c1"
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "DEL without CNI_NETNS removes the link by its host end" {
        attach c1
        NETNS= detach c1
        assert_nothing_left "$BEFORE"
        run in_container c1 ip -o link
        refute_output_contains eth0
}

@test "DEL after an ADD that was refused the link's name leaves the link to the network that has it" {
        attach c1
        for type in bridge ptp macvlan; do
                other=$(bridge_conf ".type = \"$type\" | .name += \"b\" | .master = \"uplink0\"")
                run cni ADD $type c1 "$other"
                assert_cni_error 100 "eth0 already"
                cni DEL $type c1 "$other"
                CHAIN=$CNI_PLUGINS/bridge check c1
        done
        detach c1
        assert_nothing_left "$BEFORE"
        # Nor does DEL take a link of another kind than the plugin makes.
        in_container c1 ip link add eth0 type bridge
        cni DEL bridge c1 "$(bridge_conf)"
        in_container c1 ip link show eth0
}

@test "DEL removes the container's link also where its other end has another name by now" {
        attach c1
        link=$(jq -r '.interfaces[1].name' <<<"$RESULT")
        in_host ip link set "$link" down
        in_host ip link set "$link" name renamed0
        detach c1
        run in_container c1 ip -o link
        refute_output_contains eth0
        assert_nothing_left "$BEFORE"
}

@test "DEL of one container leaves the other working" {
        attach c1
        attach c2
        detach c1
        in_container c2 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        detach c2
        assert_nothing_left "$BEFORE"
}

@test "CVE-2020-10749: the host's links take no router advertisements" {
        attach c1
        assert_equal "$(in_host sysctl -n net.ipv6.conf.br-test.accept_ra)" 0
        assert_equal "$(in_host sysctl -n "net.ipv6.conf.$(jq -r '.interfaces[1].name' <<<"$RESULT").accept_ra")" 0
}

# snooping: whether the bridge looks at who joins which multicast group (0 or 1).
snooping() {
        in_host ip -json -details link show br-test | jq '.[0].linkinfo.info_data.mcast_snooping'
}

joined() {
        in_container "$1" ip -4 maddress show dev eth0 | grep -q 239.1.2.3
}

@test "a gateway's bridge floods multicast, which reaches who joined; another bridge, and one that is there, is left as it is" {
        attach c1
        attach c2
        assert_equal "$(snooping)" 0
        in_container c2 timeout 30 socat -u UDP4-RECVFROM:9300,ip-add-membership=239.1.2.3:eth0 - >"$BATS_TEST_TMPDIR/heard" &
        listener=$!
        wait_until joined c2
        echo hello | in_container c1 socat -u - UDP4-DATAGRAM:239.1.2.3:9300,ip-multicast-if=10.77.0.2
        wait "$listener"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/heard")" hello
        in_host ip link set br-test type bridge mcast_snooping 1
        detach c2
        attach c2
        assert_equal "$(snooping)" 1
        detach c1
        detach c2
        in_host ip link delete br-test
        BRIDGE='.isGateway = false | .isDefaultGateway = false | .ipMasq = false'
        attach c1
        assert_equal "$(snooping)" 1
}

@test "when ADD is done, the bridge forwards for the port, and the port has no IPv6 of its own" {
        for round in 1 2 3 4 5; do
                attach c1
                port=$(jq -r '.interfaces[1].name' <<<"$RESULT")
                run in_host bridge link show dev "$port"
                assert_output_contains "state forwarding"
                assert_equal "$(in_host ip -6 -o address show dev "$port")" ""
                detach c1
        done
}

@test "the container's link is set as the reference plugin sets it" {
        attach c1
        for setting in ipv4.conf.eth0.arp_notify=1 ipv6.conf.eth0.disable_ipv6=0; do
                assert_equal "$setting" "${setting%=*}=$(in_container c1 sysctl -n "net.${setting%=*}")"
        done
}

@test "a container has a link-local address where its network has IPv6, or where others may give addresses" {
        BRIDGE='.ipam.ranges = [[{subnet: "10.77.0.0/24"}]]'
        attach c1
        assert_equal "$(in_container c1 ip -6 -o address show dev eth0)" ""
        in_container c1 ping -c 1 -W 2 ::1
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        # tuning, later in a chain, can have it make one.
        run cni ADD tuning c1 "$(plugin_conf tuning '.sysctl = {"net.ipv6.conf.IFNAME.addr_gen_mode": "0"}')"
        assert_success
        wait_until bash -c "ip -n $HOST_NETNS-c1 -6 -o address show dev eth0 | grep 'fe80.*scope link'"
        cni DEL tuning c1 "$(plugin_conf tuning)"
        detach c1
        BRIDGE="$BRIDGE | .isDefaultGateway = false"
        attach c1
        wait_until bash -c "ip -n $HOST_NETNS-c1 -6 -o address show dev eth0 | grep 'fe80.*scope link'"
}

@test "as ADD is done, all addresses of the container are usable, the link-local one included" {
        attach c1
        addresses=$(in_container c1 ip -6 -o address show dev eth0)
        run echo "$addresses"
        assert_output_contains "fd77::2/64 scope global" "fe80::858:aff:fe4d:2/64 scope link"
        refute_output_contains tentative dadfailed
        # It is the one that the kernel makes.
        in_container c1 ip link set eth0 down
        in_container c1 ip link set eth0 up
        wait_until bash -c "ip -n $HOST_NETNS-c1 -6 -o address show dev eth0 | grep fe80::858:aff:fe4d:2/64"
        assert_equal "$(in_container c1 ip -6 -o address show dev eth0 | grep -c fe80)" 1
        in_container c2 sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
        attach c2
        run in_container c2 ip -6 -o address show dev eth0
        assert_output_contains "fd77::3/64"
        refute_output_contains fe80
}

@test "a hardware address that was asked for is announced to the neighbours" {
        attach c2
        for ranges in '[{subnet: "10.77.0.0/24"}]' '[{subnet: "10.77.0.0/24"}], [{subnet: "fd77::/64"}]'; do
                in_container c2 ip neigh replace 10.77.0.9 lladdr 02:00:00:00:00:99 dev eth0 nud reachable
                CNI_ARGS='MAC=02:00:00:00:00:09;IP=10.77.0.9' run cni ADD bridge c1 "$(bridge_conf ".ipam.ranges = [$ranges]")"
                assert_success
                wait_until bash -c "ip -n $HOST_NETNS-c2 neigh show 10.77.0.9 | grep 02:00:00:00:00:09"
                detach c1
        done
}

# How many reports of groups that others join c1 has heard.
reports_heard() {
        in_container c1 nft -j list counter ip6 heard reports | jq '.nftables[] | .counter.packets // empty'
}

heard_more_than() {
        [ "$(reports_heard)" -gt "$1" ]
}

@test "on a network with IPv6, containers are not told which groups a newcomer joins, and reach it at once" {
        attach c1
        in_container c1 nft -f - <<'EOF'
table ip6 heard {
        counter reports { }
        chain prerouting {
                type filter hook prerouting priority 0
                icmpv6 type { mld-listener-report, mld2-listener-report } counter name reports
        }
}
EOF
        for container in c3 c4 c5 c6 c7 c8; do
                make_container $container
                attach $container
                address=$(jq -r '.ips[] | .address | select(test(":")) | split("/")[0]' <<<"$RESULT")
                in_container c1 ping -c 1 -W 2 "$address"
                in_container $container ping -c 1 -W 2 fd77::2
                in_container $container ping -c 1 -W 2 fe80::858:aff:fe4d:2%eth0
        done
        # They would be told within a second, three times of each. Where the kernel is late it may happen once.
        sleep 1.5
        [ "$(reports_heard)" -le 3 ]
        # What a program joins later is told.
        before=$(reports_heard)
        in_container c3 ip -6 address add ff02::77/128 dev eth0 autojoin
        wait_until heard_more_than "$before"
}

# The version of MLD that a container's link is made to speak, 0 for the kernel's choice.
mld_version() {
        in_container $1 sysctl -n net.ipv6.conf.eth0.force_mld_version
}

@test "groups are reported early only where all containers would hear it, and nobody needs to" {
        attach c1
        assert_equal "$(mld_version c1)" 1
        addresses='[{address: "10.77.0.8/24"}, {address: "10.77.0.9/24"}, {address: "fd77::9/64"}]'
        for options in ".ipam = {type: \"static\", addresses: $addresses}" '.portIsolation = true' \
                '.macspoofchk = true | .hairpinMode = false' '.enabledad = true' \
                '.isGateway = false | .isDefaultGateway = false | .ipMasq = false'; do
                BRIDGE=$options
                attach c2
                assert_equal "$options: $(mld_version c2)" "$options: 0"
                detach c2
        done
        in_host ip link set br-test type bridge mcast_snooping 1
        unset BRIDGE
        attach c2
        assert_equal "$(mld_version c2)" 0
}

@test "STATUS is well" {
        run cni STATUS bridge c1 "$(bridge_conf)"
        assert_success
        assert_output ""
}

@test "GC removes what no valid attachment owns and nothing else" {
        attach c1
        attach c2
        run cni GC bridge c1 "$(bridge_conf ".[\"cni.dev/valid-attachments\"] = [{containerID: \"c2\", ifname: \"eth0\"}]")"
        assert_success
        run in_container c1 ip -o link
        refute_output_contains eth0
        in_container c2 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        refute_exists "$LEASES/$NETWORK/10.77.0.2"
        assert_exists "$LEASES/$NETWORK/10.77.0.3"
        run in_host nft list map inet netplug masquerade4
        assert_output_contains 10.77.0.3
        refute_output_contains 10.77.0.2
        run cni GC bridge c1 "$(bridge_conf ".[\"cni.dev/valid-attachments\"] = []")"
        assert_success
        assert_nothing_left "$BEFORE"
        run cni GC bridge c1 "$(bridge_conf)"
        assert_cni_error 7 "valid-attachments"
        # The other name that runtimes have for the list.
        attach c1
        attach c2
        run cni GC bridge c1 "$(bridge_conf ".[\"cni.dev/attachments\"] = [{containerID: \"c2\", ifname: \"eth0\"}]")"
        assert_success
        run in_container c1 ip -o link
        refute_output_contains eth0
        in_container c2 ping -c 1 -W 2 $OUTSIDE_ADDRESS
}
