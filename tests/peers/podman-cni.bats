#!/usr/bin/env bats
# Podman with its CNI backend over our plugins alone: they are the only ones in its plugin directory.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers
load ../helpers/engine

setup_file() {
        command -v podman >/dev/null || return 0
        peers_begin
        mkdir "$PEER_DIR/networks"
        cat >"$PEER_DIR/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
network_config_dir = "$PEER_DIR/networks"
cni_plugin_dirs = ["$BUILD/libexec/netplug"]
END
        cat >"$PEER_DIR/podman" <<END
#!/bin/sh
# conmon leaves a file "oom" where it was started.
cd "$PEER_DIR"
export CONTAINERS_CONF="$PEER_DIR/containers.conf"
exec nsenter --net="/run/netns/$PEER_NETNS" -- podman --root "$PEER_DIR/root" --runroot "$PEER_DIR/runroot" \
        --tmpdir "$PEER_DIR/tmp" --storage-driver overlay --runtime "$PEER_RUNTIME" "\$@"
END
        chmod 755 "$PEER_DIR/podman"
        podman import -q "$PEER_DIR/busybox.tar" busybox >/dev/null
}

teardown_file() {
        command -v podman >/dev/null || return 0
        peers_end libpod_parent
}

setup() {
        require_program podman
}

teardown() {
        podman rm -af -t 0 >/dev/null
        podman network prune -f >/dev/null
        # Neither links nor rules of a container that is gone.
        assert_equal "$(in_peers ip -o link | grep -c veth)" 0
        run in_peers nft list ruleset
        refute_text "$output" dnat
}

refute_text() {
        [[ $1 != *"$2"* ]] || assert_fail "did not expect to see: $2" "in:" "$1"
}

podman() {
        (without_fds "$PEER_DIR/podman" "$@")
}

# serve NAME OPTION...: a container that says its name over HTTP.
serve() {
        local name=$1

        shift
        podman run -d --name "$name" "$@" busybox sh -c "echo $name >/tmp/index.html; exec httpd -f -p 80 -h /tmp" >/dev/null
}

says() {
        [ "$(in_peers curl -s --max-time 2 "$1")" = "$2" ]
}

@test "podman run -p publishes a port through our portmap" {
        serve web -p 18080:80
        wait_until says http://127.0.0.1:18080/ web
        podman rm -f -t 0 web >/dev/null
        run in_peers curl -s --max-time 1 http://127.0.0.1:18080/
        assert_failure
}

@test "a container on two networks has an address in each, and reaches both" {
        podman network create --disable-dns --subnet 10.91.1.0/24 one >/dev/null
        podman network create --disable-dns --subnet 10.91.2.0/24 two >/dev/null
        serve on-one --network one
        serve on-two --network two
        podman run -d --name both --network one --network two busybox sleep 1000 >/dev/null
        run podman exec both ip -4 -o addr
        assert_output_matches 'eth0.*10\.91\.[12]\.'
        assert_output_matches 'eth1.*10\.91\.[12]\.'
        for name in on-one on-two; do
                address=$(podman inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $name)
                run podman exec both wget -q -O - "http://$address/"
                assert_output "$name"
        done
}

@test "a container on two networks publishes its port, which both networks are given" {
        podman network create --disable-dns --subnet 10.91.4.0/24 left >/dev/null
        podman network create --disable-dns --subnet 10.91.5.0/24 right >/dev/null
        serve twofold --network left --network right -p 18081:80
        wait_until says http://127.0.0.1:18081/ twofold
        podman rm -f -t 0 twofold >/dev/null
        run in_peers curl -s --max-time 1 http://127.0.0.1:18081/
        assert_failure
}

@test "containers of a network find each other by name and alias" {
        require_program dnsmasq
        podman network create --subnet 10.91.3.0/24 named >/dev/null
        assert_equal "$(jq -r '.plugins[].type' "$PEER_DIR/networks/named.conflist" | grep -c dnsname)" 1
        podman run -d --name db --network named --network-alias store busybox sleep 1000 >/dev/null
        address=$(podman inspect -f '{{.NetworkSettings.Networks.named.IPAddress}}' db)
        for name in db store; do
                run podman run --rm --network named busybox nslookup -type=a "$name"
                assert_success
                assert_output_contains "$address"
        done
}
