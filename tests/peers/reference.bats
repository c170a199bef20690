#!/usr/bin/env bats
# Lists of every option that the documentation of the reference plugins names, given to the reference
# plugins and to ours: results, links, addresses and routes are the same.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/network
load ../helpers/cni

THEIRS=/usr/lib/cni

setup() {
        [ -x "$THEIRS/bridge" ] || skip "containernetworking-plugins is not installed"
        cni_setup
        EMPTY=$(host_state)
        RESULT=null
}

teardown() {
        [ -n "${HOST_NETNS:-}" ] || return 0
        cni_teardown
}

# chain COMMAND DIRECTORY LIST: what a runtime does with a list; the last result is in RESULT.
chain() {
        local i order conf answer

        order=$(jq -r '.plugins | keys[]' <<<"$3")
        [ "$1" = ADD ] && RESULT=null
        [ "$1" != DEL ] || order=$(tac <<<"$order")
        for i in $order; do
                conf=$(jq -c --argjson i "$i" --argjson result "$RESULT" --argjson runtime "${RUNTIME:-null}" '
                        . as $list | .plugins[$i] | .cniVersion = $list.cniVersion | .name = $list.name |
                        (.capabilities // {}) as $can |
                        if $runtime then .runtimeConfig = ($runtime | with_entries(select($can[.key]))) else . end |
                        if $result then .prevResult = $result else . end' <<<"$3")
                answer=$(CNI_DIRECTORIES=$2 cni "$1" "$2/$(jq -r .type <<<"$conf")" c1 "$conf") ||
                        assert_fail "$2: $1 $(jq -r .type <<<"$conf"): $answer" || return 1
                [ "$1" != ADD ] || RESULT=$answer
        done
}

# What is not chance: no hardware addresses, no made-up names, no link-local addresses.
plain() {
        sed -E 's/\b(veth|bwp|q)[0-9a-v]{8,}\b/HOST/g; s/@[a-z0-9]+//; s/ fe80::[0-9a-f:]+\/64//; s/ metric [0-9]+//; s/ scope (link|host)//; s/ (linkdown|pref medium)//g; s/ +/ /g; s/ $//'
}

# What the plugins made of it.
state() {
        jq -S 'del(.interfaces[]?.mac, .interfaces[]?.mtu)' <<<"$RESULT" | plain
        ip -n "$HOST_NETNS-c1" -br address show scope global | plain
        ip -n "$HOST_NETNS-c1" -o link show eth0 | grep -oE 'PROMISC|ALLMULTI| mtu [0-9]+'
        ip -n "$HOST_NETNS-c1" -4 route | plain
        ip -n "$HOST_NETNS-c1" -6 route | grep -v fe80 | plain
        in_host ip -br -4 address | grep -v uplink0 | plain
        in_host ip -4 route | plain
}

# same LIST: both make the same of it, and take it back; ours passes CHECK.
same() {
        local list theirs

        list=$(jq -c --arg name "$NETWORK" --arg leases "$LEASES" '.name = $name |
                .plugins |= map(if .ipam.type == "host-local" then .ipam.dataDir = $leases else . end)' <<<"$1")
        for directory in "$THEIRS" "$CNI_PLUGINS"; do
                rm -rf "$LEASES"
                make_container c1
                chain ADD "$directory" "$list" || return 1
                if [ "$directory" = "$THEIRS" ]; then
                        theirs=$(state)
                else
                        assert_equal "$(state)" "$theirs" || return 1
                        chain CHECK "$directory" "$list" || return 1
                fi
                chain DEL "$directory" "$list" || return 1
                ip netns del "$HOST_NETNS-c1"
                in_host ip link del br-test 2>/dev/null || true
                # The chains of the reference plugins stay when they are empty.
                [ "$directory" != "$THEIRS" ] || in_host nft flush ruleset
        done
        assert_nothing_left "$EMPTY"
}

@test "bridge: a gateway, masquerade, an address of a range, routes" {
        same '{"cniVersion": "1.0.0", "plugins": [{"type": "bridge", "bridge": "br-test", "isGateway": true,
                "isDefaultGateway": true, "forceAddress": false, "ipMasq": true, "hairpinMode": true,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.77.0.0/24", "rangeStart": "10.77.0.20",
                        "rangeEnd": "10.77.0.50", "gateway": "10.77.0.254"}]],
                        "routes": [{"dst": "192.0.2.0/24", "gw": "10.77.0.5"}]}}]}'
}

