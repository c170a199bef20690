#!/usr/bin/env bats
# mymgr stop, kill, wait, restart.

load ../helpers/common
load ../helpers/network
load ../helpers/manager

setup_file() {
        require_root
        leaks_begin
        manager_begin
        load_busybox
}

teardown_file() {
        manager_end
}

teardown() {
        remove_all_containers
}

@test "stop sends the stop signal and waits for the end" {
        mymgr run -d --name polite --network none busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done'
        wait_until mymgr exec polite true
        run mymgr stop polite
        assert_success
        assert_output polite
        assert_equal "$(mymgr inspect -f '{{.State.Status}} {{.State.ExitCode}}' polite)" "exited 0"
}

@test "stop kills what does not end in time" {
        mymgr run -d --name stubborn --network none busybox sleep 1000
        run mymgr stop -t 0 stubborn
        assert_success
        assert_equal "$(mymgr inspect -f '{{.State.ExitCode}}' stubborn)" 137
}

@test "stop uses the container's own signal" {
        mymgr run -d --name own --stop-signal USR1 --network none busybox sh -c 'trap "exit 8" USR1; while :; do sleep 0.05; done'
        wait_until mymgr exec own true
        mymgr stop own
        assert_equal "$(mymgr inspect -f '{{.State.ExitCode}}' own)" 8
}

@test "stop of a stopped container is no error, of an unknown one it is" {
        mymgr create --name idle --network none busybox true
        mymgr stop idle
        run mymgr stop nobody
        assert_clear_error "No such container: nobody"
}

@test "stop ends a container that its policy restarts" {
        mymgr run -d --name again --restart always --network none busybox sh -c 'exit 1'
        wait_until mymgr inspect again
        mymgr stop -t 1 again
        assert_equal "$(container_state again)" exited
}

@test "stop ends a paused container" {
        mymgr run -d --name frozen --network none busybox sleep 1000
        mymgr pause frozen
        mymgr stop -t 0 frozen
        assert_equal "$(container_state frozen)" exited
}

@test "kill sends any signal" {
        mymgr run -d --name hears --network none busybox sh -c 'trap "echo heard; exit" HUP; while :; do sleep 0.05; done'
        wait_until mymgr exec hears true
        mymgr kill -s HUP hears
        wait_until is_exited hears
        assert_equal "$(mymgr logs hears)" heard
        run mymgr kill -s NOSUCH hears
        assert_clear_error NOSUCH
}

@test "wait prints the exit code when the container ends" {
        mymgr run -d -i --name waited --network none busybox sh
        (mymgr wait waited >"$BATS_TEST_TMPDIR/code") &
        mymgr attach waited <<<'exit 12' || true
        wait $!
        assert_equal "$(cat "$BATS_TEST_TMPDIR/code")" 12
}

@test "restart stops and starts" {
        mymgr run -d --name twice --network none busybox sleep 1000
        first=$(mymgr inspect -f '{{.State.Pid}}' twice)
        mymgr restart -t 0 twice
        is_running twice
        [ "$(mymgr inspect -f '{{.State.Pid}}' twice)" != "$first" ]
}
