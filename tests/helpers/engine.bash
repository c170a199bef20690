# What Podman and docker must do alike, for they share a command line: the suites of both name each
# behaviour in a sentence, and the body is here, once.
#
#     setup() { ENGINE=(docker); engine_setup; }
#     @test "docker pause stops every process, unpause lets them go on" { engine_pauses; }
#
# Load after common, bundle and peers. Set by the suite: ENGINE, the program with its first arguments.

engine_setup() {
        require_root
        require_program "${ENGINE[0]}" script
        NAME=$(token)
}

engine() {
        (without_fds "${ENGINE[@]}" "$@")
}

# run_ [OPTION...] IMAGE COMMAND...: a container without a network, in the foreground.
run_() {
        engine run --rm --network none "$@"
}

# start [OPTION...] IMAGE COMMAND...: the same in the background, under the name $NAME.
start() {
        engine run -d --name "$NAME" --network none "$@" >"$BATS_TEST_TMPDIR/start" 2>&1 ||
                assert_fail "$(cat "$BATS_TEST_TMPDIR/start")"
        CONTAINER_ID=$(tail -n 1 "$BATS_TEST_TMPDIR/start")
}

# field TEMPLATE [CONTAINER]: "State.Pid"
field() {
        engine inspect --format "{{.$1}}" "${2:-$NAME}"
}

has_status() {
        [ "$(field State.Status)" = "$1" ]
}

has_health() {
        [ "$(field State.Health.Status)" = "$1" ]
}

logs_show() {
        engine logs "$NAME" 2>&1 | grep -qF -- "$1"
}

# lines_of FILE COUNT: the file in the container has that many lines.
lines_of() {
        [ "$(engine exec "$NAME" cat "$1" | wc -l)" = "$2" ]
}

# ---- what both must do ----

engine_passes_output_and_status() {
        run run_ -i busybox sh -c 'cat; echo error >&2; exit 7' <<<hello
        assert_failure 7
        assert_output_contains hello error
}

engine_gives_a_terminal() {
        run on_terminal "${ENGINE[@]}" run --rm -it --network none busybox sh <<<'tty; echo $((40 + 2)); exit 9'
        assert_failure 9
        assert_output_contains /dev/pts/0 42
}

# The terminal has the size of the caller's, and follows it.
engine_resizes_the_terminal() {
        local directory=$BATS_TEST_TMPDIR/sizes

        mkdir "$directory"
        run on_terminal bash -c 'stty rows 44 cols 111; directory=$1; shift
                        (for i in $(seq 400); do [ ! -e "$directory/first" ] || break; sleep 0.05; done; stty rows 33 cols 77 </dev/tty) & exec "$@"' bash \
                "$directory" timeout --foreground 30 "${ENGINE[@]}" run --rm -it --network none -v "$directory:/sizes" busybox \
                sh -c 'until stty size | grep -x "44 111"; do sleep 0.1; done; touch /sizes/first
                        until stty size | grep -x "33 77"; do sleep 0.1; done' </dev/null
        assert_success
}

engine_says_126_and_127() {
        run -127 run_ busybox no-such-program
        run -127 run_ busybox /no/such/program
        run run_ busybox /etc
        assert_failure 126
        run run_ busybox /etc/passwd
        assert_failure 126
}

engine_executes() {
        start busybox sleep 1000
        run engine exec -e WORD='two words' -w /tmp -u 1000:2000 "$NAME" sh -c 'pwd; id -u; id -g; echo "$WORD"; exit 5'
        assert_failure 5
        assert_output $'/tmp\n1000\n2000\ntwo words'
        run engine exec -i "$NAME" cat <<<hello
        assert_success
        assert_output hello
        run on_terminal "${ENGINE[@]}" exec -it "$NAME" sh <<<'tty; exit 8'
        assert_failure 8
        assert_output_contains /dev/pts/
        # The bounding set is no longer the default one.
        run engine exec --privileged "$NAME" grep CapBnd /proc/self/status
        assert_success
        refute_output_contains 00000000a80425fb 00000000800405fb
        # dockerd of 20.10 says 126 here, later ones and podman 127.
        run ! engine exec "$NAME" no-such-program
        assert_output_contains "no-such-program"
        run engine exec "$NAME" /etc/passwd
        assert_failure 126
        engine exec -d "$NAME" touch /tmp/detached
        wait_until engine exec "$NAME" test -e /tmp/detached
        run engine exec "$NAME" sh -c 'kill -9 $$'
        assert_failure 137
}

