# Other programs (Podman, dockerd, containerd) that drive the runtime: directories and a network
# namespace of the suite's own, an image made without a network, and what a limit became.
#
#     setup_file()    { peers_begin; ... }
#     teardown_file() { ...; peers_end; }
#
# PEER_RUNTIME=/usr/sbin/runc runs the same suites over another runtime, to know that they ask
# nothing that only ours does. Load after common and bundle.

PEER_RUNTIME=${PEER_RUNTIME:-$MYRUN}

# peers_begin: sets PEER_DIR (on /run, a tmpfs: engines sync often), PEER_NETNS and PEER_CGROUP, and
# makes $PEER_DIR/busybox.tar, a root filesystem.
peers_begin() {
        require_root
        export PEER_DIR PEER_NETNS PEER_CGROUP
        PEER_DIR=$(mktemp -d /run/peers.XXXXXX)
        PEER_NETNS=$(token)-peers
        PEER_CGROUP=${PEER_DIR##*/}
        export LEAK_NAMES=$PEER_CGROUP
        leaks_begin
        # Podman says nothing of a directory, so leases and libcni's results are at their usual place.
        [ -e /var/lib/cni ] || touch "$PEER_DIR/no-leases-before"
        ip netns add "$PEER_NETNS"
        ip -n "$PEER_NETNS" link set lo up
        tar -C "$(base_rootfs)" -cf "$PEER_DIR/busybox.tar" .
}

# peers_end [CGROUP...]: removes all that peers_begin made, and directories that engines leave in
# every cgroup hierarchy by design. What an engine started to clean up may be at it still.
peers_end() {
        [ -n "${PEER_DIR:-}" ] || return 0
        ip netns del "$PEER_NETNS"
        wait_until peers_cgroups_gone "$@" || true
        wait_until peers_unmounted
        [ ! -e "$PEER_DIR/no-leases-before" ] || rm -rf /var/lib/cni
        wait_until rm -rf "$PEER_DIR"
        leaks_check
}

peers_cgroups_gone() {
        local top name left=0

        for top in $(cgroup_hierarchies); do
                for name in "$PEER_CGROUP" "$@"; do
                        [ ! -d "$top/$name" ] || find "$top/$name" -depth -type d -exec rmdir {} + || left=1
                done
        done
        return "$left"
}

# peers_unmounted: engines leave mounts of their own (Podman's over its storage, Swarm's network,
# --live-restore's), perhaps one over another.
peers_unmounted() {
        local mount_point left=0

        while read -r _ _ _ _ mount_point _; do
                [[ "$mount_point" != "$PEER_DIR"/* ]] || umount "$mount_point" || left=1
        done < <(tac /proc/self/mountinfo)
        return "$left"
}

# in_peers COMMAND...: in the network namespace of the suite.
in_peers() {
        nsenter --net="/run/netns/$PEER_NETNS" -- "$@"
}

# start_daemon NAME COMMAND...: its pid goes to $PEER_DIR/NAME.pid, its output to $PEER_DIR/NAME.log.
start_daemon() {
        local name=$1

        shift
        (without_fds nsenter --net="/run/netns/$PEER_NETNS" -- "$@") </dev/null >>"$PEER_DIR/$name.log" 2>&1 &
        echo $! >"$PEER_DIR/$name.pid"
}

# stop_daemon NAME: SIGTERM, and after 20 seconds SIGKILL, to that process alone.
stop_daemon() {
        local pid

        [ -s "$PEER_DIR/$1.pid" ] || return 0
        pid=$(cat "$PEER_DIR/$1.pid")
        kill "$pid" 2>/dev/null || true
        wait_until -t 20 process_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        rm "$PEER_DIR/$1.pid"
}

# on_terminal COMMAND...: the command on a terminal of its own, with our stdin as what is typed there.
on_terminal() {
        # Lines end in \r\n there, and nobody wants to see the \r.
        script --quiet --return --echo never --command "$(printf '%q ' "$@")" /dev/null | tr -d '\r'
        return "${PIPESTATUS[0]}"
}

cgroup_hierarchies() {
        awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo | sort -u
}

# cgroup_value PID V1-CONTROLLER V1-FILE V2-FILE: what the process's cgroup says there.
cgroup_value() {
        local path

        path=$(awk -F: -v c="$2" '{ n = split($2, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $3 }' \
                "/proc/$1/cgroup")
        if [ -n "$path" ]; then
                cat "/sys/fs/cgroup/$2$path/$3"
        else
                cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/$4"
        fi
}

# cpu_limit PID: "50000 100000", quota and period in microseconds.
cpu_limit() {
        if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
                cgroup_value "$1" cpu - cpu.max
        else
                echo "$(cgroup_value "$1" cpu cpu.cfs_quota_us -) $(cgroup_value "$1" cpu cpu.cfs_period_us -)"
        fi
}

memory_limit() {
        cgroup_value "$1" memory memory.limit_in_bytes memory.max
}

pids_limit() {
        cgroup_value "$1" pids pids.max pids.max
}

cpuset_of() {
        cgroup_value "$1" cpuset cpuset.cpus cpuset.cpus
}

