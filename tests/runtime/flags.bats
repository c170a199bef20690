#!/usr/bin/env bats
# The flags and commands that callers of runc and crun use, beyond what other suites show at work.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        runtime_teardown
}

# long_options HELP: the long options that a help text names
long_options() {
        sed -nE 's/^ +(-[A-Za-z?], *)?(--[a-z0-9-]+).*/\2/p' | sort -u
}

# Every flag of a peer's command is one of ours. Left out: what belongs to a program and not to a runtime.
@test "every command of runc and crun is there with all its flags" {
        local peer command missing

        for peer in runc crun; do
                command -v $peer >/dev/null || continue
                for command in create delete exec kill list pause ps resume run spec start state update events checkpoint restore; do
                        "$peer" "$command" --help >"$BATS_TEST_TMPDIR/theirs" 2>/dev/null || continue
                        "$MYRUN" "$command" --help >"$BATS_TEST_TMPDIR/ours" || assert_fail "no command $command"
                        missing=$(comm -23 <(long_options <"$BATS_TEST_TMPDIR/theirs") \
                                <(long_options <"$BATS_TEST_TMPDIR/ours") | grep -vxE -- '--(help|usage|detach-keys)' || true)
                        [ -z "$missing" ] || assert_fail "$peer $command has, and myrun has not:" "$missing"
                done
                missing=$(comm -23 <("$peer" --help 2>/dev/null | long_options) <("$MYRUN" --help | long_options) |
                        grep -vxE -- '--(help|usage|version)' || true)
                [ -z "$missing" ] || assert_fail "$peer has, and myrun has not:" "$missing"
        done
}

@test "kill 0 asks whether there is somebody" {
        set_args sleep 100
        start_detached "$ID"
        run myrun kill "$ID" 0
        assert_success
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        run myrun kill "$ID" 0
        assert_clear_error "not running"
}

@test "kill KILL reaches a paused container" {
        set_args sleep 100
        start_detached "$ID"
        myrun pause "$ID"
        run myrun kill "$ID" KILL
        assert_success
        wait_until has_status "$ID" stopped
}

@test "delete and kill take a regular expression of ids" {
        set_args sleep 100
        for name in a b c; do
                start_detached "$ID-$name"
        done
        run myrun kill --regex "$ID-[ab]" KILL
        assert_success
        wait_until has_status "$ID-a" stopped
        wait_until has_status "$ID-b" stopped
        assert_equal "$(container_status "$ID-c")" running
        run myrun delete --regex "^$ID-[ab]\$"
        assert_success
        run myrun list -q
        assert_output "$ID-c"
        # The others are deleted although one cannot be.
        start_detached "$ID-a"
        myrun kill "$ID-a" KILL
        wait_until has_status "$ID-a" stopped
        run myrun delete -r "$ID-."
        assert_failure 1
        run myrun list -q
        assert_output "$ID-c"
        run myrun delete --force --regex "["
        assert_clear_error --regex
        run myrun delete --force --regex nothing-of-that-name
        assert_success
}

@test "--pidfd-socket gets a pidfd of the process" {
        local socket=$BATS_TEST_TMPDIR/s

        require_program python3
        set_args sleep 100
        spawn python3 "$HELPERS/receive-fd.py" "$socket" "$BATS_TEST_TMPDIR/create"
        wait_until -t 60 test -S "$socket"
        myrun create --pidfd-socket "$socket" "$ID" >/dev/null 2>&1
        wait_until test -e "$BATS_TEST_TMPDIR/create"
        assert_equal "$(awk '/^Pid:/ { print $2 }' "$BATS_TEST_TMPDIR/create")" "$(init_pid "$ID")"
        myrun start "$ID"
        spawn python3 "$HELPERS/receive-fd.py" "$socket.2" "$BATS_TEST_TMPDIR/exec"
        wait_until -t 60 test -S "$socket.2"
        myrun exec -d --pid-file "$BATS_TEST_TMPDIR/pid" --pidfd-socket "$socket.2" "$ID" sleep 50 >/dev/null 2>&1
        wait_until test -e "$BATS_TEST_TMPDIR/exec"
        assert_equal "$(awk '/^Pid:/ { print $2 }' "$BATS_TEST_TMPDIR/exec")" "$(cat "$BATS_TEST_TMPDIR/pid")"
        run myrun create --pidfd-socket /no/such/socket "$ID-2"
        assert_clear_error --pidfd-socket /no/such/socket
        run myrun list -q
        assert_output "$ID"
}

