# portmap: published ports from every side.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        make_container c2
        BEFORE=$(host_state)
        WEB='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]'
}

teardown() {
        cni_teardown
}

@test "a published port answers from outside, from the host by any address, and from containers" {
        attach c1 "$WEB"
        attach c2
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_output_contains "$(printf 'you are')"
        assert_success
        run in_outside $FETCH "http://[$HOST_ADDRESS6]:8080/"
        assert_success
        for url in http://127.0.0.1:8080/ http://127.0.0.2:8080/ http://$HOST_ADDRESS:8080/ http://10.77.0.1:8080/ \
                "http://[$HOST_ADDRESS6]:8080/" "http://[fd77::1]:8080/" http://localhost:8080/; do
                run in_host $FETCH "$url"
                assert_success
        done
        for container in c1 c2; do
                for url in http://$HOST_ADDRESS:8080/ http://10.77.0.1:8080/ "http://[fd77::1]:8080/"; do
                        run in_container $container $FETCH "$url"
                        assert_success
                done
        done
}

@test "the container sees who asked from outside" {
        attach c1 "$WEB"
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_output_contains "c633:6402" # 198.51.100.2
}

@test "only what is addressed to the host is caught" {
        attach c1 "$WEB"
        serve c1 80
        serve_outside 8080
        run in_container c1 $FETCH http://$OUTSIDE_ADDRESS:8080/
        stop_outside
        assert_output_contains "you are $HOST_ADDRESS"
}

@test "hostIP publishes at that address alone" {
        attach c1 "[{\"hostPort\": 8080, \"containerPort\": 80, \"protocol\": \"tcp\", \"hostIP\": \"127.0.0.1\"}]"
        serve c1 80
        run in_host $FETCH http://127.0.0.1:8080/
        assert_success
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_failure
        # Another container may have the port at another address, but not at all of them.
        ports="[{\"hostPort\": 8080, \"containerPort\": 81, \"protocol\": \"tcp\", \"hostIP\": \"$HOST_ADDRESS\"}]"
        attach c2 "$ports"
        serve c2 81
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
}

@test "udp is published" {
        attach c1 '[{"hostPort": 5353, "containerPort": 53, "protocol": "udp"}]'
        # What is not read before the answer may break the pipe and take the answer with it.
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- socat UDP-LISTEN:53,fork SYSTEM:'read -r line; echo pong'
        SERVERS+=("$SPAWNED")
        wait_until in_container c1 bash -c "ss -lun | grep -q ':53 '"
        run in_outside bash -c "echo ping | socat -t 5 - UDP:$HOST_ADDRESS:5353"
        assert_output "pong"
}

@test "a udp sender that was there before the port was published reaches it" {
        in_outside bash -c "echo early | socat -t 0 - UDP:$HOST_ADDRESS:5353,sourceport=4444" || true
        attach c1 '[{"hostPort": 5353, "containerPort": 53, "protocol": "udp"}]'
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- socat UDP-LISTEN:53,fork SYSTEM:'echo pong'
        SERVERS+=("$SPAWNED")
        wait_until in_container c1 bash -c "ss -lun | grep -q ':53 '"
        # The kernel may still be telling the sender that its early packet was refused.
        wait_until in_outside bash -c \
                "echo ping | socat -t 2 - UDP:$HOST_ADDRESS:5353,sourceport=4444 | grep -qx pong"
}

@test "a taken port is a clear error and changes nothing" {
        attach c1 "$WEB"
        before=$(in_host nft list ruleset)
        CHAIN=$CNI_PLUGINS/bridge attach c2
        PORTS=$WEB
        run cni ADD portmap c2 "$(plugin_conf portmap)"
        assert_cni_error 100 "8080/tcp is already allocated" "c1"
        PORTS='[{"hostPort": 8081, "containerPort": 80}, {"hostPort": 8080, "containerPort": 80, "hostIP": "127.0.0.1"}]'
        run cni ADD portmap c2 "$(plugin_conf portmap)"
        assert_cni_error 100 "8080/tcp is already allocated"
        run in_host nft list map inet netplug ports4
        refute_output_contains 8081
        # udp 8080 is another port
        PORTS='[{"hostPort": 8080, "containerPort": 80, "protocol": "udp"}]'
        run cni ADD portmap c2 "$(plugin_conf portmap)"
        assert_success
}

