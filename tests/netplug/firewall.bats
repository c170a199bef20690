# firewall and loopback: hosts whose own filters drop, isolation, the loopback link.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        WEB='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]'
}

teardown() {
        cni_teardown
}

assert_all_ways_open() {
        serve c1 80
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        run in_outside $FETCH "http://[$HOST_ADDRESS6]:8080/"
        assert_success
}

# What was not published stays closed, also to somebody who has a route.
assert_unpublished_is_closed() {
        in_outside ip route add 10.77.0.0/24 via $HOST_ADDRESS
        run in_outside curl --silent --max-time 1 http://10.77.0.2:80/
        assert_failure
}

@test "a host that drops with iptables gets the accepts it needs and loses them again" {
        require_program iptables ip6tables
        for tables in iptables ip6tables; do
                in_host $tables -P FORWARD DROP
        done
        before=$(in_host iptables -S; in_host ip6tables -S)
        attach c1 "$WEB"
        assert_all_ways_open
        assert_unpublished_is_closed
        # The table stays iptables' own: it can still list and save it.
        run in_host iptables -S FORWARD
        assert_success
        assert_output_contains "-o br-test -m conntrack --ctstate RELATED,ESTABLISHED,DNAT" "-i br-test"
        check c1
        detach c1
        assert_equal "$(in_host iptables -S; in_host ip6tables -S)" "$before"
}

@test "what the host's owner put into DOCKER-USER stays before our accepts" {
        require_program iptables
        in_host iptables -N DOCKER-USER
        in_host iptables -A DOCKER-USER -d $OUTSIDE_ADDRESS -j DROP
        in_host iptables -P FORWARD DROP
        in_host iptables -A FORWARD -j DOCKER-USER
        attach c1 "$WEB"
        run in_host iptables -S FORWARD
        assert_equal "$(sed -n 2p <<<"$output")" "-A FORWARD -j DOCKER-USER"
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        in_host iptables -F DOCKER-USER
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        detach c1
        assert_equal "$(in_host iptables -S FORWARD | wc -l)" 2
}

@test "a host that drops in a chain everything is sent to gets its accepts too" {
        require_program iptables ip6tables
        for tables in iptables ip6tables; do
                in_host $tables -N INNER
                in_host $tables -N OUTER
                in_host $tables -A INNER -m comment --comment "no more" -j DROP
                in_host $tables -A OUTER -j INNER
                in_host $tables -A FORWARD -j OUTER
        done
        before=$(in_host iptables -S; in_host ip6tables -S)
        attach c1 "$WEB"
        assert_all_ways_open
        check c1
        detach c1
        assert_equal "$(in_host iptables -S; in_host ip6tables -S)" "$before"
        # What drops some packets alone is the owner's will.
        in_host iptables -F INNER
        in_host iptables -A INNER -s 192.0.2.1 -j DROP
        before=$(in_host iptables -S)
        attach c1
        assert_equal "$(in_host iptables -S)" "$before"
}

@test "rules that iptables saved and restored are known again" {
        require_program iptables iptables-save
        in_host iptables -P FORWARD DROP
        before=$(in_host iptables -S FORWARD)
        make_container c2
        attach c1
        in_host bash -c "iptables-save | iptables-restore"
        attach c2
        assert_equal "$(in_host iptables -S FORWARD | grep -c -- '-i br-test')" 1
        detach c2
        detach c1
        assert_equal "$(in_host iptables -S FORWARD)" "$before"
}

@test "accepts go although somebody deleted our table" {
        require_program iptables
        in_host iptables -P FORWARD DROP
        before=$(in_host iptables -S FORWARD)
        attach c1
        in_host nft delete table inet netplug
        detach c1
        assert_equal "$(in_host iptables -S FORWARD)" "$before"
}

@test "rules of the admin chain come before our accepts, whatever the host's chain does" {
        in_host iptables -P FORWARD ACCEPT
        in_host iptables -N MY-ADMIN
        in_host iptables -A MY-ADMIN -d $OUTSIDE_ADDRESS -j DROP
        in_host ip6tables -P FORWARD DROP
        before=$(in_host iptables -S FORWARD)
        CHAIN=$CNI_PLUGINS/bridge attach c1
        cni ADD firewall c1 "$(plugin_conf firewall '.iptablesAdminChainName = "MY-ADMIN"')"
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        run in_host iptables -S FORWARD
        assert_output_contains "-j MY-ADMIN"
        cni CHECK firewall c1 "$(plugin_conf firewall '.iptablesAdminChainName = "MY-ADMIN"')"
        # Their last word is theirs, too: nothing is lacking.
        in_host iptables -A MY-ADMIN -j DROP
        cni CHECK firewall c1 "$(plugin_conf firewall '.iptablesAdminChainName = "MY-ADMIN"')"
        cni DEL firewall c1 "$(plugin_conf firewall)"
        assert_equal "$(in_host iptables -S FORWARD)" "$before"
        for bad in '.iptablesAdminChainName = "a b"' '.backend = "pf"'; do
                run cni ADD firewall c1 "$(plugin_conf firewall "$bad")"
                assert_cni_error 7 "$(sed 's/^\.\([a-zA-Z]*\).*/\1/' <<<"$bad")"
        done
}

