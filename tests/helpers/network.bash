# Network namespaces that play "the host" and "the outside world", so that no
# test changes a link, route, rule or sysctl of the machine it runs on.
#
#     outside 198.51.100.2/24 ---- veth ---- 198.51.100.1/24 host (default route to outside)

HOST_ADDRESS=198.51.100.1
OUTSIDE_ADDRESS=198.51.100.2
HOST_ADDRESS6=2001:db8:100::1
OUTSIDE_ADDRESS6=2001:db8:100::2

# make_host_netns [NAME]: makes the namespaces NAME and NAME-out; sets HOST_NETNS and OUTSIDE_NETNS.
make_host_netns() {
        export HOST_NETNS=${1:-$(token)-host}
        export OUTSIDE_NETNS=$HOST_NETNS-out

        ip netns add "$HOST_NETNS"
        ip netns add "$OUTSIDE_NETNS"
        ip -n "$HOST_NETNS" link set lo up
        ip -n "$OUTSIDE_NETNS" link set lo up
        ip -n "$HOST_NETNS" link add uplink0 type veth peer name uplink1 netns "$OUTSIDE_NETNS"
        ip -n "$HOST_NETNS" address add $HOST_ADDRESS/24 dev uplink0
        ip -n "$HOST_NETNS" address add $HOST_ADDRESS6/64 dev uplink0 nodad
        ip -n "$HOST_NETNS" link set uplink0 up
        ip -n "$OUTSIDE_NETNS" address add $OUTSIDE_ADDRESS/24 dev uplink1
        ip -n "$OUTSIDE_NETNS" address add $OUTSIDE_ADDRESS6/64 dev uplink1 nodad
        ip -n "$OUTSIDE_NETNS" link set uplink1 up
        ip -n "$HOST_NETNS" route add default via $OUTSIDE_ADDRESS
        ip -n "$HOST_NETNS" -6 route add default via $OUTSIDE_ADDRESS6
}

remove_host_netns() {
        ip netns del "$HOST_NETNS" 2>/dev/null || true
        ip netns del "$OUTSIDE_NETNS" 2>/dev/null || true
}

# in_host COMMAND...: nsenter, not `ip netns exec`: that one makes a mount namespace of its own,
# in which what mymgr and netplug mount under /run/netns would vanish with the command.
in_host() {
        nsenter --net="/run/netns/$HOST_NETNS" -- "$@"
}

in_outside() {
        nsenter --net="/run/netns/$OUTSIDE_NETNS" -- "$@"
}

# in_netns NAME COMMAND...
in_netns() {
        nsenter --net="/run/netns/$1" -- "${@:2}"
}

# The links and firewall rules in the host namespace, for comparing before and after.
host_network() {
        in_host bash -c "$(declare -f list_network); list_network"
}

# serve_outside PORT: a web server in the outside namespace that tells who asked; stop it with stop_outside.
serve_outside() {
        local port=$1

        spawn nsenter --net="/run/netns/$OUTSIDE_NETNS" -- socat "TCP-LISTEN:$port,fork,reuseaddr" \
                "EXEC:$HELPERS/who-asks.sh"
        OUTSIDE_SERVER=$SPAWNED
        wait_until in_outside bash -c "exec 5<>/dev/tcp/127.0.0.1/$port"
}

stop_outside() {
        [ -z "${OUTSIDE_SERVER:-}" ] || kill "$OUTSIDE_SERVER" 2>/dev/null || true
        OUTSIDE_SERVER=
}
