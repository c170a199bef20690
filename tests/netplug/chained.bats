# tuning and bandwidth: plugins that come after the one that makes the link.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        DATA=$BATS_TEST_TMPDIR/tuning
        BEFORE=$(host_state)
        CHAIN=$CNI_PLUGINS/bridge
        attach c1
        ATTACHED=$(host_state)
        PEER=/usr/lib/cni
}

teardown() {
        cni_teardown
}

# link_state: what the container's link is like.
link_state() {
        in_container c1 ip -o -d link show eth0 | grep -oE 'ALLMULTI| mtu [0-9]+ |qlen [0-9]+|link/ether [0-9a-f:]+|promiscuity [0-9]+' | xargs
}

tuning_conf() {
        plugin_conf tuning ".dataDir = \"$DATA\" | ${1:-.}"
}

# queues [LINK]: the queueing disciplines of the host's end, or of another link.
queues() {
        in_host tc qdisc show dev "${1:-$(jq -r '.interfaces[1].name' <<<"$RESULT")}" | grep -E 'tbf|htb|ingress' || true
}

@test "args.cni.promisc comes before the configuration's promisc, and false asks for nothing" {
        cni ADD tuning c1 "$(tuning_conf '.promisc = true | .args.cni.promisc = null')"
        run link_state
        assert_output_contains "promiscuity 1"
        cni DEL tuning c1 "$(tuning_conf)"
        cni ADD tuning c1 "$(tuning_conf '.promisc = true | .args.cni.promisc = false')"
        run link_state
        assert_output_contains "promiscuity 0"
        cni DEL tuning c1 "$(tuning_conf)"
        cni ADD tuning c1 "$(tuning_conf '.promisc = false | .args.cni.promisc = true')"
        run link_state
        assert_output_contains "promiscuity 1"
        cni DEL tuning c1 "$(tuning_conf)"
        # A link that is promiscuous already stays so.
        in_container c1 ip link set eth0 promisc on
        for conf in "$(tuning_conf '.promisc = false')" "$(tuning_conf '.promisc = true | .args.cni.promisc = false')"; do
                cni ADD tuning c1 "$conf"
                cni CHECK tuning c1 "$conf"
                run link_state
                assert_output_contains "promiscuity 1"
                cni DEL tuning c1 "$conf"
        done
}

