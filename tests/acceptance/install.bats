#!/usr/bin/env bats
# `make install` puts everything where the programs look for it.

load ../helpers/common

setup_file() {
        require_root
        export STAGE=$BATS_FILE_TMPDIR/stage
        make -s -C "$SOURCE" install BUILD="$BUILD" DESTDIR="$STAGE" PREFIX=/opt/house
}

@test "programs, plugins, the image and the man pages are installed" {
        for name in myrun mymgr netplug; do
                [ -x "$STAGE/opt/house/bin/$name" ] || assert_fail "missing: bin/$name"
        done
        for plugin in bandwidth bridge firewall host-device host-local loopback macvlan portmap ptp static tuning; do
                [ -x "$STAGE/opt/house/libexec/netplug/$plugin" ] || assert_fail "missing: plugin $plugin"
        done
        assert_exists "$STAGE/opt/house/libexec/myrun/systemd"
        assert_exists "$STAGE/opt/house/share/mymgr/images/busybox.tar"
        for page in man1/myrun.1 man1/mymgr.1 man8/netplug.8; do
                assert_exists "$STAGE/opt/house/share/man/$page"
        done
}

@test "the installed myrun needs no library" {
        [ "$(basename "$BUILD")" != sanitize ] || skip "a sanitized program is never static"
        run ldd "$STAGE/opt/house/bin/myrun"
        assert_output_matches "not a dynamic executable|statically linked"
}

@test "the installed myrun finds its helper program" {
        run "$STAGE/opt/house/bin/myrun" features
        assert_equal "$(jq .linux.cgroup.systemd <<<"$output")" true
}

@test "an installed plugin answers a CNI call" {
        run env CNI_COMMAND=VERSION "$STAGE/opt/house/libexec/netplug/bridge" <<<'{"cniVersion":"1.0.0"}'
        assert_success
        assert_output_contains '"supportedVersions"' '"1.0.0"'
}

@test "the installed mymgr finds its runtime, plugins and image beside it" {
        leaks_begin
        ip netns add installed
        run nsenter --net=/run/netns/installed "$STAGE/opt/house/bin/mymgr" --root "$BATS_TEST_TMPDIR/root" \
                --run-root "$BATS_TEST_TMPDIR/run" run --rm busybox ip -4 addr show eth0
        ip netns del installed
        assert_success
        assert_output_contains "inet "
        leaks_check
}

@test "uninstall removes what install put there" {
        make -s -C "$SOURCE" uninstall BUILD="$BUILD" DESTDIR="$STAGE" PREFIX=/opt/house
        run find "$STAGE" -type f -o -type l
        assert_output ""
}
