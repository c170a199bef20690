#!/usr/bin/env bats
# Containers that are saved with checkpoint and go on with restore. Needs a criu that knows the kernel: the virtual
# machine of tests/vm has one.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime
load ../helpers/criu

setup_file() {
        criu_ask
}

setup() {
        require_criu
        runtime_setup
        IMAGES=$BATS_TEST_TMPDIR/images
        WORK=$BATS_TEST_TMPDIR/work
        COUNT=$BUNDLE/rootfs/tmp/count
}

teardown() {
        [ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true
        [ "$BATS_TEST_COMPLETED" = 1 ] || grep -h -B 3 Error "$WORK"/*.log >&2 || true
        runtime_teardown
}

COUNTER='while true; do count=$((count + 1)); echo $count >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.05; done'

# start_quietly: a detached container whose standard streams are nothing.
start_quietly() {
        myrun run -d "$ID" >/dev/null 2>&1
}

# start_counter: a container that counts in /tmp/count. The number itself is in its memory alone.
start_counter() {
        set_args sh -c "$COUNTER"
        start_quietly
        wait_until counted_beyond 10
}

counted_beyond() {
        [ "$(cat "$COUNT")" -gt "$1" ]
}

# goes_on_from NUMBER: the container counts, and did not begin anew.
goes_on_from() {
        counted_beyond "$(($1 - 1))" || assert_fail "the count is $(cat "$COUNT") now, and was $1"
        wait_until counted_beyond "$(cat "$COUNT")"
}

# save [OPTION...] [ID]
save() {
        myrun checkpoint --image-path "$IMAGES" --work-path "$WORK" "$@" "$ID"
}

# restore [OPTION...]
restore() {
        myrun restore --image-path "$IMAGES" --work-path "$WORK" --detach "$@" "$ID" >"$BATS_TEST_TMPDIR/restore.out" 2>&1 ||
                assert_fail "not restored:" "$(cat "$BATS_TEST_TMPDIR/restore.out")"
}

@test "a container goes on from where it was saved, and is gone in between" {
        edit_config '.linux.resources = {memory: {limit: 134217728}, pids: {limit: 77}}'
        start_counter
        save
        number=$(cat "$COUNT")
        run myrun list -q
        assert_output ""
        leaks_check
        restore --pid-file "$BATS_TEST_TMPDIR/pid"
        goes_on_from "$number"
        has_status "$ID" running
        assert_equal "$(cat "$BATS_TEST_TMPDIR/pid")" "$(init_pid "$ID")"
        run myrun exec "$ID" sh -c 'ps | wc -l; cat /proc/self/mountinfo | grep -c " /proc/kcore "; ip link show lo'
        assert_success
        assert_output_contains LOOPBACK,UP
        run myrun events --stats "$ID"
        assert_equal "$(jq -r '.data.pids.limit' <<<"$output")" 77
        assert_equal "$(jq -r '.data.memory.usage.limit' <<<"$output")" 134217728
        myrun pause "$ID"
        myrun resume "$ID"
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        myrun delete "$ID"
}

@test "a container is saved and restored many times over" {
        start_counter
        for _ in 1 2 3; do
                save
                number=$(cat "$COUNT")
                restore
                goes_on_from "$number"
        done
}

@test "--leave-running lets it go on, and the copy is another container" {
        start_counter
        save --leave-running
        number=$(cat "$COUNT")
        has_status "$ID" running
        goes_on_from "$number"
        cp -a "$BUNDLE" "$BATS_TEST_TMPDIR/other"
        echo 0 >"$BATS_TEST_TMPDIR/other/rootfs/tmp/count"
        first=$ID
        ID=$ID-copy
        COUNT=$BATS_TEST_TMPDIR/other/rootfs/tmp/count
        restore --bundle "$BATS_TEST_TMPDIR/other"
        wait_until counted_beyond 10
        goes_on_from 10
        has_status "$first" running
        # Each in a cgroup of its own.
        grep -qE "$ID(\.scope)?\$" "/proc/$(init_pid "$ID")/cgroup"
        run grep -E "$first(\.scope)?\$" "/proc/$(init_pid "$ID")/cgroup"
        assert_failure
        run myrun ps -f json "$first"
        refute_output_contains "$(init_pid "$ID")"
}

@test "a paused container is saved" {
        start_counter
        myrun pause "$ID"
        number=$(cat "$COUNT")
        save
        restore
        has_status "$ID" running
        goes_on_from "$number"
}

@test "a restore in the foreground gives the program's exit status, and deletes the container" {
        set_args sh -c 'while [ ! -e /tmp/end ]; do sleep 0.05; done; exit 7'
        start_quietly
        wait_until has_status "$ID" running
        save
        touch "$BUNDLE/rootfs/tmp/end"
        run myrun restore --image-path "$IMAGES" --work-path "$WORK" "$ID"
        assert_failure 7
        run myrun list -q
        assert_output ""
}

@test "pipes of the standard streams are those of the caller of restore" {
        local source

        set_args sh -c 'while read -r line; do echo "got $line"; done'
        exec 7< <(exec sleep 1000)
        source=$!
        "$MYRUN" --root "$ROOT" run -d "$ID" <&7 2>&1 7<&- 3>&- | cat >/dev/null 3>&- &
        exec 7<&-
        wait_until has_status "$ID" running
        save
        echo word | "$MYRUN" --root "$ROOT" restore --image-path "$IMAGES" --work-path "$WORK" "$ID" 2>&1 |
                cat >"$BATS_TEST_TMPDIR/second"
        kill "$source"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/second")" "got word"
}

@test "a log file of the host as output goes on where it was" {
        set_args sh -c 'while true; do count=$((count + 1)); echo $count; sleep 0.05; done'
        myrun run -d "$ID" >"$BATS_TEST_TMPDIR/log" 2>&1
        wait_until grep -qx 10 "$BATS_TEST_TMPDIR/log"
        save
        run myrun restore --image-path "$IMAGES" --work-path "$WORK" --detach "$ID"
        assert_clear_error "file descriptor 1 was a file at the checkpoint"
        number=$(tail -n 1 "$BATS_TEST_TMPDIR/log")
        myrun restore --image-path "$IMAGES" --work-path "$WORK" --detach "$ID" >>"$BATS_TEST_TMPDIR/log" 2>&1
        wait_until grep -qx $((number + 10)) "$BATS_TEST_TMPDIR/log"
        # None is missing.
        assert_equal "$(awk '$1 != NR' "$BATS_TEST_TMPDIR/log")" ""
}

@test "the terminal is handed to --console-socket again" {
        require_program python3
        edit_config '.process.terminal = true'
        set_args sh -c 'tty; while true; do sleep 0.05; echo tick; done'
        start_holder "$BATS_TEST_TMPDIR/first"
        myrun run -d --console-socket "$BATS_TEST_TMPDIR/first.sock" "$ID" >/dev/null 2>&1
        wait_until grep -q tick "$BATS_TEST_TMPDIR/first"
        save
        start_holder "$BATS_TEST_TMPDIR/second"
        restore --console-socket "$BATS_TEST_TMPDIR/second.sock"
        wait_until grep -q tick "$BATS_TEST_TMPDIR/second"
        run myrun exec "$ID" test -c /dev/console
        assert_success
}

# start_holder FILE: receives a terminal at FILE.sock and copies what it says to FILE.
start_holder() {
        [ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true
        spawn python3 -c '
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1] + ".new")
server.listen(1)
os.rename(sys.argv[1] + ".new", sys.argv[1] + ".sock")
peer, _ = server.accept()
_, control, _, _ = peer.recvmsg(4096, 4096)
fd = array.array("i", control[0][2])[0]
out = open(sys.argv[1], "wb", buffering=0)
while True:
    try:
        out.write(os.read(fd, 4096))
    except OSError:
        break
' "$1"
        HOLDER=$SPAWNED
        wait_until -t 60 test -S "$1.sock"
}

@test "what was dumped before is not dumped again" {
        start_counter
        myrun checkpoint --pre-dump --image-path "$IMAGES.1" "$ID"
        has_status "$ID" running
        run myrun restore --image-path "$IMAGES.1" --detach "$ID-2"
        assert_clear_error "only a pre-dump"
        save --parent-path "../${IMAGES##*/}.1"
        number=$(cat "$COUNT")
        assert_exists "$IMAGES/parent"
        restore
        goes_on_from "$number"
}

