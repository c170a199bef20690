# netplug for people: what it says of itself, and what it shows of this host's networks.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        make_container c2
}

teardown() {
        cni_teardown
}

show() {
        in_host "$NETPLUG" show --leases "$LEASES" "$@"
}

@test "show tells bridge, ports, addresses, leases and rules with the container they belong to" {
        attach c1 '[{"hostPort": 8080, "containerPort": 80}, {"hostPort": 90, "containerPort": 90, "protocol": "udp", "hostIP": "127.0.0.1"},
                    {"hostPort": 91, "containerPort": 91, "protocol": "udp", "hostIP": "127.0.0.1"}]'
        link=$(jq -r '.interfaces[1].name' <<<"$RESULT")
        attach c2
        run show "$NETWORK"
        assert_success
        assert_equal "${lines[0]}" "network $NETWORK"
        assert_output_contains "bridge br-test up 10.77.0.1/24 fd77::1/64"
        assert_output_matches "c1 +eth0 +$link +$HOST_NETNS-c1 +10.77.0.2 fd77::2 +masquerade forward .*8080->80/tcp.*127.0.0.1:90-91->90-91/udp"
        assert_output_matches "c2 +eth0 +veth[0-9a-v]+ +$HOST_NETNS-c2 +10.77.0.3 fd77::3 +masquerade forward"
        assert_output_contains "lease 10.77.0.2: c1 eth0"
        run show --json
        assert_success
        network=$(jq -c --arg name "$NETWORK" '.networks[] | select(.name == $name)' <<<"$output")
        assert_equal "$(jq -c '.links | .[].addresses |= map(select(startswith("fe80:") | not))' <<<"$network")" \
                '[{"name":"br-test","kind":"bridge","up":true,"addresses":["10.77.0.1/24","fd77::1/64"]}]'
        assert_equal "$(jq -r '.attachments[] | select(.containerID == "c1") | .hostLink, .netns' <<<"$network")" \
                "$link"$'\n'"/run/netns/$HOST_NETNS-c1"
        assert_equal "$(jq -c '.attachments[] | select(.containerID == "c1") | .ports[] | select(.protocol == "udp")' <<<"$network")" \
                '{"protocol":"udp","hostIP":"127.0.0.1","hostPort":90,"lastHostPort":91,"address":"10.77.0.2","containerPort":90}'
        assert_equal "$(jq '.leases | length' <<<"$network")" 4
        assert_equal "$(jq -c .notes <<<"$output")" '[]'
}

@test "show tells what is left when a container's namespace is gone, and garbage among the leases" {
        attach c1
        ip netns del "$HOST_NETNS-c1"
        wait_while in_host bash -c "ip -o link show master br-test | grep -q ."
        mkdir -p "$LEASES/$NETWORK"
        echo >"$LEASES/$NETWORK/10.77.0.99"
        run show "$NETWORK"
        assert_success
        assert_output_matches "c1 +eth0 +- +- +10.77.0.2"
        assert_output_contains "lease 10.77.0.99: garbage"
        run show nothing-of-the-kind
        assert_clear_error "nothing-of-the-kind" "netplug show"
        run show a b
        assert_failure
}

@test "show opens each namespace once, however many attachments there are" {
        require_program strace
        attach c1
        attach c2
        run in_host strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=openat "$NETPLUG" show --leases "$LEASES" "$NETWORK"
        assert_success
        assert_output_matches "c2 +eth0 +veth[0-9a-v]+ +$HOST_NETNS-c2 "
        assert_equal "$(grep -c "\"$HOST_NETNS-c[12]\"" "$BATS_TEST_TMPDIR/trace")" 2
}

@test "show finds the leases also where the filesystem does not tell what is a directory" {
        require_program strace
        attach c1
        # The list that the kernel gives, with types of 0: an inode, an offset, the size, the type, the name.
        untold=
        for name in . .. "$NETWORK"; do
                size=$(((19 + ${#name} + 8) / 8 * 8))
                untold+=$(printf '01%.0s' $(seq 16))$(printf '%02x0000' $size)$(printf %s "$name" | od -An -v -tx1 | tr -d ' \n')
                untold+=$(printf '00%.0s' $(seq $((size - 19 - ${#name}))))
        done
        run in_host strace -qq -o /dev/null -e trace=getdents64 -e inject=getdents64:poke_exit=@arg2="$untold":when=1 \
                "$NETPLUG" show --leases "$LEASES" "$NETWORK"
        assert_success
        assert_output_contains "lease 10.77.0.2: c1 eth0"
}

@test "show works for a user without rights, as far as they go" {
        LEASES=$(mktemp -d)
        chmod 755 "$LEASES"
        attach c1
        run in_host setpriv --reuid=65534 --regid=65534 --clear-groups "$NETPLUG" show --leases "$LEASES" "$NETWORK"
        rm -r "$LEASES"
        assert_success
        assert_output_contains "rules are not shown" "bridge br-test up" "lease 10.77.0.2: c1 eth0"
}

@test "netplug run alone explains itself, with every plugin in one line" {
        run "$NETPLUG"
        assert_success
        for plugin in "$CNI_PLUGINS"/*; do
                assert_output_matches "  ${plugin##*/} +[a-zA-Z]"
        done
        assert_output_contains "ip netns add demo" "netplug show demo" "CNI_COMMAND=DEL"
        run "$NETPLUG" show --help
        assert_success
        assert_output_contains "--json" "--leases"
        run "$NETPLUG" shew
        assert_clear_error "shew" "--help"
}