@test "tuning changes the link and settings, and DEL takes them back" {
        before=$(link_state)
        conf=$(tuning_conf '.mac = "02:00:00:00:00:dd" | .mtu = 1400 | .promisc = true | .allmulti = true | .txQLen = 77 |
                .sysctl = {"net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "500", "net/ipv4/tcp_rmem": " 4096\t5000   6000 "}')
        run cni ADD tuning c1 "$conf"
        assert_success
        assert_equal "$(jq -c '.interfaces[2] | .mac, .mtu' <<<"$output" | paste -sd' ')" '"02:00:00:00:00:dd" 1400'
        result=$output
        assert_equal "$(link_state)" "ALLMULTI mtu 1400 qlen 77 link/ether 02:00:00:00:00:dd promiscuity 1"
        assert_equal "$(in_container c1 sysctl -n net.ipv4.conf.eth0.arp_filter net.core.somaxconn | paste -sd' ')" "1 500"
        conf=$(jq -c --argjson result "$result" '.prevResult = $result' <<<"$conf")
        run cni CHECK tuning c1 "$conf"
        assert_success
        in_container c1 ip link set eth0 mtu 1300
        run cni CHECK tuning c1 "$conf"
        assert_cni_error 100 "mtu" "1300" "1400"
        in_container c1 sysctl -q -w net.core.somaxconn=600
        run cni CHECK tuning c1 "$conf"
        assert_cni_error 100 "net.core.somaxconn" "600" "500"
        cni DEL tuning c1 "$conf"
        assert_equal "$(link_state)" "$before"
        [ "$(in_container c1 sysctl -n net.core.somaxconn)" -gt 600 ]
        assert_equal "$(in_container c1 sysctl -n net.ipv4.conf.eth0.arp_filter)" 0
        cni DEL tuning c1 "$conf"
        assert_equal "$(ls "$DATA")" ""
}

@test "tuning sets nothing but the container's own network" {
        for name in kernel.hostname net.../kernel.hostname net/../kernel/hostname /etc/passwd net. net.ipv4.conf.; do
                run cni ADD tuning c1 "$(tuning_conf ".sysctl = {\"$name\": \"1\"}")"
                assert_failure
                jq -e '.code == 7 or .code == 100' <<<"$output" || assert_fail "$name: $output"
        done
        run cni ADD tuning c1 "$(tuning_conf '.sysctl = {"net.no.such": "1"}')"
        assert_cni_error 100 "net.no.such" "No such file"
        run cni ADD tuning c1 "$(tuning_conf '.mac = "01:00:00:00:00:00"')"
        assert_cni_error 7 "mac"
        run cni ADD tuning c1 "$(tuning_conf 'del(.prevResult) | .mtu = 1400')"
        assert_cni_error 7 "prevResult"
        assert_equal "$(ls "$DATA" 2>/dev/null)" ""
}

@test "tuning obeys the host's list of allowed settings" {
        # The room has a mount namespace of its own.
        mkdir -p /etc/cni
        mount -t tmpfs tmpfs /etc/cni
        mkdir /etc/cni/tuning
        printf '%s\n' '^net\.core\.somaxconn$' '' '  net.ipv4.conf.*arp  ' >/etc/cni/tuning/allowlist.conf
        run cni ADD tuning c1 "$(tuning_conf '.sysctl = {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"}')"
        allowed=$status
        run cni ADD tuning c1 "$(tuning_conf '.sysctl = {"net.ipv4.ip_forward": "1"}')"
        umount /etc/cni
        assert_cni_error 7 "net.ipv4.ip_forward" "allowlist.conf"
        assert_equal $allowed 0
}

@test "tuning: arguments of the runtime count, and what is not asked for stays" {
        CNI_ARGS=MAC=02:00:00:00:00:01 run cni ADD tuning c1 "$(tuning_conf '.args.cni.mtu = 1350')"
        assert_success
        assert_equal "$(link_state)" "mtu 1350 qlen 1000 link/ether 02:00:00:00:00:01 promiscuity 0"
        ip netns del "$HOST_NETNS-c1"
        cni DEL tuning c1 "$(tuning_conf)"
        assert_equal "$(ls "$DATA")" ""
}

@test "tuning: GC forgets what no valid attachment owns; a garbage record is no obstacle" {
        run cni ADD tuning c1 "$(tuning_conf '.mtu = 1400')"
        assert_success
        echo '{}' >"$DATA/other_eth0.json"
        run cni GC tuning c1 "$(tuning_conf '.["cni.dev/valid-attachments"] = [{containerID: "c1", ifname: "eth0"}]')"
        assert_success
        assert_equal "$(ls "$DATA" | paste -sd' ')" "c1_eth0.json other_eth0.json"
        run cni GC tuning c1 "$(tuning_conf '.["cni.dev/valid-attachments"] = []')"
        assert_success
        assert_equal "$(ls "$DATA")" "other_eth0.json"
        echo '{"mtu": ' >"$DATA/c1_eth0.json"
        cni DEL tuning c1 "$(tuning_conf)"
        assert_equal "$(ls "$DATA")" "other_eth0.json"
}

@test "two tunings in a chain: DEL takes back what was before the first of them" {
        before=$(link_state)
        first=$(tuning_conf '.mtu = 1400 | .allmulti = true | .sysctl = {"net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "500"}')
        second=$(tuning_conf '.mtu = 1300 | .promisc = true | .sysctl = {"net.ipv4.conf.IFNAME.arp_filter": "2", "net.ipv4.conf.IFNAME.proxy_arp": "1"}')
        in_container c1 sysctl -q -w net.core.somaxconn=600
        cni ADD tuning c1 "$first"
        cni ADD tuning c1 "$second"
        assert_equal "$(in_container c1 sysctl -n net.ipv4.conf.eth0.arp_filter net.ipv4.conf.eth0.proxy_arp | paste -sd' ')" "2 1"
        cni DEL tuning c1 "$second"
        cni DEL tuning c1 "$first"
        assert_equal "$(link_state)" "$before"
        assert_equal "$(in_container c1 sysctl -n net.ipv4.conf.eth0.arp_filter net.ipv4.conf.eth0.proxy_arp \
                net.core.somaxconn | paste -sd' ')" "0 0 600"
        assert_equal "$(ls "$DATA")" ""
}

@test "tuning: what was noted of a container's former namespace says nothing about its new one" {
        conf=$(tuning_conf '.sysctl = {"net.core.somaxconn": "500"}')
        in_container c1 sysctl -q -w net.core.somaxconn=600
        cni ADD tuning c1 "$conf"
        # The new one may get the number of the old one.
        ip netns del "$HOST_NETNS-c1"
        make_container c1
        in_container c1 sysctl -q -w net.core.somaxconn=700
        cni ADD tuning c1 "$conf"
        cni DEL tuning c1 "$conf"
        assert_equal "$(in_container c1 sysctl -n net.core.somaxconn)" 700
}

@test "tuning: records of ids that are too long for a file's name are kept apart and found by DEL and GC" {
        export NETNS=/run/netns/$HOST_NETNS-c1
        start=$(printf 'a%.0s' {1..254})
        conf=$(tuning_conf '.sysctl = {"net.core.somaxconn": "500"}')
        was=$(in_container c1 sysctl -n net.core.somaxconn)
        for id in "${start}b" "${start}c"; do
                cni ADD tuning "$id" "$conf"
                IFNAME=eth1 cni ADD tuning "$id" "$conf"
        done
        assert_equal "$(ls "$DATA" | wc -l)" 4
        valid="[{containerID: \"${start}b\", ifname: \"eth0\"}, {containerID: \"${start}b\", ifname: \"eth1\"}]"
        cni GC tuning c1 "$(jq -c ".[\"cni.dev/valid-attachments\"] = $valid" <<<"$conf")"
        assert_equal "$(ls "$DATA" | wc -l)" 2
        IFNAME=eth1 cni DEL tuning "${start}b" "$conf"
        cni DEL tuning "${start}b" "$conf"
        assert_equal "$(ls "$DATA")" ""
        assert_equal "$(in_container c1 sysctl -n net.core.somaxconn)" "$was"
}

@test "tuning: DEL and GC succeed where a dataDir that ADD refuses can hold nothing" {
        for directory in '"relative"' 7; do
                conf=$(tuning_conf ".dataDir = $directory | .mtu = 1400")
                run cni ADD tuning c1 "$conf"
                assert_cni_error 7 dataDir
                run cni DEL tuning c1 "$conf"
                assert_success
                assert_output_contains dataDir
                run cni GC tuning c1 "$(jq -c '.["cni.dev/valid-attachments"] = []' <<<"$conf")"
                assert_success
        done
}

@test "the reference tuning takes back what ours changed, and ours what it did" {
        [ -x $PEER/tuning ] || skip "no reference plugins"
        CNI_VERSION=1.0.0
        before=$(link_state)
        conf=$(tuning_conf '.mtu = 1400 | .mac = "02:00:00:00:00:dd" | .prevResult.cniVersion = "1.0.0"')
        cni ADD tuning c1 "$conf"
        cni DEL $PEER/tuning c1 "$conf"
        assert_equal "$(link_state)" "$before"
        cni ADD $PEER/tuning c1 "$conf"
        cni DEL tuning c1 "$conf"
        assert_equal "$(link_state)" "$before"
}

@test "bandwidth holds both directions to their rates, as the reference does" {
        conf=$(plugin_conf bandwidth '.ingressRate = 8000000 | .ingressBurst = 800000 | .egressRate = 4000000 | .egressBurst = 400000')
        run cni ADD bandwidth c1 "$conf"
        assert_success
        result=$output
        ifb=$(jq -r '.interfaces[3].name' <<<"$result")
        ours="$(queues | sed 's/ dev [^ ]*//'); $(queues "$ifb" | sed 's/ dev [^ ]*//')"
        run queues
        assert_output_contains "tbf 1: root" "rate 8Mbit" "ingress ffff:"
        run queues "$ifb"
        assert_output_contains "rate 4Mbit" "burst 50000b"
        run cni CHECK bandwidth c1 "$conf"
        assert_success
        run cni CHECK bandwidth c1 "$(jq -c '.egressRate = 5000000' <<<"$conf")"
        assert_cni_error 100 "egress" "500000" "625000"
        end=$(jq -r '.interfaces[1].name' <<<"$result")
        in_host tc filter del dev "$end" ingress
        run cni CHECK bandwidth c1 "$conf"
        assert_cni_error 100 "egress" "$end"
        in_host tc filter add dev "$end" ingress protocol all u32 match u32 0 0 action mirred egress redirect dev uplink0
        run cni CHECK bandwidth c1 "$conf"
        assert_cni_error 100 "egress" "$end"
        in_host tc qdisc del dev "$end" ingress
        run cni CHECK bandwidth c1 "$conf"
        assert_cni_error 100 "egress" "$end"
        cni DEL bandwidth c1 "$conf"
        assert_equal "$(queues)" ""
        assert_equal "$(host_state)" "$ATTACHED"
        cni DEL bandwidth c1 "$conf"
        [ -x $PEER/bandwidth ] || skip "no reference plugins"
        conf=$(jq -c '.cniVersion = "1.0.0" | .prevResult.cniVersion = "1.0.0"' <<<"$conf")
        result=$(cni ADD $PEER/bandwidth c1 "$conf")
        ifb=$(jq -r '.interfaces[3].name' <<<"$result")
        assert_equal "$ours" "$(queues | sed 's/ dev [^ ]*//'); $(queues "$ifb" | sed 's/ dev [^ ]*//')"
        cni DEL $PEER/bandwidth c1 "$conf"
}

@test "bandwidth slows what is sent both ways" {
        require_program iperf3
        conf=$(plugin_conf bandwidth '.runtimeConfig.bandwidth = {ingressRate: 16000000, ingressBurst: 160000, egressRate: 8000000, egressBurst: 160000}')
        cni ADD bandwidth c1 "$conf"
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- iperf3 -s
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "exec 5<>/dev/tcp/10.77.0.2/5201"
        for direction in "" -R; do
                rate=$(in_host iperf3 -c 10.77.0.2 -t 2 $direction -J | jq '.end.sum_received.bits_per_second / 1000000 | floor')
                case $direction in
                -R) most=10 least=5 ;;
                *) most=19 least=10 ;;
                esac
                [ "$rate" -ge $least ] && [ "$rate" -le $most ] || assert_fail "rate $direction $rate Mbit/s"
        done
        cni DEL bandwidth c1 "$conf"
}

