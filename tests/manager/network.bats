#!/usr/bin/env bats
# mymgr network, and containers on networks. What the plugins themselves do is tested in tests/netplug.

load ../helpers/common
load ../helpers/network
load ../helpers/manager

setup_file() {
        require_root
        leaks_begin
        manager_begin
        load_busybox
}

teardown_file() {
        manager_end
}

teardown() {
        remove_all_containers
}

ask() {
        in_host curl --silent --show-error --max-time 5 "http://$1/"
}

# web NAME OPTION...: a web server that tells its host name.
web() {
        mymgr run -d --name "$1" "${@:2}" busybox sh -c 'mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
}

subnet_of() {
        mymgr network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$1"
}

@test "the default network gives an address, a gateway and a way out" {
        mymgr run -d --name one busybox sleep 1000
        run mymgr inspect -f '{{.NetworkSettings.Gateway}} {{.HostConfig.NetworkMode}}' one
        assert_output "10.88.0.1 bridge"
        mymgr exec one ping -c 1 -W 5 10.88.0.1
        mymgr exec one ping -c 1 -W 5 "$OUTSIDE_ADDRESS"
}

@test "ip netns shows the container's namespace by its name, and works there" {
        mymgr run -d --name seen busybox sleep 1000
        ip netns list | grep -qw seen
        run ip netns exec seen ip -4 -o addr show eth0
        assert_output_contains "$(container_address seen)/"
        mymgr rm -f seen
        run ip netns list
        refute_output_contains seen
}

@test "where the name is taken, the namespace has the container's id" {
        taken=$(token)-taken
        ip netns add "$taken"
        id=$(mymgr run -d --name "$taken" busybox sleep 1000)
        ip netns list | grep -qw "$id"
        mymgr rm -f "$taken"
        ip netns list | grep -qw "$taken"
        ip netns del "$taken"
}

@test "a published port answers by 127.0.0.1, by the host's and the bridge's address, and from outside" {
        web site -p 8080:80 -h site
        wait_until ask 127.0.0.1:8080
        assert_equal "$(ask 127.0.0.1:8080)" site
        assert_equal "$(ask "$HOST_ADDRESS:8080")" site
        assert_equal "$(ask 10.88.0.1:8080)" site
        assert_equal "$(in_outside curl -s --max-time 5 "http://$HOST_ADDRESS:8080/")" site
        assert_equal "$(mymgr port site 80)" 0.0.0.0:8080
}

@test "a taken port is refused by name, and frees with its holder" {
        web holder -p 8081:80
        run mymgr run -d --name late -p 8081:80 busybox sleep 1000
        assert_failure 125
        assert_clear_error 8081 "already allocated"
        mymgr rm -f holder
        mymgr start late
}

@test "without a host port a free one is chosen" {
        web any -p 80
        port=$(mymgr port any 80 | cut -d: -f2)
        [ "$port" -gt 1024 ]
        wait_until ask "127.0.0.1:$port"
}

@test "network create, ls, inspect and rm" {
        mymgr network create --driver bridge --subnet 10.99.0.0/24 --gateway 10.99.0.9 mine
        run mymgr network ls
        assert_output_contains mine 10.99.0.0/24 bridge host none
        assert_equal "$(subnet_of mine)" 10.99.0.0/24
        mymgr run -d --name in-mine --network mine busybox sleep 1000
        [[ "$(container_address in-mine mine)" == 10.99.0.* ]]
        run mymgr network rm mine
        assert_clear_error "active endpoints" in-mine
        mymgr rm -f in-mine
        mymgr network rm mine
        run in_host ip -o link
        refute_output_contains br-
}

@test "a subnet that overlaps another or a route of the host is refused, and chosen ones do not" {
        mymgr network create --subnet 10.98.0.0/16 first
        run mymgr network create --subnet 10.98.3.0/24 second
        assert_clear_error 10.98.0.0/16 overlaps
        run mymgr network create --subnet 198.51.100.0/25 third
        assert_clear_error 198.51.100.0/24
        mymgr network create fourth
        mymgr network create fifth
        [ "$(subnet_of fourth)" != "$(subnet_of fifth)" ]
        run mymgr network create --subnet nonsense sixth
        assert_clear_error nonsense
        run mymgr network create first
        assert_clear_error "already exists"
        mymgr network rm first fourth fifth
}

@test "a container on two networks has two addresses" {
        mymgr network create net-a
        mymgr network create net-b
        mymgr run -d --name both --network net-a --network net-b busybox sleep 1000
        run mymgr exec both ip -o -4 addr
        assert_output_contains eth0 eth1
        mymgr rm -f both
        mymgr network rm net-a net-b
}

@test "--network none has a loopback alone, host has the host's links" {
        run mymgr run --rm --network none busybox ip -o link
        assert_output_contains "lo:" "LOOPBACK,UP"
        refute_output_contains eth0
        run mymgr run --rm --network host busybox ip -o link
        assert_output_contains uplink0
}

@test "--network container:X shares its addresses" {
        mymgr run -d --name shared busybox sleep 1000
        run mymgr run --rm --network container:shared busybox ip -o -4 addr show eth0
        assert_success
        assert_output_contains "$(container_address shared)/"
}

@test "an unknown network is refused and nothing is made" {
        run mymgr run --name x --network nosuch busybox true
        assert_failure 125
        assert_clear_error nosuch
        assert_equal "$(mymgr ps -aq)" ""
}

@test "/etc/hosts has the container's own address, resolv.conf no resolver that only the host reaches" {
        run mymgr run --rm -h own-name --add-host other:1.2.3.4 busybox cat /etc/hosts /etc/resolv.conf
        assert_output_matches '10\.88\.[0-9.]+[[:space:]]+own-name'
        assert_output_matches '1\.2\.3\.4[[:space:]]+other'
        refute_output_contains "nameserver 127."
        run mymgr run --rm --dns 9.8.7.6 --dns-search example.org busybox cat /etc/resolv.conf
        assert_output $'search example.org\nnameserver 9.8.7.6'
}

@test "the reference plugins work in place of ours" {
        [ -x /usr/lib/cni/bridge ] || skip "no reference plugins"
        run mymgr --cni-path /usr/lib/cni run --rm busybox ip -o -4 addr show eth0
        assert_success
        assert_output_contains 10.88.
}
