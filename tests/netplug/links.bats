# ptp, macvlan and host-device: other links than a bridge's; static: other addresses than host-local's.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        BEFORE=$(host_state)
}

teardown() {
        cni_teardown
}

# conf_with TYPE [JQ EXPRESSION]: a configuration with both address families by host-local.
conf_with() {
        jq -cn --arg version "$CNI_VERSION" --arg name "$NETWORK" --arg type "$1" --arg leases "$LEASES" '{
                cniVersion: $version, name: $name, type: $type,
                ipam: {type: "host-local", dataDir: $leases, routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}],
                       ranges: [[{subnet: "10.78.0.0/24"}], [{subnet: "fd78::/64"}]]}
        }' | jq -c "${2:-.}"
}

# with_previous CONF RESULT
with_previous() {
        jq -c --argjson previous "$2" '.prevResult = $previous' <<<"$1"
}

static_conf() {
        conf_with bridge ".bridge = \"br-test\" | .ipam = {type: \"static\"} | ${1:-.}"
}

@test "ptp links the container with the host alone, on both families" {
        conf=$(conf_with ptp '.ipMasq = true | .mtu = 1400')
        run cni ADD ptp c1 "$conf"
        assert_success
        result=$output
        assert_equal "$(jq -c '[.interfaces[] | has("sandbox")]' <<<"$result")" '[false,true]'
        assert_equal "$(jq -c '[.ips[].interface]' <<<"$result")" '[1,1]'
        run in_container c1 ip route
        assert_output_contains "default via 10.78.0.1" "10.78.0.0/24 via 10.78.0.1" "10.78.0.1 dev eth0"
        run in_container c1 ip -o link show eth0
        assert_output_contains "mtu 1400"
        in_container c1 ping -c 1 -W 2 10.78.0.1
        in_container c1 ping -c 1 -W 2 fd78::1
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS6
        in_host ping -c 1 -W 2 10.78.0.2
        assert_equal "$(in_host sysctl -n "net.ipv6.conf.$(jq -r '.interfaces[0].name' <<<"$result").accept_ra")" 0
        run cni CHECK ptp c1 "$(with_previous "$conf" "$result")"
        assert_success
        in_container c1 ip route del default
        run cni CHECK ptp c1 "$(with_previous "$conf" "$result")"
        assert_cni_error 100 "0.0.0.0/0"
        cni DEL ptp c1 "$conf"
        cni DEL ptp c1 "$conf"
        assert_nothing_left "$BEFORE"
}

@test "two containers behind ptp reach each other through the host" {
        make_container c2
        for name in c1 c2; do
                cni ADD ptp $name "$(conf_with ptp)"
        done
        in_container c1 ping -c 1 -W 2 10.78.0.3
        in_container c1 ping -c 1 -W 2 fd78::3
        run cni GC ptp c1 "$(conf_with ptp '.["cni.dev/valid-attachments"] = []')"
        assert_success
        assert_nothing_left "$BEFORE"
}

@test "ptp switches IPv6 off at the host's end of a pair that has no address of it" {
        conf=$(conf_with ptp '.ipMasq = true | .ipam.ranges |= .[:1] | .ipam.routes |= .[:1]')
        host_end=$(cni ADD ptp c1 "$conf" | jq -r '.interfaces[0].name')
        assert_equal "$(in_host sysctl -n "net.ipv6.conf.$host_end.disable_ipv6")" 1
        assert_equal "$(in_host ip -6 addr show "$host_end")" ""
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        cni DEL ptp c1 "$conf"
        assert_nothing_left "$BEFORE"
}

@test "ptp without addresses is refused, and so is a backend for rules that is none" {
        run cni ADD ptp c1 "$(conf_with ptp '.ipMasqBackend = "ipchains"')"
        assert_cni_error 7 "ipMasqBackend" "ipchains"
        run cni ADD ptp c1 "$(conf_with ptp 'del(.ipam)')"
        assert_cni_error 7 "ipam.type"
}

@test "ptp takes routes by neighbours that are no gateway, as the reference plugin does" {
        conf=$(conf_with ptp '.ipam.routes += [{dst: "10.44.0.0/16", gw: "10.78.0.9"}, {dst: "fd44::/64", gw: "fd78::9"}]')
        run cni ADD ptp c1 "$conf"
        assert_success
        result=$output
        in_container c1 ip route | grep -q '^10.44.0.0/16 via 10.78.0.9 '
        in_container c1 ip -6 route | grep -q '^fd44::/64 via fd78::9 '
        run cni CHECK ptp c1 "$(with_previous "$conf" "$result")"
        assert_success
        cni DEL ptp c1 "$conf"
        assert_nothing_left "$BEFORE"
}

