# Many at once, killed in the middle, and chains that mix our plugins with the reference ones.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        BEFORE=$(host_state)
        WEB='[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]'
}

teardown() {
        cni_teardown
}

@test "200 ADDs at once give 200 addresses, and 200 DELs give them all back" {
        conf=$(bridge_conf)
        for i in $(seq 200); do
                make_container p$i
        done
        for i in $(seq 200); do
                cni ADD bridge p$i "$conf" >"$BATS_TEST_TMPDIR/result.$i" &
        done
        wait
        for family in 0 1; do
                assert_equal "$(jq -r ".ips[$family].address" "$BATS_TEST_TMPDIR"/result.* | sort -u | wc -l)" 200
        done
        in_container p200 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        for i in $(seq 200); do
                cni DEL bridge p$i "$conf" &
        done
        wait
        assert_nothing_left "$BEFORE"
}


# kill_at N COMMAND PLUGIN CONF: the plugin dies just before its N-th system call of the kind.
kill_at() {
        printf '#!/bin/sh\nexec strace -qqf -o /dev/null -e trace=%s -e inject=%s:signal=KILL:when=%s %s\n' \
                "$2" "$2" "$1" "$CNI_PLUGINS/$4" >"$BATS_TEST_TMPDIR/killed"
        chmod +x "$BATS_TEST_TMPDIR/killed"
        cni "$3" "$BATS_TEST_TMPDIR/killed" c1 "$5" >/dev/null 2>&1
}

@test "killed at any change, ADD leaves nothing that DEL does not take back" {
        require_program strace
        conf=$(bridge_conf)
        for call in sendto linkat symlinkat write; do
                for n in $(seq 16); do
                        if kill_at $n $call ADD bridge "$conf"; then
                                cni DEL bridge c1 "$conf"
                                break
                        fi
                        cni DEL bridge c1 "$conf"
                        assert_nothing_left "$BEFORE" || assert_fail "after kill at $call $n"
                        run in_container c1 ip -o link show eth0
                        assert_failure
                done
        done
}

@test "killed at any change, DEL can be run again" {
        require_program strace
        conf=$(bridge_conf)
        for call in sendto unlinkat; do
                for n in $(seq 12); do
                        cni ADD bridge c1 "$conf" >/dev/null
                        done=
                        ! kill_at $n $call DEL bridge "$conf" || done=yes
                        cni DEL bridge c1 "$conf"
                        assert_nothing_left "$BEFORE" || assert_fail "after kill at $call $n"
                        [ -z "$done" ] || break
                done
        done
}

# undoes PLUGIN SYSCALL: an ADD whose call of any number fails either does without, or says so and leaves nothing.
undoes() {
        local conf failures=0 n

        conf=$(bridge_conf ".type = \"$1\"")
        for n in $(seq 20); do
                printf '#!/bin/sh\nexec strace -qqf -o /dev/null -e trace=%s -e inject=%s:error=ENOBUFS:when=%s %s\n' \
                        "$2" "$2" "$n" "$CNI_PLUGINS/$1" >"$BATS_TEST_TMPDIR/failing"
                chmod +x "$BATS_TEST_TMPDIR/failing"
                run cni ADD "$BATS_TEST_TMPDIR/failing" c1 "$conf"
                if [ "$status" -eq 0 ]; then
                        cni DEL "$1" c1 "$conf"
                        continue
                fi
                failures=$((failures + 1))
                jq -e '.code and .msg' <<<"$output"
                assert_nothing_left "$BEFORE" || assert_fail "after $2 number $n of $1 failed"
        done
        [ "$failures" -gt 0 ]
        # The last one was beyond what is called.
        assert_success
}

@test "an ADD that fails half-way undoes what it did" {
        require_program strace
        for plugin in bridge ptp; do
                for call in sendto ioctl pwrite64; do
                        undoes $plugin $call
                done
        done
}

@test "the reference bridge with our portmap and firewall" {
        [ -x /usr/lib/cni/bridge ] || skip "no reference plugins"
        in_host iptables -P FORWARD DROP
        CNI_VERSION=1.0.0
        CHAIN="/usr/lib/cni/bridge $CNI_PLUGINS/portmap $CNI_PLUGINS/firewall"
        CNI_DIRECTORIES=/usr/lib/cni
        attach c1 "$WEB"
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        run in_host $FETCH http://127.0.0.1:8080/
        assert_success
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        detach c1
        run in_host nft list tables
        refute_output_contains netplug
        assert_equal "$(in_host iptables -S FORWARD | grep -c br-test)" 0
}

@test "our bridge with the reference host-local, portmap and firewall" {
        [ -x /usr/lib/cni/portmap ] || skip "no reference plugins"
        CNI_VERSION=1.0.0
        CHAIN="$CNI_PLUGINS/bridge /usr/lib/cni/portmap /usr/lib/cni/firewall"
        CNI_DIRECTORIES=/usr/lib/cni
        attach c1 "$WEB"
        serve c1 80
        run in_outside $FETCH http://$HOST_ADDRESS:8080/
        assert_success
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        # The reference portmap's own CHECK looks for IPv6 rules even where there are none.
        cni CHECK bridge c1 "$(conf_of bridge)"
        detach c1
        run find "$LEASES" -name '10.*'
        assert_output ""
}

