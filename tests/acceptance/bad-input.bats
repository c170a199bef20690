#!/usr/bin/env bats
# Bad input gets an error that a person understands, and leaves nothing behind.

load ../helpers/common
load ../helpers/bundle
load ../helpers/network
load ../helpers/manager

setup() {
        require_root
        leaks_begin
        manager_begin
        STATE=$BATS_TEST_TMPDIR/state
        VICTIM=$BATS_TEST_TMPDIR/victim
        echo untouched >"$VICTIM"
}

teardown() {
        manager_end
}

myrun() {
        "$MYRUN" --root "$STATE" "$@"
}

no_state_left() {
        [ -z "$(ls -A "$STATE" 2>/dev/null)" ] || assert_fail "left in the state directory:" "$(find "$STATE")"
}

no_container_left() {
        run mymgr ps -aq
        assert_success
        assert_output ""
}

no_image_left() {
        run mymgr images -q
        assert_success
        assert_output ""
        # Nothing half unpacked either, in or beside the layers.
        run find "$MANAGER_DIR/root" -name '*pwned*' -o -name busybox -o -name '*.txt'
        assert_output ""
}

# ---- bundles ----

@test "a bundle that is not there" {
        run myrun run --bundle "$BATS_TEST_TMPDIR/nosuch" c
        assert_clear_error "$BATS_TEST_TMPDIR/nosuch" "No such file or directory"
        no_state_left
}

@test "a bundle without config.json" {
        mkdir "$BATS_TEST_TMPDIR/empty"
        run myrun run --bundle "$BATS_TEST_TMPDIR/empty" c
        assert_clear_error config.json "No such file or directory"
        no_state_left
}

@test "a config.json that is not JSON" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        echo '{"ociVersion": "1.0.2", "process": {' >"$BUNDLE/config.json"
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error config.json
        no_state_left
}

@test "a config.json of 100 MB" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        { printf '{"ociVersion":"1.0.2","x":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}'; } \
                >"$BUNDLE/config.json"
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error config.json
        no_state_left
}

@test "a config.json nested 100,000 deep" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        { printf '{"ociVersion":"1.0.2","x":'; head -c 100000 /dev/zero | tr '\0' '['; } >"$BUNDLE/config.json"
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error config.json
        no_state_left
}

@test "a config.json with the wrong type in a field names the field" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        edit_config '.mounts[1].destination = 7'
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error "mounts[1].destination"
        no_state_left
}

@test "a root filesystem that is not there" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        rm -rf "$BUNDLE/rootfs"
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error rootfs
        no_state_left
}

@test "a program that is not in the container" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        set_args /no/such/program
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error /no/such/program
        no_state_left
}

@test "a mount whose source is not there" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        edit_config '.mounts += [{"destination": "/data", "type": "bind", "source": "/no/such", "options": ["bind"]}]'
        run myrun run --bundle "$BUNDLE" c
        assert_clear_error /no/such
        no_state_left
}

@test "a container id with a path in it" {
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        for id in ../escape /abs a/b .. . ''; do
                run myrun run --bundle "$BUNDLE" "$id"
                assert_clear_error
        done
        no_state_left
        refute_exists "$BATS_TEST_TMPDIR/escape"
}

# ---- images ----

@test "an image that nobody has" {
        run mymgr run --name c nosuch/image:7
        assert_clear_error nosuch/image:7
        assert_equal "$status" 125
        no_container_left
}

@test "an archive that is not there" {
        run mymgr load -i "$BATS_TEST_TMPDIR/nosuch.tar"
        assert_clear_error "$BATS_TEST_TMPDIR/nosuch.tar" "No such file or directory"
        run mymgr import "$BATS_TEST_TMPDIR/nosuch.tar" c
        assert_clear_error "$BATS_TEST_TMPDIR/nosuch.tar" "No such file or directory"
        no_image_left
}

@test "an archive cut off at any place" {
        local archive=$BUILD/share/mymgr/images/busybox.tar size part

        size=$(stat -c %s "$archive")
        for part in 0 1 511 512 1000 10240 $((size / 4)) $((size / 2)) $((size * 9 / 10)); do
                head -c "$part" "$archive" >"$BATS_TEST_TMPDIR/cut.tar"
                run mymgr load -i "$BATS_TEST_TMPDIR/cut.tar"
                assert_clear_error || assert_fail "when cut at $part of $size"
        done
        no_image_left
}

