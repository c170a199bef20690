#!/usr/bin/env bats
# A container's life: created, running, stopped, gone.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        [ ! -e "${THAW:-/nonexistent}" ] || echo THAWED >"$THAW"
        [ -z "${DISK:-}" ] || fsfreeze --unfreeze "$DISK" 2>/dev/null || true
        [ -z "${ID:-}" ] || myrun delete --force "$ID" >/dev/null 2>&1 || true
        [ -z "${DISK:-}" ] || umount "$DISK"
        [ -z "${THAW:-}" ] || rmdir "${THAW%/*}" 2>/dev/null || true
        runtime_teardown
}

@test "run executes the program, passes its output and its exit status on, and leaves nothing" {
        set_args sh -c 'echo hello; exit 7'
        run myrun run "$ID"
        assert_failure 7
        assert_output hello
        run myrun list -q
        assert_output ""
        refute_exists "$ROOT/$ID"
}

@test "run reports a program killed by a signal as 128 plus its number" {
        # The first process of a pid namespace gets no signal of its own: its child does.
        set_args sh -c 'sh -c "kill -TERM \$\$"; exit $?'
        run myrun run "$ID"
        assert_failure 143
}

@test "create, start, kill and delete lead through the states of the specification" {
        set_args sleep 100
        myrun create "$ID" >/dev/null 2>&1
        assert_equal "$(container_status "$ID")" created
        myrun start "$ID"
        assert_equal "$(container_status "$ID")" running
        assert_equal "$(tr '\0' ' ' <"/proc/$(init_pid "$ID")/cmdline")" "sleep 100 "
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        assert_equal "$(init_pid "$ID")" 0
        myrun delete "$ID"
        run myrun state "$ID"
        assert_failure 1
        assert_output_contains "container does not exist"
}

@test "create does not run the program before start" {
        set_args sh -c 'echo started >/tmp/mark; sleep 100'
        myrun create "$ID" >/dev/null 2>&1
        refute_exists "$BUNDLE/rootfs/tmp/mark"
        myrun start "$ID"
        wait_until test -s "$BUNDLE/rootfs/tmp/mark"
}

@test "a container without a process can be created, entered and deleted, but not started" {
        edit_config 'del(.process)'
        run myrun run "$ID"
        assert_clear_error process
        myrun create "$ID" >/dev/null 2>&1
        run myrun start "$ID"
        assert_clear_error process
        assert_equal "$(container_status "$ID")" created
        run myrun exec -e PATH=/bin "$ID" echo inside
        assert_output inside
        run myrun delete "$ID"
        assert_success
}

@test "state has the members callers of runc read" {
        set_args sleep 100
        edit_config '.annotations = {"org.example.key": "value"}'
        start_detached "$ID"
        run myrun state "$ID"
        assert_success
        assert_equal "$(jq -r '[.ociVersion, .id, .status, .bundle, .rootfs, .annotations["org.example.key"]] | join(" ")' \
                <<<"$output")" "1.0.2 $ID running $BUNDLE $BUNDLE/rootfs value"
        assert_equal "$(jq -r '.pid > 0 and (.created | test("^20.*T.*Z$")) and has("owner")' <<<"$output")" true
}

@test "list shows containers as a table, as ids and as JSON" {
        set_args sleep 100
        start_detached "$ID"
        run myrun list
        assert_output_contains "ID " "PID " "STATUS " "BUNDLE " "CREATED " "OWNER" "$ID" running root
        run myrun list -q
        assert_output "$ID"
        run myrun list --format json
        assert_equal "$(jq -r '.[0].id + " " + .[0].status' <<<"$output")" "$ID running"
}

@test "ps lists the container's processes" {
        set_args sh -c 'sleep 100 & sleep 100'
        start_detached "$ID"
        wait_until test "$(myrun ps -f json "$ID" | jq length)" -ge 1
        run myrun ps -f json "$ID"
        assert_equal "$(jq "index($(init_pid "$ID")) != null" <<<"$output")" true
        run myrun ps "$ID"
        assert_output_contains "PID" "sleep 100"
}