@test "DEL of the one that did not get the port leaves the owner's alone" {
        attach c1 "$WEB"
        PORTS=$WEB
        cni DEL portmap c2 "$(plugin_conf portmap)"
        run in_host nft list map inet netplug ports4
        assert_output_contains "8080"
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "DEL gives rules and settings back, also twice and without a namespace" {
        attach c1 "$WEB"
        assert_equal "$(in_host sysctl -n net.ipv4.conf.br-test.route_localnet)" 1
        ip netns del "$HOST_NETNS-c1"
        detach c1
        detach c1
        assert_nothing_left "$BEFORE"
        assert_equal "$(in_host sysctl -n net.ipv4.conf.br-test.route_localnet)" 0
}

# send_loopback_to NETNS GATEWAY LINK: what the namespace sends to 127.0.0.1 goes to a neighbour.
send_loopback_to() {
        in_netns "$1" ip link set lo down
        in_netns "$1" sysctl -qw net.ipv4.conf.all.route_localnet=1
        in_netns "$1" ip route add 127.0.0.1/32 via "$2" dev "$3" table 100
        in_netns "$1" ip rule add pref 10 to 127.0.0.1 lookup 100
        in_netns "$1" ip rule add pref 20 lookup local
        in_netns "$1" ip rule del pref 0
}

@test "CVE-2020-8558: a neighbour does not reach the host's loopback" {
        attach c1 "$WEB"
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat TCP-LISTEN:7777,bind=127.0.0.1,fork,reuseaddr \
                "EXEC:$HELPERS/who-asks.sh"
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "exec 5<>/dev/tcp/127.0.0.1/7777"
        send_loopback_to "$HOST_NETNS-c1" 10.77.0.1 eth0
        run in_container c1 curl --silent --max-time 2 --interface eth0 http://127.0.0.1:7777/
        assert_failure
        refute_output_contains "you are"
        # It is the guard that stops it.
        in_host nft flush chain inet netplug guard
        run in_container c1 curl --silent --max-time 2 --interface eth0 http://127.0.0.1:7777/
        assert_output_contains "you are"
}

@test "a port published at 127.0.0.1 is out of reach for a neighbour of the host's, and for other containers" {
        attach c1 '[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"}]'
        attach c2
        serve c1 80
        run in_host $FETCH http://127.0.0.1:8080/
        assert_success
        for neighbour in "$OUTSIDE_NETNS $HOST_ADDRESS uplink1" "$HOST_NETNS-c2 10.77.0.1 eth0"; do
                read -r netns gateway link <<<"$neighbour"
                send_loopback_to "$netns" "$gateway" "$link"
                run in_netns "$netns" curl --silent --max-time 2 --interface "$link" http://127.0.0.1:8080/
                assert_failure
                refute_output_contains "you are"
        done
}

@test "a thousand ports are published in a few map elements' time and taken back" {
        ports=$(jq -cn '[range(20000; 21000) | {hostPort: ., containerPort: 80, protocol: "tcp"}]')
        attach c1 "$ports"
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:20999/
        assert_success
        # The eight that every table has, and one for the map of many of each family.
        assert_equal "$(in_host nft list chain inet netplug published | grep -c dnat)" 10
        check c1
        # The table can be loaded as nft lists it.
        in_host nft list table inet netplug >"$BATS_TEST_TMPDIR/table"
        in_host nft delete table inet netplug
        in_host nft -f "$BATS_TEST_TMPDIR/table"
        check c1
        run in_outside $FETCH "http://[$HOST_ADDRESS6]:20999/"
        assert_success
        detach c1
        assert_nothing_left "$BEFORE"
}

# moved_conf FIRST LAST: portmap's, for ports that each lead to the next one of the container.
moved_conf() {
        plugin_conf portmap ".runtimeConfig.portMappings =
                [range($1; $2 + 1) | {hostPort: ., containerPort: (. + 1), protocol: \"tcp\"}]"
}

# count_elements MAP
count_elements() {
        in_host nft -j list map inet netplug "$1" | jq '[.nftables[].map.elem // [] | .[]] | length'
}

@test "a container with many ports and one with few hold theirs against each other, and take over where they wait" {
        CHAIN=$CNI_PLUGINS/bridge
        attach c2
        few=$(PORTS='[{"hostPort": 8099, "containerPort": 80, "protocol": "tcp"}]' plugin_conf portmap)
        attach c1
        first=$(moved_conf 8000 8099)
        cni ADD portmap c1 "$first"
        assert_equal "$(count_elements many4)" 100
        assert_equal "$(count_elements ports4)" 0
        run cni ADD portmap c2 "$few"
        assert_cni_error 100 "host port 8099/tcp is already allocated to container c1"
        as_second attach c1
        second=$(NETWORK=second moved_conf 8000 8099)
        IFNAME=eth1 cni ADD portmap c1 "$second"
        cni DEL portmap c1 "$first"
        IFNAME=eth1 cni CHECK portmap c1 "$second"
        serve c1 8043
        run in_outside $FETCH http://$HOST_ADDRESS:8042/
        assert_success
        run cni ADD portmap c2 "$few"
        assert_cni_error 100 "host port 8099/tcp is already allocated to container c1"
        IFNAME=eth1 cni DEL portmap c1 "$second"
        cni ADD portmap c2 "$few"
        run cni ADD portmap c1 "$first"
        assert_cni_error 100 "host port 8099/tcp is already allocated to container c2"
        cni DEL portmap c2 "$few"
}

@test "what the map of many has no room for is published all the same" {
        CHAIN=$CNI_PLUGINS/bridge
        attach c1
        first=$(moved_conf 20000 22999)
        cni ADD portmap c1 "$first"
        attach c2
        second=$(moved_conf 30000 32999)
        cni ADD portmap c2 "$second"
        assert_equal "$(count_elements many4) $(count_elements ports4)" "3000 3000"
        assert_equal "$(count_elements many6) $(count_elements ports6)" "3000 3000"
        cni CHECK portmap c2 "$second"
        serve c2 33000
        run in_outside $FETCH http://$HOST_ADDRESS:32999/
        assert_success
        cni DEL portmap c1 "$first"
        cni DEL portmap c2 "$second"
        assert_equal "$(count_elements many4) $(count_elements ports4)" "0 0"
}

@test "a range of ports leads to the ports of the same numbers, and only it" {
        attach c1 "$(jq -cn '[range(8000; 8100) | {hostPort: ., containerPort: .}]')"
        attach c2 '[{"hostPort": 9000, "containerPort": 80}, {"hostPort": 9001, "containerPort": 81}]'
        serve c1 8042
        serve c1 8100
        serve c2 81
        run in_outside $FETCH http://$HOST_ADDRESS:8042/
        assert_success
        run in_outside $FETCH "http://[$HOST_ADDRESS6]:8042/"
        assert_success
        run in_outside $FETCH http://$HOST_ADDRESS:9001/
        assert_success
        run in_outside $FETCH http://$HOST_ADDRESS:8100/
        assert_failure
        run in_host nft list map inet netplug same4
        assert_output_contains "tcp . 8000-8099" "10.77.0.2"
        assert_equal "$(in_host nft list map inet netplug same4 | grep -c "$NETWORK")" 1
        # What nft lists can be loaded again.
        in_host nft list ruleset >"$BATS_TEST_TMPDIR/rules"
        in_host nft -c -f "$BATS_TEST_TMPDIR/rules"
        # What lies within the range is taken, also for a larger range, and by a single address.
        for taken in '[{"hostPort": 8050, "containerPort": 1}]' '[{"hostPort": 8099, "containerPort": 80, "hostIP": "127.0.0.1"}]' \
                "$(jq -cn '[range(7000; 9000) | {hostPort: ., containerPort: .}]')"; do
                PORTS=$taken
                run cni ADD portmap c2 "$(plugin_conf portmap)"
                assert_cni_error 100 "/tcp is already allocated to container c1"
        done
        PORTS='[{"hostPort": 1, "containerPort": 1}, {"hostPort": 1, "containerPort": 2}]'
        run cni ADD portmap c2 "$(plugin_conf portmap)"
        assert_cni_error 7 "host port 1 is published to two ports"
}

@test "conditions say which packets a published port takes" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        serve c1 80
        serve_outside 80
        PORTS=$WEB
        conditions='.conditionsV4 = ["!", "-s", "198.51.100.0/24", "-d", "127.0.0.0/8"] | .conditionsV6 = ["-i", "upl+"]'
        run cni ADD portmap c1 "$(plugin_conf portmap "$conditions")"
        assert_success
        run in_host $FETCH http://127.0.0.1:8080/
        assert_success
        run in_host $FETCH http://$HOST_ADDRESS:8080/
        assert_failure
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_failure
        run in_outside $FETCH "http://[$HOST_ADDRESS6]:8080/"
        assert_success
        run in_host $FETCH "http://[$HOST_ADDRESS6]:8080/"
        assert_failure
        cni DEL portmap c1 "$(plugin_conf portmap)"
        run in_host nft list ruleset
        refute_output_contains "gate_"
        # Any link is no condition, and no link no packet's.
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV4 = ["-i", "+"]')"
        assert_success
        run in_host $FETCH http://127.0.0.1:8080/
        assert_success
        cni DEL portmap c1 "$(plugin_conf portmap)"
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV4 = ["!", "-i", "+"]')"
        assert_cni_error 7 "conditionsV4[2]" "no packet is without a link"
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV4 = ["-m", "mark"]')"
        assert_cni_error 2 "conditionsV4[0]" "'-m'" "-s and -d"
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV4 = ["-d", "fd00::1"]')"
        assert_cni_error 7 "conditionsV4[1]" "fd00::1"
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV6 = ["!"]')"
        assert_cni_error 7 "conditionsV6[0]"
        stop_outside
}

@test "options for marks and backends are taken as the reference plugin takes them" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS='[{"hostPort": 8080, "containerPort": 80, "hostIP": "[::]"}]'
        run cni ADD portmap c1 "$(plugin_conf portmap '.markMasqBit = 5 | .backend = "iptables"')"
        assert_success
        run in_host nft list map inet netplug ports4
        refute_output_contains 8080
        run in_host nft list map inet netplug ports6
        assert_output_contains 8080
        run cni ADD portmap c2 "$(plugin_conf portmap '.markMasqBit = 5 | .externalSetMarkChain = "KUBE-MARK-MASQ"')"
        assert_cni_error 7 "externalSetMarkChain"
        run cni ADD portmap c2 "$(plugin_conf portmap '.markMasqBit = 32')"
        assert_cni_error 7 "markMasqBit"
        run cni ADD portmap c2 "$(plugin_conf portmap '.backend = "ipfw"')"
        assert_cni_error 7 "backend" "ipfw"
        run cni STATUS portmap c2 "$(plugin_conf portmap '.externalSetMarkChain = "X"')"
        assert_success
}

@test "at ::1 a published port is refused at once, and callers of localhost go on to 127.0.0.1" {
        attach c1 "$WEB"
        serve c1 80
        run in_host curl --silent --show-error --max-time 3 "http://[::1]:8080/"
        assert_failure 7
        run in_host $FETCH http://localhost:8080/
        assert_success
}

@test "sctp is published" {
        in_host socat -u SCTP-LISTEN:1,bind=127.0.0.1 /dev/null </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/sctp" &
        wait_until -t 1 grep -q . "$BATS_TEST_TMPDIR/sctp" 2>/dev/null || true
        kill $! 2>/dev/null || true
        ! grep -q "not supported" "$BATS_TEST_TMPDIR/sctp" || skip "the kernel has no SCTP"
        attach c1 '[{"hostPort": 3868, "containerPort": 3869, "protocol": "SCTP"}]'
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- socat SCTP-LISTEN:3869,fork SYSTEM:'echo pong'
        SERVERS+=("$SPAWNED")
        wait_until in_outside bash -c "socat -t 2 - SCTP:$HOST_ADDRESS:3868 </dev/null | grep -qx pong"
}

@test "snat false publishes without masquerade" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS=$WEB
        run cni ADD portmap c1 "$(plugin_conf portmap '.snat = false')"
        assert_success
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        run in_host nft list map inet netplug returns4
        refute_output_contains "10.77"
        assert_equal "$(in_host sysctl -n net.ipv4.conf.br-test.route_localnet)" 0
}