@test "a compressed root filesystem cut off in the middle" {
        local part

        tar -C "$(base_rootfs)" -czf "$BATS_TEST_TMPDIR/rootfs.tar.gz" .
        head -c 200000 "$BATS_TEST_TMPDIR/rootfs.tar.gz" >"$BATS_TEST_TMPDIR/cut.tar.gz"
        run mymgr import "$BATS_TEST_TMPDIR/cut.tar.gz" cut
        assert_clear_error
        no_image_left
}

@test "a file that is no archive" {
        head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
        run mymgr load -i "$BATS_TEST_TMPDIR/noise"
        assert_clear_error
        run mymgr import "$BATS_TEST_TMPDIR/noise" noise
        assert_clear_error
        no_image_left
}

@test "an archive whose blob does not have the digest it is named by" {
        mkdir "$BATS_TEST_TMPDIR/layout"
        tar -C "$BATS_TEST_TMPDIR/layout" -xf "$BUILD/share/mymgr/images/busybox.tar"
        [ -d "$BATS_TEST_TMPDIR/layout/blobs" ] || skip "the default image is no OCI layout"
        # Any blob larger than the documents is a layer.
        find "$BATS_TEST_TMPDIR/layout/blobs" -type f -size +50k | while read -r blob; do
                printf x | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
        done
        tar -C "$BATS_TEST_TMPDIR/layout" -cf "$BATS_TEST_TMPDIR/forged.tar" .
        run mymgr load -i "$BATS_TEST_TMPDIR/forged.tar"
        assert_clear_error digest
        no_image_left
}

# hostile TAR: import either refuses it with a clear error or keeps all of it inside; the host's file stays as it was.
assert_contained() {
        run mymgr import "$1" hostile
        assert_equal "$(cat "$VICTIM")" untouched
        refute_exists /pwned
        refute_exists "$BATS_TEST_TMPDIR/pwned"
        if [ "$status" -ne 0 ]; then
                assert_clear_error
                no_image_left
        else
                mymgr rmi hostile
        fi
}

@test "a tar with .. in its names is refused" {
        echo pwned >"$BATS_TEST_TMPDIR/x"
        tar -C "$BATS_TEST_TMPDIR" -cPf "$BATS_TEST_TMPDIR/h.tar" --transform='s,^x$,../../../../../../../../pwned,' x
        run mymgr import "$BATS_TEST_TMPDIR/h.tar" hostile
        assert_clear_error ".."
        refute_exists /pwned
        no_image_left
}

@test "a tar with absolute names stays inside" {
        echo pwned >"$BATS_TEST_TMPDIR/x"
        tar -C "$BATS_TEST_TMPDIR" -cPf "$BATS_TEST_TMPDIR/h.tar" --transform="s,^x\$,$VICTIM," x
        assert_contained "$BATS_TEST_TMPDIR/h.tar"
}

@test "a tar that writes through a symbolic link that points out stays inside" {
        local target

        for target in "$BATS_TEST_TMPDIR" ../../../../../../../../../.. /; do
                mkdir -p "$BATS_TEST_TMPDIR/1"
                ln -sfn "$target" "$BATS_TEST_TMPDIR/1/out"
                echo pwned >"$BATS_TEST_TMPDIR/x"
                tar -C "$BATS_TEST_TMPDIR/1" -cf "$BATS_TEST_TMPDIR/h.tar" out
                tar -C "$BATS_TEST_TMPDIR" -rPf "$BATS_TEST_TMPDIR/h.tar" --transform='s,^x$,out/pwned,' x
                tar -C "$BATS_TEST_TMPDIR" -rPf "$BATS_TEST_TMPDIR/h.tar" --transform='s,^x$,out/victim,' x
                assert_contained "$BATS_TEST_TMPDIR/h.tar"
        done
}

@test "a tar that overwrites a file through a link to it stays inside" {
        ln -s "$VICTIM" "$BATS_TEST_TMPDIR/link"
        echo pwned >"$BATS_TEST_TMPDIR/x"
        tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/h.tar" link
        tar -C "$BATS_TEST_TMPDIR" -rf "$BATS_TEST_TMPDIR/h.tar" --transform='s,^x$,link,' x
        assert_contained "$BATS_TEST_TMPDIR/h.tar"
}