engine_attaches() {
        engine create -i --name "$NAME" --network none busybox sh -c 'read line; echo "got $line"; exit 4' >/dev/null
        run engine start -ai "$NAME" <<<word
        assert_failure 4
        assert_output "got word"
}

engine_stops() {
        start busybox sh -c 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        engine stop -t 20 "$NAME"
        wait_until has_status exited
        assert_equal "$(field State.ExitCode)" 3
        logs_show bye
        # Once more is no error.
        engine stop "$NAME"
        engine rm "$NAME"
        start busybox sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        engine stop -t 1 "$NAME"
        wait_until has_status exited
        assert_equal "$(field State.ExitCode)" 137
}

engine_kills() {
        start busybox sh -c 'trap "echo got USR1" USR1; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        engine kill -s USR1 "$NAME"
        wait_until logs_show "got USR1"
        engine kill "$NAME"
        run engine wait "$NAME"
        assert_output 137
        run engine kill "$NAME"
        assert_failure
        assert_output_contains running
}

engine_removes_all_of_it() {
        local pid top

        start busybox sh -c 'sleep 1000 & sleep 1000'
        pid=$(field State.Pid)
        engine rm -f "$NAME"
        process_gone "$pid"
        for top in $(cgroup_hierarchies); do
                run find "$top" -type d -name "*$CONTAINER_ID*"
                assert_output ""
        done
}

engine_pauses() {
        local pid count

        start busybox sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
        pid=$(field State.Pid)
        wait_until test -s "/proc/$pid/root/count"
        engine pause "$NAME"
        has_status paused
        count=$(cat "/proc/$pid/root/count")
        read -r -t 0.3 <> <(:) || true
        assert_equal "$(cat "/proc/$pid/root/count")" "$count"
        run engine exec "$NAME" true
        assert_failure
        engine unpause "$NAME"
        has_status running
        wait_until eval '[ "$(cat "/proc/$pid/root/count")" != "$count" ]'
}

engine_shows_stats_and_top() {
        start busybox sh -c 'sleep 1000 & sleep 1000 & wait'
        wait_until eval 'engine top "$NAME" | grep -c sleep | grep -x 3'
        run engine stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$NAME"
        assert_success
        assert_output_matches '^3 [1-9][0-9.]*[kKM]i?B / '
}

engine_limits() {
        local pid

        start --memory 64m --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 --cpu-shares 512 busybox sleep 1000
        pid=$(field State.Pid)
        assert_equal "$(memory_limit "$pid")" 67108864
        assert_equal "$(cpu_limit "$pid")" "50000 100000"
        assert_equal "$(pids_limit "$pid")" 33
        assert_equal "$(cpuset_of "$pid")" 0
        engine update --cpus 0.25 --memory 32m --memory-swap 64m --cpuset-cpus 0-1 "$NAME" >/dev/null
        assert_equal "$(cpu_limit "$pid")" "25000 100000"
        assert_equal "$(memory_limit "$pid")" 33554432
        assert_equal "$(cpuset_of "$pid")" 0-1
}

engine_kills_what_takes_too_much_memory() {
        run run_ --memory 8m --memory-swap 8m busybox dd if=/dev/zero of=/dev/null bs=64M count=1
        assert_failure 137
}