@test "spec --file writes another file" {
        cd "$BATS_TEST_TMPDIR"
        myrun spec --file other.json
        assert_equal "$(jq -r .process.args[0] other.json)" sh
        refute_exists config.json
        run myrun spec -f other.json
        assert_clear_error "other.json exists"
}

@test "run --keep leaves the container for state and delete" {
        set_args sh -c 'exit 3'
        run myrun run --keep "$ID"
        assert_failure 3
        assert_equal "$(container_status "$ID")" stopped
        myrun delete "$ID"
}

@test "--no-new-keyring keeps the caller's session keyring, also in exec" {
        [ -r /proc/keys ] || skip "the kernel has no keyrings"
        set_args sleep 100
        edit_config '.linux.maskedPaths = []'
        start_detached "$ID"
        start_detached --no-new-keyring "$ID-old"
        run myrun exec "$ID" cat /proc/keys
        assert_output_contains "_ses.$ID"
        run myrun exec "$ID-old" cat /proc/keys
        refute_output_contains "_ses.$ID-old"
}

@test "--no-pivot still shows the container's root alone" {
        set_args sh -c 'ls / | tr "\n" " "; ls /../../.. | tr "\n" " "; test -e /proc/1/root/rootfs || echo inside'
        run myrun run --no-pivot "$ID"
        assert_success
        assert_output_matches 'bin dev etc.*bin dev etc'
        assert_output_contains inside
}

@test "a process of exec has what its file leaves out from the container" {
        set_args sleep 100
        edit_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 78}] | .process.oomScoreAdj = 123 |
                .process.scheduler = {policy: "SCHED_BATCH"} | .process.ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
        start_detached "$ID"
        jq -n '{cwd: "/", args: ["sh", "-c", "ulimit -n; cat /proc/self/oom_score_adj; cut -d \" \" -f 41 /proc/self/stat;
                ionice; grep CapEff /proc/self/status"], env: ["PATH=/bin"]}' >"$BATS_TEST_TMPDIR/process.json"
        run myrun exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
        assert_success
        assert_output_matches '^77
123
3
idle
CapEff:.0000000020000420$'
}

@test "exec in a container with a user namespace gives capabilities there, and none of the caller's" {
        set_args sleep 100
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings |
                del(.mounts[] | select(.type == "mqueue"))'
        chown -R 100000:100000 rootfs
        # What the runtime's caller has not got, the root of the namespace still has.
        edit_config '.process.capabilities |= map_values(. + ["CAP_SYS_RESOURCE"])'
        start_detached "$ID"
        run myrun exec --cap CAP_SYS_RESOURCE "$ID" sh -c 'id -u; grep CapEff /proc/self/status'
        assert_success
        assert_output_matches '^0
CapEff:.0000000021000420$'
        assert_equal "$(readlink "/proc/$(init_pid "$ID")/ns/user")" "$(myrun exec "$ID" readlink /proc/self/ns/user)"
}

@test "--root and --log may be relative, and --debug says more" {
        cd "$BATS_TEST_TMPDIR"
        run "$MYRUN" --root relative --log log --debug run -b "$BUNDLE" "$ID" </dev/null
        assert_success
        run "$MYRUN" --root relative --log log --log-format json run -b /no/such "$ID" </dev/null
        assert_failure 1
        assert_equal "$(tail -n 1 log | jq -r '.level, (.msg | length > 0), (.time | test("^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+)$"))' |
                tr '\n' ' ')" "error true true "
}

@test "exit statuses are those of runc" {
        set_args sh -c 'exit 42'
        run myrun run "$ID"
        assert_failure 42
        set_args sleep 100
        start_detached "$ID"
        run myrun exec "$ID" sh -c 'exit 43'
        assert_failure 43
        run myrun exec "$ID" sh -c 'kill -KILL $$'
        assert_failure 137
        run myrun exec "$ID" /no/such/program
        assert_failure 255
        run myrun exec no-such-container true
        assert_failure 255
        for command in state start kill delete pause resume ps events update; do
                run myrun $command no-such-container
                assert_failure 1
        done
}