@test "bind mounts are those of the bundle: nested, of files, through links, with mounts below" {
        mkdir -p "$BATS_TEST_TMPDIR"/{one,two,three/below} "$BUNDLE/rootfs/real"
        ln -s /real "$BUNDLE/rootfs/link"
        echo content >"$BATS_TEST_TMPDIR/file"
        mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/three/below"
        echo deep >"$BATS_TEST_TMPDIR/three/below/file"
        add_mount /data none "$BATS_TEST_TMPDIR/one" bind
        add_mount /data/in/it none "$BATS_TEST_TMPDIR/two" bind
        add_mount /link/conf none "$BATS_TEST_TMPDIR/one" bind ro
        add_mount /file none "$BATS_TEST_TMPDIR/file" bind
        add_mount /dev/file none "$BATS_TEST_TMPDIR/file" bind
        add_mount /tree none "$BATS_TEST_TMPDIR/three" rbind
        start_counter
        save
        number=$(cat "$COUNT")
        # Mount points are made anew.
        rm -rf "$BATS_TEST_TMPDIR/one/in" "$BUNDLE/rootfs/file"
        echo two >"$BATS_TEST_TMPDIR/two/name"
        echo changed >"$BATS_TEST_TMPDIR/file"
        restore
        goes_on_from "$number"
        run myrun exec "$ID" sh -c 'cat /data/in/it/name /real/conf/../conf/in/it/name /file /dev/file /tree/below/file; touch /real/conf/x'
        umount -l "$BATS_TEST_TMPDIR/three/below"
        assert_output_contains two changed deep "Read-only file system"
}