@test "delete refuses a running container, and takes it with --force" {
        set_args sleep 100
        start_detached "$ID"
        run myrun delete "$ID"
        assert_failure 1
        assert_output_contains "that is not stopped: running"
        assert_equal "$(container_status "$ID")" running
        myrun delete --force "$ID"
        run myrun list -q
        assert_output ""
}

@test "delete --force of a container that does not exist is no error" {
        run myrun delete --force "$ID"
        assert_success
        run myrun delete "$ID"
        assert_failure 1
        assert_output_contains "container does not exist"
}

@test "a created container that was never started can be deleted" {
        myrun create "$ID" >/dev/null 2>&1
        run myrun delete "$ID"
        assert_success
}

@test "kill takes signals by name and by number, TERM by default" {
        set_args sh -c 'trap "exit 3" TERM; trap "exit 4" USR1; echo ready >/tmp/ready; while :; do sleep 0.1; done'
        for signal in "" TERM SIGTERM 15 usr1 10; do
                rm -f rootfs/tmp/ready
                start_detached --keep "$ID"
                wait_until test -s rootfs/tmp/ready
                # shellcheck disable=SC2086
                myrun kill "$ID" $signal
                wait_until has_status "$ID" stopped
                myrun delete "$ID"
        done
        set_args sleep 100
        start_detached "$ID"
        run myrun kill "$ID" NONSENSE
        assert_failure 1
        assert_output_contains 'unknown signal "NONSENSE"'
}

@test "kill of a stopped container says that it is not running" {
        set_args true
        start_detached "$ID"
        wait_until has_status "$ID" stopped
        run myrun kill "$ID" TERM
        assert_failure 1
        assert_output_contains "container not running"
}

@test "kill --all reaches every process of the container" {
        remove_namespace pid
        set_args sh -c 'sleep 100 & echo ready >/tmp/ready; sleep 100; true'
        start_detached "$ID"
        wait_until test -s rootfs/tmp/ready
        three_processes() { [ "$(myrun ps -f json "$ID" | jq length)" = 3 ]; }
        wait_until three_processes
        pids=$(myrun ps -f json "$ID" | jq -r '.[]')
        myrun kill --all "$ID" KILL
        for pid in $pids; do
                wait_until process_gone "$pid"
        done
}

@test "kill KILL reaches every process where the pid namespace is not the container's, also when init has ended" {
        local pids

        remove_namespace pid
        use_cgroup "$ID"
        set_args sh -c 'sleep 1000 & sleep 1000 & exec sleep 1000'
        for first in "" init; do
                start_detached "$ID"
                wait_until has_processes 3
                pids=$(myrun ps -f json "$ID" | jq '.[]')
                if [ -n "$first" ]; then
                        kill -KILL "$(init_pid "$ID")"
                        wait_until has_status "$ID" stopped
                        wait_until has_processes 2
                        run myrun kill "$ID" TERM
                        assert_clear_error "not running"
                fi
                myrun kill "$ID" KILL
                for pid in $pids; do wait_until process_gone "$pid"; done
                wait_until has_status "$ID" stopped
                wait_until has_processes 0
                run myrun kill "$ID" KILL
                assert_clear_error "not running"
                myrun delete "$ID"
        done
}

has_processes() {
        [ "$(myrun ps -f json "$ID" | jq length)" -eq "$1" ]
}

