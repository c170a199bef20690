# Faults that other plugins had, by name.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
}

teardown() {
        cni_teardown
}

@test "CVE-2019-9946: a published port does not go before rules that others made for the same port" {
        # A chain that was there first: of two at one priority the kernel asks the later one first.
        in_host nft "add table ip early; add chain ip early nat { type nat hook prerouting priority dstnat; }"
        attach c1 '[{"hostPort": 8080, "containerPort": 80}]'
        make_container c2
        CHAIN=$CNI_PLUGINS/bridge attach c2
        spawn nsenter --net="/run/netns/$HOST_NETNS-c1" -- socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo published'
        SERVERS+=("$SPAWNED")
        spawn nsenter --net="/run/netns/$HOST_NETNS-c2" -- socat TCP-LISTEN:81,fork,reuseaddr SYSTEM:'echo service'
        SERVERS+=("$SPAWNED")
        wait_until in_container c1 bash -c "exec 5<>/dev/tcp/127.0.0.1/80"
        wait_until in_container c2 bash -c "exec 5<>/dev/tcp/127.0.0.1/81"
        run in_outside socat -T 2 - TCP:$HOST_ADDRESS:8080
        assert_output published
        # As kube-proxy: a chain of its own at the usual priority, later than ours.
        in_host iptables -t nat -N KUBE-SERVICES
        in_host iptables -t nat -A PREROUTING -j KUBE-SERVICES
        in_host iptables -t nat -A OUTPUT -j KUBE-SERVICES
        in_host iptables -t nat -A KUBE-SERVICES -d $HOST_ADDRESS -p tcp --dport 8080 -j DNAT --to-destination 10.77.0.3:81
        run in_outside socat -T 2 - TCP:$HOST_ADDRESS:8080
        assert_output service
        in_host iptables -t nat -F KUBE-SERVICES
        in_host nft add rule ip early nat ip daddr $HOST_ADDRESS tcp dport 8080 dnat to 10.77.0.3:81
        run in_outside socat -T 2 - TCP:$HOST_ADDRESS:8080
        assert_output service
        in_host nft flush chain ip early nat
        # The same in nft, and with a chain that is newer.
        in_host nft "add table ip kube; add chain ip kube nat { type nat hook prerouting priority dstnat; }"
        in_host nft add rule ip kube nat ip daddr $HOST_ADDRESS tcp dport 8080 dnat to 10.77.0.3:81
        run in_outside socat -T 2 - TCP:$HOST_ADDRESS:8080
        assert_output service
}

@test "CVE-2025-67499: a published port takes nothing that is not for this host" {
        attach c1 '[{"hostPort": 8053, "containerPort": 53, "protocol": "udp"}, {"hostPort": 8080, "containerPort": 80}]'
        make_container c2
        CHAIN=$CNI_PLUGINS/bridge attach c2
        serve c1 80
        serve_outside 8080
        # From another container and from the host itself to somebody else's port of the same number ...
        run in_container c2 $FETCH http://$OUTSIDE_ADDRESS:8080/
        assert_output_contains "you are $HOST_ADDRESS"
        run in_host $FETCH http://$OUTSIDE_ADDRESS:8080/
        assert_output_contains "you are $HOST_ADDRESS"
        # ... and through this host, from outside to a container that listens there.
        serve c2 8080
        in_outside ip route add 10.77.0.0/24 via $HOST_ADDRESS
        run in_outside $FETCH http://10.77.0.3:8080/
        assert_success
        in_outside ip -6 route add fd77::/64 via $HOST_ADDRESS6
        run in_outside $FETCH "http://[fd77::3]:8080/"
        assert_success
        stop_outside
}
