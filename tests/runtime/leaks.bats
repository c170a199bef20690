#!/usr/bin/env bats
# Nothing is left behind, also by a runtime that is killed.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        require_program strace
        runtime_setup
}

teardown() {
        runtime_teardown
}

# Kills the runtime (or init, whoever comes first) when it enters a system call for the n-th
# time, and returns when the runtime has ended. A container that was finished before goes on.
killed_at() {
        local call=$1 count=$2

        shift 2
        echo "$call:$count" >>"$BATS_TEST_TMPDIR/points"
        # `sh` writes its pid and becomes the runtime.
        rm -f "$BATS_TEST_TMPDIR/pid"
        spawn strace -f -qq -o /dev/null -e "inject=$call:signal=KILL:when=$count" \
                sh -c 'echo $$ >"$0"; exec "$@"' "$BATS_TEST_TMPDIR/pid" "$MYRUN" --root "$ROOT" "$@"
        wait_until runtime_ended "$SPAWNED"
}

# The tracer lives on while it traces a container.
runtime_ended() {
        process_gone "$1" || { [ -s "$BATS_TEST_TMPDIR/pid" ] && process_gone "$(cat "$BATS_TEST_TMPDIR/pid")"; }
}

nothing_left() {
        no_leaks && [ -z "$(myrun list -q)" ]
}

@test "a create that is killed at any point is cleaned up by delete --force" {
        set_args sleep 100
        for call in mkdirat:1 renameat:1 clone3:1 renameat:2 socketpair:1 open_tree:3 move_mount:2 \
                pivot_root:1 umount2:1 sendmsg:1 recvmsg:1 mknodat:2 execve:1 listen:1 write:6 mkdir:5 accept4:1; do
                killed_at "${call%:*}" "${call#*:}" create "$ID"
                run myrun delete --force "$ID"
                assert_success
                wait_until nothing_left || assert_fail "killed at $call:" "$(leaks_now)"
        done
}

@test "a run that is killed leaves what delete --force removes" {
        local points=(clone3:1 sendmsg:1 recvmsg:1 recvmsg:2 poll:1)

        # Otherwise it is systemd that makes the cgroup.
        uses_systemd || points+=(mkdir:1)
        set_args sleep 100
        for call in "${points[@]}"; do
                killed_at "${call%:*}" "${call#*:}" run "$ID"
                run myrun delete --force "$ID"
                assert_success
                wait_until nothing_left || assert_fail "killed at $call:" "$(leaks_now)"
        done
}

@test "a start that is killed leaves a container that can be deleted" {
        set_args sleep 100
        for call in connect:1 unlinkat:1 sendmsg:1; do
                myrun create "$ID" >/dev/null 2>&1
                killed_at "${call%:*}" "${call#*:}" start "$ID"
                run myrun delete --force "$ID"
                assert_success
                wait_until nothing_left || assert_fail "killed at $call:" "$(leaks_now)"
        done
}

@test "a delete that is killed can be repeated" {
        set_args sleep 100
        for call in unlinkat:1 unlinkat:3 rmdir:1 rmdir:3 openat:3; do
                myrun create "$ID" >/dev/null 2>&1
                killed_at "${call%:*}" "${call#*:}" delete --force "$ID"
                run myrun delete --force "$ID"
                assert_success
                wait_until nothing_left || assert_fail "killed at $call:" "$(leaks_now)"
        done
}

@test "delete --force of a container that is just being created waits and takes all of it" {
        set_args sleep 100
        spawn strace -qq -o /dev/null -e inject=clone3:delay_enter=500000 "$MYRUN" --root "$ROOT" create "$ID"
        wait_until has_status "$ID" creating
        myrun delete --force "$ID"
        wait_until process_gone "$SPAWNED"
        run myrun list -q
        assert_output ""
        leaks_check
}

@test "a create that is killed holds its container until init has ended" {
        set_args sleep 100
        # Init sleeps before it asks its parent, who is gone then.
        spawn strace -f -qq -o /dev/null -e inject=sethostname:delay_enter=700000 \
                -e inject=renameat:signal=KILL:when=2 "$MYRUN" --root "$ROOT" create "$ID"
        wait_until test -e "$ROOT/$ID/start.sock"
        myrun delete --force "$ID"
        leaks_check
}

@test "a run whose container was deleted leaves the next one of that name alone" {
        set_args sleep 100
        spawn "$MYRUN" --root "$ROOT" run "$ID"
        wait_until has_status "$ID" running
        # Until then it holds the container's lock, and would hold it for as long as it is stopped.
        wait_until flock --nonblock "$ROOT/$ID" true
        kill -STOP "$SPAWNED"
        myrun delete --force "$ID"
        myrun create "$ID" >/dev/null 2>&1
        kill -CONT "$SPAWNED"
        wait_until process_gone "$SPAWNED"
        assert_equal "$(container_status "$ID")" created
}

@test "every way a create can fail leaves nothing" {
        set_args no-such-program
        run myrun create "$ID"
        assert_failure
        set_args true
        edit_config '.mounts += [{destination: "/x", type: "tmpfs", source: "x", options: ["size=nonsense"]}]'
        run myrun create "$ID"
        assert_failure
        edit_config 'del(.mounts[-1]) | .hooks = {createContainer: [{path: "/no/such/hook"}]}'
        run myrun create "$ID"
        assert_failure
        edit_config 'del(.hooks)'
        run myrun create --pid-file /no/such/directory/pid "$ID"
        assert_failure
        run myrun list -q
        assert_output ""
        leaks_check
}

@test "many containers at the same time do not get in each other's way" {
        local jobs=()

        set_args sh -c 'exit 5'
        for i in 1 2 3 4 5 6 7 8; do
                (without_fds "$MYRUN" --root "$ROOT" run "$ID-$i") </dev/null >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
                jobs+=($!)
        done
        failures=0
        for job in "${jobs[@]}"; do
                code=0
                wait "$job" || code=$?
                [ $code -eq 5 ] || failures=$((failures + 1))
        done
        assert_equal $failures 0
        run myrun list -q
        assert_output ""
}

@test "two creates of one id: one wins, and the loser leaves the winner alone" {
        local jobs=()

        set_args sleep 100
        for i in 1 2 3 4; do
                (without_fds "$MYRUN" --root "$ROOT" create "$ID") </dev/null >/dev/null 2>&1 &
                jobs+=($!)
        done
        wins=0
        for job in "${jobs[@]}"; do
                ! wait "$job" || wins=$((wins + 1))
        done
        assert_equal $wins 1
        assert_equal "$(container_status "$ID")" created
}