# use_reference_ipam: addresses come from the reference host-local; nothing else of that set is found.
use_reference_ipam() {
        [ -x /usr/lib/cni/host-local ] || skip "no reference plugins (containernetworking-plugins)"
        CNI_VERSION=1.0.0
        mkdir "$BATS_TEST_TMPDIR/cni"
        cp /usr/lib/cni/host-local "$BATS_TEST_TMPDIR/cni/"
        CNI_DIRECTORIES=$BATS_TEST_TMPDIR/cni
}

@test "an address that another program gives again is reached at once, by the hardware address of who has it now" {
        use_reference_ipam
        # While the bridge has another port, this host does not forget the neighbours behind it.
        make_container c2
        cni ADD bridge c2 "$(bridge_conf)"
        make_container c3
        for name in c1 c3; do
                cni ADD bridge $name "$(bridge_conf '.args.cni.ips = ["10.77.0.9", "fd77::9"]')"
                in_host ping -c 1 -W 1 10.77.0.9
                in_host ping -c 1 -W 1 fd77::9
                cni DEL bridge $name "$(bridge_conf)"
        done
}

# An IPAM plugin that always fails, in $BATS_TEST_TMPDIR/cni.
make_unlucky() {
        mkdir "$BATS_TEST_TMPDIR/cni"
        printf '#!/bin/sh\necho "{\\"cniVersion\\": \\"1.1.0\\", \\"code\\": 123, \\"msg\\": \\"no luck\\"}"\nexit 1\n' \
                >"$BATS_TEST_TMPDIR/cni/unlucky"
        chmod +x "$BATS_TEST_TMPDIR/cni/unlucky"
}

@test "an IPAM plugin that fails hands its error through" {
        make_unlucky
        CNI_DIRECTORIES=/nowhere:$BATS_TEST_TMPDIR/cni run cni ADD bridge c1 "$(bridge_conf '.ipam.type = "unlucky"')"
        assert_cni_error 123 "no luck" "unlucky"
        run cni ADD bridge c1 "$(bridge_conf '.ipam.type = "unheard-of"')"
        assert_cni_error 7 "unheard-of" "CNI_PATH"
        assert_nothing_left "$BEFORE"
}

@test "an ADD that fails before it asks another program for addresses takes none from the attachment that has them" {
        use_reference_ipam
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        # The name in the container is free, that of the host's end is not.
        in_container c1 ip link set eth0 down name renamed
        before=$(host_state)
        run cni ADD bridge c1 "$(bridge_conf)"
        assert_failure
        assert_equal "$(host_state)" "$before"
        in_container c1 ip link set renamed name eth0
        cni DEL bridge c1 "$(bridge_conf)"
        assert_nothing_left "$BEFORE"
}

@test "of two failures of a DEL the first one is told, with its own code" {
        make_unlucky
        CNI_DIRECTORIES=$BATS_TEST_TMPDIR/cni
        for type in bridge ptp macvlan host-device; do
                # A namespace, but of another kind: no link can be looked for in it.
                NETNS=/proc/self/ns/uts run cni DEL $type c1 "$(bridge_conf ".type = \"$type\" | .ipam.type = \"unlucky\"")"
                assert_cni_error 7 "cannot enter"
                refute_output_contains "no luck"
                run cni DEL $type c1 "$(bridge_conf ".type = \"$type\" | .ipam.type = \"unlucky\"")"
                assert_cni_error 123 "no luck"
        done
}

@test "a name for the container's link that the kernel would fill in is refused, and leaves no lease" {
        for plugin in bridge host-local; do
                IFNAME='a%d' run cni ADD $plugin c1 "$(bridge_conf)"
                assert_cni_error 4 CNI_IFNAME
        done
        assert_nothing_left "$BEFORE"
}

# publish_on_and_on CONTAINER CONFIGURATION SECONDS: ADD and DEL by turns, as fast as they go; says what fails.
publish_on_and_on() {
        in_host env CNI_CONTAINERID="$1" CNI_NETNS="/run/netns/$HOST_NETNS-c1" CNI_IFNAME=eth0 CNI_PATH="$CNI_PLUGINS" bash -c '
                end=$((SECONDS + $3))
                while [ $SECONDS -lt $end ]; do
                        for command in ADD DEL; do
                                answer=$(CNI_COMMAND=$command "$CNI_PATH/portmap" <"$2") || echo "$command $1: $answer"
                        done
                done' - "$@"
}

@test "ports come and go at once beside hundreds that come and go, without an error" {
        previous=$(cni ADD bridge c1 "$(bridge_conf)")
        # At one address: in a map that the kernel enlarges and shrinks as it likes.
        hundreds=$(jq -cn --arg ip $HOST_ADDRESS '[range(0; 400) |
                {hostPort: (20000 + 2 * .), containerPort: (. + 1000), protocol: "tcp", hostIP: $ip}]')
        RESULT=$previous PORTS=$hundreds plugin_conf portmap >"$BATS_TEST_TMPDIR/conf.0"
        for i in 1 2 3 4; do
                PORTS="[{\"hostPort\": 500$i, \"containerPort\": 80, \"protocol\": \"tcp\"}]"
                RESULT=$previous plugin_conf portmap >"$BATS_TEST_TMPDIR/conf.$i"
        done
        for i in 0 1 2 3 4; do
                publish_on_and_on many$i "$BATS_TEST_TMPDIR/conf.$i" 15 >"$BATS_TEST_TMPDIR/said.$i" &
        done
        wait
        assert_equal "$(cat "$BATS_TEST_TMPDIR"/said.*)" ""
        cni DEL bridge c1 "$(bridge_conf)"
        assert_nothing_left "$BEFORE"
}