@test "a network namespace by path is joined again" {
        ip netns add "$ID"
        edit_config '(.linux.namespaces[] | select(.type == "network")).path = $path' --arg path "/run/netns/$ID"
        start_counter
        inode=$(stat -L -c %i "/run/netns/$ID")
        save
        number=$(cat "$COUNT")
        restore
        goes_on_from "$number"
        assert_equal "$(stat -L -c %i "/proc/$(init_pid "$ID")/ns/net")" "$inode"
        myrun delete --force "$ID"
        ip netns del "$ID"
}

@test "hooks run at the checkpoint's end and at the restore" {
        for point in prestart createRuntime poststop; do
                edit_config '.hooks[$point] = [{path: "/bin/sh", args: ["sh", "-c", $command]}]' --arg point $point \
                        --arg command "echo $point \$(cat) >>$BATS_TEST_TMPDIR/hooks"
        done
        start_counter
        save
        assert_equal "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/hooks" | tr '\n' ' ')" "prestart createRuntime poststop "
        rm "$BATS_TEST_TMPDIR/hooks"
        restore
        assert_equal "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/hooks" | tr '\n' ' ')" "prestart createRuntime "
        assert_equal "$(sed -n 's/^prestart //p' "$BATS_TEST_TMPDIR/hooks" | jq .pid)" "$(init_pid "$ID")"
}

@test "a hook that fails ends the restore, and leaves nothing" {
        start_counter
        save
        edit_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo no way >&2; exit 3"]}]'
        edit_config '.hooks.poststop = [{path: "/bin/sh", args: ["sh", "-c", $command]}]' \
                --arg command "touch $BATS_TEST_TMPDIR/stopped"
        run myrun restore --image-path "$IMAGES" --work-path "$WORK" --detach "$ID"
        assert_clear_error "hooks.createRuntime[0]" "no way"
        assert_exists "$BATS_TEST_TMPDIR/stopped"
        run myrun list -q
        assert_output ""
        leaks_check
}