@test "pause stops all processes and resume lets them go on" {
        set_args sh -c 'while :; do echo x >>/tmp/ticks; sleep 0.02; done'
        start_detached "$ID"
        wait_until test -s rootfs/tmp/ticks
        myrun pause "$ID"
        assert_equal "$(container_status "$ID")" paused
        before=$(wc -l <rootfs/tmp/ticks)
        sleep 0.2
        assert_equal "$(wc -l <rootfs/tmp/ticks)" "$before"
        run myrun pause "$ID"
        assert_failure 1
        myrun resume "$ID"
        assert_equal "$(container_status "$ID")" running
        more_ticks() { [ "$(wc -l <rootfs/tmp/ticks)" -gt "$before" ]; }
        wait_until more_ticks
        run myrun resume "$ID"
        assert_failure 1
        assert_output_contains "not paused"
}

@test "a paused container can be deleted with --force" {
        set_args sleep 100
        start_detached "$ID"
        myrun pause "$ID"
        run myrun delete --force "$ID"
        assert_success
}

@test "start refuses a container that runs or has ended" {
        set_args sleep 100
        start_detached "$ID"
        run myrun start "$ID"
        assert_failure 1
        assert_output_contains "cannot start an already running container"
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        run myrun start "$ID"
        assert_failure 1
        assert_output_contains "cannot start a container that has stopped"
}

@test "an id that is taken is refused, and the container that has it is left alone" {
        set_args sleep 100
        start_detached "$ID"
        run myrun create "$ID"
        assert_failure 1
        assert_output_contains "container with id exists"
        assert_equal "$(container_status "$ID")" running
}

@test "--pid-file holds the pid of init" {
        set_args sleep 100
        myrun create --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" >/dev/null 2>&1
        assert_equal "$(cat "$BATS_TEST_TMPDIR/pid")" "$(init_pid "$ID")"
}

@test "a pid that has come to mean another process is never signalled" {
        set_args sleep 100
        start_detached "$ID"
        real=$(init_pid "$ID")
        spawn sleep 100
        jq --argjson pid "$SPAWNED" '.pid = $pid' "$ROOT/$ID/state.json" >"$ROOT/$ID/state.json.edit"
        mv "$ROOT/$ID/state.json.edit" "$ROOT/$ID/state.json"
        assert_equal "$(container_status "$ID")" stopped
        run myrun kill "$ID" KILL
        assert_failure 1
        myrun delete --force "$ID"
        kill -0 "$SPAWNED"
        kill "$SPAWNED"
        wait_until process_gone "$real"
}