@test "masqAll hides who asked" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS=$WEB
        run cni ADD portmap c1 "$(plugin_conf portmap '.masqAll = true')"
        assert_success
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_output_contains "0a4d:0001" # 10.77.0.1
}

@test "bad mappings name the field" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS='[{"hostPort": 8080}]'
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_cni_error 7 "runtimeConfig.portMappings[0]" "containerPort"
        PORTS='[{"hostPort": 0, "containerPort": 80}]'
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_cni_error 7 "hostPort"
        PORTS='[{"hostPort": 80800, "containerPort": 80}]'
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_cni_error 7 "hostPort"
        PORTS='[{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}]'
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_cni_error 7 "icmp"
        PORTS=$WEB
        run cni ADD portmap c1 "$(plugin_conf portmap 'del(.prevResult)')"
        assert_cni_error 7 "prevResult"
}

@test "CHECK tells when a port is not published any more" {
        attach c1 "$WEB"
        check c1
        in_host nft delete element inet netplug ports4 '{ tcp . 8080 }'
        run check c1
        assert_cni_error 100 "8080/tcp"
}

@test "GC takes back ports of attachments that are not valid" {
        attach c1 "$WEB"
        run cni GC portmap c1 "$(plugin_conf portmap '.["cni.dev/valid-attachments"] = [{containerID: "c1", ifname: "eth0"}]')"
        assert_success
        run in_host nft list map inet netplug ports4
        assert_output_contains 8080
        run cni GC portmap c1 "$(plugin_conf portmap '.["cni.dev/valid-attachments"] = []')"
        assert_success
        run in_host nft list map inet netplug ports4
        refute_output_contains 8080
}