@test "a tar with a hard link to a file of the host stays inside" {
        echo pwned >"$BATS_TEST_TMPDIR/x"
        ln "$BATS_TEST_TMPDIR/x" "$BATS_TEST_TMPDIR/y"
        for target in "../../../../../../../../../..$VICTIM" "$VICTIM"; do
                # y is stored as a hard link to x; the link's target alone is rewritten.
                tar -C "$BATS_TEST_TMPDIR" -cPf "$BATS_TEST_TMPDIR/h.tar" \
                        --transform="flags=hRS;s,^x\$,$target," x y
                assert_contained "$BATS_TEST_TMPDIR/h.tar"
                assert_equal "$(stat -c %h "$VICTIM")" 1
        done
}

@test "whiteouts of the root and of what lies above it are refused or do nothing" {
        local name

        mkdir "$BATS_TEST_TMPDIR/w"
        : >"$BATS_TEST_TMPDIR/x"
        for name in .wh. .wh.. .wh... sub/.wh.. sub/.wh... .wh.sub/../..; do
                tar -C "$BATS_TEST_TMPDIR" -cPf "$BATS_TEST_TMPDIR/h.tar" --transform="s,^x\$,$name," x
                assert_contained "$BATS_TEST_TMPDIR/h.tar"
                [ -d "$MANAGER_DIR/root" ] || assert_fail "$name removed the store"
        done
        load_busybox
        run mymgr run --rm --network none busybox true
        assert_success
}

# ---- containers ----

@test "a name that is taken" {
        load_busybox
        mymgr run -d --name web --network none busybox sleep 1000
        run mymgr run -d --name web --network none busybox sleep 1000
        assert_clear_error web "already in use"
        assert_equal "$status" 125
        is_running web
        assert_equal "$(mymgr ps -aq | wc -l)" 1
}

@test "a port that another container publishes" {
        load_busybox
        mymgr run -d --name first -p 8080:80 busybox httpd -f -h /etc
        run mymgr run -d --name second -p 8080:80 busybox httpd -f -h /etc
        assert_clear_error 8080
        run mymgr rm -f second
        run in_host curl -sf --retry 5 --retry-connrefused http://127.0.0.1:8080/hostname
        assert_success
        mymgr rm -f first
        run mymgr run -d --name third -p 8080:80 busybox httpd -f -h /etc
        assert_success
}

@test "a port that a program of the host listens on" {
        load_busybox
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat TCP-LISTEN:8080,fork,reuseaddr PIPE
        wait_until in_host bash -c 'exec 5<>/dev/tcp/127.0.0.1/8080'
        run mymgr run -d --name web -p 8080:80 busybox httpd -f -h /etc
        kill "$SPAWNED"
        assert_clear_error 8080
}

@test "an address pool that is full" {
        load_busybox
        # A /30 has room for the gateway and one container.
        mymgr network create --driver bridge --subnet 10.66.0.0/30 tiny
        mymgr run -d --name one --network tiny busybox sleep 1000
        run mymgr run -d --name two --network tiny busybox sleep 1000
        assert_clear_error "address"
        run mymgr rm -f two
        mymgr rm -f one
        run mymgr run --rm --network tiny busybox true
        assert_success
}

@test "a network that is not there" {
        load_busybox
        run mymgr run -d --name c --network nosuch busybox true
        assert_clear_error nosuch
        run mymgr rm -f c
        no_container_left
}

@test "a program that is not in the image" {
        load_busybox
        run mymgr run --name c --network none busybox /no/such/program
        assert_clear_error /no/such/program
        assert_equal "$status" 127
}

@test "options that make no sense" {
        load_busybox
        for options in "-m -5x" "--cpus many" "-p 99999:80" "-p x:80" "-v :/" "--no-such-option" "-u no:such:user" \
                "--cpuset-cpus 0-9999"; do
                run mymgr run --name c --network none $options busybox true
                assert_clear_error || assert_fail "with $options"
                run mymgr rm -f c
        done
        no_container_left
}

@test "commands on a container that is not there" {
        for command in start stop kill logs inspect rm "exec" commit; do
                run mymgr $command nosuch $([ $command = exec ] && echo true)
                assert_clear_error nosuch || assert_fail "with $command"
        done
}