@test "a process that got the pid of a container's dead init is never signalled" {
        local pid

        [ -w /proc/sys/kernel/ns_last_pid ] || skip "this kernel has no ns_last_pid (CONFIG_CHECKPOINT_RESTORE)"
        set_args sleep 100
        start_detached "$ID"
        pid=$(init_pid "$ID")
        kill -KILL "$pid"
        wait_while test -e "/proc/$pid"
        # A shell of its own: bats' would take the pid for a command of its, and lose sight of that.
        SPAWNED=$(sh -c 'for _ in $(seq 100); do
                        echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
                        sleep 100 >/dev/null 2>&1 3>&- &
                        [ $! != "$1" ] || break
                        kill $!
                done
                echo $!' sh "$pid")
        assert_equal "$SPAWNED" "$pid"
        assert_equal "$(container_status "$ID")" stopped
        for options in "kill $ID KILL" "kill --all $ID KILL" "exec $ID true" "pause $ID" "delete --force $ID"; do
                # shellcheck disable=SC2086
                run myrun $options
                kill -0 "$pid"
        done
        assert_success
        kill "$pid"
}

# delete_in_time: what myrun(1) says that a delete of a process which cannot die takes, and two seconds for a busy machine.
delete_in_time() {
        local started=$SECONDS

        run myrun kill "$ID" KILL
        assert_success
        run myrun delete --force "$ID"
        assert_clear_error "has not died within" "pid $(init_pid "$ID")" "$@"
        [ $((SECONDS - started)) -le 22 ] || assert_fail "took $((SECONDS - started)) s"
        run myrun list -q
        assert_output "$ID"
}

@test "a process in an uninterruptible sleep holds delete up for a limited time, and is named" {
        require_program mkfs.ext4 fsfreeze
        truncate -s 8M "$BATS_TEST_TMPDIR/disk"
        mkfs.ext4 -q "$BATS_TEST_TMPDIR/disk"
        mkdir "$BATS_TEST_TMPDIR/mount"
        mount -o loop "$BATS_TEST_TMPDIR/disk" "$BATS_TEST_TMPDIR/mount" || skip "no loop devices here"
        DISK=$BATS_TEST_TMPDIR/mount
        add_mount /mnt none "$DISK" bind
        set_args sh -c 'until [ -e /go ]; do sleep 0.1; done; exec touch /mnt/stuck'
        start_detached "$ID"
        fsfreeze --freeze "$DISK"
        : >rootfs/go
        wait_until grep -q '^State:.*D' "/proc/$(init_pid "$ID")/status"
        delete_in_time "uninterruptible" "file system"
        fsfreeze --unfreeze "$DISK"
        run myrun delete --force "$ID"
        assert_success
}

@test "a container that is frozen from above holds delete up for a limited time, and says so" {
        local freezer

        freezer=$(awk '/ - cgroup / && /[ ,]freezer(,|$)/ { print $5; exit }' /proc/self/mountinfo)
        [ -n "$freezer" ] || skip "no freezer of cgroup v1 here; in v2 what is frozen can die"
        edit_config '.linux.cgroupsPath = $path' --arg path "/above-$ID/$ID"
        set_args sleep 100
        start_detached "$ID"
        THAW=$freezer/above-$ID/freezer.state
        echo FROZEN >"$THAW"
        delete_in_time "cgroup above the container's is frozen"
        echo THAWED >"$THAW"
        run myrun delete --force "$ID"
        assert_success
}

@test "spec writes a config that runs, and does not overwrite one" {
        rm config.json
        myrun spec
        assert_equal "$(jq -r .ociVersion config.json)" "$(myrun features | jq -r .ociVersionMax)"
        set_args echo hello
        edit_config '.process.terminal = false'
        run myrun run "$ID"
        assert_success
        assert_output hello
        run myrun spec
        assert_failure 1
        assert_output_contains "config.json exists"
}

@test "the version has the shape of runc's" {
        run myrun --version
        assert_success
        assert_output_matches '^myrun version [0-9.]+'
        assert_output_contains "spec: 1."
}

@test "run --config reads another file than the bundle's config.json" {
        set_args echo elsewhere
        mv config.json "$BATS_TEST_TMPDIR/other.json"
        run myrun run --config "$BATS_TEST_TMPDIR/other.json" "$ID"
        assert_success
        assert_output elsewhere
        run myrun run "$ID"
        assert_failure 1
        assert_output_contains "config.json: No such file or directory"
        run myrun run -f /no/such.json "$ID"
        assert_failure 1
        assert_output_contains "--config: /no/such.json: No such file or directory"
}

@test "kill --all of a container that has ended is no error, and signal 0 only asks" {
        set_args sleep 100
        start_detached "$ID"
        myrun kill "$ID" 0
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        myrun kill --all "$ID" 0
        run myrun kill "$ID" 0
        assert_failure 1
}

@test "--debug tells what is done, in the log file where there is one" {
        set_args true
        run myrun --debug run "$ID"
        assert_output_contains "debug: init is process"
        run myrun --debug --log "$BATS_TEST_TMPDIR/log" --log-format json run "$ID"
        assert_output ""
        run jq -r .level "$BATS_TEST_TMPDIR/log"
        assert_output_contains debug
}

@test "--no-pivot leaves no proc of the host's that a user namespace could be shown" {
        set_args sh -c 'unshare -mrpf mount -t proc none /mnt && echo mounted'
        edit_config '.process.capabilities.bounding += ["CAP_SETFCAP"] | .process.capabilities.permitted += ["CAP_SETFCAP"]'
        run myrun run --no-pivot "$ID"
        assert_output_contains "permission denied"
}