# as_second COMMAND...: for another network of the container's, by eth1.
as_second() {
        NETWORK=second IFNAME=eth1 \
                BRIDGE='.bridge = "br-two" | .isDefaultGateway = false | .isGateway = true |
                        .ipam.ranges = [[{subnet: "10.78.0.0/24"}], [{subnet: "fd78::/64"}]]' "$@"
}

@test "a container on two networks publishes its ports in both, by the attachment that came first" {
        attach c1 "$WEB"
        first=$RESULT
        as_second attach c1 "$WEB"
        as_second check c1
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        # Another container's is still another's.
        CHAIN=$CNI_PLUGINS/bridge attach c2
        PORTS=$WEB
        run cni ADD portmap c2 "$(plugin_conf portmap)"
        assert_cni_error 100 "8080/tcp is already allocated" "c1"
        CHAIN=$CNI_PLUGINS/bridge detach c2
        as_second detach c1
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        RESULT=$first
        detach c1
        assert_nothing_left "$BEFORE"
        assert_equal "$(in_host sysctl -n net.ipv4.conf.br-two.route_localnet)" 0
}

as_third() {
        NETWORK=third IFNAME=eth2 \
                BRIDGE='.bridge = "br-three" | .isDefaultGateway = false | .isGateway = true |
                        .ipam.ranges = [[{subnet: "10.79.0.0/24"}], [{subnet: "fd79::/64"}]]' "$@"
}

