#!/bin/bash
# netplug beside the reference plugins: ADD and DEL, in network namespaces of its own.
# Prints lines of NAME OURS_MS PEER_MS RATIO OURS_KIB PEER_KIB. Run by run.sh.
set -eu
. "$SOURCE/tests/helpers/common.bash"
. "$SOURCE/tests/helpers/network.bash"

PEER=${PEER:-/usr/lib/cni}
[ -x "$PEER/bridge" ] || {
        echo "the reference plugins are not installed in $PEER"
        exit 0
}
WORK=$(mktemp -d)
trap 'remove_host_netns; ip netns del "$HOST_NETNS-c" 2>/dev/null || true; rm -rf "$WORK"' EXIT
make_host_netns
ip netns add "$HOST_NETNS-c"
${CC:-gcc} -std=gnu17 -O2 -Wall -Wextra -static -D_GNU_SOURCE -o "$BENCH/cni" "$SOURCE/tests/bench/cni.c"

# Both sides get the same configuration, each after the other on the same bridge.
conf() {
        jq -cn --arg type "$1" --arg leases "$WORK/leases" --argjson masquerade "$2" --argjson ports "$3" '{
                cniVersion: "1.0.0", name: "bench", type: $type, bridge: "br-bench", isGateway: true,
                ipMasq: $masquerade, capabilities: {portMappings: true},
                runtimeConfig: {portMappings: $ports},
                ipam: {type: "host-local", dataDir: $leases, subnet: "10.66.0.0/16"},
                prevResult: {cniVersion: "1.0.0",
                        interfaces: [{name: "br-bench"}, {name: "eth0", sandbox: "/run/netns/x"}],
                        ips: [{interface: 1, address: "10.66.0.9/16", gateway: "10.66.0.1"}]}}
                | if $type == "bridge" then del(.prevResult) else del(.ipam) end'
}

measure() {
        local name=$1 rounds=$2

        printf '%s %s\n' "$name" "$(in_host "$BENCH/cni" "$rounds" "$CNI_PLUGINS" "$PEER" \
                "/run/netns/$HOST_NETNS-c" "${@:3}")"
}

mkdir "$WORK/plain" "$WORK/masquerade" "$WORK/many"
conf bridge false '[]' >"$WORK/plain/bridge.json"
conf bridge true '[]' >"$WORK/masquerade/bridge.json"
conf portmap false '[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]' >"$WORK/plain/portmap.json"
conf firewall false '[]' >"$WORK/plain/firewall.json"
conf portmap false "$(jq -cn '[range(20000; 20100) | {hostPort: ., containerPort: 80, protocol: "tcp"}]')" \
        >"$WORK/many/portmap.json"

ROUNDS=${ROUNDS:-20}
short=$((ROUNDS < 20 ? ROUNDS : 20))
echo "NAME OURS_MS PEER_MS RATIO OURS_KIB PEER_KIB"

# The rules of portmap through libnftables, in place of the peer; before the reference plugins leave
# tables of theirs in the namespace, which libnftables would read too.
portmap_rules() {
        CNI_COMMAND=$1 CNI_CONTAINERID=bench CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$HOST_NETNS-c CNI_PATH=$CNI_PLUGINS \
                in_host "$CNI_PLUGINS/portmap" <"$2/portmap.json" >/dev/null
}
mkdir "$WORK/libnftables"
${CC:-gcc} -std=gnu17 -O2 -Wall -Wextra -D_GNU_SOURCE -o "$WORK/libnftables/portmap" \
        "$SOURCE/tests/bench/nftables.c" -lnftables
export NFT_RULES=$WORK/rules
for ports in plain many; do
        portmap_rules ADD "$WORK/$ports"
        in_host nft list ruleset >"$NFT_RULES"
        portmap_rules DEL "$WORK/$ports"
        PEER=$WORK/libnftables measure "portmap-by-libnftables-$ports" "$short" "$WORK/$ports/portmap.json"
done

measure bridge+host-local "$short" "$WORK/plain/bridge.json"
measure bridge+host-local+ipMasq "$short" "$WORK/masquerade/bridge.json"
measure portmap "$short" "$WORK/plain/portmap.json"
measure firewall "$short" "$WORK/plain/firewall.json"
measure whole-chain "$short" "$WORK/masquerade/bridge.json" "$WORK/plain/portmap.json" "$WORK/plain/firewall.json"
measure portmap-100-ports 3 "$WORK/many/portmap.json"