@test "bandwidth leaves the named networks alone, or holds them alone" {
        in_host ip address add 10.88.0.1/24 dev br-test
        in_host ip address add 10.89.0.1/24 dev br-test
        for which in unshapedSubnets shapedSubnets; do
                conf=$(plugin_conf bandwidth ".egressRate = 1000 | .egressBurst = 800 | .$which = [\"10.88.0.0/24\", \"fd88::/64\"]")
                run cni ADD bandwidth c1 "$conf"
                assert_success
                case $which in
                unshapedSubnets) free=10.88.0.1 held=10.89.0.1 ;;
                *) free=10.89.0.1 held=10.88.0.1 ;;
                esac
                in_container c1 ping -c 3 -i 0.2 -s 1000 -W 2 $free
                run in_container c1 ping -c 3 -i 0.2 -s 1000 -W 1 $held
                refute_output_contains "3 received"
                run cni CHECK bandwidth c1 "$conf"
                assert_success
                cni DEL bandwidth c1 "$conf"
                assert_equal "$(queues)" ""
        done
        in_host ip address del 10.88.0.1/24 dev br-test
        in_host ip address del 10.89.0.1/24 dev br-test
        assert_equal "$(host_state)" "$ATTACHED"
}

@test "bandwidth refuses what cannot be, and needs nothing for nothing" {
        run cni ADD bandwidth c1 "$(plugin_conf bandwidth '.ingressRate = 8000')"
        assert_cni_error 7 "ingressRate and ingressBurst"
        run cni ADD bandwidth c1 "$(plugin_conf bandwidth '.ingressRate = 8000 | .ingressBurst = 99999999999')"
        assert_cni_error 7 "ingressBurst"
        run cni ADD bandwidth c1 "$(plugin_conf bandwidth '.ingressRate = 8000 | .ingressBurst = 8000 | .shapedSubnets = ["x"]')"
        assert_cni_error 7 "shapedSubnets[0]"
        run cni ADD bandwidth c1 "$(plugin_conf bandwidth '.ingressRate = 8000 | .ingressBurst = 8000 | .prevResult.interfaces[1].name = "other"')"
        assert_cni_error 100 "prevResult"
        run cni ADD bandwidth c1 "$(plugin_conf bandwidth)"
        assert_success
        assert_equal "$(jq -c .interfaces <<<"$output")" "$(jq -c .interfaces <<<"$RESULT")"
        assert_equal "$(host_state)" "$ATTACHED"
}