# assert_published_to GATEWAY GATEWAY6: what outside asks for reaches the container, who answers by that way.
assert_published_to() {
        in_container c1 ip route replace default via "$1"
        in_container c1 ip -6 route replace default via "$2"
        for url in "http://$HOST_ADDRESS:8080/" "http://[$HOST_ADDRESS6]:8080/"; do
                run in_outside $FETCH "$url"
                assert_success
        done
}

@test "the next network of a container takes its ports over when the first one goes" {
        require_program nft
        ports='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
                {"hostPort": 5300, "containerPort": 53, "protocol": "udp", "hostIP": "'$HOST_ADDRESS'"}]'
        attach c1 "$ports"
        first=$RESULT
        as_second attach c1 "$ports"
        second=$RESULT
        as_third attach c1 "$ports"
        third=$RESULT
        # What waits is readable, and can be loaded again.
        in_host nft list ruleset >"$BATS_TEST_TMPDIR/rules"
        grep -q "tcp . 8080 . 80 . 10.78.0.2" "$BATS_TEST_TMPDIR/rules"
        in_host nft --check --file "$BATS_TEST_TMPDIR/rules"
        serve c1 80
        RESULT=$first
        detach c1
        assert_published_to 10.78.0.1 fd78::1
        in_host nft list map inet netplug ports_at4 | grep -q "udp . 5300 comment \"second c1 eth1\" : 10.78.0.2 . 53"
        RESULT=$second
        as_second check c1
        # GC takes the second one's, and the third one has them.
        run cni GC portmap c1 "$(NETWORK=second plugin_conf portmap '."cni.dev/valid-attachments" = []')"
        assert_success
        assert_published_to 10.79.0.1 fd79::1
        as_second detach c1
        assert_published_to 10.79.0.1 fd79::1
        RESULT=$third
        as_third check c1
        as_third detach c1
        assert_nothing_left "$BEFORE"
}

