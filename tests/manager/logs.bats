#!/usr/bin/env bats
# mymgr logs: what a container wrote, now and as it goes on.

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

@test "logs shows both streams, each where it belongs" {
        mymgr run --name talks --network none busybox sh -c 'echo out; echo err >&2' >/dev/null 2>&1
        assert_equal "$(mymgr logs talks 2>/dev/null)" out
        assert_equal "$(mymgr logs talks 2>&1 >/dev/null)" err
}

@test "logs --tail shows the last lines" {
        mymgr run --name counts --network none busybox seq 1 100 >/dev/null
        run mymgr logs --tail 2 counts
        assert_output $'99\n100'
        run mymgr logs --tail 0 counts
        assert_output ""
        run mymgr logs --tail all counts
        assert_equal "${#lines[@]}" 100
}

@test "logs -t puts the time before each line" {
        mymgr run --name timed --network none busybox echo hello >/dev/null
        run mymgr logs -t timed
        [[ "$output" =~ ^20[0-9]{2}-[0-9-]+T[0-9:]+\.[0-9]{9}Z\ hello$ ]] || assert_fail "no time: $output"
}

@test "logs --since leaves out what is older" {
        mymgr run --name old --network none busybox echo hello >/dev/null
        run mymgr logs --since 2100-01-01T00:00:00Z old
        assert_success
        assert_output ""
        run mymgr logs --since 1h old
        assert_output hello
}

@test "logs -f goes on until the container ends" {
        mymgr run -d -i --name live --network none busybox sh
        (mymgr logs -f live >"$BATS_TEST_TMPDIR/out" 2>&1) &
        follower=$!
        mymgr attach live <<<'echo first; echo second; exit' >/dev/null
        wait "$follower"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" $'first\nsecond'
}

@test "the log is docker's json-file, also for bytes that are no text" {
        mymgr run --name bytes --network none busybox printf 'a"b\\c\td\001\377\303\244\n' >/dev/null
        run jq -r '.log' "$(mymgr inspect -f '{{.LogPath}}' bytes)"
        assert_success
        assert_output_contains 'a"b\c'
        run jq -r '.stream' "$(mymgr inspect -f '{{.LogPath}}' bytes)"
        assert_output stdout
        run mymgr logs bytes
        assert_output_contains 'a"b\c' 'ä'
}

@test "a line without an end and a line of 100 kB are kept whole" {
        mymgr run --name open --network none busybox sh -c 'head -c 100000 /dev/zero | tr "\0" x; printf end' >/dev/null
        run mymgr logs open
        assert_equal "${#output}" 100003
}