@test "the admin chain is made where packets are dropped, and stays with the rules its owner put there" {
        for tables in iptables ip6tables; do
                in_host $tables -P FORWARD DROP
        done
        before=$(in_host iptables -S; in_host ip6tables -S)
        attach c1
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        in_host iptables -A CNI-ADMIN -d $OUTSIDE_ADDRESS -j DROP
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        # What iptables saves, it can load.
        in_host iptables-save >"$BATS_TEST_TMPDIR/saved"
        in_host iptables-restore --test "$BATS_TEST_TMPDIR/saved"
        detach c1
        run in_host iptables -S
        assert_output_contains "-N CNI-ADMIN" "-A CNI-ADMIN -d $OUTSIDE_ADDRESS/32 -j DROP"
        refute_output_contains "FORWARD -m" "FORWARD -j"
        # It is asked again when the next one comes.
        attach c1
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        in_host iptables -F CNI-ADMIN
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        detach c1
        assert_equal "$(in_host iptables -S; in_host ip6tables -S)" "$before"
}

@test "GC of several bridges takes the admin chain with the last of them" {
        in_host iptables -P FORWARD DROP
        before=$(in_host iptables -S)
        make_container c2
        attach c1
        BRIDGE='.bridge = "br-two" | .ipam.ranges = [[{subnet: "10.78.0.0/24"}]]' attach c2
        assert_equal "$(in_host iptables -S FORWARD | grep -c -- '-j CNI-ADMIN')" 2
        run cni GC firewall c1 "$(plugin_conf firewall '.["cni.dev/valid-attachments"] = []')"
        assert_success
        assert_equal "$(in_host iptables -S)" "$before"
}

@test "where the result names no link of the host, addresses are let pass" {
        require_program nft
        CHAIN=$CNI_PLUGINS/bridge attach c1
        in_host iptables -P FORWARD DROP
        in_host nft 'add table inet wall; add chain inet wall forward { type filter hook forward priority 0; policy drop; }'
        before=$(in_host iptables -S; in_host ip6tables -S; in_host nft list table inet wall)
        RESULT=$(jq -c 'del(.interfaces) | del(.ips[].interface)' <<<"$RESULT")
        run in_container c1 ping -c 1 -W 1 $OUTSIDE_ADDRESS
        assert_failure
        cni ADD firewall c1 "$(plugin_conf firewall)"
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        run in_host iptables -S FORWARD
        assert_output_contains "-A FORWARD -s 10.77.0.2/32" "-A FORWARD -d 10.77.0.2/32 -m conntrack"
        cni CHECK firewall c1 "$(plugin_conf firewall)"
        assert_unpublished_is_closed
        run in_host "$NETPLUG" show --leases "$LEASES" "$NETWORK"
        assert_output_contains "bridge br-test up" "10.77.0.2"
        refute_output_contains " down"
        in_host iptables -F FORWARD
        run cni CHECK firewall c1 "$(plugin_conf firewall)"
        assert_cni_error 100 "accept for 10.77.0.2 is gone"
        cni ADD firewall c1 "$(plugin_conf firewall)"
        cni DEL firewall c1 "$(plugin_conf firewall)"
        assert_equal "$(in_host iptables -S; in_host ip6tables -S; in_host nft list table inet wall)" "$before"
}