# ports_from FIRST LAST: mappings to the ports of the same numbers.
ports_from() {
        jq -cn "[range($1; $2 + 1) | {hostPort: ., containerPort: ., protocol: \"tcp\"}]"
}

@test "ports that wait take over none that have become another container's" {
        require_program nft
        attach c1 "$(ports_from 8000 8010)"
        first=$RESULT
        as_second attach c1 "$(ports_from 8000 8003)"
        second=$RESULT
        as_third attach c1 "$(ports_from 8002 8009)"
        third=$RESULT
        RESULT=$first
        detach c1
        # Those of the second and the third one overlap, and one of them waits on.
        attach c2 "$(ports_from 8007 8012)"
        other=$RESULT
        RESULT=$second
        as_second detach c1
        assert_equal "$(in_host nft list map inet netplug same4 | grep -c 'comment "')" 1
        in_host nft list map inet netplug same4 | grep -q "8007-8012 comment \"$NETWORK c2 eth0\""
        RESULT=$third
        as_third detach c1
        RESULT=$other
        detach c2
        assert_nothing_left "$BEFORE"
}

@test "a port that waits brings its conditions and its length along" {
        CHAIN=$CNI_PLUGINS/bridge
        PORTS=$(jq -cn '[range(8000; 8010) | {hostPort: ., containerPort: ., protocol: "tcp"}]')
        ports=$PORTS
        attach c1 "$ports"
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_success
        as_second attach c1 "$ports"
        second=$(NETWORK=second plugin_conf portmap '.conditionsV4 = ["!", "-s", "198.51.100.0/24"]')
        # Again, as after a call that was killed: it waits already.
        for attempt in 1 2; do
                IFNAME=eth1 run cni ADD portmap c1 "$second"
                assert_success
        done
        serve c1 8007
        run in_outside $FETCH http://$HOST_ADDRESS:8007/
        assert_success
        run cni DEL portmap c1 "$(plugin_conf portmap)"
        assert_success
        run in_host $FETCH http://127.0.0.1:8007/
        assert_success
        run in_outside $FETCH http://$HOST_ADDRESS:8007/
        assert_failure
        IFNAME=eth1 run cni CHECK portmap c1 "$second"
        assert_success
        IFNAME=eth1 run cni DEL portmap c1 "$second"
        assert_success
        in_host nft list tables | grep -q netplug # the masquerade is left
        run in_host nft list table inet netplug
        refute_output_contains "tcp . 8000" "gate_"
}

