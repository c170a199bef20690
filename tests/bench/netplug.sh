#!/bin/bash
# netplug beside the reference plugins: ADD and DEL, in network namespaces of its own.
# Prints tables. Run by run.sh.
set -eu
. "$(dirname "$0")/lib.sh"
. "$SOURCE/tests/helpers/common.bash"
. "$SOURCE/tests/helpers/network.bash"

PEER=${PEER:-/usr/lib/cni}
[ -x "$PEER/bridge" ] || {
        echo "the reference plugins are not installed in $PEER"
        exit 0
}
WORK=$(mktemp -d)
clean() {
        remove_host_netns
        for container in c d; do
                ip netns del "$HOST_NETNS-$container" 2>/dev/null || true
        done
        umount "$WORK"
        rmdir "$WORK"
}
trap clean EXIT
# Leases in memory: a disk's file system takes its time where thousands of files were deleted just now.
mount -t tmpfs -o mode=700 tmpfs "$WORK"
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

# measure NAME ROUNDS CONFIGURATION...: a row for a chain.
measure() {
        local numbers

        numbers=$(in_host "$BENCH/cni" "$2" "$CNI_PLUGINS" "$PEER" "/run/netns/$HOST_NETNS-c" "${@:3}")
        read -ra numbers <<<"$numbers"
        row "$1" "${numbers[@]}"
}

beside() {
        heading "$1" "netplug ADD ms" "$2 ADD ms" ratio "netplug ADD + DEL ms" "$2 ADD + DEL ms" ratio "netplug KiB" "$2 KiB"
}

mkdir "$WORK/plain" "$WORK/masquerade" "$WORK/many" "$WORK/thousand"
conf bridge false '[]' >"$WORK/plain/bridge.json"
conf bridge true '[]' >"$WORK/masquerade/bridge.json"
conf portmap false '[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]' >"$WORK/plain/portmap.json"
conf firewall false '[]' >"$WORK/plain/firewall.json"
conf portmap false "$(jq -cn '[range(20000; 20100) | {hostPort: ., containerPort: 80, protocol: "tcp"}]')" \
        >"$WORK/many/portmap.json"
conf portmap false "$(jq -cn '[range(20000; 21000) | {hostPort: ., containerPort: (. + 1000), protocol: "tcp"}]')" \
        >"$WORK/thousand/portmap.json"
conf portmap false "$(jq -cn '[range(20000; 21000) | {hostPort: ., containerPort: ., protocol: "tcp"}]')" \
        >"$WORK/thousand/portmap.range.json"

ROUNDS=${ROUNDS:-20}
short=$((ROUNDS < 20 ? ROUNDS : 20))

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
beside "the rules of ports, $short rounds" libnftables
for ports in plain many; do
        portmap_rules ADD "$WORK/$ports"
        in_host nft list ruleset >"$NFT_RULES"
        portmap_rules DEL "$WORK/$ports"
        [ $ports = plain ] && name="one published port" || name="100 published ports"
        PEER=$WORK/libnftables measure "$name" "$short" "$WORK/$ports/portmap.json"
done

beside "plugins, $short rounds" reference
measure "bridge + host-local" "$short" "$WORK/plain/bridge.json"
measure "the same with ipMasq" "$short" "$WORK/masquerade/bridge.json"
measure portmap "$short" "$WORK/plain/portmap.json"
measure firewall "$short" "$WORK/plain/firewall.json"
measure "portmap and firewall" "$short" "$WORK/plain/portmap.json" "$WORK/plain/firewall.json"
measure "the whole chain" "$short" "$WORK/masquerade/bridge.json" "$WORK/plain/portmap.json" "$WORK/plain/firewall.json"
measure "portmap, 100 ports (3 rounds)" 3 "$WORK/many/portmap.json"

