# Plugins driven from the shell: a host namespace (network.bash), container
# namespaces, and the calls a runtime would make.
#
#     cni_setup                      in setup(); cni_teardown in teardown()
#     make_container c1
#     cni ADD bridge c1 "$(bridge_conf)"          one plugin; its answer is in $output
#     attach c1 "$ports"             the whole chain; its last result is in $RESULT
#     detach c1

cni_setup() {
        require_root
        make_host_netns "$(token)"
        LEASES=$BATS_TEST_TMPDIR/leases
        CONTAINERS=()
        NETWORK=$(token)net
        CNI_VERSION=1.1.0
        CHAIN="$CNI_PLUGINS/bridge $CNI_PLUGINS/portmap $CNI_PLUGINS/firewall"
        RESULT=null
        PORTS=[]
}

cni_teardown() {
        local name pid

        for pid in "${SERVERS[@]}"; do
                kill "$pid" 2>/dev/null || true
        done
        for name in "${CONTAINERS[@]}"; do
                ip netns del "$name" 2>/dev/null || true
        done
        remove_host_netns
}

# make_container NAME: a network namespace; sets CONTAINER_NETNS_<NAME>.
make_container() {
        # As the loopback plugin leaves it.
        ip netns add "$HOST_NETNS-$1"
        ip -n "$HOST_NETNS-$1" link set lo up
        CONTAINERS+=("$HOST_NETNS-$1")
}

in_container() {
        in_netns "$HOST_NETNS-$1" "${@:2}"
}

# bridge_conf [JQ EXPRESSION]: a configuration with both address families, changed by the expression.
bridge_conf() {
        jq -cn --arg version "$CNI_VERSION" --arg name "$NETWORK" --arg leases "$LEASES" '{
                cniVersion: $version, name: $name, type: "bridge", bridge: "br-test",
                isDefaultGateway: true, ipMasq: true, hairpinMode: true,
                ipam: {type: "host-local", dataDir: $leases,
                       ranges: [[{subnet: "10.77.0.0/24"}], [{subnet: "fd77::/64"}]]}
        }' | jq -c "${1:-.}"
}

# plugin_conf TYPE [JQ EXPRESSION]: a chained plugin's configuration, with RESULT and PORTS.
plugin_conf() {
        jq -cn --arg version "$CNI_VERSION" --arg name "$NETWORK" --arg type "$1" \
                --argjson result "${RESULT:-null}" --argjson ports "${PORTS:-[]}" '{
                cniVersion: $version, name: $name, type: $type,
                capabilities: {portMappings: true},
                runtimeConfig: {portMappings: $ports}, prevResult: $result}' | jq -c "${2:-.}"
}

# cni COMMAND PLUGIN CONTAINER CONF: one execution in the host namespace. PLUGIN is a name or a path.
cni() {
        local plugin=$2

        [[ $plugin == */* ]] || plugin=$CNI_PLUGINS/$plugin
        in_host env CNI_COMMAND="$1" CNI_CONTAINERID="$3" CNI_NETNS="${NETNS-/run/netns/$HOST_NETNS-$3}" \
                CNI_IFNAME="${IFNAME:-eth0}" CNI_PATH="${CNI_DIRECTORIES-$CNI_PLUGINS}" CNI_ARGS="${CNI_ARGS:-}" \
                "$plugin" <<<"$4"
}

# conf_of PLUGIN: the configuration for a plugin of the chain.
conf_of() {
        case ${1##*/} in
        bridge) bridge_conf "${BRIDGE:-.} | .prevResult = $RESULT | if .prevResult == null then del(.prevResult) else . end" ;;
        *) plugin_conf "${1##*/}" ;;
        esac
}

# attach CONTAINER [PORTS]: ADD down the chain; leaves the result in RESULT.
attach() {
        local plugin answer

        RESULT=null
        PORTS=${2:-[]}
        for plugin in $CHAIN; do
                answer=$(cni ADD "$plugin" "$1" "$(conf_of "$plugin")") || {
                        echo "$plugin ADD $1: $answer" >&2
                        return 1
                }
                RESULT=$answer
        done
}

# detach CONTAINER: DEL up the chain.
detach() {
        local plugin answer

        for plugin in $(tr ' ' '\n' <<<"$CHAIN" | tac); do
                answer=$(cni DEL "$plugin" "$1" "$(conf_of "$plugin")") || {
                        echo "$plugin DEL $1: $answer" >&2
                        return 1
                }
        done
}

check() {
        local plugin answer

        for plugin in $CHAIN; do
                answer=$(cni CHECK "$plugin" "$1" "$(conf_of "$plugin")") || {
                        echo "$answer"
                        return 1
                }
        done
}

# address_of RESULT [4|6]
address_of() {
        if [ "${2:-4}" = 4 ]; then
                jq -r '[.ips[].address | select(contains(":") | not)][0] | split("/")[0]' <<<"$1"
        else
                jq -r '[.ips[].address | select(contains(":"))][0] | split("/")[0]' <<<"$1"
        fi
}

# serve CONTAINER PORT: a web server on both families in the container.
serve() {
        spawn nsenter --net="/run/netns/$HOST_NETNS-$1" -- socat "TCP6-LISTEN:$2,fork,reuseaddr,ipv6only=0" \
                "EXEC:$HELPERS/who-asks.sh"
        SERVERS+=("$SPAWNED")
        wait_until in_container "$1" bash -c "exec 5<>/dev/tcp/127.0.0.1/$2"
}

# fetch URL, after in_host, in_outside or in_container: `in_host fetch` cannot be, so this is a program.
FETCH="curl --silent --show-error --max-time 3"

# What a network may leave in the host namespace: the bridge and sysctls, no more.
host_state() {
        in_host ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print "link " $2 }' | grep -v ' br-' || true
        in_host nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/' || true
        find "$LEASES" \( -type f -o -type l \) ! -name lock ! -name 'last_reserved_ip.*' 2>/dev/null || true
}

assert_nothing_left() {
        assert_equal "$(host_state)" "$1"
}

# assert_cni_error CODE TEXT...: $output is an error object with the code.
assert_cni_error() {
        assert_failure || return 1
        assert_equal "$(jq -r '.code' <<<"$output")" "$1" || return 1
        [ -n "$(jq -r '.cniVersion // empty' <<<"$output")" ] || assert_fail "no cniVersion in: $output" || return 1
        assert_output_contains "${@:2}"
}