@test "bandwidth leaves links alone that only have the number of the container's other end" {
        make_container c2
        in_host ip link add unrelated index 7777 type veth peer name unrelated1
        in_host tc qdisc add dev unrelated ingress
        in_outside ip link add far index 7777 type veth peer name eth0 netns "$HOST_NETNS-c2"
        run cni ADD bandwidth c2 "$(plugin_conf bandwidth '.ingressRate = 8000000 | .ingressBurst = 800000 |
                .prevResult.interfaces[1].name = "unrelated"')"
        assert_cni_error 2 "eth0" "no other end on the host"
        cni DEL bandwidth c2 "$(plugin_conf bandwidth 'del(.prevResult)')"
        run queues unrelated
        assert_output_contains "ingress"
}

@test "bandwidth: DEL of another network, which was refused the link's name, leaves the queues" {
        conf=$(plugin_conf bandwidth '.ingressRate = 8000000 | .ingressBurst = 800000 | .egressRate = 8000000 | .egressBurst = 800000')
        cni ADD bandwidth c1 "$conf"
        cni DEL bandwidth c1 "$(jq -c '.name += "b" | del(.prevResult)' <<<"$conf")"
        cni CHECK bandwidth c1 "$conf"
        run queues
        assert_output_contains "tbf 1: root" "ingress ffff:"
        cni DEL bandwidth c1 "$(jq -c 'del(.prevResult)' <<<"$conf")"
        assert_equal "$(queues)" ""
}

@test "bandwidth: DEL and GC find the queue without the namespace" {
        conf=$(plugin_conf bandwidth '.egressRate = 8000000 | .egressBurst = 800000')
        cni ADD bandwidth c1 "$conf"
        ip netns del "$HOST_NETNS-c1"
        cni DEL bandwidth c1 "$conf"
        detach c1
        assert_nothing_left "$BEFORE"
        make_container c2
        attach c2
        conf=$(plugin_conf bandwidth '.egressRate = 8000000 | .egressBurst = 800000')
        cni ADD bandwidth c2 "$conf"
        run cni GC bandwidth c2 "$(jq -c '.["cni.dev/valid-attachments"] = [{containerID: "c2", ifname: "eth0"}]' <<<"$conf")"
        assert_success
        [ -n "$(in_host ip -o link show type ifb)" ]
        run cni GC bandwidth c2 "$(jq -c '.["cni.dev/valid-attachments"] = []' <<<"$conf")"
        assert_success
        assert_equal "$(in_host ip -o link show type ifb)" ""
}