@test "a pid file that cannot be written ends the restore, and leaves nothing" {
        start_counter
        save
        run myrun restore --image-path "$IMAGES" --work-path "$WORK" --detach --pid-file /proc/none "$ID"
        assert_clear_error --pid-file
        run myrun list -q
        assert_output ""
        leaks_check
}

@test "what cannot be saved without an option is named, and the container goes on" {
        for directory in /usr /lib /lib64; do
                add_mount $directory none $directory bind ro
        done
        set_args /usr/bin/flock /tmp/lock /bin/sh -c "$COUNTER"
        start_quietly
        wait_until counted_beyond 10
        run save
        assert_clear_error "criu cannot save the container" "$WORK/dump.log" lock
        has_status "$ID" running
        goes_on_from "$(cat "$COUNT")"
        save --file-locks
        number=$(cat "$COUNT")
        restore --file-locks
        goes_on_from "$number"
        run flock -n "$BUNDLE/rootfs/tmp/lock" true
        assert_failure
}

@test "a TCP connection goes on with --tcp-established" {
        set_args sh -c 'sleep 1000 | nc -l -p 1234 >/tmp/received &
                until grep -q ":04D2 .* 0A " /proc/net/tcp6; do sleep 0.05; done
                while true; do count=$((count + 1)); echo $count; sleep 0.05; done | nc 127.0.0.1 1234'
        start_quietly
        wait_until grep -qx 20 "$BUNDLE/rootfs/tmp/received"
        run save
        assert_clear_error "criu cannot save the container" onnected
        save --tcp-established
        number=$(tail -n 1 "$BUNDLE/rootfs/tmp/received")
        restore --tcp-established
        wait_until grep -qx $((number + 20)) "$BUNDLE/rootfs/tmp/received"
        # None is missing.
        assert_equal "$(awk '$1 != NR' "$BUNDLE/rootfs/tmp/received")" ""
}

@test "a container with a user namespace is saved and restored" {
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        chown -R 100000:100000 "$BUNDLE/rootfs"
        chmod 711 "$BATS_TEST_TMPDIR" "$BUNDLE"
        start_counter
        save
        number=$(cat "$COUNT")
        restore
        goes_on_from "$number"
        assert_equal "$(awk '/^Uid:/ { print $2 }' "/proc/$(init_pid "$ID")/status")" 100000
}

@test "criu's own settings come from the file that the annotation names" {
        echo "log-file=other.log" >"$BATS_TEST_TMPDIR/criu.conf"
        edit_config '.annotations["org.criu.config"] = $path' --arg path "$BATS_TEST_TMPDIR/criu.conf"
        start_counter
        save
        assert_exists "$WORK/other.log"
        rm "$WORK/other.log"
        restore
        assert_exists "$WORK/other.log"
}

@test "memory is fetched when it is used, with --lazy-pages" {
        criu check --feature uffd-noncoop >/dev/null 2>&1 || skip "this kernel has no userfaultfd that criu could use"
        start_counter
        mkfifo "$BATS_TEST_TMPDIR/status"
        exec 7<>"$BATS_TEST_TMPDIR/status"
        "$MYRUN" --root "$ROOT" checkpoint --image-path "$IMAGES" --work-path "$WORK" --lazy-pages --page-server 127.0.0.1:27277 \
                --status-fd 7 "$ID" </dev/null >"$BATS_TEST_TMPDIR/save.out" 2>&1 3>&- &
        saver=$!
        read -r -t 60 -N 1 _ <&7 || true
        number=$(cat "$COUNT")
        spawn criu lazy-pages --page-server --address 127.0.0.1 --port 27277 --images-dir "$IMAGES" --work-dir "$WORK"
        wait_until -t 60 test -S "$WORK/lazy-pages.socket"
        first=$ID
        ID=$ID-2
        restore --lazy-pages
        goes_on_from "$number"
        wait $saver
        run myrun state "$first"
        assert_failure
}
