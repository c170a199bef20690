# mymgr for tests: within the "host" network namespace (helpers/network.bash) and
# with directories of its own, so that a suite sees nothing of the machine's containers.
#
#     setup()    { leaks_begin; manager_begin; }
#     teardown() { manager_end; }            removes every container and checks for leaks
#
# MYMGR_RUNTIME=/usr/sbin/runc runs the same suite over another OCI runtime.

manager_begin() {
        make_host_netns "${1:-}"
        MANAGER_DIR=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/mymgr.XXXXXX")
        export MANAGER_DIR
        mkdir "$MANAGER_DIR/root" "$MANAGER_DIR/run"
        host_network >"$MANAGER_DIR/network.before"
}

# mymgr ARG...: the program under test.
mymgr() (
        without_fds nsenter --net="/run/netns/$HOST_NETNS" -- "$MYMGR" --root "$MANAGER_DIR/root" \
                --run-root "$MANAGER_DIR/run" ${MYMGR_RUNTIME:+--runtime "$MYMGR_RUNTIME"} "$@"
)

# load_busybox: the default image under the name "busybox".
load_busybox() {
        mymgr image inspect busybox >/dev/null 2>&1 ||
                mymgr load -i "$BUILD/share/mymgr/images/busybox.tar" >/dev/null
}

# container_state NAME: running, exited, created, ...
container_state() {
        mymgr inspect -f '{{.State.Status}}' "$1"
}

is_running() {
        [ "$(container_state "$1")" = running ]
}

is_exited() {
        [ "$(container_state "$1")" = exited ]
}

# container_address NAME [NETWORK]
container_address() {
        local network=${2:-}

        if [ -z "$network" ]; then
                mymgr inspect "$1" | jq -er '[.[0].NetworkSettings.Networks[].IPAddress][0]'
        else
                mymgr inspect "$1" | jq -er --arg n "$network" '.[0].NetworkSettings.Networks[$n].IPAddress'
        fi
}

logs_contain() {
        mymgr logs "$1" 2>&1 | grep -qF -- "$2"
}

# remove_all_containers: also those a killed command left half made.
remove_all_containers() {
        local ids

        ids=$(mymgr ps -aq 2>/dev/null) || true
        [ -z "$ids" ] || mymgr rm -f $ids >/dev/null
}

# remove_all_networks: the user's own; bridges of the default network go too, for the leak check.
remove_all_networks() {
        local name

        for name in $(mymgr network ls 2>/dev/null | awk 'NR > 1 { print $1; print $2 }'); do
                mymgr network rm "$name" >/dev/null 2>&1 || true
        done
}

# The bridge of the default network stays, as docker's does, and so may a table without a container in it.
network_as_before() {
        diff <(grep -v '^nft' "$MANAGER_DIR/network.before") <(host_network | grep -vx -e 'nft.*' -e 'link mymgr0')
}

# manager_end: everything goes, and nothing may be left.
manager_end() {
        local failed=0

        [ -n "${MANAGER_DIR:-}" ] || return 0
        remove_all_containers || failed=1
        remove_all_networks
        wait_until -t 2 network_as_before 2>/dev/null || {
                echo "links left behind in the host namespace:" >&2
                network_as_before >&2 || true
                failed=1
        }
        remove_host_netns
        leaks_check || failed=1
        rm -rf "$MANAGER_DIR" || failed=1
        MANAGER_DIR=
        return $failed
}