# ---- kill -9 at any step ----

# traced TRACEFILE STRACE-OPTION VALUE COMMAND...: mymgr under strace; its children are not traced.
traced() (
        without_fds nsenter --net="/run/netns/$HOST_NETNS" -- strace -qq -o "$1" "$2" "$3" \
                "$MYMGR" --root "$MANAGER_DIR/root" --run-root "$MANAGER_DIR/run" "${@:4}"
)

# kill_points COUNT COMMAND...: traces the command and prints COUNT places spread over its system calls, each as
# "NAME OCCURRENCE". The dynamic loader's calls, up to rseq, change nothing and are left out.
kill_points() {
        traced "$BATS_TEST_TMPDIR/trace" -e trace=all "${@:2}" >/dev/null
        sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk -v count="$1" '
                { name[NR] = $1; nth[NR] = ++seen[$1] }
                $1 == "rseq" { first = NR }
                END {
                        for (i = 1; i <= count; i++) {
                                at = first + int((NR - first) * i / count)
                                print name[at], nth[at]
                        }
                }'
}

@test "mymgr run killed at any step: rm -f and the next run work, and nothing stays" {
        require_program strace
        load_busybox
        kill_points "${KILL_STEPS:-20}" run -d --name victim -p 8080:80 busybox sleep 1000 >"$BATS_TEST_TMPDIR/points"
        mymgr rm -f victim
        while read -r name nth; do
                traced /dev/null -e "inject=$name:signal=SIGKILL:when=$nth" \
                        run -d --name victim -p 8080:80 busybox sleep 1000 >/dev/null 2>&1 || true
                mymgr rm -f victim >/dev/null 2>&1 || true
                run mymgr run --rm --name victim -p 8080:80 busybox true
                [ "$status" -eq 0 ] || assert_fail "after a kill at $name number $nth:" "$output"
        done <"$BATS_TEST_TMPDIR/points"
        no_container_left
}

@test "mymgr rm killed at any step: the next rm works, and nothing stays" {
        require_program strace
        load_busybox
        mymgr run -d --name victim -p 8080:80 busybox sleep 1000
        kill_points "${KILL_STEPS:-12}" rm -f victim >"$BATS_TEST_TMPDIR/points"
        while read -r name nth; do
                mymgr run -d --name victim -p 8080:80 busybox sleep 1000 >/dev/null
                traced /dev/null -e "inject=$name:signal=SIGKILL:when=$nth" rm -f victim >/dev/null 2>&1 || true
                mymgr rm -f victim >/dev/null 2>&1 || true
                run mymgr ps -aq
                assert_output "" || assert_fail "after a kill at $name number $nth"
        done <"$BATS_TEST_TMPDIR/points"
}

# The processes of mymgr that belong to this test: the command and the monitors.
our_mymgr_processes() {
        local process

        for process in /proc/[0-9]*; do
                if [ "$(readlink "$process/exe" 2>/dev/null)" = "$(readlink -f "$MYMGR")" ] &&
                        grep -qzF "$MANAGER_DIR" "$process/cmdline" 2>/dev/null; then
                        echo "${process#/proc/}"
                fi
        done
}

@test "mymgr run and its monitor killed at any time: rm -f and the next run work, and nothing stays" {
        local delay pids

        load_busybox
        for delay in 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.10 0.12 0.14 0.16 0.20 0.25 0.30 0.40; do
                spawn nsenter --net="/run/netns/$HOST_NETNS" -- "$MYMGR" --root "$MANAGER_DIR/root" \
                        --run-root "$MANAGER_DIR/run" run -d --name victim -p 8080:80 busybox sleep 1000
                sleep "$delay"
                # Again, for a monitor that was made while the processes were listed.
                while pids=$(our_mymgr_processes) && [ -n "$pids" ]; do
                        kill -KILL $pids 2>/dev/null || true
                done
                wait "$SPAWNED" || true
                run mymgr rm -f victim
                [ "$status" -eq 0 ] || assert_fail "rm -f after a kill after $delay s:" "$output"
                run mymgr run --rm --name victim -p 8080:80 busybox true
                [ "$status" -eq 0 ] || assert_fail "after a kill after $delay s:" "$output"
        done
        no_container_left
}
