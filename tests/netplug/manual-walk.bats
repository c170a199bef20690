# docs/netplug.md: every command in it works, in the order it is written.

load ../helpers/common
load ../helpers/network

setup() {
        require_root
        require_program nft jq socat ping
        leaks_begin
        make_host_netns "$(token)"
}

teardown() {
        remove_host_netns
}

# The page's commands, one file a block.
blocks() {
        awk -v directory="$1" '
                /^```sh$/ { on = 1; file = sprintf("%s/%02d.sh", directory, ++n); next }
                /^```$/ { on = 0; next }
                on { print >file }' "$SOURCE/docs/netplug.md"
}

@test "the walk by hand and by netplug works as it is written, and leaves nothing" {
        mkdir "$BATS_TEST_TMPDIR/blocks" "$BATS_TEST_TMPDIR/work"
        blocks "$BATS_TEST_TMPDIR/blocks"
        [ "$(ls "$BATS_TEST_TMPDIR/blocks" | wc -l)" -ge 14 ]
        # One shell for all, that stops where a command fails and says which. Its namespaces and
        # leases are nobody else's. The last command that runs a server leaves it behind.
        {
                echo 'set -e; trap "echo failed in \$block >&2" ERR'
                echo "mount --make-rprivate / && mount -t tmpfs none /run/netns 2>/dev/null || { mkdir -p /run/netns; mount -t tmpfs none /run/netns; }"
                echo "mount -t tmpfs none /var/lib && mkdir /var/lib/cni"
                for block in "$BATS_TEST_TMPDIR"/blocks/*; do
                        echo "block=${block##*/}; echo \"== \$block\""
                        sed '/^! /{ s/^! \(.*\)/if \1; then echo "should have failed: \1" >\&2; exit 1; fi/ }' "$block"
                done
                echo 'echo all done'
        } >"$BATS_TEST_TMPDIR/walk.sh"
        cd "$BATS_TEST_TMPDIR/work"
        before=$(host_network)
        ip netns exec "$HOST_NETNS" unshare --mount env PATH="$(dirname "$NETPLUG"):$PATH" \
                bash -x "$BATS_TEST_TMPDIR/walk.sh" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- </dev/null ||
                assert_fail "$(tail -n 30 "$BATS_TEST_TMPDIR/output")"
        output=$(cat "$BATS_TEST_TMPDIR/output")
        assert_output_contains "all done" "hello from blue" "hello from green"
        assert_equal "$(grep -c '^hello from green' <<<"$output")" 3
        assert_equal "$(host_network)" "$before"
}
