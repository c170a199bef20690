#!/usr/bin/env bats
# containerd drives the runtime through its shim, as `ctr run --runc-binary` asks for it.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers

installed() {
        command -v containerd >/dev/null && command -v ctr >/dev/null
}

setup_file() {
        installed || return 0
        peers_begin
        cat >"$PEER_DIR/containerd.toml" <<END
version = 2
root = "$PEER_DIR/root"
state = "$PEER_DIR/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$PEER_DIR/containerd.sock"
END
        start_daemon containerd containerd --config "$PEER_DIR/containerd.toml"
        wait_until -t 60 ctr version || assert_fail "$(tail -n 30 "$PEER_DIR/containerd.log")"
}

teardown_file() {
        installed || return 0
        stop_daemon containerd
        # Where shims have their sockets; it stays for the next one.
        rmdir -p /run/containerd/s 2>/dev/null || true
        peers_end default
}

setup() {
        require_root
        require_program containerd ctr script
        NAME=$(token)
        mkdir "$BATS_TEST_TMPDIR/image"
        tar -C "$BATS_TEST_TMPDIR/image" -xf "$PEER_DIR/busybox.tar"
}

teardown() {
        [ -n "${NAME:-}" ] || return 0
        ctr tasks kill -s KILL -a "$NAME" >/dev/null 2>&1 || true
        ctr tasks rm -f "$NAME" >/dev/null 2>&1 || true
        ctr containers rm "$NAME" >/dev/null 2>&1 || true
        run ctr containers ls -q
        assert_output ""
        refute_exists "$PEER_DIR/runtime/default/$NAME"
}

ctr() {
        (without_fds nsenter --net="/run/netns/$PEER_NETNS" -- ctr --address "$PEER_DIR/containerd.sock" "$@")
}

# run_ [OPTION...] -- COMMAND...: a container in the foreground, on this test's copy of the image.
run_() {
        run_as --rm "$@"
}

start() {
        run_as -d "$@" >"$BATS_TEST_TMPDIR/start" 2>&1 || assert_fail "$(cat "$BATS_TEST_TMPDIR/start")"
        wait_until has_status RUNNING
}

run_as() {
        local options=()

        while [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        shift
        ctr run --runc-binary "$PEER_RUNTIME" --runc-root "$PEER_DIR/runtime" --env PATH=/bin "${options[@]}" \
                --rootfs "$BATS_TEST_TMPDIR/image" "$NAME" "$@"
}

has_status() {
        ctr tasks ls | grep -qE "^$NAME +[0-9]+ +$1"
}

task_pid() {
        ctr tasks ls | awk -v name="$NAME" '$1 == name { print $2 }'
}

@test "ctr run passes output and the exit status on" {
        run run_ -- sh -c 'echo hello; echo error >&2; exit 7'
        assert_failure 7
        assert_output_contains hello error
}

@test "ctr run names a program that is not there" {
        run run_ -- no-such-program
        assert_failure
        assert_output_contains "no-such-program" "executable file not found"
}

@test "ctr run -t gives the program a terminal" {
        run on_terminal nsenter --net="/run/netns/$PEER_NETNS" -- ctr --address "$PEER_DIR/containerd.sock" run -t --rm \
                --runc-binary "$PEER_RUNTIME" --runc-root "$PEER_DIR/runtime" --env PATH=/bin \
                --rootfs "$BATS_TEST_TMPDIR/image" "$NAME" sh -c 'tty; exit 9' </dev/null
        assert_failure 9
        assert_output_contains /dev/pts/0
}

@test "the shim keeps the container in the runtime's directory that ctr names" {
        start -- sleep 1000
        assert_exists "$PEER_DIR/runtime/default/$NAME"
        run "$PEER_RUNTIME" --root "$PEER_DIR/runtime/default" state "$NAME"
        assert_success
        assert_equal "$(jq -r .status <<<"$output")" running
        assert_equal "$(jq -r .pid <<<"$output")" "$(task_pid)"
}

@test "ctr tasks exec runs a program in the container" {
        start -- sleep 1000
        run ctr tasks exec --exec-id one --cwd /tmp --user 1000:2000 "$NAME" sh -c 'pwd; id -u; id -g; exit 5'
        assert_failure 5
        assert_output $'/tmp\n1000\n2000'
}

@test "ctr tasks kill signals the container and the exit status is kept" {
        start -- sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
        ctr tasks kill -s TERM "$NAME"
        wait_until has_status STOPPED
        run ctr tasks rm "$NAME"
        assert_output_contains "exit code 3"
}

@test "ctr tasks pause stops the processes, resume lets them go on" {
        start -- sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
        wait_until -t 30 test -s "$BATS_TEST_TMPDIR/image/count"
        ctr tasks pause "$NAME"
        has_status PAUSED
        count=$(cat "$BATS_TEST_TMPDIR/image/count")
        read -r -t 0.3 <> <(:) || true
        assert_equal "$(cat "$BATS_TEST_TMPDIR/image/count")" "$count"
        ctr tasks resume "$NAME"
        wait_until eval '[ "$(cat "$BATS_TEST_TMPDIR/image/count")" != "$count" ]'
}

@test "ctr tasks ps and metrics see the container's processes" {
        start -- sh -c 'sleep 1000 & sleep 1000 & wait'
        wait_until eval '[ "$(ctr tasks ps "$NAME" | grep -cE "^[0-9]")" = 3 ]'
        run ctr tasks metrics "$NAME"
        assert_success
        assert_output_matches 'pids.current +3'
}

@test "ctr's limits, mounts and security options reach the container" {
        mkdir "$BATS_TEST_TMPDIR/data"
        echo content >"$BATS_TEST_TMPDIR/data/file"
        start --memory-limit 67108864 --cpus 0.5 --env WORD=x --read-only --no-pivot=false --seccomp --cap-drop CAP_CHOWN \
                --mount "type=bind,src=$BATS_TEST_TMPDIR/data,dst=/mnt,options=rbind:ro" -- \
                sh -c 'cat /mnt/file >/dev/null && exec sleep 1000'
        pid=$(task_pid)
        assert_equal "$(memory_limit "$pid")" 67108864
        assert_equal "$(cpu_limit "$pid")" "50000 100000"
        grep -q '^Seccomp:.2' "/proc/$pid/status"
        tr '\0' '\n' <"/proc/$pid/environ" | grep -x WORD=x
        run ctr tasks exec --exec-id one "$NAME" sh -c 'cat /mnt/file; touch /mnt/no; touch /no'
        assert_failure
        assert_output_contains content "/mnt/no: Read-only file system" "/no: Read-only file system"
}