@test "ptp: DEL succeeds when the namespace is gone" {
        cni ADD ptp c1 "$(conf_with ptp)"
        ip netns del "$HOST_NETNS-c1"
        cni DEL ptp c1 "$(conf_with ptp)"
        assert_nothing_left "$BEFORE"
}

@test "macvlan gives the container a link of its own on the host's" {
        in_host ip link show uplink0
        conf=$(conf_with macvlan '.master = "uplink0" | .mtu = 1400 | .mac = "02:00:00:00:00:aa" |
                .ipam.ranges = [[{subnet: "198.51.100.0/24", rangeStart: "198.51.100.10", gateway: "198.51.100.2"}]] |
                .ipam.routes = [{dst: "0.0.0.0/0"}] | .bcqueuelen = 2345')
        run cni ADD macvlan c1 "$conf"
        assert_success
        result=$output
        assert_equal "$(jq -c '.interfaces' <<<"$result")" \
                "[{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:aa\",\"mtu\":1400,\"sandbox\":\"/run/netns/$HOST_NETNS-c1\"}]"
        in_container c1 ping -c 1 -W 2 $OUTSIDE_ADDRESS
        run in_container c1 ip -d -o link show eth0
        assert_output_contains "bcqueuelen 2345 "
        run cni CHECK macvlan c1 "$(with_previous "$conf" "$result")"
        assert_success
        run cni CHECK macvlan c1 "$(with_previous "$conf" "$result" | jq -c '.mode = "private"')"
        assert_cni_error 100 "mode"
        cni DEL macvlan c1 "$conf"
        run in_container c1 ip -o link
        refute_output_contains eth0
        cni DEL macvlan c1 "$conf"
        assert_nothing_left "$BEFORE"
}

@test "macvlan finds the default route's link, needs no addresses, and works within the container" {
        run cni ADD macvlan c1 "$(conf_with macvlan 'del(.ipam) | .mode = "private"')"
        assert_success
        run in_container c1 ip -d -o link show eth0
        assert_output_contains "macvlan mode private" "UP"
        IFNAME=inner run cni ADD macvlan c1 "$(conf_with macvlan 'del(.ipam) | .linkInContainer = true | .master = "eth0"')"
        assert_success
        in_container c1 ip -o link show inner
}

@test "macvlan takes the first of several links that the default route goes by" {
        in_host ip link add dev0 type veth peer name dev1
        in_host ip address add 203.0.113.1/24 dev dev0
        in_host ip link set dev0 up
        in_host ip route replace default nexthop via $OUTSIDE_ADDRESS nexthop via 203.0.113.2 dev dev0
        in_host ip -6 route delete default
        run cni ADD macvlan c1 "$(conf_with macvlan 'del(.ipam)')"
        assert_success
        run in_container c1 ip -o link show eth0
        assert_output_contains "eth0@if$(in_host ip -o link show uplink0 | cut -d: -f1):"
}

@test "macvlan and host-device: an IPv6 address is known to be free when ADD is done, or ADD fails" {
        in_host ip link add dev0 type veth peer name dev1
        in_host ip link set dev1 up
        before=$(host_state)
        for conf in "$(conf_with macvlan '.master = "uplink0"')" "$(conf_with host-device '.device = "dev0"')"; do
                type=$(jq -r .type <<<"$conf")
                rm -rf "$LEASES"
                run cni ADD "$type" c1 "$conf"
                assert_success
                run in_container c1 ip -o -6 address show dev eth0
                assert_output_contains "fd78::2/64" "fe80::"
                refute_output_contains tentative dadfailed
                cni DEL "$type" c1 "$conf"
                # Somebody has the next address already.
                in_outside ip address add fd78::3/64 dev uplink1 nodad
                in_host ip address add fd78::3/64 dev dev1 nodad
                run cni ADD "$type" c1 "$conf"
                assert_cni_error 100 "another host of the network has an IPv6 address"
                run in_container c1 ip -o link show eth0
                assert_failure
                run find "$LEASES" -name '10.*' -o -name 'fd78*'
                assert_output ""
                in_outside ip address del fd78::3/64 dev uplink1
                in_host ip address del fd78::3/64 dev dev1
                assert_equal "$(host_state)" "$before"
        done
}

@test "macvlan refuses what cannot be" {
        run cni ADD macvlan c1 "$(conf_with macvlan '.mode = "round"')"
        assert_cni_error 7 "mode" "round"
        run cni ADD macvlan c1 "$(conf_with macvlan '.master = "nothing0"')"
        assert_cni_error 100 "master" "nothing0"
        run cni ADD macvlan c1 "$(conf_with macvlan '.mtu = 9000')"
        assert_cni_error 7 "mtu" "1500"
        run cni ADD macvlan c1 "$(conf_with macvlan '.mac = "x"')"
        assert_cni_error 7 "mac"
        run cni ADD macvlan c1 "$(conf_with macvlan '.bcqueuelen = -1')"
        assert_cni_error 7 "bcqueuelen"
        assert_nothing_left "$BEFORE"
}

@test "host-device moves a link in, and back under its old name" {
        in_host ip link add dev0 type veth peer name dev1
        before=$(host_state)
        conf=$(conf_with host-device '.device = "dev0"')
        run cni ADD host-device c1 "$conf"
        assert_success
        result=$output
        run in_host ip link show dev0
        assert_failure
        run in_container c1 ip -o address show eth0
        assert_output_contains "10.78.0.2/24" "fd78::2/64"
        run cni CHECK host-device c1 "$(with_previous "$conf" "$result")"
        assert_success
        cni DEL host-device c1 "$conf"
        run in_container c1 ip -o link
        refute_output_contains eth0
        in_host ip link show dev0
        cni DEL host-device c1 "$conf"
        assert_equal "$(host_state)" "$before"
}

@test "host-device leaves the link in the container while the host has another of its name" {
        in_host ip link add dev0 type veth peer name dev1
        conf=$(conf_with host-device '.device = "dev0"')
        cni ADD host-device c1 "$conf"
        in_host ip link add dev0 type veth peer name dev2
        run cni DEL host-device c1 "$conf"
        assert_cni_error 100 "dev0" "rename or remove"
        in_container c1 ip link show up dev eth0 | grep -q eth0
        in_host ip link delete dev0
        cni DEL host-device c1 "$conf"
        in_host ip link show dev0
        run in_host ip link show eth0
        assert_failure
}

@test "host-device finds the link by its hardware address or its path, and says what it cannot find" {
        in_host ip link add dev0 address 02:00:00:00:00:bb type veth peer name dev1
        conf=$(conf_with host-device 'del(.ipam) | .hwaddr = "02:00:00:00:00:BB"')
        run cni ADD host-device c1 "$conf"
        assert_success
        cni DEL host-device c1 "$conf"
        in_host ip link show dev0
        run cni ADD host-device c1 "$(jq -c '.hwaddr = "02-00-00-00-00-bb"' <<<"$conf")"
        assert_success
        cni DEL host-device c1 "$conf"
        for hwaddr in 02:00:00:00:00 02:00:00:00:00:bb:cc dev0 01:00:00:00:00:bb; do
                run cni ADD host-device c1 "$(jq -c --arg hwaddr $hwaddr '.hwaddr = $hwaddr' <<<"$conf")"
                assert_cni_error 7 "hwaddr" "'$hwaddr'" "not a hardware address"
        done
        run cni ADD host-device c1 "$(conf_with host-device '.hwaddr = "02:00:00:00:00:cc"')"
        assert_cni_error 100 "02:00:00:00:00:cc"
        run cni ADD host-device c1 "$(conf_with host-device '.kernelpath = "/sys/devices/../../etc"')"
        assert_cni_error 7 "/sys/devices/"
        run cni ADD host-device c1 "$(conf_with host-device '.pciBusID = "../0"')"
        assert_cni_error 7 "pciBusID"
        run cni ADD host-device c1 "$(conf_with host-device '.runtimeConfig.deviceID = "0000:99:99.9"')"
        assert_cni_error 100 "0000:99:99.9"
        run cni ADD host-device c1 "$(conf_with host-device)"
        assert_cni_error 7 "device, hwaddr, kernelpath and pciBusID"
        run find "$BATS_TEST_TMPDIR" -name '10.*'
        assert_output ""
}

# cni_on_bus ARGUMENTS OF cni: with devices of our own on the buses, as sysfs shows devices.
cni_on_bus() {
        CNI_PLUGINS=$CNI_PLUGINS unshare --mount bash -euc "$(declare -f in_host cni)"'
                mount -t tmpfs tmpfs /sys/bus
                mkdir -p /sys/bus/pci/drivers/{vfio-pci,e1000} /sys/bus/pci/devices/0000:0{1,2}:00.0 \
                        /sys/bus/auxiliary/devices/part.sf.1/net/dev1 /sys/bus/pci/devices/0000:02:00.0/net/dev0
                ln -s ../../drivers/vfio-pci /sys/bus/pci/devices/0000:01:00.0/driver
                ln -s ../../drivers/e1000 /sys/bus/pci/devices/0000:02:00.0/driver
                cni "$@"' bash "$@"
}

@test "host-device finds the link of a PCI device, and of a device on the auxiliary bus" {
        in_host ip link add dev0 type veth peer name dev1
        before=$(host_state)
        for id in 0000:02:00.0 part.sf.1; do
                conf=$(conf_with host-device ".pciBusID = \"0000:09:00.0\" | .runtimeConfig.deviceID = \"$id\"")
                run cni_on_bus ADD host-device c1 "$conf"
                assert_success
                in_container c1 ip -o link show eth0
                run cni_on_bus CHECK host-device c1 "$(with_previous "$conf" "$output")"
                assert_success
                run cni_on_bus DEL host-device c1 "$conf"
                assert_success
                assert_equal "$(host_state)" "$before"
        done
}

@test "host-device: a device that is a program's (DPDK) has addresses, but no link" {
        for conf in "$(conf_with host-device '.pciBusID = "0000:01:00.0"')" \
                "$(conf_with host-device '.pciBusID = "0000:01:00.0" | del(.ipam)')"; do
                run cni_on_bus ADD host-device c1 "$conf"
                assert_success
                result=$output
                assert_equal "$(jq -c '[.interfaces, [.ips[]?.address]]' <<<"$result")" \
                        "$(jq -c 'if .ipam then [null, ["10.78.0.2/24", "fd78::2/64"]] else [null, []] end' <<<"$conf")"
                run in_container c1 ip -o link
                refute_output_contains eth0
                run cni_on_bus CHECK host-device c1 "$(with_previous "$conf" "$result")"
                assert_success
                run cni_on_bus DEL host-device c1 "$conf"
                assert_success
                run find "$LEASES" -name '10.*'
                assert_output ""
        done
        assert_nothing_left "$BEFORE"
}

@test "static gives the configured addresses, routes and DNS" {
        conf=$(static_conf '.ipam.addresses = [{address: "10.79.0.5/24", gateway: "10.79.0.1"}, {address: "fd79::5/64"}] |
                .ipam.routes = [{dst: "10.80.0.0/16"}] | .ipam.dns = {nameservers: ["10.79.0.1"]}')
        run cni ADD bridge c1 "$conf"
        assert_success
        result=$output
        assert_equal "$(jq -c '[.ips[] | .address, .gateway]' <<<"$result")" \
                '["10.79.0.5/24","10.79.0.1","fd79::5/64",null]'
        assert_equal "$(jq -c .dns <<<"$result")" '{"nameservers":["10.79.0.1"]}'
        run in_container c1 ip route
        assert_output_contains "10.80.0.0/16 via 10.79.0.1"
        run cni CHECK bridge c1 "$(with_previous "$conf" "$result")"
        assert_success
        cni DEL bridge c1 "$conf"
        assert_nothing_left "$BEFORE"
}

@test "static takes addresses from CNI_ARGS and from the runtime" {
        CNI_ARGS="IgnoreUnknown=1;IP=10.79.0.7/24,fd79::7/64;GATEWAY=10.79.0.1" run cni ADD bridge c1 "$(static_conf)"
        assert_success
        assert_equal "$(jq -c '[.ips[] | .address, .gateway]' <<<"$output")" \
                '["10.79.0.7/24","10.79.0.1","fd79::7/64",null]'
        cni DEL bridge c1 "$(static_conf)"
        # Blanks around the items are none of theirs; an item of blanks alone is no address.
        CNI_ARGS=$'IP= 10.79.0.7/24 ,\tfd79::7/64;GATEWAY=10.79.0.1, fd79::1 ' run cni ADD bridge c1 "$(static_conf)"
        assert_success
        assert_equal "$(jq -c '[.ips[] | .address, .gateway]' <<<"$output")" \
                '["10.79.0.7/24","10.79.0.1","fd79::7/64","fd79::1"]'
        cni DEL bridge c1 "$(static_conf)"
        CNI_ARGS="IP=10.79.0.7/24,  " run cni ADD bridge c1 "$(static_conf)"
        assert_cni_error 4 "'' is not an address"
        run cni ADD bridge c1 "$(static_conf '.ipam.addresses = [{address: "10.79.0.5/24"}] |
                .args.cni.ips = ["10.79.0.8/24"] | .runtimeConfig.ips = ["10.79.0.9/24"]')"
        assert_success
        assert_equal "$(jq -c '[.ips[].address]' <<<"$output")" '["10.79.0.9/24"]'
        cni DEL bridge c1 "$(static_conf)"
        run cni ADD bridge c1 "$(static_conf '.ipam.addresses = [{address: "10.79.0.5"}]')"
        assert_cni_error 7 "10.79.0.5" "prefix length"
        run cni ADD bridge c1 "$(static_conf '.ipam.addresses = [{address: "10.79.0.5/24", gateway: "fd79::1"}]')"
        assert_cni_error 7 "ipam.addresses[0].gateway" "fd79::1" "10.79.0.5/24"
        run cni ADD bridge c1 "$(static_conf)"
        assert_cni_error 100 "no address"
        assert_nothing_left "$BEFORE"
}
