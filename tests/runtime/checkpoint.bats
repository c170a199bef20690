#!/usr/bin/env bats
# What checkpoint and restore refuse, and that nothing is the worse for it. Saving and restoring itself: restore.bats.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime
load ../helpers/criu

setup_file() {
        criu_ask
}

setup() {
        runtime_setup
        IMAGES=$BATS_TEST_TMPDIR/images
}

teardown() {
        runtime_teardown
}

# start_counter: a container that counts in /tmp/count.
start_counter() {
        set_args sh -c 'while true; do count=$((count + 1)); echo $count >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.05; done'
        start_detached "$ID"
        wait_until test -e "$BUNDLE/rootfs/tmp/count"
}

# The container does its work.
counts_on() {
        local before

        has_status "$ID" running
        before=$(cat "$BUNDLE/rootfs/tmp/count")
        wait_until counted_beyond "$before"
}

counted_beyond() {
        [ "$(cat "$BUNDLE/rootfs/tmp/count")" -gt "$1" ]
}

# fake_criu SCRIPT: a program to be used as criu.
fake_criu() {
        printf '#!/bin/sh\n%s\n' "$1" >"$BATS_TEST_TMPDIR/criu"
        chmod +x "$BATS_TEST_TMPDIR/criu"
}

@test "without criu checkpoint and restore name the package" {
        start_counter
        run myrun --criu "$BATS_TEST_TMPDIR/none" checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "$BATS_TEST_TMPDIR/none: No such file or directory" "package criu"
        counts_on
        echo '[]' >"$IMAGES/descriptors.json"
        run myrun --criu "$BATS_TEST_TMPDIR/none" restore --image-path "$IMAGES" --detach "$ID-2"
        assert_clear_error "package criu"
        run myrun list -q
        assert_output "$ID"
}

@test "what criu cannot do is told with its reason and its log, and the container goes on" {
        command -v criu >/dev/null || skip "criu is not installed"
        [ -n "$CRIU_REFUSAL" ] || skip "criu can do it here"
        start_counter
        run myrun checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "criu cannot save the container: ${CRIU_REFUSAL#*: }" "criu check" "$IMAGES/dump.log"
        counts_on
        echo '[]' >"$IMAGES/descriptors.json"
        run myrun restore --image-path "$IMAGES" --work-path "$BATS_TEST_TMPDIR/work" --detach "$ID-2"
        assert_clear_error "criu cannot restore the container: ${CRIU_REFUSAL#*: }" "$BATS_TEST_TMPDIR/work/restore.log"
        run myrun list -q
        assert_output "$ID"
}

@test "a criu that dies leaves the container as it was" {
        fake_criu 'kill -SEGV $$'
        start_counter
        run myrun --criu "$BATS_TEST_TMPDIR/criu" checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "criu was killed by signal 11" "cannot save the container"
        counts_on
}

@test "a criu that freezes the container and dies does not leave it frozen" {
        start_counter
        fake_criu "$MYRUN --root $ROOT pause $ID; exit 1"
        run myrun --criu "$BATS_TEST_TMPDIR/criu" checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "criu exited with status 1"
        counts_on
}

@test "an answer that is no message of criu's is refused" {
        start_counter
        fake_criu 'exec python3 -c "import socket, sys; socket.socket(fileno=int(sys.argv[2])).send(b\"nonsense\")" "$@"'
        run myrun --criu "$BATS_TEST_TMPDIR/criu" checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "nonsense"
        counts_on
}

@test "only a running container is saved" {
        run myrun checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "container does not exist: $ID"
        set_args true
        myrun create "$ID" >/dev/null 2>&1
        run myrun checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "a container that is created cannot be checkpointed"
        myrun start "$ID"
        wait_until has_status "$ID" stopped
        run myrun checkpoint --image-path "$IMAGES" "$ID"
        assert_clear_error "a container that is stopped cannot be checkpointed"
        refute_exists "$IMAGES"
}

@test "--parent-path is relative to the images, and there" {
        start_counter
        mkdir "$BATS_TEST_TMPDIR/parent"
        run myrun checkpoint --image-path "$IMAGES" --parent-path "$BATS_TEST_TMPDIR/parent" "$ID"
        assert_clear_error "--parent-path: $BATS_TEST_TMPDIR/parent is not relative"
        run myrun checkpoint --image-path "$IMAGES" --parent-path ./parent "$ID"
        assert_clear_error "--parent-path: $IMAGES/./parent: No such file or directory"
        touch "$BATS_TEST_TMPDIR/file"
        run myrun checkpoint --image-path "$IMAGES" --parent-path ../file "$ID"
        assert_clear_error "--parent-path" "Not a directory"
        counts_on
}

@test "options of checkpoint that make no sense are refused" {
        start_counter
        for words in "--page-server here|is not ADDRESS:PORT" "--page-server :80|is not ADDRESS:PORT" \
                "--page-server 127.0.0.1:0|is not ADDRESS:PORT" "--manage-cgroups-mode none|none of ignore, soft, full, strict" \
                "--empty-ns pid|is not supported" "--status-fd 77|77 is not open" "--status-fd 0|not open for writing" \
                "--network-lock none|none of iptables, nftables"; do
                run myrun checkpoint --image-path "$IMAGES" ${words%%|*} "$ID"
                assert_clear_error "${words%% *}" "${words#*|}"
        done
        counts_on
}

@test "restore refuses what is no checkpoint, and leaves nothing" {
        run myrun restore --image-path "$IMAGES" --detach "$ID"
        assert_clear_error "--image-path: $IMAGES: No such file or directory"
        mkdir "$IMAGES"
        run myrun restore --image-path "$IMAGES" --detach "$ID"
        assert_clear_error "$IMAGES holds no checkpoint"
        echo '{}' >"$IMAGES/descriptors.json"
        run myrun restore --image-path "$IMAGES" --detach "$ID"
        assert_clear_error --image-path
        run myrun list -q
        assert_output ""
}

@test "restore needs a new id and a bundle that is one" {
        start_counter
        mkdir "$IMAGES"
        run myrun restore --image-path "$IMAGES" --detach "$ID"
        assert_clear_error "container with id exists: $ID"
        run myrun restore --image-path "$IMAGES" --detach --bundle "$BATS_TEST_TMPDIR/none" "$ID-2"
        assert_clear_error "bundle $BATS_TEST_TMPDIR/none: No such file or directory"
        edit_config '.process.terminal = true'
        run myrun restore --image-path "$IMAGES" --detach "$ID-2"
        assert_clear_error --console-socket
        counts_on
}

# Mounts are prepared before criu is asked.
@test "a bind mount whose source is gone is named, and no mount stays behind" {
        mkdir "$IMAGES"
        echo '[]' >"$IMAGES/descriptors.json"
        add_mount /data none "$BATS_TEST_TMPDIR/none" bind
        before=$(wc -l </proc/self/mountinfo)
        run myrun restore --image-path "$IMAGES" --detach "$ID"
        assert_clear_error "/data: source $BATS_TEST_TMPDIR/none: No such file or directory"
        assert_equal "$(wc -l </proc/self/mountinfo)" "$before"
        refute_exists "$ROOT/$ID"
}
