#!/usr/bin/env bats
# exec: another process in a running container.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        set_args sleep 100
        start_detached "$ID"
}

teardown() {
        runtime_teardown
}

@test "exec --cap raises ambient capabilities where the config has them inheritable, and there alone" {
        myrun delete --force "$ID"
        edit_config '.process.user.uid = 1000 | .process.capabilities |= (.bounding += ["CAP_CHOWN"] |
                .inheritable = ["CAP_KILL", "CAP_CHOWN"] | .permitted += ["CAP_CHOWN"] | .ambient = ["CAP_CHOWN"])'
        start_detached "$ID"
        run myrun exec --cap CAP_KILL --cap CAP_FOWNER "$ID" grep -E '^Cap(Inh|Amb)' /proc/self/status
        assert_success
        assert_output_matches 'CapInh:.0000000000000021'
        assert_output_matches 'CapAmb:.0000000000000021'
        run myrun exec "$ID" grep ^CapAmb /proc/self/status
        assert_output_matches '0000000000000001$'
}

@test "exec --env wants a name and a value" {
        for variable in NAME =value; do
                run myrun exec --env "$variable" "$ID" env
                assert_failure 255
                assert_output_contains "invalid environment variable" "$variable"
        done
}

@test "exec runs in the namespaces and the cgroup of the container, and passes the status on" {
        run myrun exec "$ID" sh -c 'for kind in pid net ipc uts mnt; do readlink /proc/self/ns/$kind; done; exit 9'
        assert_failure 9
        expected=$(for kind in pid net ipc uts mnt; do readlink "/proc/$(init_pid "$ID")/ns/$kind"; done)
        assert_output "$expected"
        run myrun exec "$ID" cat /proc/self/cgroup
        assert_output "$(cat "/proc/$(init_pid "$ID")/cgroup")"
}

@test "exec takes user, groups, cwd and environment" {
        run myrun exec --user 1000:1001 -g 7 --additional-gids 8 --cwd /tmp -e A=1 --env B=2 "$ID" \
                sh -c 'id -u; id -g; grep ^Groups /proc/self/status; pwd; echo $A$B'
        assert_success
        assert_output_matches '^1000
1001
Groups:.7 8 ?
/tmp
12$'
}

@test "exec -u takes numbers only" {
        for user in root 0x0 " 1" -1 1: :1 4294967295 4294967296 1:2:3 ""; do
                run myrun exec --user "$user" "$ID" id
                assert_failure 255
                assert_output_contains "--user"
        done
}

@test "exec reads a whole process from a file" {
        jq '.process | .args = ["sh", "-c", "echo $WORD; id -u"] | .env += ["WORD=given"] | .user.uid = 5' config.json \
                >"$BATS_TEST_TMPDIR/process.json"
        run myrun exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
        assert_success
        assert_output "given
5"
}

@test "exec --detach returns while the process runs, with its pid in --pid-file" {
        myrun exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 50 >/dev/null 2>&1
        pid=$(cat "$BATS_TEST_TMPDIR/pid")
        assert_equal "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 50 "
        assert_equal "$(readlink "/proc/$pid/ns/pid")" "$(readlink "/proc/$(init_pid "$ID")/ns/pid")"
}

@test "exec gives the capabilities of the container and those of --cap" {
        run myrun exec --cap CAP_NET_RAW "$ID" grep -E 'Cap(Eff|Inh|Amb)' /proc/self/status
        assert_output_matches 'CapInh:.0000000000000000'
        assert_output_matches 'CapEff:.0000000020002420'
        assert_output_matches 'CapAmb:.0000000000000000'
}

@test "exec of a program that is not there exits with 255 and names it" {
        run myrun exec "$ID" no-such-program
        assert_failure 255
        assert_output_contains "exec failed" no-such-program
        run myrun exec "$ID"
        assert_failure 255
}

@test "exec refuses a stopped container" {
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        run myrun exec "$ID" true
        assert_failure 255
        assert_output_contains "cannot exec in a stopped container"
}

@test "exec refuses a paused container unless told otherwise" {
        myrun pause "$ID"
        run myrun exec "$ID" true
        assert_failure 255
        assert_output_contains "cannot exec in a paused container"
        myrun resume "$ID"
}

@test "exec passes input and output" {
        run bash -c 'echo words | "$0" --root "$1" exec "$2" cat' "$MYRUN" "$ROOT" "$ID"
        assert_success
        assert_output words
}

@test "a signal to exec reaches the process" {
        "$MYRUN" --root "$ROOT" exec "$ID" sh -c 'trap "exit 44" TERM; echo ready >/tmp/ready; while :; do sleep 0.1; done' \
                </dev/null >/dev/null 2>&1 3>&- &
        command=$!
        wait_until test -s rootfs/tmp/ready
        kill -TERM $command
        status=0
        wait $command || status=$?
        assert_equal $status 44
}

@test "no file of the runtime is open in the process" {
        run myrun exec "$ID" sh -c 'ls /proc/self/fd | wc -l'
        assert_output 4
}

@test "exec starts in a cgroup below the container's" {
        cgroup=$(sed -n 's/^[0-9]*:pids://p' "/proc/$(init_pid "$ID")/cgroup")
        [ -n "$cgroup" ] && [ -d "/sys/fs/cgroup/pids$cgroup" ] || skip "no v1 pids hierarchy"
        mkdir "/sys/fs/cgroup/pids$cgroup/below"
        run myrun exec --cgroup pids:below "$ID" grep :pids: /proc/self/cgroup
        assert_success
        assert_output_contains "/below"
        run myrun exec --cgroup pids:no-such "$ID" true
        assert_failure 255
}

@test "exec --cgroup names a place that is not below the container's cgroup or not there" {
        run myrun exec --cgroup .. "$ID" true
        assert_failure 255
        assert_output_contains ".. is not a sub cgroup path"
        run myrun exec --cgroup none "$ID" true
        assert_failure 255
        assert_output_contains "/none/cgroup.procs: no such file"
        run myrun exec --cgroup what:/ "$ID" true
        assert_failure 255
        assert_output_contains "unknown controller what"
        run myrun exec --cgroup / "$ID" true
        assert_success
}
