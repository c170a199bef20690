#!/usr/bin/env bats
# mymgr run: the command in the foreground and in the background, and its exit status.

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

@test "run prints what the command writes and ends with its exit status" {
        run mymgr run --rm --network none busybox sh -c 'echo out; exit 7'
        assert_failure 7
        assert_output out
}

@test "run keeps standard output and standard error apart" {
        mymgr run --rm --network none busybox sh -c 'echo out; echo err >&2' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" out
        assert_equal "$(cat "$BATS_TEST_TMPDIR/err")" err
}

@test "run -i passes standard input on, and its end" {
        run mymgr run -i --rm --network none busybox wc -c <<<12345
        assert_success
        assert_output 6
}

@test "run without -i gives an empty standard input" {
        run mymgr run --rm --network none busybox wc -c <<<12345
        assert_success
        assert_output 0
}

@test "run carries a megabyte both ways without losing a byte" {
        head -c 1000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
        run bash -c "$(declare -f mymgr without_fds); mymgr run -i --rm --network none busybox cat <'$BATS_TEST_TMPDIR/data' | sha256sum"
        assert_success
        assert_output "$(sha256sum <"$BATS_TEST_TMPDIR/data")"
}

@test "run -t gives a terminal, and the joined -ti does" {
        run script -qec "$(declare -f mymgr without_fds); mymgr run -ti --rm --network none busybox tty" /dev/null </dev/null
        assert_success
        assert_output_contains /dev/pts/0
}

@test "run -d prints the id and leaves the container running" {
        run mymgr run -d --name sleeper --network none busybox sleep 1000
        assert_success
        [[ "$output" =~ ^[0-9a-f]{64}$ ]] || assert_fail "no id: $output"
        is_running sleeper
}

@test "run of a command that is not there ends with 127, of one that cannot run with 126" {
        run mymgr run --rm --network none busybox /no/such
        assert_failure 127
        assert_clear_error /no/such
        run mymgr run --rm --network none busybox /etc/passwd
        assert_failure 126
        assert_clear_error /etc/passwd
}

@test "run of an unknown image or with an unknown option ends with 125" {
        run mymgr run --rm nosuchimage
        assert_failure 125
        assert_clear_error nosuchimage
        run mymgr run --nosuchoption busybox
        assert_failure 125
        assert_clear_error nosuchoption
}

@test "run --rm removes the container, also when it could not start" {
        mymgr run --rm --network none busybox true
        run mymgr run --rm --network none busybox /no/such
        assert_failure
        run mymgr ps -aq
        assert_output ""
}

@test "a taken name is refused with the id of who has it" {
        id=$(mymgr create --name taken --network none busybox true)
        run mymgr run --name taken --network none busybox true
        assert_failure 125
        assert_clear_error 'name "/taken" is already in use' "$id"
}

@test "signals sent to a foreground run reach the container" {
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- "$MYMGR" --root "$MANAGER_DIR/root" --run-root "$MANAGER_DIR/run" \
                run --name traps --network none busybox sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done'
        wait_until is_running traps
        wait_until mymgr exec traps true
        kill -TERM "$SPAWNED"
        wait_until is_exited traps
        assert_equal "$(mymgr inspect -f '{{.State.ExitCode}}' traps)" 5
}

@test "create makes a container that start starts and start -a shows" {
        mymgr create --name later --network none busybox echo made
        assert_equal "$(container_state later)" created
        run mymgr start -a later
        assert_success
        assert_output made
}

@test "a started container keeps what it wrote to its root file system" {
        mymgr run --name keeps --network none busybox sh -c 'echo x >>/count; wc -l </count'
        mymgr start keeps
        wait_until is_exited keeps
        run mymgr logs keeps
        assert_output $'1\n2'
}

@test "attach shows a running container's output and passes input on" {
        mymgr run -d -i --name shell --network none busybox sh
        run mymgr attach shell <<<'echo answer; exit 4'
        assert_failure 4
        assert_output answer
}

@test "restart on-failure:2 tries twice more and gives up" {
        mymgr run -d --name fails --network none --restart on-failure:2 busybox sh -c 'echo try; exit 3'
        run mymgr wait fails
        assert_output 3
        assert_equal "$(mymgr inspect -f '{{.RestartCount}}' fails)" 2
        assert_equal "$(mymgr logs fails | grep -c try)" 3
}

@test "a container that runs out of memory is marked so" {
        run mymgr run --name eater -m 20m --network none busybox tail /dev/zero
        assert_failure 137
        assert_equal "$(mymgr inspect -f '{{.State.OOMKilled}}' eater)" true
}

@test "another OCI runtime works the same" {
        require_program runc
        run mymgr --runtime runc run --rm --network none busybox echo hello from runc
        assert_success
        assert_output "hello from runc"
}