engine_chooses_rights() {
        local wanted='^(CapEff|Seccomp|NoNewPrivs):'

        run run_ busybox grep -E "$wanted" /proc/self/status
        assert_output $'CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2'
        run run_ --cap-drop all --cap-add net_raw --security-opt seccomp=unconfined --security-opt no-new-privileges \
                busybox grep -E "$wanted" /proc/self/status
        assert_output $'CapEff:\t0000000000002000\nNoNewPrivs:\t1\nSeccomp:\t0'
        cat >"$BATS_TEST_TMPDIR/profile.json" <<'END_OF_PROFILE'
{"defaultAction": "SCMP_ACT_ALLOW",
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
END_OF_PROFILE
        run run_ --security-opt seccomp="$BATS_TEST_TMPDIR/profile.json" busybox mkdir /tmp/a
        assert_failure
        assert_output_contains "Operation not permitted"
}

engine_chooses_users() {
        run run_ --user user --group-add 2000 --workdir /tmp --env WORD=x --hostname box busybox \
                sh -c 'id -u; id -G; pwd; echo $WORD; hostname'
        assert_success
        assert_output $'1000\n1000 2000\n/tmp\nx\nbox'
}

engine_is_privileged_where_asked() {
        run run_ --privileged busybox sh -c 'mount -t tmpfs none /mnt && grep " /mnt " /proc/mounts'
        assert_success
        assert_output_contains tmpfs
        run run_ busybox mount -t tmpfs none /mnt
        assert_failure
}

engine_gives_devices_limits_and_sysctls() {
        run run_ --device /dev/fuse --ulimit nofile=512:512 --ulimit nproc=1024:1024 --sysctl net.ipv4.ip_unprivileged_port_start=99 --shm-size 3m \
                busybox sh -c 'ls -l /dev/fuse; ulimit -n; cat /proc/sys/net/ipv4/ip_unprivileged_port_start
                        df -k /dev/shm | tail -n 1; mknod /tmp/mem c 1 1; cat /tmp/mem'
        assert_failure
        assert_output_matches '^crw.*/dev/fuse
512
99
shm +3072 '
        refute_output_contains "Is a directory"
        run run_ --device /dev/kmsg:/dev/messages:w busybox sh -c ': >/dev/messages && echo opened; cat /dev/messages'
        assert_failure
        assert_output_contains opened "Operation not permitted"
}

engine_mounts() {
        mkdir -p "$BATS_TEST_TMPDIR/data/below"
        echo content >"$BATS_TEST_TMPDIR/data/file"
        run run_ --read-only --tmpfs /scratch:size=1m,mode=700 -v "$BATS_TEST_TMPDIR/data:/data" \
                -v "$BATS_TEST_TMPDIR/data:/read:ro" -v "$BATS_TEST_TMPDIR/data/file:/etc/one:ro" -v "$NAME:/volume" busybox \
                sh -c 'cat /data/file /etc/one; touch /scratch/a /data/new; echo kept >/volume/kept
                        df -k /scratch | tail -n 1; stat -c %a /scratch; touch /read/no; touch /no'
        assert_failure
        assert_output_contains $'content\ncontent' "1024 " \
                "/read/no: Read-only file system" "/no: Read-only file system"
        # A line of its own, wherever standard error comes between.
        printf '%s\n' "${lines[@]}" | grep -qx 700
        assert_exists "$BATS_TEST_TMPDIR/data/new"
        run run_ -v "$NAME:/volume" busybox cat /volume/kept
        assert_output kept
        engine volume rm "$NAME" >/dev/null
}

# What is mounted on the host after the start shows in the container when asked so, and the other way.
engine_propagates_mounts() {
        local shared=$BATS_TEST_TMPDIR/shared

        mkdir "$shared"
        mount --bind "$shared" "$shared"
        mount --make-shared "$shared"
        run run_ --privileged -v "$shared:/shared:rshared" busybox \
                sh -c 'mkdir /shared/inside && mount -t tmpfs none /shared/inside && touch /shared/inside/file'
        ls "$shared/inside" >"$BATS_TEST_TMPDIR/seen"
        umount -R "$shared"
        assert_success
        assert_equal "$(cat "$BATS_TEST_TMPDIR/seen")" file
}

engine_has_an_init() {
        start --init busybox sleep 1000
        run engine exec "$NAME" sh -c 'cat /proc/1/cmdline | tr "\0" " "'
        assert_output_contains "sleep 1000" init
        engine exec "$NAME" sh -c '(sleep 0 & ) ; exec sleep 0'
        engine stop -t 20 "$NAME"
        wait_until has_status exited
        assert_equal "$(field State.ExitCode)" 143
}

engine_shares_namespaces() {
        start --hostname shared --ipc shareable busybox sleep 1000
        run engine run --rm --network "container:$NAME" --pid "container:$NAME" --ipc "container:$NAME" busybox \
                sh -c 'readlink /proc/self/ns/net; readlink /proc/1/ns/ipc; ps | grep -c "sleep 1000"'
        assert_output_matches "^$(readlink "/proc/$(field State.Pid)/ns/net" | sed 's/[][]/\\&/g')
$(readlink "/proc/$(field State.Pid)/ns/ipc" | sed 's/[][]/\\&/g')
[1-9]"
        run engine run --rm --pid host --network host --ipc host --uts host busybox \
                sh -c 'for i in pid ipc net uts; do readlink /proc/self/ns/$i; done'
        assert_output "$(in_peers sh -c 'for i in pid ipc net uts; do readlink /proc/self/ns/$i; done')"
}

engine_copies_and_commits() {
        start busybox sh -c 'echo made >/made; sleep 1000'
        wait_until engine exec "$NAME" test -s /made
        echo from outside >"$BATS_TEST_TMPDIR/file"
        engine cp "$BATS_TEST_TMPDIR/file" "$NAME:/tmp/file"
        run engine exec "$NAME" cat /tmp/file
        assert_output "from outside"
        engine cp "$NAME:/made" "$BATS_TEST_TMPDIR/made"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/made")" made
        engine commit "$NAME" "$NAME-image" >/dev/null
        run run_ "$NAME-image" cat /made /tmp/file
        assert_output $'made\nfrom outside'
        engine rmi "$NAME-image" >/dev/null
}

engine_keeps_logs() {
        start busybox sh -c 'for i in 1 2 3; do echo line $i; done; echo error >&2'
        wait_until has_status exited
        # In which order two streams are read is the engine's.
        run bash -c '"$@" 2>/dev/null' bash "${ENGINE[@]}" logs "$NAME"
        assert_output $'line 1\nline 2\nline 3'
        run bash -c '"$@" 2>&1 >/dev/null' bash "${ENGINE[@]}" logs "$NAME"
        assert_output error
        run engine logs --tail 1 "$NAME"
        assert_equal "${#lines[@]}" 1
        engine rm "$NAME" >/dev/null
        start busybox sh -c 'echo begin; until [ -e /go ]; do sleep 0.1; done; echo end'
        spawn bash -c '"$@" >'"$BATS_TEST_TMPDIR/followed" bash "${ENGINE[@]}" logs -f "$NAME"
        wait_until grep -q begin "$BATS_TEST_TMPDIR/followed"
        engine exec "$NAME" touch /go
        wait_until grep -q end "$BATS_TEST_TMPDIR/followed"
        wait_until -t 20 process_gone "$SPAWNED"
}

# Each gets its own exit status, and no process of theirs stays.
engine_execs_in_parallel() {
        local i pids=()

        start busybox sleep 1000
        for i in 1 2 3 4 5 6 7 8; do
                engine exec "$NAME" sh -c "exit $i" >/dev/null 2>&1 &
                pids+=($!)
        done
        for i in 1 2 3 4 5 6 7 8; do
                wait "${pids[i - 1]}" && status=0 || status=$?
                assert_equal "$status" "$i"
        done
        wait_until eval '[ "$(engine top "$NAME" | grep -c sleep)" = 1 ]'
}
