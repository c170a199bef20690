#!/usr/bin/env bats
# Podman run by an ordinary user: the runtime is called as root of that user's namespace.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers
load ../helpers/engine

USER_NAME=nobody
USER_ID=65534

setup_file() {
        command -v podman >/dev/null || return 0
        peers_begin
        chmod 711 "$PEER_DIR"
        mkdir "$PEER_DIR"/{bin,home,run,tmp}
        # Where the user can read them.
        cp "$PEER_RUNTIME" "$PEER_DIR/bin/myrun"
        chmod 644 "$PEER_DIR/busybox.tar"
        echo "$USER_NAME:300000:65536" >"$PEER_DIR/subid"
        cat >"$PEER_DIR/containers.conf" <<END_OF_FILE
[containers]
default_ulimits = []
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_json = ["myrun", "$PEER_DIR/bin/myrun"]
runtime_supports_nocgroup = ["myrun", "$PEER_DIR/bin/myrun"]
END_OF_FILE
        # The subordinate ids are written into a mount namespace of the command's own.
        cat >"$PEER_DIR/podman" <<END_OF_FILE
#!/bin/sh
cd /
exec nsenter --net="/run/netns/$PEER_NETNS" -- unshare --mount sh -c '
        mount --bind $PEER_DIR/subid /etc/subuid && mount --bind $PEER_DIR/subid /etc/subgid &&
        exec setpriv --reuid $USER_NAME --regid nogroup --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
                HOME=$PEER_DIR/home XDG_RUNTIME_DIR=$PEER_DIR/run TMPDIR=$PEER_DIR/tmp LEAK_MARK=$LEAK_MARK \\
                CONTAINERS_CONF=$PEER_DIR/containers.conf \\
                podman --storage-driver vfs --runtime $PEER_DIR/bin/myrun "\$@"' sh "\$@"
END_OF_FILE
        chmod 755 "$PEER_DIR/podman" "$PEER_DIR/bin/myrun"
        chmod 644 "$PEER_DIR"/{containers.conf,subid}
        chown "$USER_NAME:nogroup" "$PEER_DIR"/{home,run,tmp}
        chmod 700 "$PEER_DIR/run"
        (without_fds "$PEER_DIR/podman" import -q "$PEER_DIR/busybox.tar" busybox) >"$PEER_DIR/import.log" 2>&1 ||
                cat "$PEER_DIR/import.log" >&2
}

teardown_file() {
        local pid

        command -v podman >/dev/null || return 0
        # Podman keeps a process that holds the user's namespaces.
        pid=$(cat "$PEER_DIR/run/libpod/tmp/pause.pid" 2>/dev/null) || pid=
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
        [ -z "$pid" ] || wait_until process_gone "$pid"
        peers_end
}

setup() {
        require_program podman newuidmap setpriv
        ENGINE=("$PEER_DIR/podman")
        engine_setup
}

teardown() {
        [ -n "${NAME:-}" ] || return 0
        engine rm -af -t 0 >/dev/null
        # The runtime's own directory is the user's.
        run ls "$PEER_DIR/run/myrun"
        assert_output ""
}

# mapping INSIDE OUTSIDE COUNT: a line of /proc/self/uid_map
mapping() {
        printf '%10s %10s %10s\n' "$@"
}

@test "an ordinary user's podman maps the user to root, and subordinate ids above" {
        run run_ busybox sh -c 'id -u; cat /proc/self/uid_map'
        assert_success
        assert_output "0
$(mapping 0 $USER_ID 1)
$(mapping 1 300000 65536)"
}

@test "an ordinary user's podman keeps the user's id, or leaves it out, with --userns" {
        run run_ --userns keep-id busybox id -u
        assert_success
        assert_output $USER_ID
        run run_ --userns nomap busybox sh -c 'id -u; cat /proc/self/uid_map'
        assert_success
        assert_output "0
$(mapping 0 1 65536)"
        run run_ --userns auto busybox id -u
        assert_success
        assert_output 0
}

@test "an ordinary user's podman runs without cgroups" {
        run run_ --cgroups disabled --user 1000 busybox id -u
        assert_success
        assert_output 1000
}

@test "an ordinary user's podman executes, stops, starts, kills and removes" {
        start busybox sleep 1000
        run engine exec -u 1000 "$NAME" sh -c 'id -u; exit 4'
        assert_failure 4
        assert_output 1000
        run -127 engine exec "$NAME" no-such-program
        engine stop -t 0 "$NAME"
        engine start "$NAME"
        engine kill "$NAME"
        run engine wait "$NAME"
        assert_output 137
}

@test "an ordinary user's podman shows volumes and is refused what the user may not do" {
        mkdir "$PEER_DIR/tmp/data"
        chown "$USER_NAME" "$PEER_DIR/tmp/data"
        run run_ -v "$PEER_DIR/tmp/data:/data" -v /etc:/host:ro busybox sh -c 'touch /data/file && stat -c %u /data/file; cat /host/shadow'
        assert_failure
        assert_output_contains $'0\n' "Permission denied"
        assert_equal "$(stat -c %u "$PEER_DIR/tmp/data/file")" $USER_ID
}