@test "a host that drops with the old iptables gets its accepts too, and loses them with the last container" {
        require_program iptables-legacy ip6tables-legacy
        in_host iptables-legacy -P FORWARD DROP 2>/dev/null || skip "the kernel has no ip_tables"
        in_host iptables-legacy -N DOCKER-USER
        in_host iptables-legacy -A FORWARD -j DOCKER-USER
        in_host ip6tables-legacy -A FORWARD -j REJECT
        in_host iptables-legacy -N CNI-ADMIN
        in_host iptables-legacy -A CNI-ADMIN -d 203.0.113.1 -j DROP
        before=$(in_host iptables-legacy -S FORWARD; in_host ip6tables-legacy -S FORWARD)
        make_container c2
        attach c1 "$WEB"
        first=$RESULT
        assert_all_ways_open
        assert_unpublished_is_closed
        assert_equal "$(in_host iptables-legacy -S FORWARD | sed -n 2p)" "-A FORWARD -j DOCKER-USER"
        run in_host iptables-legacy -S FORWARD
        assert_output_matches "$(printf 'DOCKER-USER\n.*-j CNI-ADMIN\n.*-j ACCEPT')"
        check c1
        # Half of the accepts is not enough.
        in_host iptables-legacy -D FORWARD -i br-test -m comment --comment "netplug br-test" -j ACCEPT
        run check c1
        assert_cni_error 100 "accept for br-test is gone"
        attach c2
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        in_host iptables-legacy -D FORWARD -i br-test -m comment --comment "netplug br-test" -j ACCEPT
        assert_equal "$(in_host iptables-legacy -S FORWARD | grep -c 'br-test.*ACCEPT')" 2
        detach c2
        assert_equal "$(in_host iptables-legacy -S FORWARD | grep -c 'br-test.*ACCEPT')" 2
        # As after a crash: the rules of nft are gone, those of iptables are not.
        in_host nft delete table inet netplug
        RESULT=$first
        run cni GC firewall c1 "$(plugin_conf firewall '.["cni.dev/valid-attachments"] = []')"
        assert_success
        assert_equal "$(in_host iptables-legacy -S FORWARD; in_host ip6tables-legacy -S FORWARD)" "$before"
}

@test "a host that drops with nft gets its accepts too" {
        in_host nft 'add table inet wall; add chain inet wall forward { type filter hook forward priority 0; policy drop; }'
        in_host nft 'add table ip wall; add chain ip wall forward { type filter hook forward priority 10; policy accept; }'
        in_host nft add rule ip wall forward counter reject
        before=$(in_host nft list ruleset)
        attach c1 "$WEB"
        assert_all_ways_open
        assert_unpublished_is_closed
        detach c1
        assert_equal "$(in_host nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*/packets 0 bytes 0/')" "$before"
}

@test "accepts go with the last container of the bridge, not before" {
        make_container c2
        in_host iptables -P FORWARD DROP
        attach c1
        first=$RESULT
        attach c2
        assert_equal "$(in_host iptables -S FORWARD | grep -c 'br-test.*ACCEPT')" 2
        RESULT=$first
        detach c1
        in_container c2 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        detach c2
        assert_equal "$(in_host iptables -S FORWARD)" "-P FORWARD DROP"
}

@test "a host that does not drop is left alone" {
        in_host nft add table inet open
        in_host nft add chain inet open forward '{ type filter hook forward priority 0; policy accept; }'
        before=$(in_host nft list table inet open)
        attach c1
        assert_equal "$(in_host nft list table inet open)" "$before"
}

@test "CHECK tells when the host's firewall was loaded anew" {
        in_host iptables -P FORWARD DROP
        attach c1
        check c1
        in_host iptables -F FORWARD
        run check c1
        assert_cni_error 100 "accept for br-test is gone"
}

@test "GC takes back the accepts of attachments that are not valid" {
        in_host iptables -P FORWARD DROP
        attach c1
        run cni GC firewall c1 "$(plugin_conf firewall '.["cni.dev/valid-attachments"] = []')"
        assert_success
        assert_equal "$(in_host iptables -S FORWARD)" "-P FORWARD DROP"
}

@test "old iptables without its program: a warning, and no other iptables in its place" {
        require_program iptables-legacy iptables-nft
        in_host iptables-legacy -S FORWARD >/dev/null 2>&1 || skip "the kernel has no ip_tables"
        attach c1
        mkdir "$BATS_TEST_TMPDIR/bin"
        for program in env nsenter cat; do
                ln -s "$(command -v $program)" "$BATS_TEST_TMPDIR/bin/"
        done
        for name in none iptables; do
                # The new one under the name of both does not count.
                ln -s "$(readlink -f "$(command -v iptables-nft)")" "$BATS_TEST_TMPDIR/bin/$name"
                conf=$(plugin_conf firewall '."cni.dev/valid-attachments" = []')
                for command in ADD CHECK DEL GC; do
                        PATH=$BATS_TEST_TMPDIR/bin run cni $command firewall c1 "$conf"
                        assert_success
                        assert_output_contains "iptables-legacy" "what the old iptables drops is not looked at"
                done
        done
        detach c1
}

@test "CHECK of a container that has no link of the host, from before addresses were let pass, goes by what the host drops" {
        CHAIN=$CNI_PLUGINS/bridge attach c1
        RESULT=$(jq -c 'del(.interfaces) | del(.ips[].interface)' <<<"$RESULT")
        run cni CHECK firewall c1 "$(plugin_conf firewall)"
        assert_success
        in_host iptables -P FORWARD DROP
        run cni CHECK firewall c1 "$(plugin_conf firewall)"
        assert_cni_error 100 "accept for 10.77.0.2 is gone"
}