@test "everywhere, said once for each family, is no error where the container lacks one" {
        BRIDGE='.ipam.ranges = [[{subnet: "10.77.0.0/24"}]]'
        PAIR='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "0.0.0.0"},
                {"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "::"}]'
        attach c1 "$PAIR"
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        check c1
        detach c1
        assert_nothing_left "$BEFORE"
        # Alone it leads nowhere.
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS=$(jq -c '.[1:]' <<<"$PAIR")
        run cni ADD portmap c1 "$(plugin_conf portmap)"
        assert_cni_error 7 "host port 8080 at ::" "no IPv6 address"
}

@test "a udp sender of before DEL reaches whoever has the port after it" {
        # Without anybody's table the kernel translates nothing, whatever it remembers.
        CHAIN=$CNI_PLUGINS/bridge attach c2
        attach c1 '[{"hostPort": 5353, "containerPort": 53, "protocol": "udp"}]'
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- socat UDP-LISTEN:53,fork SYSTEM:'read -r line; echo container'
        SERVERS+=("$SPAWNED")
        wait_until in_container c1 bash -c "ss -lun | grep -q ':53 '"
        ask="echo ping | socat -t 2 - UDP:$HOST_ADDRESS:5353,sourceport=4444"
        run in_outside bash -c "$ask"
        assert_output container
        detach c1
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat UDP-LISTEN:5353,fork SYSTEM:'read -r line; echo host'
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "ss -lun | grep -q ':5353 '"
        run in_outside bash -c "$ask"
        assert_output host
}

@test "a container cannot send to the host as if it were the host's loopback" {
        attach c1 "$WEB"
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat -u UDP-RECV:7778 "OPEN:$BATS_TEST_TMPDIR/heard,creat,append"
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "ss -lun | grep -q ':7778 '"
        in_container c1 sysctl -qw net.ipv4.conf.eth0.route_localnet=1
        say() {
                in_container c1 bash -c "echo $1 | socat -t 0 - UDP-SENDTO:10.77.0.1:7778,bind=$2"
        }
        say false 127.0.0.2
        say true 10.77.0.2
        wait_until grep -q true "$BATS_TEST_TMPDIR/heard"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/heard")" true
        # It is the guard that stops it.
        in_host nft flush chain inet netplug guard
        say false 127.0.0.2
        wait_until grep -q false "$BATS_TEST_TMPDIR/heard"
}

@test "CHECK tells when 127.0.0.1 does not lead to the container any more" {
        attach c1 "$WEB"
        in_host sysctl -qw net.ipv4.conf.br-test.route_localnet=0
        run check c1
        assert_cni_error 100 "route_localnet of br-test"
}

@test "as many conditions as there may be, for ports at all addresses and at one" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        PORTS='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "0.0.0.0"},
                {"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"},
                {"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "::"}]'
        many='.conditionsV4 = ([range(16) | "!", "-s", "203.0.113.\(.)"]) |
                .conditionsV6 = ([range(16) | "!", "-s", "2001:db8:dead::\(.)"])'
        run cni ADD portmap c1 "$(plugin_conf portmap "$many")"
        assert_success
        serve c1 80
        for url in http://127.0.0.1:8080/ http://$HOST_ADDRESS:8080/ "http://[$HOST_ADDRESS6]:8080/"; do
                run in_host $FETCH "$url"
                assert_success
        done
        cni DEL portmap c1 "$(plugin_conf portmap)"
        run cni ADD portmap c1 "$(plugin_conf portmap '.conditionsV4 = ([range(17) | "-s", "203.0.113.\(.)"])')"
        assert_cni_error 7 "more than 16 conditions"
}

@test "a table that lost its rules is told of, by CHECK and by the next ADD, and DEL still works" {
        attach c1 "$WEB"
        first=$RESULT
        in_host nft flush table inet netplug
        for plugin in $CHAIN; do
                run cni CHECK ${plugin##*/} c1 "$(conf_of $plugin)"
                assert_cni_error 100 "table inet netplug has lost its rules" "attach its containers anew"
        done
        run attach c2
        assert_failure
        assert_output_contains "has lost its rules"
        detach c2
        RESULT=$first
        detach c1
        assert_nothing_left "$BEFORE"
        attach c1 "$WEB"
        check c1
}

@test "route_localnet becomes what links of this host have" {
        in_host sysctl -qw net.ipv4.conf.default.route_localnet=1
        attach c1 "$WEB"
        detach c1
        assert_equal "$(in_host sysctl -n net.ipv4.conf.br-test.route_localnet)" 1
}

@test "a link's route_localnet goes before the rules that guard it" {
        require_program strace
        attach c1 "$WEB"
        PORTS=$WEB
        # Killed where it is to be written: the rules stand.
        in_host env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_NETNS= CNI_IFNAME=eth0 CNI_PATH="$CNI_PLUGINS" \
                strace -o "$BATS_TEST_TMPDIR/trace" -e trace=pwrite64 -e inject=pwrite64:signal=KILL:when=1 \
                "$CNI_PLUGINS/portmap" <<<"$(plugin_conf portmap)" || true
        run in_host nft list map inet netplug ports4
        assert_output_contains 8080
        detach c1
        assert_nothing_left "$BEFORE"
}

@test "DEL succeeds when the table goes while it reads" {
        require_program strace
        attach c1 "$WEB"
        PORTS=$WEB
        plugin_conf portmap >"$BATS_TEST_TMPDIR/conf"
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- env CNI_COMMAND=DEL CNI_CONTAINERID=other CNI_NETNS= CNI_IFNAME=eth0 CNI_PATH="$CNI_PLUGINS" \
                strace -o "$BATS_TEST_TMPDIR/trace" -e trace=sendto -e inject=sendto:delay_enter=100000 \
                bash -c "exec '$CNI_PLUGINS/portmap' <'$BATS_TEST_TMPDIR/conf'"
        wait_until bash -c "[ \$(wc -l <'$BATS_TEST_TMPDIR/trace') -ge 4 ]"
        in_host nft delete table inet netplug
        wait "$SPAWNED"
}