# A thousand ports beside one, both ours, in turns. A range is one element of a map; ports that each lead to a port of
# another number are a thousand. Medians of the turns, with the least and the greatest of their ratios.
TURNS=${TURNS:-7}
cp "$WORK/plain/portmap.json" "$WORK/portmap.one.json"
# thousand NAME CONFIGURATION [CONFIGURATION BEFORE]
thousand() {
        local plugins=("$CNI_PLUGINS" "$CNI_PLUGINS" "/run/netns/$HOST_NETNS-c") numbers turn

        numbers=$(for ((turn = 0; turn < TURNS; turn++)); do
                # A line each of what cni.c prints; the same plugins are on both its sides.
                for conf in "$2" "$WORK/portmap.one.json"; do
                        in_host "$BENCH/cni" "$short" "${plugins[@]}" "${@:3}" "$conf"
                done | tr '\n' ' '
                echo
        done | awk '
                function median(values, i, j, value) {
                        for (i = 2; i <= NR; i++) {
                                value = values[i]
                                for (j = i - 1; j > 0 && values[j] > value; j--)
                                        values[j + 1] = values[j]
                                values[j + 1] = value
                        }
                        return values[int((NR + 1) / 2)]
                }
                {
                        many[NR] = $1; one[NR] = $9; ratio[NR] = $1 / $9
                        many_both[NR] = $4; one_both[NR] = $12; ratio_both[NR] = $4 / $12
                        memory = $7; one_memory = $15
                }
                END {
                        printf "%.2f %.2f %.2f ", median(many), median(one), median(ratio)
                        printf "%.2f %.2f ", ratio[1], ratio[NR]
                        printf "%.2f %.2f %.2f ", median(many_both), median(one_both), median(ratio_both)
                        print memory, one_memory
                }')
        read -ra numbers <<<"$numbers"
        row "$1" "${numbers[@]}"
}
heading "1,000 ports beside one, $TURNS turns of $short rounds" "1,000 ADD ms" "one ADD ms" ratio least most \
        "1,000 ADD + DEL ms" "one ADD + DEL ms" ratio "1,000 KiB" "one KiB"
thousand "portmap, in a range" "$WORK/thousand/portmap.range.json"
thousand "portmap, each to a port of another number" "$WORK/thousand/portmap.json"
thousand "bridge and portmap, in a range" "$WORK/thousand/portmap.range.json" "$WORK/plain/bridge.json"
thousand "bridge and portmap, each to a port of another number" "$WORK/thousand/portmap.json" "$WORK/plain/bridge.json"

# settle: waits until the processors have next to nothing to do (at most three minutes): the kernel clears namespaces
# away long after they are gone.
settle() {
        local busy=100 now then=() waited

        for ((waited = 0; waited < 180 && busy > 5; waited++)); do
                read -ra then </proc/stat
                sleep 1
                read -ra now </proc/stat
                busy=$((100 - (now[4] - then[4]) * 100 / ($(nproc) * $(getconf CLK_TCK))))
        done
}

# The ADD number 1,000 on a bridge beside the first ones, each container in a namespace of its own. One side after
# the other: what the containers of one say to each other would delay the other's. Medians of the runs, with the
# least and the greatest of their ratios.
GROW_COUNT=${GROW_COUNT:-1000} GROW_WINDOW=${GROW_WINDOW:-25} GROW_RUNS=${GROW_RUNS:-3}
${CC:-gcc} -std=gnu17 -O2 -Wall -Wextra -D_GNU_SOURCE -o "$BENCH/grow" "$SOURCE/tests/bench/grow.c"
heading "bridge + host-local, medians over $GROW_WINDOW ADDs, $GROW_RUNS runs" "first ms" "${GROW_COUNT}th ms" ratio least most \
        "first CPU ms" "${GROW_COUNT}th CPU ms" ratio
for plugins in "$CNI_PLUGINS" "$PEER"; do
        [ "$plugins" = "$PEER" ] && name=reference || name=netplug
        for families in '[[{subnet: "10.66.0.0/16"}]]' '[[{subnet: "10.66.0.0/16"}], [{subnet: "fd66::/64"}]]'; do
                [[ $families != *fd66* ]] || name+=", with IPv6"
                for ((run = 0; run < GROW_RUNS; run++)); do
                        jq -c --arg leases "$WORK/grow-$name-$run" \
                                ".ipam = {type: \"host-local\", dataDir: \$leases, ranges: $families}" \
                                "$WORK/plain/bridge.json" >"$WORK/grow.json"
                        settle
                        "$BENCH/grow" "$GROW_COUNT" "$GROW_WINDOW" "$plugins" "$WORK/grow.json"
                done >"$WORK/grown"
                numbers=$(jq -nrR '[inputs | split(" ") | map(tonumber)] | transpose | map(sort)
                        | map(.[(length - 1) / 2 | floor]) as $middle
                        | [$middle[:3][], .[2][0], .[2][-1], $middle[3:][]] | join(" ")' "$WORK/grown")
                read -ra numbers <<<"$numbers"
                row "$name" "${numbers[@]}"
        done
done

# Throughput: a container to another, and from outside through a published port.
ip netns add "$HOST_NETNS-d"

# plugin DIRECTORY TYPE COMMAND CONTAINER: in the chain whose last result is in $result.
plugin() {
        jq -c --argjson previous "${result:-null}" 'if $previous then .prevResult = $previous else . end | .name = "iperf" | .bridge = "br-iperf" |
                if .ipam then .ipam.subnet = "10.67.0.0/16" | .isDefaultGateway = true else . end' "$WORK/${5:-plain}/$2.json" |
                CNI_COMMAND=$3 CNI_CONTAINERID=$4 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$HOST_NETNS-$4 CNI_PATH=$1 \
                in_host "$1/$2"
}

# gigabits NETNS ADDRESS PORT: asks again (three times at most) where the server was still busy with the stream before.
gigabits() {
        for _ in 1 2 3; do
                nsenter --net="/run/netns/$1" iperf3 --client "$2" --port "$3" --time "${SECONDS_A_RUN:-2}" --json |
                        jq -e '.end.sum_received.bits_per_second // empty | . / 1e9' && return
                sleep 0.2
        done
        echo "iperf3: no answer of $2 port $3" >&2
        return 1
}

throughput() {
        local address between inwards server

        for container in c d; do
                result=
                result=$(plugin "$1" bridge ADD $container masquerade)
                [ $container = d ] || published=$(plugin "$1" portmap ADD $container)
                [ $container = d ] || address=$(jq -r '.ips[0].address | split("/")[0]' <<<"$result")
        done
        nsenter --net="/run/netns/$HOST_NETNS-c" iperf3 --server --port 80 >/dev/null 2>&1 &
        server=$!
        wait_until bash -c "nsenter --net=/run/netns/$HOST_NETNS-c ss -Hltn | grep -q ':80 '"
        between=$(gigabits "$HOST_NETNS-d" "$address" 80) || true
        inwards=$(gigabits "$OUTSIDE_NETNS" "$HOST_ADDRESS" 8080) || true
        kill $server
        wait $server 2>/dev/null || true
        result=$published
        plugin "$1" portmap DEL c
        for container in c d; do
                plugin "$1" bridge DEL $container masquerade
        done
        [ -n "$between" ] && [ -n "$inwards" ] && printf '%s %s\n' "$between" "$inwards"
}

if have iperf3; then
        in_host sysctl -qw net.ipv4.ip_forward=1
        settle
        streams=${STREAMS:-9}
        # The reference plugins run twice, so that it shows how far two of the same are apart here. Each has its turn
        # first, second and third.
        sides=("$CNI_PLUGINS" "$PEER" "$PEER")
        for ((round = 0; round < streams; round++)); do
                for ((turn = round; turn < round + 3; turn++)); do
                        throughput "${sides[turn % 3]}" >>"$WORK/throughput-$((turn % 3))"
                done
        done
        # A round's ratio is of two that ran beside each other. The interval is that of the ratios' median at 95 %: the
        # order statistics that a binomial distribution leaves outside with 2.5 % on each side.
        heading "throughput, $streams rounds" "Gbit/s" "reference Gbit/s" ratio "95 % from" to
        for numbers in "0 container to container" "1 from outside, through a published port"; do
                for side in 0 2; do
                        name=${numbers#* }
                        [ $side = 0 ] || name+=": the reference plugins beside themselves"
                        measured=$(paste -d' ' "$WORK/throughput-$side" "$WORK/throughput-1" |
                                jq -rRs --argjson column "${numbers%% *}" '
                                def place($n): sort | .[$n];
                                [splits("\n") | select(. != "") | split(" ") | map(tonumber)]
                                | length as $n | (($n - 1) / 2) as $middle
                                | ([$middle - 0.98 * ($n | sqrt), 0] | max | floor) as $low
                                | map(.[$column] / .[$column + 2]) as $ratios
                                | [(map(.[$column]) | place($middle | floor)),
                                   (map(.[$column + 2]) | place($middle | floor)),
                                   ($ratios | place($middle | floor), place($low), place($n - 1 - $low))]
                                | map(. * 100 | round | . / 100) | join(" ")')
                        read -ra measured <<<"$measured"
                        row "$name" "${measured[@]}"
                done
        done
fi