@test "GC takes back the accepts of many links and addresses at once" {
        in_host iptables -P FORWARD DROP
        attach c1
        before=$(in_host iptables -S FORWARD)
        for i in $(seq 100 130); do
                RESULT='{"cniVersion": "1.1.0", "ips": [{"address": "10.77.0.'$i'/24"}]}'
                NETNS=/run/netns/$HOST_NETNS-c1 cni ADD firewall gone$i "$(plugin_conf firewall)" >/dev/null
        done
        assert_equal "$(in_host iptables -S FORWARD | grep -c 'netplug at 10.77.0.1.*ACCEPT')" 62
        RESULT=null
        run cni GC firewall c1 "$(plugin_conf firewall '.["cni.dev/valid-attachments"] = [{containerID: "c1", ifname: "eth0"}]')"
        assert_success
        assert_equal "$(in_host iptables -S FORWARD)" "$before"
        run in_host nft list chain ip filter CNI-ADMIN
        assert_success
}

@test "ingressPolicy same-bridge parts networks from each other" {
        make_container c2
        for c in c1 c2; do
                RESULT=$(cni ADD bridge $c "$(bridge_conf ".name = \"$NETWORK$c\" | .bridge = \"br-$c\" |
                        .ipam.ranges = [[{subnet: \"10.8${c#c}.0.0/24\"}], [{subnet: \"fd8${c#c}::/64\"}]]")")
                cni ADD firewall $c "$(plugin_conf firewall ".name = \"$NETWORK$c\" | .ingressPolicy = \"same-bridge\"")"
        done
        for address in 10.82.0.2 fd82::2; do
                run in_container c1 ping -c 1 -W 1 $address
                assert_failure
        done
        in_container c1 ping -c 1 -W 2 10.81.0.1
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        for c in c1 c2; do
                cni DEL firewall $c "$(plugin_conf firewall ".name = \"$NETWORK$c\"")"
        done
        in_container c1 ping -c 1 -W 2 10.82.0.2
        run cni ADD firewall c1 "$(plugin_conf firewall '.ingressPolicy = "none"')"
        assert_cni_error 7 "ingressPolicy"
}

@test "of two policies for one bridge the stricter one counts" {
        require_program nft
        make_container c2
        CHAIN=$CNI_PLUGINS/bridge
        attach c1
        first=$RESULT
        cni ADD firewall c1 "$(plugin_conf firewall '.ingressPolicy = "same-bridge"')"
        in_host nft list set inet netplug together | grep -q '"br-test" . "br-test"'
        attach c2
        cni ADD firewall c2 "$(plugin_conf firewall '.ingressPolicy = "isolated"')"
        RESULT=$first
        cni ADD firewall c1 "$(plugin_conf firewall '.ingressPolicy = "same-bridge"')"
        run in_host nft list set inet netplug together
        assert_success
        refute_output_contains br-test
        in_host nft list set inet netplug isolated | grep -q br-test
}

@test "forwarded packets are asked nothing but where links are isolated" {
        make_container c2
        attach c1 "$WEB"
        filters_forwarded() {
                in_host nft list table inet netplug | grep -E 'type filter hook (forward|prerouting|postrouting)'
        }
        run filters_forwarded
        assert_failure
        RESULT=$(cni ADD bridge c2 "$(bridge_conf '.name = "parted" | .bridge = "br-c2" | .ipam.ranges = [[{subnet: "10.82.0.0/24"}]]')")
        for policy in isolated same-bridge; do
                cni ADD firewall c2 "$(plugin_conf firewall ".name = \"parted\" | .ingressPolicy = \"$policy\"")"
                run filters_forwarded
                assert_success
                assert_equal "${#lines[@]}" 1
        done
        cni DEL firewall c2 "$(plugin_conf firewall '.name = "parted"')"
        run filters_forwarded
        assert_failure
        in_host nft list chain inet netplug published
}

@test "loopback sets lo up, CHECK sees it, DEL sets it down" {
        in_container c1 ip link set lo down
        conf=$(plugin_conf loopback 'del(.prevResult)')
        run cni ADD loopback c1 "$conf"
        assert_success
        assert_equal "$(jq -r '.interfaces[0].name' <<<"$output")" lo
        assert_equal "$(jq -r '.ips[0].address' <<<"$output")" 127.0.0.1/8
        in_container c1 ping -c 1 -W 1 127.0.0.1
        RESULT=$output
        run cni CHECK loopback c1 "$(plugin_conf loopback)"
        assert_success
        run cni DEL loopback c1 "$conf"
        assert_success
        run cni CHECK loopback c1 "$(plugin_conf loopback)"
        assert_cni_error 100 "down"
        NETNS=/run/netns/gone run cni DEL loopback c1 "$conf"
        assert_success
        run cni STATUS loopback c1 "$conf"
        assert_success
        run cni GC loopback c1 "$(plugin_conf loopback '.["cni.dev/valid-attachments"] = []')"
        assert_success
}