@test "bridge: two families, MTU, DNS, promiscuous" {
        same '{"cniVersion": "0.4.0", "plugins": [{"type": "bridge", "bridge": "br-test", "isGateway": true,
                "promiscMode": true, "mtu": 1400, "dns": {"nameservers": ["192.0.2.1"], "domain": "example.org",
                        "search": ["a.example.org", "b.example.org"], "options": ["ndots:2"]},
                "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.77.0.0/24"}],
                        [{"subnet": "fd77::/64", "rangeStart": "fd77::10", "rangeEnd": "fd77::20"}]],
                        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}'
}

@test "bridge without ipam" {
        same '{"cniVersion": "1.0.0", "plugins": [{"type": "bridge", "bridge": "br-test"}]}'
}

@test "bridge: an address that was asked for by CNI_ARGS and by runtimeConfig" {
        list='{"cniVersion": "1.0.0", "plugins": [{"type": "bridge", "bridge": "br-test", "isGateway": true,
                "capabilities": {"ips": true, "mac": true, "ipRanges": true},
                "ipam": {"type": "host-local", "subnet": "10.77.0.0/24", "rangeStart": "10.77.0.9", "rangeEnd": "10.77.0.99"}}]}'
        CNI_ARGS='IgnoreUnknown=1;IP=10.77.0.77' same "$list"
        RUNTIME='{"mac": "02:00:00:00:00:07"}' same "$list"
}

# Version 1.1 of the reference bridge drops the DNS of its IPAM plugin; later ones pass it on, as ours does.
@test "static: addresses and routes" {
        same '{"cniVersion": "1.0.0", "plugins": [{"type": "bridge", "bridge": "br-test",
                "ipam": {"type": "static", "addresses": [{"address": "10.77.0.7/24", "gateway": "10.77.0.254"},
                        {"address": "fd77::7/64", "gateway": "fd77::1"}],
                        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.0.2.0/24", "gw": "10.77.0.5"}]}}]}'
}

@test "ptp: two families, MTU, masquerade, DNS" {
        same '{"cniVersion": "1.0.0", "plugins": [{"type": "ptp", "ipMasq": true, "mtu": 1400,
                "dns": {"nameservers": ["192.0.2.1"]},
                "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd77::/64"}]],
                        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}'
}

@test "macvlan: its modes, MTU, with and without addresses" {
        for mode in bridge private vepa passthru; do
                same "$(jq -n --arg mode $mode '{cniVersion: "1.0.0", plugins: [{type: "macvlan", master: "uplink0",
                        mode: $mode, mtu: 1300, ipam: {type: "host-local", subnet: "10.77.0.0/24",
                        routes: [{dst: "192.0.2.0/24"}]}}]}')"
        done
        same '{"cniVersion": "1.0.0", "plugins": [{"type": "macvlan", "master": "uplink0"}]}'
}

@test "host-device: by name and by hardware address" {
        in_host ip link add dev0 address 02:00:00:00:00:aa type veth peer name dev1
        EMPTY=$(host_state)
        for by in '{"device": "dev0"}' '{"hwaddr": "02:00:00:00:00:aa"}'; do
                same "$(jq -n --argjson by "$by" '{cniVersion: "1.0.0", plugins: [$by + {type: "host-device",
                        ipam: {type: "host-local", subnet: "10.77.0.0/24"}}]}')"
        done
}

@test "a chain of bridge, portmap, firewall, bandwidth and tuning" {
        RUNTIME='{"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
                {"hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "198.51.100.1"}],
                "bandwidth": {"ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 4000000, "egressBurst": 400000}}' \
                same '{"cniVersion": "1.0.0", "plugins": [
                {"type": "bridge", "bridge": "br-test", "isGateway": true, "ipMasq": true,
                        "ipam": {"type": "host-local", "subnet": "10.77.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
                {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true, "markMasqBit": 13,
                        "conditionsV4": ["-s", "198.51.100.0/24"]},
                {"type": "firewall", "backend": "iptables", "ingressPolicy": "same-bridge"},
                {"type": "bandwidth", "capabilities": {"bandwidth": true}},
                {"type": "tuning", "sysctl": {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"},
                        "mtu": 1400, "promisc": true, "allmulti": true}]}'
}
