#!/usr/bin/env bats
# The demonstration of README.md works and leaves nothing.

load ../helpers/common

setup() {
        require_root
        leaks_begin
}

@test "the demo runs through and leaves nothing behind" {
        # Never fall back to the real host, whatever the caller's environment says.
        run env -u DEMO_HOST sh "$SOURCE/tests/demo.sh"
        assert_success
        assert_output_contains "It works" "Nothing is left"
        leaks_check
        run ls -d /tmp/mymgr-demo.*
        assert_failure
}

@test "the demo fails and cleans up where the port is of no use" {
        run env -u DEMO_HOST DEMO_PORT=99999 sh "$SOURCE/tests/demo.sh"
        assert_failure
        assert_output_contains 99999
        leaks_check
}

@test "hello, the first bundle, runs" {
        sh "$SOURCE/bundles/fill.sh" "$SOURCE/bundles/hello" "$BATS_TEST_TMPDIR/hello"
        run "$MYRUN" --root "$BATS_TEST_TMPDIR/state" run --bundle "$BATS_TEST_TMPDIR/hello" hello
        assert_success
        assert_output_contains "Hello from hello." "proc on /proc"
        leaks_check
}

@test "web, the second bundle, is created, started, fetched from and deleted" {
        sh "$SOURCE/bundles/fill.sh" "$SOURCE/bundles/web" "$BATS_TEST_TMPDIR/web"
        myrun=("$MYRUN" --root "$BATS_TEST_TMPDIR/state")
        # A network namespace of the test's own stands in for the caller's.
        netns=$(token)
        ip netns add "$netns"
        ip -n "$netns" link set lo up
        (without_fds nsenter --net="/run/netns/$netns" "${myrun[@]}" create --bundle "$BATS_TEST_TMPDIR/web" web) \
                </dev/null >/dev/null 2>&1
        run "${myrun[@]}" state web
        assert_success
        assert_equal "$(jq -r .status <<<"$output")" created
        "${myrun[@]}" start web
        wait_until nsenter --net="/run/netns/$netns" curl -sf http://127.0.0.1:8000/
        run nsenter --net="/run/netns/$netns" curl -sf http://127.0.0.1:8000/
        assert_output "This page comes out of an OCI bundle."
        "${myrun[@]}" kill web KILL
        wait_until "${myrun[@]}" delete web
        ip netns del "$netns"
        leaks_check
}
